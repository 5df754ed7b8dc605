//! What the coordinator counts for Prometheus: atomics that the driver moves after its commits and
//! that a scrape reads. It decides nothing, and no label is an id: their number stays bounded
//! however many sweeps, trials and workers there are.

mod endpoint;

use std::{fmt, sync::Arc, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, prometheus_text},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};

use crate::{
    scheduler::{Change, Ending, TrialCounts, TrialState},
    store::Batch,
};

pub(crate) use endpoint::serve;

/// Upper bounds of the histograms' buckets, in seconds: 0.1 ms, doubled up to 6.6 s.
const FIRST_BUCKET_SECONDS: f64 = 1e-4;
const BUCKETS: u16 = 17;

/// What is counted of the coordinator. Cheap to clone; every clone counts into the same numbers.
#[derive(Clone)]
pub struct Monitor(Arc<Inner>);

struct Inner {
    registry: Registry,
    trials: Family<StateLabel, Gauge>,
    attempts: Family<OutcomeLabel, Counter>,
    lease_expirations: Counter,
    stale_results_rejected: Counter,
    observations: Counter,
    commit_duration: Histogram,
    dispatch_latency: Histogram,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

impl Default for Monitor {
    fn default() -> Self {
        let mut inner = Inner::empty();
        inner.register();
        let monitor = Self(Arc::new(inner));
        // A series that appears with its first event hides that event from rate().
        monitor.note_trials(&TrialCounts::default());
        for ending in Ending::NAMES {
            monitor.attempts(ending);
        }
        monitor
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").finish_non_exhaustive()
    }
}

impl Inner {
    fn empty() -> Self {
        let buckets = || exponential_buckets(FIRST_BUCKET_SECONDS, 2.0, BUCKETS);
        Self {
            registry: Registry::with_prefix("pondersweep"),
            trials: Family::default(),
            attempts: Family::default(),
            lease_expirations: Counter::default(),
            stale_results_rejected: Counter::default(),
            observations: Counter::default(),
            commit_duration: Histogram::new(buckets()),
            dispatch_latency: Histogram::new(buckets()),
        }
    }

    /// Names everything. The registry adds the prefix, and `_total` to counters.
    fn register(&mut self) {
        let registry = &mut self.registry;
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The coordinator's version", version);
        let help = "Trials of every sweep in the database, by state";
        registry.register("trials", help, self.trials.clone());
        let help = "Attempts that ended, by how they ended";
        registry.register("trial_attempts", help, self.attempts.clone());
        let help = "Leases that were not renewed in time";
        registry.register("lease_expirations", help, self.lease_expirations.clone());
        let help = "Calls of workers for an attempt that is not theirs or not current";
        registry.register(
            "stale_results_rejected",
            help,
            self.stale_results_rejected.clone(),
        );
        let help = "Observations received, repetitions included";
        registry.register("observations", help, self.observations.clone());
        let help = "How long a commit to the database took";
        let duration = self.commit_duration.clone();
        registry.register_with_unit("store_commit_duration", help, Unit::Seconds, duration);
        let help = "From the arrival of an acquisition until its leases were durable";
        let latency = self.dispatch_latency.clone();
        registry.register_with_unit("dispatch_latency", help, Unit::Seconds, latency);
    }
}

impl Monitor {
    /// Counts what was committed.
    pub(crate) fn note_commit(&self, batch: &Batch, duration: Duration) {
        self.0.commit_duration.observe(duration.as_secs_f64());
        let observations = batch.reports.iter().map(|report| report.observations.len());
        self.0
            .observations
            .inc_by(observations.sum::<usize>() as u64);
        for change in &batch.changes {
            self.note_change(change);
        }
    }

    fn note_change(&self, change: &Change) {
        match change {
            Change::Ended { ending, .. } => {
                self.attempts(ending.name()).inc();
                if matches!(ending, Ending::Lapsed) {
                    self.0.lease_expirations.inc();
                }
            }
            Change::Refused { .. } => self.note_refused(1),
            _ => {}
        }
    }

    /// Notes refused calls.
    pub(crate) fn note_refused(&self, calls: u64) {
        self.0.stale_results_rejected.inc_by(calls);
    }

