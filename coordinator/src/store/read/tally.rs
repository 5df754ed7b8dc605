//! The replicates of every configuration, counted: what an allocation of more of them goes by.

use pondersweep_proto::id::SweepId;
use sqlx::{Connection, sqlite::SqliteRow};

use super::{Reader, column::whole, sweep::trial_range};
use crate::store::{error::ReadError, statement::statements};

statements! {
    /// ?3 is the first position, ?4 one beyond the last.
    TALLIES = "
        SELECT
            configuration.position AS position,
            sum(trial.state IN ('succeeded', 'infeasible')) AS results,
            sum(coalesce(
                CASE metric.better
                    WHEN 'higher' THEN measurement.value >= metric.solved_threshold
                    WHEN 'lower' THEN measurement.value <= metric.solved_threshold
                END, 0)) AS solved,
            sum(trial.state IN ('pending', 'leased')) AS waiting,
            sum(trial.state IN ('failed', 'cancelled')) AS without_result,
            sum(trial.state = 'withheld') AS withheld
        FROM trial
        JOIN metric ON metric.sweep_id = trial.sweep_id AND metric.solved_threshold IS NOT NULL
        JOIN configuration ON configuration.configuration_id = trial.configuration_id
        LEFT JOIN measurement ON measurement.trial_id = trial.trial_id
            AND measurement.metric_id = metric.metric_id
        WHERE trial.trial_id >= ?1 AND trial.trial_id < ?2
            AND configuration.position >= ?3 AND configuration.position < ?4
        GROUP BY configuration.position
        ORDER BY configuration.position";
}

/// The replicates of a configuration by what became of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CellTally {
    /// The configuration's place in the order of the space, from 0.
    pub position: u64,
    /// Trials with a result: succeeded and infeasible ones.
    pub results: u64,
    /// Of them, those that reached the sweep's threshold.
    pub solved: u64,
    /// Pending and leased trials.
    pub waiting: u64,
    /// Failed and cancelled trials.
    pub without_result: u64,
    /// Trials that are withheld.
    pub withheld: u64,
}

impl Reader {
    /// Up to `most` configurations of a sweep from a position on, in the order of the space.
    ///
    /// # Errors
    /// There is no such sweep, or the disk failed.
    pub async fn tallies(
        &mut self,
        sweep_id: SweepId,
        first: u64,
        most: u32,
    ) -> Result<Vec<CellTally>, ReadError> {
        let mut snapshot = self.connection.begin().await?;
        // A peer may ask for any.
        let first = i64::try_from(first).unwrap_or(i64::MAX);
        let (first_trial, end_trial) = trial_range(&mut snapshot, sweep_id).await?;
        let rows = sqlx::query(TALLIES)
            .bind(first_trial)
            .bind(end_trial)
            .bind(first)
            .bind(first.saturating_add(most.into()))
            .fetch_all(&mut *snapshot)
            .await?;
        rows.iter().map(tally).collect()
    }
}

fn tally(row: &SqliteRow) -> Result<CellTally, ReadError> {
    Ok(CellTally {
        position: whole(row, "position")?,
        results: whole(row, "results")?,
        solved: whole(row, "solved")?,
        waiting: whole(row, "waiting")?,
        without_result: whole(row, "without_result")?,
        withheld: whole(row, "withheld")?,
    })
}
