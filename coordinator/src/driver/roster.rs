//! Which workers are known, whose token each belongs to, when each was last heard of, and how far
//! their leases are. Kept in memory: only who a worker is goes to the database.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use pondersweep_proto::{
    error::LeaseError,
    id::{LeaseToken, TrialId, WorkerId},
};

use super::command::Speaker;
use crate::{scheduler::Change, store::WorkerRecord, trust::TokenId};

/// The workers and the progress of what they hold.
pub(super) struct Roster {
    known: HashMap<WorkerId, Known>,
    /// Updates done by the live attempt of a trial, as last reported.
    updates_done: HashMap<TrialId, u64>,
    lease_duration: Duration,
}

/// A worker.
struct Known {
    /// Never, for one known only from before a restart.
    last_heard: Option<Instant>,
    /// The token that registered it.
    token_id: Option<TokenId>,
}

impl Known {
    /// Refuses whoever shows another token than the one that registered the worker.
    fn check(&self, worker_id: &WorkerId, token_id: Option<&TokenId>) -> Result<(), LeaseError> {
        if self.token_id.as_ref() == token_id {
            return Ok(());
        }
        Err(LeaseError::Denied(format!(
            "worker {worker_id} belongs to another token\n\
             hint: start the worker again, so that it registers with the token it has now"
        )))
    }
}

impl Roster {
    /// The workers a database knows.
    pub(super) fn restore(workers: Vec<WorkerRecord>, lease_duration: Duration) -> Self {
        let known = |worker: WorkerRecord| {
            let (last_heard, token_id) = (None, worker.token_id);
            let known = Known {
                last_heard,
                token_id,
            };
            (worker.worker_id, known)
        };
        Self {
            known: workers.into_iter().map(known).collect(),
            updates_done: HashMap::new(),
            lease_duration,
        }
    }

    /// Makes a worker known, unless its name belongs to another token.
    pub(super) fn register(
        &mut self,
        worker: &WorkerRecord,
        now: Instant,
    ) -> Result<(), LeaseError> {
        let token_id = worker.token_id.clone();
        let known = self.known.entry(worker.worker_id.clone());
        let known = known.or_insert_with(|| Known {
            last_heard: None,
            token_id,
        });
        known.check(&worker.worker_id, worker.token_id.as_ref())?;
        known.last_heard = Some(now);
        Ok(())
    }

    /// Notes a sign of life.
    pub(super) fn heard_from(&mut self, speaker: &Speaker, now: Instant) -> Result<(), LeaseError> {
        let Speaker {
            worker_id,
            token_id,
        } = speaker;
        let known = self.known.get_mut(worker_id);
        let known = known.ok_or_else(|| LeaseError::UnknownWorker(worker_id.to_string()))?;
        known.check(worker_id, token_id.as_ref())?;
        known.last_heard = Some(now);
        Ok(())
    }

    /// Workers heard of within one lease term.
    pub(super) fn alive(&self, now: Instant) -> u32 {
        let recent = |last: &Instant| now.saturating_duration_since(*last) <= self.lease_duration;
        let heard = self.known.values().filter_map(|known| known.last_heard);
        let alive = heard.filter(recent).count();
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
