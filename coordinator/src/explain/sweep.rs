//! What there is to say about a sweep: how far it is, what it waits for, how fast it goes and what
//! it lost. Pure: the scene is an argument.

use std::time::Duration;

use super::{
    eta::{Pace, RECENTLY, lasting},
    waiting::waiting,
};
use crate::{
    scheduler::SweepState,
    store::{Deaths, RecentResults, SweepSummary, Troubles, WorkerStanding, WorkerStatus},
};

/// A worker that ended so many attempts, none of them with a result, is worth a look.
const SUSPICIOUS_ATTEMPTS: u64 = 3;

/// Everything that may keep a sweep from going on.
pub(crate) struct Scene {
    /// The sweep.
    pub(crate) sweep: SweepSummary,
    /// The sweeps before it, which are served first.
    pub(crate) others: Vec<SweepSummary>,
    /// What it lost, and what of it runs.
    pub(crate) troubles: Troubles,
    /// How fast it went lately, if it did.
    pub(crate) pace: Option<Pace>,
    /// Every worker, the one heard of last first.
    pub(crate) workers: Vec<(WorkerStanding, WorkerStatus)>,
    /// Whether a coordinator holds the database.
    pub(crate) is_served: bool,
    /// The moment of it all, in milliseconds since 1970-01-01 UTC.
    pub(crate) now_ms: i64,
}

impl Scene {
    /// The workers that are there.
    pub(crate) fn connected(&self) -> impl Iterator<Item = &WorkerStatus> {
        let connected = self.workers.iter().filter(|(how, _)| how.is_connected());
        connected.map(|(_, worker)| worker)
    }

    /// How many workers stand so.
    pub(crate) fn count(&self, standing: WorkerStanding) -> usize {
        let so = self.workers.iter().filter(|(how, _)| *how == standing);
        so.count()
    }
}

/// The pace of the results of the last while: over all of it, or since their first attempt began.
pub(crate) fn pace_of(recent: RecentResults, now_ms: i64) -> Option<Pace> {
    let since = u64::try_from(now_ms.saturating_sub(recent.started_at_ms)).unwrap_or(0);
    Pace::of(
        recent.results,
        Duration::from_millis(since.max(1)).min(RECENTLY),
    )
}

pub(crate) fn subject(scene: &Scene) -> String {
    let sweep = &scene.sweep;
    format!(
        "sweep {} ({}) is {}",
        sweep.sweep_id,
        sweep.name,
        sweep.state.name()
    )
}

pub(crate) fn findings(scene: &Scene) -> Vec<String> {
    let (sweep, troubles) = (&scene.sweep, &scene.troubles);
    let mut findings = Vec::new();
    if !sweep.state_reason.is_empty() {
        findings.push(format!("why: {}", sweep.state_reason));
    }
    findings.push(counts(sweep, troubles));
    findings.extend(waiting(scene));
    findings.extend(pace(scene));
    findings.extend(retry(sweep));
    findings.extend(withheld(sweep));
    findings.extend(troubles.deaths.iter().map(deaths));
    findings.extend(scene.connected().filter_map(fails_everything));
    findings
}

fn counts(sweep: &SweepSummary, troubles: &Troubles) -> String {
    let counts = &sweep.trials;
    format!(
        "{} of {} trials have ended, {} of them failed; {} run on {} workers",
        counts.ended(),
        counts.total(),
        counts.failed,
        troubles.running,
        troubles.workers
    )
}

impl Scene {
    /// The pace of late and the trials left, while the sweep goes on.
    pub(crate) fn going(&self) -> Option<(Pace, u64)> {
        let left = self.sweep.trials.pending + self.sweep.trials.leased;
        let goes_on = self.sweep.state == SweepState::Active && self.troubles.running > 0;
        let pace = self.pace.filter(|_| goes_on && left > 0)?;
        Some((pace, left))
    }
}

/// What is left at the pace of late.
fn pace(scene: &Scene) -> Option<String> {
    let (pace, left) = scene.going()?;
    Some(format!(
        "{} results in the last {}: at this pace the {left} trials left take about {}",
        pace.done(),
        lasting(pace.within()),
        lasting(pace.time_for(left))
    ))
}

