//! What went wrong in a sweep, and what of it runs now: the facts behind `pondersweep explain`.

use pondersweep_proto::{failure::Cause, id::SweepId};
use sqlx::{Connection, Row, sqlite::SqliteRow};

use super::{Reader, column::whole, sweep::trial_range};
use crate::store::{error::ReadError, statement::statements};

statements! {
    /// The message is that of the last one.
    DEATHS = "
        SELECT cause, blamed, count(*) AS attempts, count(DISTINCT trial_id) AS trials,
            max(ended_at_ms), message
        FROM attempt
        WHERE trial_id >= ?1 AND trial_id < ?2 AND cause IS NOT NULL
        GROUP BY cause, blamed ORDER BY attempts DESC, cause, blamed";
    SUSPECTS = "
        SELECT count(*) FROM trial
        WHERE trial_id >= ?1 AND trial_id < ?2 AND state = 'pending' AND suspicion = 'suspect'";
    /// ?3 is the beginning of the time looked at.
    RECENT = "
        SELECT count(*), coalesce(min(started_at_ms), 0) FROM attempt
        WHERE trial_id >= ?1 AND trial_id < ?2
            AND ending IN ('succeeded', 'infeasible') AND ended_at_ms >= ?3";
    RUNNING = "
        SELECT count(*) AS attempts, count(DISTINCT worker_id) AS workers FROM attempt
        WHERE trial_id >= ?1 AND trial_id < ?2 AND ended_at_ms IS NULL";
}

/// Attempts of a sweep that died alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deaths {
    /// Of what.
    pub cause: Cause,
    /// Whether they were counted against their trials.
    pub blamed: bool,
    /// How many attempts.
    pub attempts: u64,
    /// Of how many trials.
    pub trials: u64,
    /// What was said of the last one.
    pub last_message: String,
}

/// Results of the last while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecentResults {
    /// How many there were.
    pub results: u64,
    /// When the first of their attempts began, in milliseconds since 1970-01-01 UTC.
    pub started_at_ms: i64,
}

/// What went wrong in a sweep, and what of it runs now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Troubles {
    /// Attempts without a result, the most frequent kind first.
    pub deaths: Vec<Deaths>,
    /// Pending trials that must run alone.
    pub suspects: u64,
    /// Attempts under way.
    pub running: u64,
    /// Workers that run them.
    pub workers: u64,
}

impl Reader {
    /// What went wrong in a sweep, and what of it runs now.
    ///
    /// # Errors
    /// There is no such sweep, or the database is of another version.
    pub async fn troubles(&mut self, sweep_id: SweepId) -> Result<Troubles, ReadError> {
        let mut snapshot = self.connection.begin().await?;
        let (first, end) = trial_range(&mut snapshot, sweep_id).await?;
        let of_range = |sql| sqlx::query(sql).bind(first).bind(end);
        let deaths = of_range(DEATHS).fetch_all(&mut *snapshot).await?;
        let suspects = of_range(SUSPECTS).fetch_one(&mut *snapshot).await?;
        let running = of_range(RUNNING).fetch_one(&mut *snapshot).await?;
        Ok(Troubles {
            deaths: deaths.iter().map(death).collect::<Result<_, _>>()?,
            suspects: suspects.try_get::<i64, _>(0)?.unsigned_abs(),
            running: whole(&running, "attempts")?,
            workers: whole(&running, "workers")?,
        })
    }
}

impl Reader {
    /// A sweep's results since a moment, in milliseconds since 1970-01-01 UTC.
    ///
    /// # Errors
    /// There is no such sweep, or the disk failed.
    pub async fn recent_results(
        &mut self,
        sweep_id: SweepId,
        since_ms: i64,
    ) -> Result<RecentResults, ReadError> {
        let mut snapshot = self.connection.begin().await?;
        let (first, end) = trial_range(&mut snapshot, sweep_id).await?;
        let recent = sqlx::query(RECENT).bind(first).bind(end).bind(since_ms);
        let recent = recent.fetch_one(&mut *snapshot).await?;
        Ok(RecentResults {
            results: recent.try_get::<i64, _>(0)?.unsigned_abs(),
            started_at_ms: recent.try_get(1)?,
        })
    }
}

fn death(row: &SqliteRow) -> Result<Deaths, ReadError> {
    let name: &str = row.try_get("cause")?;
    let cause = Cause::from_name(name).ok_or_else(|| ReadError::Unreadable {
        problem: format!("cause: {name:?} is none"),
    })?;
    Ok(Deaths {
        cause,
        blamed: row.try_get("blamed")?,
        attempts: whole(row, "attempts")?,
        trials: whole(row, "trials")?,
        last_message: row.try_get("message")?,
    })
}
