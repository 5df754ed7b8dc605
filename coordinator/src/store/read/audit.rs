//! Whether a database kept its promises: what SQLite itself finds wrong with the file, and what the
//! history of a sweep must not show. It repairs nothing.

use pondersweep_proto::id::{Attempt, LeaseToken, SweepId, TrialId, WorkerId};
use sqlx::{Connection as _, Row as _};

use super::{
    Reader,
    column::{parsed, whole},
    sweep::trial_range,
};
use crate::store::{commit::as_i64, error::ReadError, statement::statements};

statements! {
    /// One row "ok", or one for every problem.
    INTEGRITY = "PRAGMA integrity_check";
    /// One row for every reference to nothing.
    FOREIGN_KEYS = "PRAGMA foreign_key_check";
    HISTORY = "
        SELECT
            count(*) AS attempts,
            coalesce(sum(ending = 'lapsed'), 0) AS lapsed,
            coalesce(sum(ending IN ('succeeded', 'infeasible')), 0) AS accepted,
            count(DISTINCT CASE WHEN ending IN ('succeeded', 'infeasible') THEN trial_id END)
                AS trials_accepted
        FROM attempt WHERE trial_id >= ?1 AND trial_id < ?2";
    LAPSED = "
        SELECT trial_id, attempt, worker_id FROM attempt
        WHERE trial_id >= ?1 AND trial_id < ?2 AND ending = 'lapsed'
        ORDER BY trial_id, attempt";
    /// Whether an attempt is the one whose result its trial has.
    IS_RESULT = "
        SELECT count(*) FROM trial
        JOIN attempt ON attempt.trial_id = trial.trial_id AND attempt.attempt = trial.attempt
        WHERE trial.trial_id = ?1 AND trial.attempt = ?2
            AND trial.state IN ('succeeded', 'infeasible') AND attempt.ending = trial.state";
}

/// The attempts of a sweep, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttemptCounts {
    /// All of them.
    pub attempts: u64,
    /// Ended because their worker was not heard of.
    pub lapsed: u64,
    /// Ended with a result.
    pub accepted: u64,
    /// Trials with such an attempt; as many as `accepted`, unless a trial was accepted twice.
    pub trials_accepted: u64,
}

impl Reader {
    /// What SQLite finds wrong with the file: nothing, in a file that is whole. It reads all of it.
    ///
    /// # Errors
    /// The disk failed, or the file is so damaged that it cannot be looked through.
    pub async fn damage(&mut self) -> Result<Vec<String>, ReadError> {
        let mut found: Vec<String> = sqlx::query_scalar(INTEGRITY)
            .fetch_all(&mut self.connection)
            .await?;
        found.retain(|line| line != "ok");
        let orphans = sqlx::query(FOREIGN_KEYS)
            .fetch_all(&mut self.connection)
            .await?;
        for row in orphans {
            let (table, parent): (String, String) = (row.try_get(0)?, row.try_get(2)?);
            found.push(format!("a row of {table} refers to nothing in {parent}"));
        }
        Ok(found)
    }

    /// The attempts of a sweep, counted.
    ///
    /// # Errors
    /// There is no such sweep, or the disk failed.
    pub async fn attempt_counts(&mut self, sweep_id: SweepId) -> Result<AttemptCounts, ReadError> {
        let mut snapshot = self.connection.begin().await?;
        let (first, end) = trial_range(&mut snapshot, sweep_id).await?;
        let history = sqlx::query(HISTORY).bind(first).bind(end);
        let row = history.fetch_one(&mut *snapshot).await?;
        Ok(AttemptCounts {
            attempts: whole(&row, "attempts")?,
            lapsed: whole(&row, "lapsed")?,
            accepted: whole(&row, "accepted")?,
            trials_accepted: whole(&row, "trials_accepted")?,
        })
    }

    /// The attempts of a sweep that lapsed, each with whose it was.
    ///
    /// # Errors
    /// There is no such sweep, or the disk failed.
    pub async fn lapsed(
        &mut self,
        sweep_id: SweepId,
    ) -> Result<Vec<(LeaseToken, WorkerId)>, ReadError> {
        let mut snapshot = self.connection.begin().await?;
        let (first, end) = trial_range(&mut snapshot, sweep_id).await?;
        let lapsed = sqlx::query(LAPSED).bind(first).bind(end);
        let rows = lapsed.fetch_all(&mut *snapshot).await?;
        let holder = |row| {
            let token = LeaseToken {
                trial_id: TrialId(whole(row, "trial_id")?),
                attempt: Attempt(row.try_get("attempt")?),
            };
            Ok((token, parsed(row, "worker_id")?))
        };
        rows.iter().map(holder).collect()
    }

    /// Whether this attempt's outcome is its trial's result.
    ///
    /// # Errors
    /// The disk failed.
    pub async fn is_result(&mut self, token: LeaseToken) -> Result<bool, ReadError> {
        let found: i64 = sqlx::query_scalar(IS_RESULT)
            .bind(as_i64(token.trial_id.0))
            .bind(token.attempt.0)
            .fetch_one(&mut self.connection)
            .await?;
        Ok(found == 1)
    }
}
