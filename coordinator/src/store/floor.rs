//! The floors under durable trials: the rows that a trial leaves in the database, written in
//! transactions of a given size, with nothing sent and nothing decided. Once by the fewest statements
//! SQL allows, which make up every value themselves: no coordinator on the same disk can be faster.
//! And once as the coordinator writes them, from values that come from outside. For `bench null` only.

use std::{ops::Range, path::Path};

use pondersweep_proto::{
    id::{Attempt, LeaseToken, TrialId, WorkerId},
    metric::{Metric, Observation},
};
use rusqlite::{Connection, ToSql, params};

use super::{
    Store,
    commit::as_i64,
    create::begin,
    error::{CommitError, DatabaseError, OpenError},
    record::{AttemptReport, Batch, WorkerRecord},
    statement::statements,
};
use crate::{
    scheduler::{Change, Ending, Record, TrialState},
    sweep::SweepSpec,
};

statements! {
    // In all of them, trials ?1 up to ?2, the latter excluded.
    LEASE_TRIALS = "
        UPDATE trial SET state = 'leased', attempt = 1 WHERE trial_id >= ?1 AND trial_id < ?2";
    INSERT_ATTEMPTS = "
        INSERT INTO attempt (trial_id, attempt, worker_id, request_id, started_at_ms)
        SELECT trial_id, 1, ?3, 'request', ?4 FROM trial WHERE trial_id >= ?1 AND trial_id < ?2";
    INSERT_LEASED = "
        INSERT INTO event (at_ms, kind, trial_id, attempt, worker_id, state, detail)
        SELECT ?4, 'leased', trial_id, 1, ?3, 'leased', 'request'
        FROM trial WHERE trial_id >= ?1 AND trial_id < ?2";
    /// ?3 observations of each trial.
    INSERT_OBSERVATIONS = "
        INSERT INTO observation (trial_id, attempt, step, metric, value)
        WITH RECURSIVE counted (step) AS (
            SELECT 1 UNION ALL SELECT step + 1 FROM counted WHERE step < ?3
        )
        SELECT trial_id, 1, step, 'accuracy_interpolation', 0.5
        FROM trial, counted WHERE trial_id >= ?1 AND trial_id < ?2";
    END_ATTEMPTS = "
        UPDATE attempt SET ended_at_ms = ?3, ending = 'succeeded', seconds = 0.0
        WHERE trial_id >= ?1 AND trial_id < ?2 AND attempt = 1";
    END_TRIALS = "
        UPDATE trial SET state = 'succeeded' WHERE trial_id >= ?1 AND trial_id < ?2";
    INSERT_RESULTS = "
        INSERT INTO result (trial_id, attempt, step, accuracy_interpolation)
        SELECT trial_id, 1, ?3, 0.5 FROM trial WHERE trial_id >= ?1 AND trial_id < ?2";
    INSERT_ENDED = "
        INSERT INTO event (at_ms, kind, trial_id, attempt, state, detail)
        SELECT ?3, 'ended', trial_id, 1, 'succeeded', 'succeeded'
        FROM trial WHERE trial_id >= ?1 AND trial_id < ?2";
}

/// What is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FloorLoad {
    pub(crate) trials: u32,
    /// Trials that one commit ends, and that it leases.
    pub(crate) batch: u32,
    /// Of a trial.
    pub(crate) observations: u32,
}

/// A database whose trials are taken through a lease and a success.
pub(crate) struct CommitFloor {
    store: Store,
    worker_id: WorkerId,
    /// The first trial that is still pending, and the end of the sweep.
    pending: Range<i64>,
}

/// Why the floor could not be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FloorError {
    /// The database was not opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It was not written.
    #[error(transparent)]
    Commit(#[from] CommitError),
}

impl CommitFloor {
    /// A new database with this sweep in it.
    pub(crate) async fn create(
        path: &Path,
        spec: &SweepSpec,
        worker: WorkerRecord,
        at_ms: i64,
    ) -> Result<Self, FloorError> {
        let mut store = Store::open(path).await?;
        let first = as_i64(store.create_sweep(spec, at_ms)?.first_trial_id.0);
        let worker_id = worker.worker_id.clone();
        let workers = vec![worker];
        let batch = Batch {
            at_ms,
            workers,
            ..Batch::default()
        };
        store.commit(&batch)?;
        Ok(Self {
            store,
            worker_id,
            pending: first..first + as_i64(spec.trials()),
        })
    }

