//! What a report needs of every ended trial, and no more: a sweep has a million of them. No text is
//! parsed: where a trial stands in its sweep follows from its number. And no row is handed from thread to
//! thread, as sqlx does it, which would take longer than all the rest.

use pondersweep_proto::{id::SweepId, metric::Metric};
use rusqlite::{Connection, Row};

use super::{Reader, sweep::trial_range};
use crate::{
    scheduler::TrialState,
    store::{error::ReadError, name::trial_state, open::open_scanner, statement::statements},
};

statements! {
    /// Trials that succeeded: they are those that have a result.
    RESULTS = "
        SELECT
            trial_id, accuracy_interpolation, accuracy_extrapolation, ponder_steps_interpolation,
            ponder_steps_extrapolation
        FROM result WHERE trial_id >= ?1 AND trial_id < ?2 ORDER BY trial_id";
    /// The other ended trials, which measured nothing that counts.
    WITHOUT_RESULT = "
        SELECT trial_id, state FROM trial
        WHERE trial_id >= ?1 AND trial_id < ?2 AND state IN ('infeasible', 'failed')
        ORDER BY trial_id";
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
    ///
    /// # Panics
    /// If the walk panicked.
    pub async fn measurements(&mut self, sweep_id: SweepId) -> Result<Vec<Measurement>, ReadError> {
        // Which trials a sweep has never changes: what is read of them is of one moment all the same.
        let range = trial_range(&mut self.connection, sweep_id).await?;
        let path = self.path.clone();
        let walk = tokio::task::spawn_blocking(move || measurements(open_scanner(&path)?, range));
        walk.await.expect("it panics for a bug only")
    }
}

fn measurements(
    mut connection: Connection,
    (first, end): (i64, i64),
) -> Result<Vec<Measurement>, ReadError> {
    let snapshot = connection.transaction()?;
    let kinds: [(&str, Decode); 2] = [(RESULTS, succeeded), (WITHOUT_RESULT, without_result)];
    let mut measurements = Vec::new();
    for (statement, decode) in kinds {
        let mut statement = snapshot.prepare(statement)?;
        let mut rows = statement.query([first, end])?;
        while let Some(row) = rows.next()? {
            let trial_id: i64 = row.get(0)?;
            measurements.push(decode(trial_id.abs_diff(first), row)?);
        }
    }
    // Two runs in ascending order, which this merges.
    measurements.sort_by_key(|measurement| measurement.trial_index);
    Ok(measurements)
}

/// Reads a row of a statement, but for the trial it is of.
type Decode = fn(u64, &Row<'_>) -> Result<Measurement, ReadError>;

fn succeeded(trial_index: u64, row: &Row<'_>) -> Result<Measurement, ReadError> {
    let mut values = [None; METRICS.len()];
    for (column, value) in (1..).zip(&mut values) {
        *value = row.get(column)?;
    }
    Ok(Measurement {
        trial_index,
        outcome: TrialState::Succeeded,
        values,
    })
}

fn without_result(trial_index: u64, row: &Row<'_>) -> Result<Measurement, ReadError> {
    let state: String = row.get(1)?;
    Ok(Measurement {
        trial_index,
        outcome: trial_state(&state)?,
        values: [None; METRICS.len()],
    })
}