    /// Notes how many trials there are of every state.
    pub(crate) fn note_trials(&self, counts: &TrialCounts) {
        let mut counts = *counts;
        for state in TrialState::ALL {
            let number = i64::try_from(*counts.of_mut(state)).unwrap_or(i64::MAX);
            let state = StateLabel {
                state: state.name(),
            };
            self.0.trials.get_or_create(&state).set(number);
        }
    }

    /// Notes how long leases took to be granted.
    pub(crate) fn note_dispatch(&self, latency: Duration) {
        self.0.dispatch_latency.observe(latency.as_secs_f64());
    }

    /// Everything, in the Prometheus text format.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.0.registry).expect("a String takes every write");
        text
    }

    fn attempts(&self, outcome: &'static str) -> Counter {
        let label = OutcomeLabel { outcome };
        self.0.attempts.get_or_create_owned(&label)
    }
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::id::{Attempt, LeaseToken, TrialId};

    use super::*;
    use crate::scheduler::Record;

    const TOKEN: LeaseToken = LeaseToken {
        trial_id: TrialId(1),
        attempt: Attempt(1),
    };

    fn value(monitor: &Monitor, series: &str) -> Option<String> {
        let text = monitor.text();
        let mut lines = text.lines().filter_map(|line| line.rsplit_once(' '));
        lines
            .find(|(name, _)| *name == series)
            .map(|(_, value)| value.to_owned())
    }

    #[test]
    fn every_documented_series_is_there_before_anything_happens() {
        let monitor = Monitor::default();
        for series in [
            r#"pondersweep_trials{state="pending"}"#,
            r#"pondersweep_trials{state="succeeded"}"#,
            r#"pondersweep_trial_attempts_total{outcome="lapsed"}"#,
            "pondersweep_lease_expirations_total",
            "pondersweep_stale_results_rejected_total",
            "pondersweep_store_commit_duration_seconds_count",
            "pondersweep_dispatch_latency_seconds_sum",
        ] {
            let value = value(&monitor, series).unwrap_or_else(|| panic!("no {series}"));
            assert_eq!(value.parse(), Ok(0.0), "{series}");
        }
    }

    #[test]
    fn a_lapse_is_an_attempt_that_ended_and_an_expired_lease() {
        let monitor = Monitor::default();
        let ended = |ending, state| Change::Ended {
            token: TOKEN,
            ending,
            state,
            blamed: false,
            record: Record::default(),
        };
        let batch = Batch {
            changes: vec![
                ended(Ending::Lapsed, TrialState::Pending),
                ended(Ending::Succeeded, TrialState::Succeeded),
                Change::Refused {
                    token: TOKEN,
                    worker_id: "w1".parse().unwrap(),
                    call: "finish",
                },
            ],
            ..Batch::default()
        };
        monitor.note_commit(&batch, Duration::from_millis(3));
        for (series, expected) in [
            (r#"pondersweep_trial_attempts_total{outcome="lapsed"}"#, "1"),
            (
                r#"pondersweep_trial_attempts_total{outcome="succeeded"}"#,
                "1",
            ),
            ("pondersweep_lease_expirations_total", "1"),
            ("pondersweep_stale_results_rejected_total", "1"),
            (
                r#"pondersweep_store_commit_duration_seconds_bucket{le="0.0032"}"#,
                "1",
            ),
        ] {
            assert_eq!(
                value(&monitor, series).as_deref(),
                Some(expected),
                "{series}"
            );
        }
    }

    #[test]
    fn trials_are_counted_by_state() {
        let monitor = Monitor::default();
        let counts = TrialCounts {
            pending: 7,
            failed: 2,
            ..TrialCounts::default()
        };
        monitor.note_trials(&counts);
        let value = |state| {
            value(
                &monitor,
                &format!("pondersweep_trials{{state=\"{state}\"}}"),
            )
        };
        assert_eq!(value("pending").as_deref(), Some("7"));
        assert_eq!(value("failed").as_deref(), Some("2"));
        assert_eq!(value("leased").as_deref(), Some("0"));
    }
}
