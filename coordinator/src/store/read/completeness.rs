//! How complete and how uniform a sweep is: the line every report carries.

use pondersweep_proto::id::SweepId;
use sqlx::Connection;

use super::{
    Reader,
    sweep::{counts, trial_range},
};
use crate::{
    scheduler::TrialCounts,
    store::{error::ReadError, statement::statements},
};

statements! {
    RETRIED = "
        SELECT count(*) FROM trial
        WHERE trial_id >= ?1 AND trial_id < ?2 AND attempt > 1";
    REFUSED = "
        SELECT count(*) FROM event
        WHERE trial_id >= ?1 AND trial_id < ?2 AND kind = 'refused'";
    /// Of the workers whose attempts became results.
    BINARIES = "
        SELECT DISTINCT binary_sha256 FROM worker WHERE worker_id IN (
            SELECT worker_id FROM attempt
            WHERE trial_id >= ?1 AND trial_id < ?2 AND ending IN ('succeeded', 'infeasible')
        )
        ORDER BY 1";
    DEVICES = "
        SELECT DISTINCT
            device || ' (' || backend || iif(instructions = '', '', ', ' || instructions) || ')'
        FROM worker WHERE worker_id IN (
            SELECT worker_id FROM attempt
            WHERE trial_id >= ?1 AND trial_id < ?2 AND ending IN ('succeeded', 'infeasible')
        )
        ORDER BY 1";
}

/// How complete and how uniform a sweep is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completeness {
    /// Trials by state; their total, without those that are withheld, is what was expected.
    pub trials: TrialCounts,
    /// Trials that took more than one attempt.
    pub retried: u64,
    /// Calls for attempts that were not current; none of them changed anything.
    pub refused: u64,
    /// SHA-256 of every executable that produced a result. More than one: a mixed sweep.
    pub binaries: Vec<String>,
    /// Every device, backend and set of vector instructions that produced a result, such as
    /// "cpu (flex, avx2)": between any two of them rounding may differ.
    pub devices: Vec<String>,
}

impl Completeness {
    /// Trials of the sweep that are not withheld.
    #[must_use]
    pub const fn expected(&self) -> u64 {
        self.trials.total()
    }

    /// Results: trials that succeeded or diverged.
    #[must_use]
    pub const fn accepted(&self) -> u64 {
        self.trials.succeeded + self.trials.infeasible
    }

    /// Whether every trial has a result.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.accepted() == self.expected()
    }
}

impl Reader {
    /// How complete and how uniform a sweep is.
    ///
    /// # Errors
    /// There is no such sweep, or the disk failed.
    pub async fn completeness(&mut self, sweep_id: SweepId) -> Result<Completeness, ReadError> {
        let mut snapshot = self.connection.begin().await?;
        let range = trial_range(&mut snapshot, sweep_id).await?;
        let (first, end) = range;
        let trials = counts(&mut snapshot, range).await?;
        let retried: i64 = sqlx::query_scalar(RETRIED)
            .bind(first)
            .bind(end)
            .fetch_one(&mut *snapshot)
            .await?;
        let refused: i64 = sqlx::query_scalar(REFUSED)
            .bind(first)
            .bind(end)
            .fetch_one(&mut *snapshot)
            .await?;
        let binaries = sqlx::query_scalar(BINARIES).bind(first).bind(end);
        let binaries = binaries.fetch_all(&mut *snapshot).await?;
        let devices = sqlx::query_scalar(DEVICES).bind(first).bind(end);
        let devices = devices.fetch_all(&mut *snapshot).await?;
        Ok(Completeness {
            trials,
            retried: retried.unsigned_abs(),
            refused: refused.unsigned_abs(),
            binaries,
            devices,
        })
    }
}
