//! The figures as table and JSON. Pure: it prints nothing.

use pondersweep::cli::output::Rows;
use serde_json::{Value, json};

use super::measure::{Found, Size};
use crate::{
    machine::Machine,
    spread::{Spread, rounded},
    usage::Usage,
};

/// Version of the JSON; a change that breaks a reader counts it up.
const SCHEMA: u32 = 1;
const MEBIBYTE: u64 = 1024 * 1024;

/// The table.
pub(super) fn rows(size: &Size, found: &Found) -> Rows {
    let resident =
        |usage: &Option<Usage>| json!(usage.map(|usage| usage.resident_bytes / MEBIBYTE));
    let microseconds =
        |spread: &Option<Spread>| json!(spread.map(|spread| rounded(spread.median * 1e6, 1)));
    let row = |what: &str, figure: Value| vec![json!(what), figure];
    let rows = [
        row("trials", json!(size.trials)),
        row("create, s", rounded(found.create_seconds, 2)),
        row("restore after a kill, s", rounded(found.restore_seconds, 2)),
        row("memory, idle, MiB", resident(&found.idle)),
        row("memory, restored, MiB", resident(&found.restored)),
        row("memory, with every worker, MiB", resident(&found.crowded)),
        row(
            "memory, most ever, MiB",
            json!(found.crowded.map(|usage| usage.peak_bytes / MEBIBYTE)),
        ),
        row("workers", json!(size.workers)),
        row("renewals", json!(found.renewals)),
        row(
            "renewal, p50, ms",
            rounded(found.renewal_p50_seconds * 1e3, 2),
        ),
        row(
            "renewal, p99, ms",
            rounded(found.renewal_p99_seconds * 1e3, 2),
        ),
        row(
            "CPU of a trial among a thousand, us",
            microseconds(&found.small_trial_seconds),
        ),
        row(
            "CPU of a trial here, us",
            microseconds(&found.large_trial_seconds),
        ),
        row(
            "the one over the other",
            json!(found.cost_ratio.map(|ratio| rounded(ratio.median, 2))),
        ),
    ];
    Rows::of(&["figure", "value"], rows.into_iter())
}

/// Everything, for programs.
pub(super) fn json(machine: &Machine, size: &Size, found: &Found) -> Value {
    let usage = |usage: &Option<Usage>| {
        usage.map(|usage| {
            json!({
                "resident_bytes": usage.resident_bytes,
                "peak_bytes": usage.peak_bytes,
            })
        })
    };
    let median = |spread: &Option<Spread>| spread.map(|spread| spread.median);
    json!({
        "schema": SCHEMA,
        "machine": machine.json(),
        "trials": size.trials,
        "workers": size.workers,
        "create_seconds": found.create_seconds,
        "restore_seconds": found.restore_seconds,
        "memory": {
            "idle": usage(&found.idle),
            "restored": usage(&found.restored),
            "crowded": usage(&found.crowded),
        },
        "renewals": found.renewals,
        "renewal_seconds": {
            "p50": found.renewal_p50_seconds,
            "p99": found.renewal_p99_seconds,
        },
        "trial_cpu_seconds": {
            "small": median(&found.small_trial_seconds),
            "large": median(&found.large_trial_seconds),
        },
        "cost_ratio": median(&found.cost_ratio),
        "cost_ratio_range": found.cost_ratio.as_ref().map(Spread::ends),
    })
}
