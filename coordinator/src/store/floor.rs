//! The floor under durable trials: the rows that a trial leaves in the database, written by the
//! fewest statements SQL allows, in transactions of a given size. Nothing is sent, scheduled, bound
//! one by one or checked, so no coordinator on the same disk can be faster. For `bench null` only.

use std::path::Path;

use sqlx::Connection;

use super::{
    Store,
    commit::as_i64,
    error::{CommitError, DatabaseError, OpenError},
    record::{Batch, WorkerRecord},
    statement::statements,
};
use crate::sweep::SweepSpec;

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

/// A database whose trials are taken through a lease and a success by bulk statements.
pub(crate) struct CommitFloor {
    store: Store,
    worker_id: String,
    /// The first trial that is still pending, and the end of the sweep.
    pending: std::ops::Range<i64>,
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
    /// A statement failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl CommitFloor {
    /// A new database with this sweep in it.
    ///
    /// # Errors
    /// The file cannot be made or written.
    pub(crate) async fn create(
        path: &Path,
        spec: &SweepSpec,
        worker: WorkerRecord,
        at_ms: i64,
    ) -> Result<Self, FloorError> {
        let mut store = Store::open(path).await?;
        let first = as_i64(store.create_sweep(spec, at_ms).await?.first_trial_id.0);
        let worker_id = worker.worker_id.to_string();
        let workers = vec![worker];
        let batch = Batch {
            at_ms,
            workers,
            ..Batch::default()
        };
        store.commit(&batch).await?;
        Ok(Self {
            store,
            worker_id,
            pending: first..first + as_i64(spec.trials()),
        })
    }

    /// Takes the next trials from pending to succeeded: one commit for the leases of a batch, one
    /// for its ends.
    ///
    /// # Errors
    /// The disk failed.
    ///
    /// # Panics
    /// The sweep has fewer pending trials.
    pub(crate) async fn run(
        &mut self,
        trials: u32,
        batch: u32,
        observations: u32,
        at_ms: i64,
    ) -> Result<(), FloorError> {
        let end = self.pending.start + i64::from(trials);
        assert!(end <= self.pending.end, "the sweep has so many trials");
        while self.pending.start < end {
            let first = self.pending.start;
            let next = (first + i64::from(batch)).min(end);
            self.lease(first, next, at_ms).await?;
            self.end(first, next, observations, at_ms).await?;
            self.pending.start = next;
        }
        Ok(())
    }

    async fn lease(&mut self, first: i64, next: i64, at_ms: i64) -> Result<(), DatabaseError> {
        let mut transaction = self.store.connection.begin_with("BEGIN IMMEDIATE").await?;
        for statement in [LEASE_TRIALS, INSERT_ATTEMPTS, INSERT_LEASED] {
            let mut query = sqlx::query(statement).bind(first).bind(next);
            if statement != LEASE_TRIALS {
                query = query.bind(&self.worker_id).bind(at_ms);
            }
            query.execute(&mut *transaction).await?;
        }
        Ok(transaction.commit().await?)
    }

    async fn end(
        &mut self,
        first: i64,
        next: i64,
        observations: u32,
        at_ms: i64,
    ) -> Result<(), DatabaseError> {
        let steps = (observations > 0).then_some(observations);
        let mut transaction = self.store.connection.begin_with("BEGIN IMMEDIATE").await?;
        if let Some(steps) = steps {
            let insert = sqlx::query(INSERT_OBSERVATIONS).bind(first).bind(next);
            insert.bind(steps).execute(&mut *transaction).await?;
        }
        for statement in [END_ATTEMPTS, END_TRIALS, INSERT_RESULTS, INSERT_ENDED] {
            let query = sqlx::query(statement).bind(first).bind(next);
            let query = match statement {
                END_TRIALS => query,
                INSERT_RESULTS => query.bind(steps),
                _ => query.bind(at_ms),
            };
            query.execute(&mut *transaction).await?;
        }
        Ok(transaction.commit().await?)
    }
}
