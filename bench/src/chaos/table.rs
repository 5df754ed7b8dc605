//! What happened and what became of the results, as a table and as JSON. Pure: it prints nothing.

use pondersweep::{
    cli::output::Rows,
    store::{Completeness, SweepDigest},
};
use serde_json::{Map, Value, json};

use super::{
    disturb::{Attack, Disturbance},
    gateway::CallCounts,
    verdict::Verdict,
};

/// Version of the JSON; a change that breaks a reader counts it up.
const SCHEMA: u32 = 2;
/// Digits of a hash that people compare.
const SHOWN_DIGITS: usize = 16;

/// The table.
pub(super) fn rows(
    attack: &Attack,
    undisturbed_seconds: f64,
    disturbance: &Disturbance,
    verdict: &Verdict,
) -> Rows {
    let Disturbance {
        faults,
        network,
        calls,
        acknowledged,
        seconds,
    } = disturbance;
    let all = total(calls);
    let found = if verdict.is_equal() {
        "equal"
    } else {
        "DIFFERENT"
    };
    let short = |digests: &[SweepDigest]| {
        let hashes = hashes(digests).into_iter();
        let shown: Vec<_> = hashes
            .map(|hash| &hash[..SHOWN_DIGITS.min(hash.len())])
            .collect();
        json!(shown.join(" "))
    };
    let rows = [
        ("seed", json!(attack.seed)),
        ("result tables", json!(found)),
        ("undisturbed digest", short(&verdict.undisturbed)),
        ("disturbed digest", short(&verdict.disturbed)),
        ("trials", json!(verdict.trials(Completeness::expected))),
        (
            "trials with a result",
            json!(verdict.trials(Completeness::accepted)),
        ),
        (
            "different observations",
            json!(observations(&verdict.disturbed)),
        ),
        ("acknowledged results", json!(acknowledged.len())),
        ("acknowledged results lost", json!(verdict.lost.len())),
        ("damage found by SQLite", json!(verdict.damage.len())),
        ("kills", json!(faults.kills())),
        ("  of workers", json!(faults.workers_killed)),
        ("  of the coordinator", json!(faults.coordinators_killed)),
        (
            "workers stopped beyond a lease",
            json!(faults.workers_stopped),
        ),
        (
            "coordinator stopped beyond a lease",
            json!(faults.coordinators_stopped),
        ),
        ("connections", json!(network.connections)),
        ("  refused", json!(network.refused)),
        ("  delayed", json!(network.slow)),
        ("  half open", json!(network.half_open)),
        ("  cut", json!(network.cut)),
        ("calls", json!(all.calls)),
        ("  requests lost", json!(all.requests_lost)),
        ("  replies lost", json!(all.replies_lost)),
        ("attempts", json!(verdict.attempts(|of| of.attempts))),
        ("  lapsed", json!(verdict.attempts(|of| of.lapsed))),
        ("late results refused", json!(faults.late_refused)),
        ("refusals on record", json!(verdict.trials(|of| of.refused))),
        ("seconds undisturbed", tenths(undisturbed_seconds)),
        ("seconds disturbed", tenths(*seconds)),
    ];
    let rows = rows
        .into_iter()
        .map(|(name, value)| vec![json!(name), value]);
    Rows::of(&["what", "value"], rows)
}

/// Everything, for programs.
pub(super) fn json(
    attack: &Attack,
    undisturbed_seconds: f64,
    disturbance: &Disturbance,
    verdict: &Verdict,
    problems: &[String],
) -> Value {
    let Disturbance {
        faults,
        network,
        calls,
        acknowledged,
        seconds,
    } = disturbance;
    json!({
        "schema": SCHEMA,
        "seed": attack.seed,
        "equal": verdict.is_equal(),
        "problems": problems,
        "undisturbed": {
            "digests": hashes(&verdict.undisturbed),
            "seconds": undisturbed_seconds,
        },
        "disturbed": {
            "digests": hashes(&verdict.disturbed),
            "seconds": seconds,
            "trials": verdict.trials(Completeness::expected),
            "accepted": verdict.trials(Completeness::accepted),
            "observations": observations(&verdict.disturbed),
            "acknowledged": acknowledged.len(),
            "acknowledged_lost": verdict.lost.len(),
            "damage": verdict.damage,
            "attempts": verdict.attempts(|of| of.attempts),
            "lapsed": verdict.attempts(|of| of.lapsed),
            "refused": verdict.trials(|of| of.refused),
        },
        "faults": {
            "kills": faults.kills(),
            "workers_killed": faults.workers_killed,
            "coordinators_killed": faults.coordinators_killed,
            "workers_stopped": faults.workers_stopped,
            "coordinators_stopped": faults.coordinators_stopped,
            "outages": faults.outages,
            "late_refused": faults.late_refused,
            "late_accepted": faults.late_accepted,
        },
        "connections": {
            "all": network.connections,
            "refused": network.refused,
            "delayed": network.slow,
            "half_open": network.half_open,
            "cut": network.cut,
        },
        "calls": calls.iter().map(call).collect::<Map<_, _>>(),
    })
}

fn hashes(digests: &[SweepDigest]) -> Vec<&str> {
    digests
        .iter()
        .map(|digest| digest.sha256.as_str())
        .collect()
}

fn observations(digests: &[SweepDigest]) -> u64 {
    digests.iter().map(|digest| digest.observations).sum()
}

/// A method by its own name, and what became of its calls.
fn call((path, counts): &(String, CallCounts)) -> (String, Value) {
    let name = path.rsplit('/').next().unwrap_or(path);
    let counts = json!({
        "all": counts.calls,
        "requests_lost": counts.requests_lost,
        "replies_lost": counts.replies_lost,
    });
    (name.to_owned(), counts)
}

fn total(calls: &[(String, CallCounts)]) -> CallCounts {
    calls
        .iter()
        .fold(CallCounts::default(), |sum, (_, counts)| CallCounts {
            calls: sum.calls + counts.calls,
            requests_lost: sum.requests_lost + counts.requests_lost,
            replies_lost: sum.replies_lost + counts.replies_lost,
        })
}

fn tenths(seconds: f64) -> Value {
    json!((seconds * 10.0).round() / 10.0)
}
