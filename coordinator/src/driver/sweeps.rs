//! The sweeps by id, and how people name them: by id, by a unique prefix of it, by `last`.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use pondersweep_proto::{
    error::SweepError,
    id::{SweepId, TrialId},
    parameter::Parameter,
};

use crate::{
    scheduler::{TrialCounts, TrialState},
    store::StoredSweep,
    sweep::SweepSpec,
};

/// A sweep and the numbers of its trials.
#[derive(Clone, Debug)]
pub(super) struct SweepEntry {
    pub(super) sweep_id: SweepId,
    pub(super) spec: Arc<SweepSpec>,
    pub(super) first_trial_id: u64,
    pub(super) created_at_ms: i64,
}

impl SweepEntry {
    pub(super) fn trials(&self) -> Range<u64> {
        self.first_trial_id..self.first_trial_id + self.spec.trials()
    }

    /// Updates of the trials that ended with a result.
    pub(super) fn updates_ended(
        &self,
        counts: &TrialCounts,
        state_of: impl Fn(TrialId) -> TrialState,
    ) -> u64 {
        if let Some(updates) = self.uniform_updates() {
            return updates * (counts.succeeded + counts.infeasible);
        }
        let ended = |trial: &u64| {
            matches!(state_of(TrialId(*trial)), TrialState::Succeeded | TrialState::Infeasible)
        };
        self.trials().filter(ended).map(|trial| self.updates(trial)).sum()
    }

    /// Updates of every trial.
    pub(super) fn updates_total(&self) -> u64 {
        match self.uniform_updates() {
            Some(updates) => updates * self.spec.trials(),
            None => self.trials().map(|trial| self.updates(trial)).sum(),
        }
    }

    /// Updates of each trial, where they do not vary: then nothing needs to be counted.
    fn uniform_updates(&self) -> Option<u64> {
        let terms = self.spec.terms();
        let varies = terms.axes.iter().any(|axis| axis.parameter == Parameter::Updates);
        (!varies).then_some(terms.template.training.updates)
    }

    fn updates(&self, trial: u64) -> u64 {
        self.spec.trial(trial - self.first_trial_id).configuration.training.updates
    }
}

/// Every sweep of the database.
#[derive(Default)]
pub(super) struct Sweeps {
    /// By their first trial, which is the order of submission.
    by_first_trial: BTreeMap<u64, SweepEntry>,
}

impl Sweeps {
    /// Takes a stored sweep up.
    pub(super) fn insert(&mut self, stored: &StoredSweep, spec: Arc<SweepSpec>) -> SweepEntry {
        let entry = SweepEntry {
            sweep_id: spec.id(),
            spec,
            first_trial_id: stored.first_trial_id,
            created_at_ms: stored.created_at_ms,
        };
        self.by_first_trial.insert(entry.first_trial_id, entry.clone());
        entry
    }

    /// Every sweep, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &SweepEntry> {
        self.by_first_trial.values()
    }

    /// The sweep with this id.
    pub(super) fn get(&self, sweep_id: SweepId) -> Option<&SweepEntry> {
        self.iter().find(|entry| entry.sweep_id == sweep_id)
    }

    /// The sweep a trial belongs to.
    pub(super) fn of_trial(&self, trial_id: TrialId) -> Option<&SweepEntry> {
        let (_, entry) = self.by_first_trial.range(..=trial_id.0).next_back()?;
        entry.trials().contains(&trial_id.0).then_some(entry)
    }

    /// The sweep a person means.
    pub(super) fn named(&self, name: &str) -> Result<&SweepEntry, SweepError> {
        let ids: Vec<SweepId> = self.iter().map(|entry| entry.sweep_id).collect();
        let sweep_id = crate::sweep::select(name, &ids)?;
        Ok(self.get(sweep_id).expect("the selection is one of the ids"))
    }
}
