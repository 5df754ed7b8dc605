//! The live leases, by trial, by worker and by deadline. It keeps the three in step and decides
//! nothing.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Instant,
};

use pondersweep_proto::id::{Attempt, LeaseToken, TrialId, WorkerId};

/// A live lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) attempt: Attempt,
    pub(super) worker_id: WorkerId,
    /// The acquisition it was granted to.
    pub(super) request_id: String,
    /// When it lapses unless renewed.
    pub(super) deadline: Instant,
    /// Whether another lease of the worker lapsed while this one lived: should it lapse as well, the
    /// two were most likely lost together. In memory only: after a restart such a lease counts as
    /// alone, which costs its trial at most one of its worker losses.
    pub(super) had_company: bool,
}

/// Every live lease.
#[derive(Debug, Default)]
pub(super) struct Leases {
    by_trial: BTreeMap<TrialId, Lease>,
    by_worker: HashMap<WorkerId, BTreeSet<TrialId>>,
    by_deadline: BTreeSet<(Instant, TrialId)>,
}

impl Leases {
    /// Adds a lease of a trial that has none.
    pub(super) fn insert(&mut self, trial_id: TrialId, lease: Lease) {
        self.by_deadline.insert((lease.deadline, trial_id));
        self.by_worker
            .entry(lease.worker_id.clone())
            .or_default()
            .insert(trial_id);
        let former = self.by_trial.insert(trial_id, lease);
        assert!(
            former.is_none(),
            "trial {trial_id} had a live lease already"
        );
    }

    /// Takes a trial's lease away.
    pub(super) fn remove(&mut self, trial_id: TrialId) -> Option<Lease> {
        let lease = self.by_trial.remove(&trial_id)?;
        self.by_deadline.remove(&(lease.deadline, trial_id));
        if let Some(held) = self.by_worker.get_mut(&lease.worker_id) {
            held.remove(&trial_id);
            if held.is_empty() {
                self.by_worker.remove(&lease.worker_id);
            }
        }
        Some(lease)
    }

    /// Moves a lease's deadline.
    pub(super) fn renew(&mut self, trial_id: TrialId, deadline: Instant) {
        let lease = self
            .by_trial
            .get_mut(&trial_id)
            .expect("only live leases are renewed");
        self.by_deadline.remove(&(lease.deadline, trial_id));
        lease.deadline = deadline;
        self.by_deadline.insert((deadline, trial_id));
    }

    /// Notes on every lease of a worker that it had company.
    pub(super) fn note_company(&mut self, worker_id: &WorkerId) {
        for trial_id in self.by_worker.get(worker_id).into_iter().flatten() {
            let lease = self.by_trial.get_mut(trial_id);
            lease.expect("the views agree").had_company = true;
        }
    }

    /// A trial's live lease.
    pub(super) fn get(&self, trial_id: TrialId) -> Option<&Lease> {
        self.by_trial.get(&trial_id)
    }

    /// The trials a worker holds, in the order of their ids.
    pub(super) fn of_worker(&self, worker_id: &WorkerId) -> impl Iterator<Item = TrialId> + '_ {
        self.by_worker.get(worker_id).into_iter().flatten().copied()
    }

    /// What a worker was granted for one acquisition, as far as it still holds it.
    pub(super) fn granted(&self, worker_id: &WorkerId, request_id: &str) -> Vec<LeaseToken> {
        let token = |trial_id: TrialId| {
            let lease = &self.by_trial[&trial_id];
            let granted = lease.request_id == request_id;
            granted.then_some(LeaseToken {
                trial_id,
                attempt: lease.attempt,
            })
        };
        self.of_worker(worker_id).filter_map(token).collect()
    }

    /// The first deadline and whose it is.
    pub(super) fn first_deadline(&self) -> Option<(Instant, TrialId)> {
        self.by_deadline.first().copied()
    }

    /// The trials with a live lease.
    pub(super) fn trials(&self) -> impl Iterator<Item = TrialId> + '_ {
        self.by_trial.keys().copied()
    }

    /// Checks that the three views agree.
    #[cfg(test)]
    pub(super) fn sanity_check(&self) {
        assert_eq!(self.by_trial.len(), self.by_deadline.len());
        assert_eq!(
            self.by_trial.len(),
            self.by_worker.values().map(BTreeSet::len).sum::<usize>()
        );
        for (trial_id, lease) in &self.by_trial {
            assert!(self.by_deadline.contains(&(lease.deadline, *trial_id)));
            assert!(self.by_worker[&lease.worker_id].contains(trial_id));
        }
    }
}
