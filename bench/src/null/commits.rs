//! The floor of commits: the rows that trials leave in the database, written as the coordinator
//! writes them, from values that come from outside, but with nothing sent and nothing decided. What
//! is missing to it is what calls, scheduling and smaller commits cost.

use std::{ops::Range, path::Path};

use pondersweep::{
    clock,
    scheduler::{Change, Ending, Record, TrialState},
    store::{AttemptReport, Batch, CommitError, MachineRecord, Store, WorkerRecord},
    sweep::SweepSpec,
};
use pondersweep_proto::{
    id::{Attempt, LeaseToken, TrialId, WorkerId},
    metric::{Observation, built_in},
};

/// The worker of every attempt.
pub(super) const WORKER: &str = "floor";
/// What every lease was asked for as.
pub(super) const REQUEST: &str = "request";

/// What is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct FloorLoad {
    pub(super) trials: u32,
    /// Trials that one commit ends, and that it leases.
    pub(super) batch: u32,
    /// Of a trial.
    pub(super) observations: u32,
}

/// The trials of a sweep that are still pending.
#[derive(Clone, Debug)]
pub(super) struct Pending(Range<u64>);

impl Pending {
    /// Takes the next trials: those that each commit ends, and those that it leases, as workers ask
    /// for them with one call.
    ///
    /// # Panics
    /// The sweep has fewer pending trials.
    pub(super) fn take(&mut self, load: FloorLoad) -> Vec<[Range<u64>; 2]> {
        let end = self.0.start + u64::from(load.trials);
        assert!(end <= self.0.end, "the sweep has enough trials");
        let mut batches = Vec::new();
        let mut ended = self.0.start..self.0.start;
        while ended.start < end {
            let next = (ended.end + u64::from(load.batch)).min(end);
            let leased = ended.end..next;
            batches.push([ended, leased.clone()]);
            ended = leased;
        }
        self.0.start = end;
        batches
    }
}

/// A new database with this sweep and a worker in it.
pub(super) async fn create(path: &Path, spec: &SweepSpec) -> anyhow::Result<(Store, Pending)> {
    let at_ms = clock::now_ms();
    let mut store = Store::open(path).await?;
    let first = store.create_sweep(spec, at_ms)?.first_trial_id.0;
    let worker = WorkerRecord {
        worker_id: WORKER.parse()?,
        host: "localhost".into(),
        process_id: std::process::id(),
        device: "none".into(),
        backend: "none".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        binary_sha256: String::new(),
        slots: 1,
        machine: MachineRecord::default(),
        token_id: None,
    };
    store.commit(&Batch {
        at_ms,
        workers: vec![worker],
        ..Batch::default()
    })?;
    Ok((store, Pending(first..first + spec.trials())))
}

/// A database whose trials are taken through a lease and a success.
pub(super) struct Commits {
    store: Store,
    pending: Pending,
    worker_id: WorkerId,
}

impl Commits {
    /// A new database with this sweep in it.
    pub(super) async fn create(path: &Path, spec: &SweepSpec) -> anyhow::Result<Self> {
        let (store, pending) = create(path, spec).await?;
        Ok(Self {
            store,
            pending,
            worker_id: WORKER.parse()?,
        })
    }

    /// Takes the next trials from pending to succeeded.
    ///
    /// # Panics
    /// The sweep has fewer pending trials.
    pub(super) fn run(&mut self, load: FloorLoad) -> Result<(), CommitError> {
        for [ended, leased] in self.pending.take(load) {
            let reports = ended.clone().map(|trial| report(trial, load.observations));
            let leases = leased.map(|trial| self.leased(trial));
            self.store.commit(&Batch {
                at_ms: clock::now_ms(),
                reports: reports.collect(),
                changes: ended.map(succeeded).chain(leases).collect(),
                ..Batch::default()
            })?;
        }
        Ok(())
    }

    fn leased(&self, trial: u64) -> Change {
        Change::Leased {
            token: token(trial),
            worker_id: self.worker_id.clone(),
            request_id: REQUEST.into(),
        }
    }
}

const fn token(trial: u64) -> LeaseToken {
    LeaseToken {
        trial_id: TrialId(trial),
        attempt: Attempt(1),
    }
}

fn succeeded(trial: u64) -> Change {
    Change::Ended {
        token: token(trial),
        ending: Ending::Succeeded,
        state: TrialState::Succeeded,
        blamed: false,
        record: Record::default(),
    }
}

fn report(trial: u64, observations: u32) -> AttemptReport {
    let observation = |step: u32| Observation {
        step: step.into(),
        metric: built_in::ACCURACY_INTERPOLATION,
        value: 0.5,
    };
    AttemptReport {
        token: token(trial),
        observations: (1..=observations).map(observation).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_ends_what_the_one_before_leased() {
        let mut pending = Pending(1..9);
        let load = FloorLoad {
            trials: 5,
            batch: 3,
            observations: 0,
        };
        assert_eq!(
            pending.take(load),
            [[1..1, 1..4], [1..4, 4..6], [4..6, 6..6]]
        );
        assert_eq!(pending.0, 6..9);
    }
}
