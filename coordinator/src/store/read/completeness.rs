//! How complete and how uniform a sweep is: the line every report carries.

use std::collections::BTreeSet;

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
    /// As above, by reading the whole log in its order: for a sweep that most of it is about, which
    /// would otherwise be looked up entry by entry.
    REFUSED_OF_A_LARGE_PART = "
        SELECT count(*) FROM event NOT INDEXED
        WHERE trial_id >= ?1 AND trial_id < ?2 AND kind = 'refused'";
    LAST_EVENT = "
        SELECT coalesce(max(event_id), 0) FROM event";
    /// Of the workers whose attempts became results; their attempts are gone through once for both.
    PRODUCERS = "
        SELECT DISTINCT
            binary_sha256,
            device || ' (' || backend || iif(instructions = '', '', ', ' || instructions) || ')'
        FROM worker WHERE worker_id IN (
            SELECT worker_id FROM attempt
            WHERE trial_id >= ?1 AND trial_id < ?2 AND ending IN ('succeeded', 'infeasible')
        )";
}

/// A sweep has at least two events a trial. When it has more than this part of all events, its own are
/// counted by reading all of them.
const LARGE_PART: i64 = 8;

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
        let events: i64 = sqlx::query_scalar(LAST_EVENT)
            .fetch_one(&mut *snapshot)
            .await?;
        let is_large = end.saturating_sub(first) > events / LARGE_PART;
        let refused = if is_large {
            REFUSED_OF_A_LARGE_PART
        } else {
            REFUSED
        };
        let refused: i64 = sqlx::query_scalar(refused)
            .bind(first)
            .bind(end)
            .fetch_one(&mut *snapshot)
            .await?;
        let producers: Vec<(String, String)> = sqlx::query_as(PRODUCERS)
            .bind(first)
            .bind(end)
            .fetch_all(&mut *snapshot)
            .await?;
        let (binaries, devices): (BTreeSet<_>, BTreeSet<_>) = producers.into_iter().unzip();
        Ok(Completeness {
            trials,
            retried: retried.unsigned_abs(),
            refused: refused.unsigned_abs(),
            binaries: binaries.into_iter().collect(),
            devices: devices.into_iter().collect(),
        })
    }
}
