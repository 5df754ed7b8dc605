//! One row for every configuration of a sweep, from the view `cell_result`.

use std::sync::Arc;

use pondersweep_proto::id::SweepId;
use sqlx::{Connection, Row, sqlite::SqliteRow};

use super::{
    Configuration, Reader,
    column::whole,
    configuration::{Configurations, configurations},
    result::{configuration_ids, shared},
};
use crate::store::{error::ReadError, statement::statements};

statements! {
    CELLS = "
        SELECT
            configuration_id, n, succeeded, infeasible, failed, cancelled, pending, solved,
            solved_share, solved_share_low, solved_share_high, accuracy_interpolation_mean,
            accuracy_interpolation_min, accuracy_interpolation_max, accuracy_interpolation_sd,
            ponder_steps_interpolation_mean
        FROM cell_result WHERE sweep_id = ?1 ORDER BY position";
}

/// A configuration over its replicates.
#[derive(Clone, Debug, PartialEq)]
pub struct CellResult {
    /// The point of the space.
    pub configuration: Arc<Configuration>,
    /// Trials with a result: succeeded and infeasible.
    pub n: u64,
    /// Trained and measured.
    pub succeeded: u64,
    /// Diverged: counts in `n`, as not solved.
    pub infeasible: u64,
    /// The machinery failed: not in `n`.
    pub failed: u64,
    /// Ended by a person: not in `n`.
    pub cancelled: u64,
    /// Not ended yet.
    pub pending: u64,
    /// Reached the sweep's threshold.
    pub solved: u64,
    /// `solved / n`.
    pub solved_share: Option<f64>,
    /// Its 95 % Wilson interval.
    pub solved_share_interval: Option<(f64, f64)>,
    /// Mean of `accuracy_interpolation` over the succeeded trials.
    pub accuracy_mean: Option<f64>,
    /// Its least and greatest.
    pub accuracy_range: Option<(f64, f64)>,
    /// Its standard deviation, dividing by the number less one; `None` below two.
    pub accuracy_sd: Option<f64>,
    /// Mean of `ponder_steps_interpolation` over the succeeded trials.
    pub ponder_steps_mean: Option<f64>,
}

impl Reader {
    /// Every configuration of a sweep over its replicates, in the order of the space.
    ///
    /// # Errors
    /// The disk failed, or what is stored is of another version.
    pub async fn cells(&mut self, sweep_id: SweepId) -> Result<Vec<CellResult>, ReadError> {
        let mut snapshot = self.connection.begin().await?;
        let query = sqlx::query(CELLS).bind(sweep_id.to_string());
        let rows = query.fetch_all(&mut *snapshot).await?;
        let found = configurations(&mut snapshot, configuration_ids(&rows)?).await?;
        rows.iter().map(|row| cell(row, &found)).collect()
    }
}

fn cell(row: &SqliteRow, configurations: &Configurations) -> Result<CellResult, ReadError> {
    let pair = |low: &str, high: &str| -> Result<Option<(f64, f64)>, ReadError> {
        let low: Option<f64> = row.try_get(low)?;
        Ok(low.zip(row.try_get(high)?))
    };
    Ok(CellResult {
        configuration: shared(row, configurations)?,
        n: whole(row, "n")?,
        succeeded: whole(row, "succeeded")?,
        infeasible: whole(row, "infeasible")?,
        failed: whole(row, "failed")?,
        cancelled: whole(row, "cancelled")?,
        pending: whole(row, "pending")?,
        solved: whole(row, "solved")?,
        solved_share: row.try_get("solved_share")?,
        solved_share_interval: pair("solved_share_low", "solved_share_high")?,
        accuracy_mean: row.try_get("accuracy_interpolation_mean")?,
        accuracy_range: pair("accuracy_interpolation_min", "accuracy_interpolation_max")?,
        accuracy_sd: row.try_get("accuracy_interpolation_sd")?,
        ponder_steps_mean: row.try_get("ponder_steps_interpolation_mean")?,
    })
}
