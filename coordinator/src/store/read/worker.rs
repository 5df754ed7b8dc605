//! Who trains: every worker that is known, what it did and how it stands. Whether one is missing
//! depends on the reader's clock, which is an argument.

use std::{cmp::Reverse, time::Duration};

use pondersweep_proto::id::WorkerId;
use sqlx::{Row, sqlite::SqliteRow};

use super::{Reader, column::whole};
use crate::store::{
    error::ReadError,
    name::worker_state,
    record::{RECORD_SIGHTINGS_EVERY, WorkerRecord, WorkerState},
    restore::worker,
    statement::statements,
};

statements! {
    /// Those with an id beyond ?1, ?2 of them at most.
    WORKERS = "
        WITH page AS (
            SELECT * FROM worker WHERE worker_id > ?1 ORDER BY worker_id LIMIT ?2
        ),
        tally AS (
            SELECT
                worker_id,
                sum(ended_at_ms IS NULL) AS holds,
                sum(coalesce(ending IN ('succeeded', 'infeasible'), 0)) AS done,
                sum(coalesce(ending = 'failed', 0)) AS failed,
                sum(coalesce(ending = 'lapsed', 0)) AS lapsed
            FROM attempt WHERE worker_id IN (SELECT worker_id FROM page) GROUP BY worker_id
        )
        SELECT
            page.worker_id, host, process_id, device, backend, version, binary_sha256, slots, cpu,
            cpu_features, instructions, gpu, token_id, registered_at_ms, last_heard_at_ms,
            lease_duration_ms, state, coalesce(holds, 0) AS holds, coalesce(done, 0) AS done,
            coalesce(failed, 0) AS failed, coalesce(lapsed, 0) AS lapsed
        FROM page LEFT JOIN tally USING (worker_id)
        ORDER BY page.worker_id";
}

/// How a worker stands, as far as can be known from afar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkerStanding {
    /// It takes trials.
    Working,
    /// It ends what it holds and takes nothing more.
    Draining,
    /// It should have been heard of: dead, stopped or cut off.
    Silent,
    /// It has handed everything back.
    Left,
}

impl WorkerStanding {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Draining => "draining",
            Self::Silent => "silent",
            Self::Left => "left",
        }
    }

    /// Whether it is there.
    #[must_use]
    pub const fn is_connected(self) -> bool {
        matches!(self, Self::Working | Self::Draining)
    }
}

/// A worker, what it did and when it was last heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerStatus {
    /// What it says of itself.
    pub worker: WorkerRecord,
    /// What it was about when it was last heard of.
    pub state: WorkerState,
    /// When it was first heard of, in milliseconds since 1970-01-01 UTC.
    pub registered_at_ms: i64,
    /// When it was last heard of, to within [`RECORD_SIGHTINGS_EVERY`].
    pub last_heard_at_ms: i64,
    /// The term of its leases.
    pub lease_duration: Duration,
    /// Attempts it runs.
    pub holds: u64,
    /// Attempts of it that gave a result.
    pub done: u64,
    /// Attempts of it that failed.
    pub failed: u64,
    /// Attempts of it whose lease lapsed.
    pub lapsed: u64,
}

impl WorkerStatus {
    /// How it stands at this moment, in milliseconds since 1970-01-01 UTC. A worker speaks three
    /// times within a term, so one that was not heard of for a whole term is missing.
    #[must_use]
    pub fn standing(&self, now_ms: i64) -> WorkerStanding {
        let silence = u64::try_from(now_ms.saturating_sub(self.last_heard_at_ms)).unwrap_or(0);
        let longest = self.lease_duration + RECORD_SIGHTINGS_EVERY;
        match self.state {
            WorkerState::Left => WorkerStanding::Left,
            _ if Duration::from_millis(silence) > longest => WorkerStanding::Silent,
            WorkerState::Draining => WorkerStanding::Draining,
            WorkerState::Working => WorkerStanding::Working,
        }
    }
}

impl Reader {
    /// Every worker, the one heard of last first.
    ///
    /// # Errors
    /// The disk failed, or what is stored is of another version.
    pub async fn workers(&mut self) -> Result<Vec<WorkerStatus>, ReadError> {
        let mut workers = self.workers_after(None, usize::MAX).await?;
        workers.sort_by_key(|worker| Reverse(worker.last_heard_at_ms));
        Ok(workers)
    }

    /// A number of workers in the order of their ids, from the one after this.
    ///
    /// # Errors
    /// The disk failed, or what is stored is of another version.
    pub async fn workers_after(
        &mut self,
        last: Option<&WorkerId>,
        most: usize,
    ) -> Result<Vec<WorkerStatus>, ReadError> {
        let rows = sqlx::query(WORKERS)
            .bind(last.map_or("", WorkerId::as_str))
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .fetch_all(&mut self.connection)
            .await?;
        rows.iter().map(status).collect()
    }
}

fn status(row: &SqliteRow) -> Result<WorkerStatus, ReadError> {
    let worker = worker(row).map_err(|error| ReadError::Unreadable {
        problem: error.to_string(),
    })?;
    Ok(WorkerStatus {
        worker,
        state: worker_state(row.try_get("state")?)?,
        registered_at_ms: row.try_get("registered_at_ms")?,
        last_heard_at_ms: row.try_get("last_heard_at_ms")?,
        lease_duration: Duration::from_millis(whole(row, "lease_duration_ms")?),
        holds: whole(row, "holds")?,
        done: whole(row, "done")?,
        failed: whole(row, "failed")?,
        lapsed: whole(row, "lapsed")?,
    })
}
