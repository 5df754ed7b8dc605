//! What a report needs of every ended trial, and no more: a sweep has a million of them. No text is
//! parsed: where a trial stands in its sweep follows from its number.

use pondersweep_proto::{id::SweepId, metric::Metric};
use sqlx::{Connection, Row, sqlite::SqliteRow};
use tokio_stream::StreamExt;

use super::{Reader, sweep::trial_range};
use crate::{
    scheduler::TrialState,
    store::{error::ReadError, name::trial_state, statement::statements},
};

statements! {
    /// By position, not by name: looking a name up costs as much as the column.
    MEASUREMENTS = "
        SELECT
            trial.trial_id, trial.state, result.accuracy_interpolation,
            result.accuracy_extrapolation, result.ponder_steps_interpolation,
            result.ponder_steps_extrapolation
        FROM trial LEFT JOIN result ON result.trial_id = trial.trial_id
        WHERE trial.trial_id >= ?1 AND trial.trial_id < ?2
            AND trial.state IN ('succeeded', 'infeasible', 'failed')
        ORDER BY trial.trial_id";
}

/// The metrics that tables and figures show, in the order of the columns.
const METRICS: [Metric; 4] = [
    Metric::AccuracyInterpolation,
    Metric::AccuracyExtrapolation,
    Metric::PonderStepsInterpolation,
    Metric::PonderStepsExtrapolation,
];

/// The outcome of a trial and what its last evaluation measured of the metrics that reports show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measurement {
    /// Its place among the trials of its sweep, from 0.
    pub trial_index: u64,
    /// `Succeeded`, `Infeasible` or `Failed`.
    pub outcome: TrialState,
    values: [Option<f64>; METRICS.len()],
}

impl Measurement {
    /// The metrics that were measured.
    pub fn metrics(&self) -> impl Iterator<Item = (Metric, f64)> {
        let values = METRICS.into_iter().zip(self.values);
        values.filter_map(|(metric, value)| Some((metric, value?)))
    }
}

impl Reader {
    /// Every trial of a sweep that has an outcome, in the order of the trials.
    ///
    /// # Errors
    /// There is no such sweep, the disk failed, or what is stored is of another version.
    pub async fn measurements(&mut self, sweep_id: SweepId) -> Result<Vec<Measurement>, ReadError> {
        let mut snapshot = self.connection.begin().await?;
        let (first, end) = trial_range(&mut snapshot, sweep_id).await?;
        let mut rows = sqlx::query(MEASUREMENTS)
            .bind(first)
            .bind(end)
            .fetch(&mut *snapshot);
        let mut measurements = Vec::new();
        while let Some(row) = rows.try_next().await? {
            measurements.push(measurement(&row, first)?);
        }
        Ok(measurements)
    }
}

fn measurement(row: &SqliteRow, first: i64) -> Result<Measurement, ReadError> {
    let trial_id: i64 = row.try_get(0)?;
    let mut values = [None; METRICS.len()];
    for (column, value) in (2..).zip(&mut values) {
        *value = row.try_get(column)?;
    }
    Ok(Measurement {
        trial_index: trial_id.abs_diff(first),
        outcome: trial_state(row.try_get(1)?)?,
        values,
    })
}