fn retry(sweep: &SweepSummary) -> Option<String> {
    let (failed, id) = (sweep.trials.failed, sweep.sweep_id);
    let ended = sweep.state == SweepState::Finished && failed > 0;
    ended.then(|| {
        format!(
            "{failed} trials failed for good: `pondersweep explain TRIAL` tells why, `pondersweep retry \
             {id}` runs them again"
        )
    })
}

fn withheld(sweep: &SweepSummary) -> Option<String> {
    let (withheld, id) = (sweep.trials.withheld, sweep.sweep_id);
    (withheld > 0).then(|| {
        format!(
            "{withheld} more trials are withheld: `pondersweep allocate {id} --until-ci 0.1` gives more \
             replicates to the configurations that need them"
        )
    })
}

fn deaths(deaths: &Deaths) -> String {
    let Deaths {
        cause,
        blamed,
        attempts,
        trials,
        last_message,
    } = deaths;
    let mut text = format!(
        "{attempts} attempts of {trials} trials died of {cause}, {}",
        verdict(*blamed)
    );
    if !last_message.is_empty() {
        text += &format!("; the last: {last_message}");
    }
    text
}

/// Whom an attempt's death was counted against.
pub(crate) const fn verdict(blamed: bool) -> &'static str {
    if blamed {
        "counted against the trial"
    } else {
        "not counted: its worker ran others, too"
    }
}

/// A machine may be broken in a way that spoils every trial it gets.
fn fails_everything(status: &WorkerStatus) -> Option<String> {
    let lost = status.failed + status.lapsed;
    (lost >= SUSPICIOUS_ATTEMPTS && status.done == 0).then(|| {
        format!(
            "worker {} on {} ({}) has ended {lost} attempts and none with a result: look at that machine",
            status.worker.worker_id, status.worker.host, status.worker.device
        )
    })
}

#[cfg(test)]
mod tests {
    use super::{
        super::waiting::tests::{scene, worker},
        *,
    };

    const MINUTE_MS: i64 = 60_000;

    #[test]
    fn what_is_left_is_told_at_the_pace_of_late() {
        let mut scene = scene();
        scene.troubles.running = 2;
        scene.sweep.trials.leased = 2;
        let recent = RecentResults {
            results: 6,
            started_at_ms: scene.now_ms - 3 * MINUTE_MS,
        };
        scene.pace = pace_of(recent, scene.now_ms);
        let told = pace(&scene).unwrap();
        assert_eq!(
            told,
            "6 results in the last 3 min: at this pace the 12 trials left take about 6 min"
        );
        // A paused sweep has no pace, and one without results has none either.
        scene.sweep.state = SweepState::Paused;
        assert_eq!(pace(&scene), None);
        let none = RecentResults::default();
        assert_eq!(pace_of(none, scene.now_ms), None);
    }

    #[test]
    fn a_machine_that_spoils_everything_is_named() {
        let (_, mut status) = worker(WorkerStanding::Working, 0);
        status.lapsed = 2;
        assert_eq!(fails_everything(&status), None);
        status.failed = 1;
        let told = fails_everything(&status).unwrap();
        assert!(
            told.starts_with("worker w on node (cuda:0) has ended 3"),
            "{told}"
        );
        status.done = 1;
        assert_eq!(fails_everything(&status), None);
    }

    #[test]
    fn withheld_trials_are_neither_missing_nor_left_out() {
        let mut scene = scene();
        scene.sweep.state = SweepState::Finished;
        (scene.sweep.trials.pending, scene.sweep.trials.succeeded) = (0, 10);
        assert_eq!(withheld(&scene.sweep), None);
        scene.sweep.trials.withheld = 90;
        let findings = findings(&scene).join("\n");
        assert!(
            findings.contains("10 of 10 trials have ended"),
            "{findings}"
        );
        assert!(
            findings
                .contains("90 more trials are withheld: `pondersweep allocate 0123456789abcdef"),
            "{findings}"
        );
    }

    #[test]
    fn failures_that_are_final_come_with_what_can_be_done() {
        let mut scene = scene();
        scene.sweep.state = SweepState::Finished;
        scene.sweep.state_reason = "every trial has ended".into();
        (scene.sweep.trials.pending, scene.sweep.trials.failed) = (0, 10);
        let findings = findings(&scene).join("\n");
        assert!(
            findings.contains("why: every trial has ended"),
            "{findings}"
        );
        assert!(
            findings.contains("`pondersweep retry 0123456789abcdef`"),
            "{findings}"
        );
    }
}
