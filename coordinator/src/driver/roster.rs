//! Which workers are known, when each was last heard of, and how far their leases are. Kept in
//! memory: only who a worker is goes to the database.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use pondersweep_proto::{
    error::LeaseError,
    id::{LeaseToken, TrialId, WorkerId},
};

use crate::{scheduler::Change, store::WorkerRecord};

/// The workers and the progress of what they hold.
pub(super) struct Roster {
    /// When each was last heard of; never, for one known only from before a restart.
    last_heard: HashMap<WorkerId, Option<Instant>>,
    /// Updates done by the live attempt of a trial, as last reported.
    updates_done: HashMap<TrialId, u64>,
    lease_duration: Duration,
}

impl Roster {
    /// The workers a database knows.
    pub(super) fn restore(workers: Vec<WorkerRecord>, lease_duration: Duration) -> Self {
        let last_heard = workers
            .into_iter()
            .map(|worker| (worker.worker_id, None))
            .collect();
        Self {
            last_heard,
            updates_done: HashMap::new(),
            lease_duration,
        }
    }

    /// Makes a worker known.
    pub(super) fn register(&mut self, worker: &WorkerRecord, now: Instant) {
        self.last_heard.insert(worker.worker_id.clone(), Some(now));
    }

    /// Notes a sign of life.
    pub(super) fn heard_from(
        &mut self,
        worker_id: &WorkerId,
        now: Instant,
    ) -> Result<(), LeaseError> {
        let known = self.last_heard.get_mut(worker_id);
        let last = known.ok_or_else(|| LeaseError::UnknownWorker(worker_id.to_string()))?;
        *last = Some(now);
        Ok(())
    }

    /// Workers heard of within one lease term.
    pub(super) fn alive(&self, now: Instant) -> u32 {
        let recent = |last: &&Instant| now.saturating_duration_since(**last) <= self.lease_duration;
        let alive = self.last_heard.values().flatten().filter(recent).count();
        u32::try_from(alive).unwrap_or(u32::MAX)
    }

    /// Notes how far an attempt is.
    pub(super) fn note_progress(&mut self, token: LeaseToken, updates_done: u64) {
        self.updates_done.insert(token.trial_id, updates_done);
    }

    /// Updates done by the live attempts of trials in a range of ids.
    pub(super) fn updates_done(&self, trials: std::ops::Range<u64>) -> u64 {
        let inside = self
            .updates_done
            .iter()
            .filter(|(trial, _)| trials.contains(&trial.0));
        // A worker may claim any number, and several of them more than there are.
        inside.fold(0, |sum, (_, updates)| sum.saturating_add(*updates))
    }

    /// Forgets the progress of attempts that ended.
    pub(super) fn forget_ended(&mut self, changes: &[Change]) {
        for change in changes {
            if let Change::Ended { token, .. } = change {
                self.updates_done.remove(&token.trial_id);
            }
        }
    }
}