    /// Takes the next trials from pending to succeeded by bulk statements. A commit ends the trials of a
    /// batch and leases those of the next, as workers ask for it.
    ///
    /// # Panics
    /// The sweep has fewer pending trials.
    pub(crate) fn run_in_bulk(&mut self, load: FloorLoad, at_ms: i64) -> Result<(), DatabaseError> {
        for [ended, leased] in self.batches(load) {
            let transaction = begin(&mut self.store.writer)?;
            let writer = BulkWriter {
                connection: &transaction,
                at_ms,
                worker_id: self.worker_id.as_str(),
            };
            writer.end(&ended, load.observations)?;
            writer.lease(&leased)?;
            transaction.commit()?;
        }
        Ok(())
    }

    /// The same by [`Store::commit`].
    ///
    /// # Panics
    /// The sweep has fewer pending trials.
    pub(crate) fn run_as_committed(
        &mut self,
        load: FloorLoad,
        at_ms: i64,
    ) -> Result<(), CommitError> {
        for [ended, leased] in self.batches(load) {
            let reports = ended.clone().map(|trial| report(trial, load.observations));
            let leases = leased.map(|trial| self.leased(trial));
            let batch = Batch {
                at_ms,
                reports: reports.collect(),
                changes: ended.map(succeeded).chain(leases).collect(),
                ..Batch::default()
            };
            self.store.commit(&batch)?;
        }
        Ok(())
    }

    /// The trials that each commit ends, and those that it leases.
    fn batches(&mut self, load: FloorLoad) -> Vec<[Range<i64>; 2]> {
        let end = self.pending.start + i64::from(load.trials);
        assert!(end <= self.pending.end, "the sweep has so many trials");
        let mut batches = Vec::new();
        let mut ended = self.pending.start..self.pending.start;
        while ended.start < end {
            let next = (ended.end + i64::from(load.batch)).min(end);
            let leased = ended.end..next;
            batches.push([ended, leased.clone()]);
            ended = leased;
        }
        self.pending.start = end;
        batches
    }

    fn leased(&self, trial: i64) -> Change {
        Change::Leased {
            token: token(trial),
            worker_id: self.worker_id.clone(),
            request_id: "request".into(),
        }
    }
}

fn token(trial: i64) -> LeaseToken {
    LeaseToken {
        trial_id: TrialId(trial.unsigned_abs()),
        attempt: Attempt(1),
    }
}

fn succeeded(trial: i64) -> Change {
    Change::Ended {
        token: token(trial),
        ending: Ending::Succeeded,
        state: TrialState::Succeeded,
        blamed: false,
        record: Record::default(),
    }
}

fn report(trial: i64, observations: u32) -> AttemptReport {
    let observation = |step: u32| Observation {
        step: step.into(),
        metric: Metric::AccuracyInterpolation,
        value: 0.5,
    };
    AttemptReport {
        token: token(trial),
        observations: (1..=observations).map(observation).collect(),
    }
}

/// One transaction being written.
struct BulkWriter<'a> {
    connection: &'a Connection,
    at_ms: i64,
    worker_id: &'a str,
}

impl BulkWriter<'_> {
    fn lease(&self, trials: &Range<i64>) -> Result<(), rusqlite::Error> {
        let Range { start, end } = trials;
        if trials.is_empty() {
            return Ok(());
        }
        self.run(LEASE_TRIALS, params![start, end])?;
        let attempt = params![start, end, self.worker_id, self.at_ms];
        self.run(INSERT_ATTEMPTS, attempt)?;
        self.run(INSERT_LEASED, attempt)
    }

    fn end(&self, trials: &Range<i64>, observations: u32) -> Result<(), rusqlite::Error> {
        let Range { start, end } = trials;
        if trials.is_empty() {
            return Ok(());
        }
        let steps = (observations > 0).then_some(observations);
        if steps.is_some() {
            self.run(INSERT_OBSERVATIONS, params![start, end, steps])?;
        }
        self.run(END_ATTEMPTS, params![start, end, self.at_ms])?;
        self.run(END_TRIALS, params![start, end])?;
        self.run(INSERT_RESULTS, params![start, end, steps])?;
        self.run(INSERT_ENDED, params![start, end, self.at_ms])
    }

    fn run(
        &self,
        statement: &'static str,
        parameters: &[&dyn ToSql],
    ) -> Result<(), rusqlite::Error> {
        let mut prepared = self.connection.prepare_cached(statement)?;
        prepared.execute(parameters).map(drop)
    }
}
