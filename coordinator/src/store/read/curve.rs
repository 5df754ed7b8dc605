//! What trials measured on their way: the observations of the attempts that decided.

use std::collections::HashMap;

use pondersweep_proto::{
    id::{SweepId, TrialId},
    metric::MetricName,
};
use sqlx::{Connection, Row};

use super::{Reader, column::whole, sweep::trial_range};
use crate::store::{error::ReadError, statement::statements};

statements! {
    CURVES = "
        SELECT observation.trial_id, observation.step, observation.value
        FROM trial JOIN observation
            ON observation.trial_id = trial.trial_id AND observation.attempt = trial.attempt
        WHERE trial.trial_id >= ?1 AND trial.trial_id < ?2 AND trial.state = 'succeeded'
            AND observation.metric = ?3
        ORDER BY observation.trial_id, observation.step";
}

/// What a trial had measured after a number of parameter updates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurveValue {
    /// The updates.
    pub step: u64,
    /// The value.
    pub value: f64,
}

/// The values of each trial, in the order of their steps.
pub type Curves = HashMap<TrialId, Vec<CurveValue>>;

impl Reader {
    /// The first trial of a sweep; the others follow it without a gap.
    ///
    /// # Errors
    /// There is no such sweep, or the disk failed.
    pub async fn first_trial(&mut self, sweep_id: SweepId) -> Result<TrialId, ReadError> {
        let (first, _) = trial_range(&mut self.connection, sweep_id).await?;
        Ok(TrialId(first.unsigned_abs()))
    }

    /// A metric during the training of every trial of a sweep that succeeded.
    ///
    /// # Errors
    /// There is no such sweep, the disk failed, or what is stored is of another version.
    pub async fn curves(
        &mut self,
        sweep_id: SweepId,
        metric: &MetricName,
    ) -> Result<Curves, ReadError> {
        let mut snapshot = self.connection.begin().await?;
        let (first, end) = trial_range(&mut snapshot, sweep_id).await?;
        let query = sqlx::query(CURVES)
            .bind(first)
            .bind(end)
            .bind(metric.as_str());
        let mut curves = Curves::new();
        for row in query.fetch_all(&mut *snapshot).await? {
            let trial_id = TrialId(whole(&row, "trial_id")?);
            curves.entry(trial_id).or_default().push(CurveValue {
                step: whole(&row, "step")?,
                value: row.try_get("value")?,
            });
        }
        Ok(curves)
    }
}
