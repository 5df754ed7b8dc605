//! Trials as lists show them, a page at a time, and what runs now.

use std::sync::Arc;

use pondersweep_proto::id::{Attempt, SweepId, TrialId};
use sqlx::{Connection, Row, sqlite::SqliteRow};

use super::{
    Configuration, Reader,
    column::whole,
    configuration::{configurations, shared},
    sweep::trial_range,
};
use crate::{
    scheduler::TrialState,
    store::{error::ReadError, name::trial_state, statement::statements},
};

statements! {
    /// ?3 is the state, or null for all; ?4 is how many. The value is of the metric that decides.
    TRIALS = "
        SELECT
            trial.trial_id, trial.replicate, trial.state, trial.attempt, trial.configuration_id,
            measurement.value
        FROM trial
        JOIN metric ON metric.sweep_id = trial.sweep_id AND metric.solved_threshold IS NOT NULL
        LEFT JOIN measurement ON measurement.trial_id = trial.trial_id
            AND measurement.metric_id = metric.metric_id
        WHERE trial.trial_id >= ?1 AND trial.trial_id < ?2 AND (?3 IS NULL OR trial.state = ?3)
        ORDER BY trial.trial_id LIMIT ?4";
    RUNNING = "
        SELECT worker_id, trial_id, attempt, started_at_ms FROM attempt
        WHERE ended_at_ms IS NULL ORDER BY trial_id LIMIT ?1";
}

/// A trial as a list shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedTrial {
    /// Its number in this database.
    pub trial_id: TrialId,
    /// Its point of the space.
    pub configuration: Arc<Configuration>,
    /// Index of the repetition, from 0.
    pub replicate: u32,
    /// Its state.
    pub state: TrialState,
    /// Attempts until now.
    pub attempts: u32,
    /// Its value of the metric that decides whether it is solved, if it has a result.
    pub value: Option<f64>,
}

/// An attempt under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningAttempt {
    /// Who runs it.
    pub worker_id: String,
    /// What.
    pub trial_id: TrialId,
    /// Which attempt of it.
    pub attempt: Attempt,
    /// Since when, in milliseconds since 1970-01-01 UTC.
    pub started_at_ms: i64,
}

impl Reader {
    /// Up to `most` trials of a sweep after one of them, in the order of their numbers, all or those in a state.
    ///
    /// # Errors
    /// There is no such sweep, the disk failed, or what is stored is of another version.
    pub async fn trials_after(
        &mut self,
        sweep_id: SweepId,
        after: Option<TrialId>,
        state: Option<TrialState>,
        most: u32,
    ) -> Result<Vec<ListedTrial>, ReadError> {
        let mut snapshot = self.connection.begin().await?;
        let (first, end) = trial_range(&mut snapshot, sweep_id).await?;
        let next = after.map_or(first, |after| {
            i64::try_from(after.0).map_or(end, |after| after.saturating_add(1).max(first))
        });
        let rows = sqlx::query(TRIALS)
            .bind(next)
            .bind(end)
            .bind(state.map(TrialState::name))
            .bind(most)
            .fetch_all(&mut *snapshot)
            .await?;
        let ids = rows.iter().map(|row| row.try_get("configuration_id"));
        let found = configurations(&mut snapshot, ids.collect::<Result<_, _>>()?).await?;
        let trial = |row: &SqliteRow| -> Result<ListedTrial, ReadError> {
            Ok(ListedTrial {
                trial_id: TrialId(whole(row, "trial_id")?),
                configuration: shared(row, &found)?,
                replicate: row.try_get("replicate")?,
                state: trial_state(row.try_get("state")?)?,
                attempts: row.try_get("attempt")?,
                value: row.try_get("value")?,
            })
        };
        rows.iter().map(trial).collect()
    }

    /// Up to `most` attempts under way, of all sweeps.
    ///
    /// # Errors
    /// The disk failed, or what is stored is of another version.
    pub async fn running(&mut self, most: u32) -> Result<Vec<RunningAttempt>, ReadError> {
        let rows = sqlx::query(RUNNING).bind(most);
        let rows = rows.fetch_all(&mut self.connection).await?;
        let running = |row: &SqliteRow| -> Result<RunningAttempt, ReadError> {
            Ok(RunningAttempt {
                worker_id: row.try_get("worker_id")?,
                trial_id: TrialId(whole(row, "trial_id")?),
                attempt: Attempt(row.try_get("attempt")?),
                started_at_ms: row.try_get("started_at_ms")?,
            })
        };
        rows.iter().map(running).collect()
    }
}
