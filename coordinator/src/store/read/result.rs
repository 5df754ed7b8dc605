//! One row for every trial with an outcome, from the view `trial_result`.

use std::sync::Arc;

use pondersweep_proto::{
    id::{Attempt, ContentKey, SweepId, TrialId},
    metric::Metric,
    spec::TrialSpec,
};
use sqlx::{Connection, Row, sqlite::SqliteRow};

use super::{
    Configuration, Reader,
    column::{parsed, whole},
    configuration::{Configurations, configurations},
    sweep::trial_range,
};
use crate::{
    scheduler::TrialState,
    store::{commit::as_i64, error::ReadError, name::trial_state, statement::statements},
    sweep::SweepTerms,
};

statements! {
    /// Trials after ?1 and before ?2, the first ?3 of them (all if negative).
    RESULTS = "
        SELECT
            trial_id, trial_key, configuration_id, replicate, outcome, solved, step, attempts,
            seconds, worker_id, message, finished_at,
            accuracy_interpolation, accuracy_expected_interpolation, ponder_steps_interpolation,
            ponder_steps_expected_interpolation, loss_interpolation, accuracy_extrapolation,
            accuracy_expected_extrapolation, ponder_steps_extrapolation,
            ponder_steps_expected_extrapolation, loss_extrapolation, loss_training,
            ponder_steps_computed
        FROM trial_result
        WHERE trial_id > ?1 AND trial_id < ?2
        ORDER BY trial_id LIMIT ?3";
}

/// The metrics of a trial's last evaluation.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Metrics([Option<f64>; Metric::ALL.len()]);

impl Metrics {
    /// The measured number; `None` where the metric was not measured.
    #[must_use]
    pub const fn get(&self, metric: Metric) -> Option<f64> {
        self.0[metric as usize]
    }

    /// The metrics that were measured, in the order of [`Metric::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Metric, f64)> + '_ {
        let values = Metric::ALL.iter().zip(self.0);
        values.filter_map(|(&metric, value)| Some((metric, value?)))
    }
}

/// A trial with an outcome.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialResult {
    /// Its number in this database.
    pub trial_id: TrialId,
    /// The hash of its specification.
    pub trial_key: ContentKey,
    /// Its point of the space, shared with the other replicates.
    pub configuration: Arc<Configuration>,
    /// Index of the repetition, from 0.
    pub replicate: u32,
    /// `Succeeded`, `Infeasible` or `Failed`.
    pub outcome: TrialState,
    /// Whether it reached the sweep's threshold; `None` if it failed.
    pub solved: Option<bool>,
    /// The last evaluation; empty unless it succeeded.
    pub metrics: Metrics,
    /// Parameter updates done at that evaluation.
    pub step: Option<u64>,
    /// Attempts it took: the last of them is the one reported.
    pub attempts: Attempt,
    /// Compute time of that attempt, in seconds, if its worker said.
    pub seconds: Option<f64>,
    /// Who ran it.
    pub worker_id: String,
    /// Why it diverged or failed.
    pub message: String,
    /// When it ended, ISO 8601 in UTC.
    pub finished_at: String,
}

impl TrialResult {
    /// The trial's specification in a sweep of these terms.
    #[must_use]
    pub fn spec(&self, terms: &SweepTerms) -> TrialSpec {
        TrialSpec {
            configuration: self.configuration.spec.clone(),
            seed: terms.seed,
            replicate: self.replicate,
            common_seeds: terms.common_seeds,
        }
    }
}

impl Reader {
    /// Every trial of a sweep that has an outcome, in the order of the trials.
    ///
    /// # Errors
    /// There is no such sweep, the disk failed, or what is stored is of another version.
    pub async fn trial_results(
        &mut self,
        sweep_id: SweepId,
    ) -> Result<Vec<TrialResult>, ReadError> {
        self.results(sweep_id, TrialId(0), -1).await
    }

    /// The next `limit` of them after a trial; [`TrialId`] 0 comes before the first.
    ///
    /// # Errors
    /// As [`Self::trial_results`].
    pub async fn results_page(
        &mut self,
        sweep_id: SweepId,
        after_trial_id: TrialId,
        limit: u32,
    ) -> Result<Vec<TrialResult>, ReadError> {
        self.results(sweep_id, after_trial_id, i64::from(limit))
            .await
    }

    async fn results(
        &mut self,
        sweep_id: SweepId,
        after: TrialId,
        limit: i64,
    ) -> Result<Vec<TrialResult>, ReadError> {
        let mut snapshot = self.connection.begin().await?;
        let (first, end) = trial_range(&mut snapshot, sweep_id).await?;
        let query = sqlx::query(RESULTS)
            .bind((first - 1).max(as_i64(after.0)))
            .bind(end)
            .bind(limit);
        let rows = query.fetch_all(&mut *snapshot).await?;
        let found = configurations(&mut snapshot, configuration_ids(&rows)?).await?;
        rows.iter().map(|row| result(row, &found)).collect()
    }
}

/// The configurations that rows name.
pub(super) fn configuration_ids(rows: &[SqliteRow]) -> Result<Vec<i64>, ReadError> {
    let ids = rows.iter().map(|row| Ok(row.try_get("configuration_id")?));
    ids.collect()
}

/// The configuration a row names.
pub(super) fn shared(
    row: &SqliteRow,
    configurations: &Configurations,
) -> Result<Arc<Configuration>, ReadError> {
    let configuration_id: i64 = row.try_get("configuration_id")?;
    let found = configurations.get(&configuration_id).cloned();
    found.ok_or_else(|| ReadError::Unreadable {
        problem: format!("configuration {configuration_id} is missing"),
    })
}

fn result(row: &SqliteRow, configurations: &Configurations) -> Result<TrialResult, ReadError> {
    let mut metrics = Metrics::default();
    for &metric in Metric::ALL {
        metrics.0[metric as usize] = row.try_get(metric.name())?;
    }
    let step: Option<i64> = row.try_get("step")?;
    Ok(TrialResult {
        trial_id: TrialId(whole(row, "trial_id")?),
        trial_key: parsed(row, "trial_key")?,
        configuration: shared(row, configurations)?,
        replicate: row.try_get("replicate")?,
        outcome: trial_state(row.try_get("outcome")?)?,
        solved: row.try_get("solved")?,
        metrics,
        step: step.map(i64::unsigned_abs),
        attempts: Attempt(row.try_get("attempts")?),
        seconds: row.try_get("seconds")?,
        worker_id: row.try_get("worker_id")?,
        message: row.try_get("message")?,
        finished_at: row.try_get("finished_at")?,
    })
}
