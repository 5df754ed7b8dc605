//! The sweeps by id, and how people name them: by id, by a unique prefix of it, by `last`.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use pondersweep_proto::{
    error::SweepError,
    id::{SweepId, TrialId},
    setting::Setting,
};

use crate::{
    allocation::Allocation,
    scheduler::{self, RestoredSweep, TrialCounts, TrialLimits, TrialState},
    store,
    sweep::{Shapes, SweepSpec, select},
};

/// A sweep and the numbers of its trials.
#[derive(Clone, Debug)]
pub(super) struct SweepEntry {
    pub(super) sweep_id: SweepId,
    pub(super) spec: Arc<SweepSpec>,
    pub(super) first_trial_id: TrialId,
    pub(super) created_at_ms: i64,
}

impl SweepEntry {
    /// What the scheduler needs of it, with the shape of every configuration.
    pub(super) fn for_scheduler(&self, shapes: Vec<u32>) -> scheduler::SweepEntry {
        let terms = self.spec.terms();
        scheduler::SweepEntry {
            sweep_id: self.sweep_id,
            first_trial_id: self.first_trial_id,
            shape_of_configuration: shapes,
            replicates: terms.replicates,
            initial_replicates: self.spec.initial_replicates(),
            device: terms.device.clone(),
            need: terms.need().map(|need| need.to_string()),
            limits: TrialLimits {
                max_failures: terms.max_failures,
                max_out_of_memory: terms.max_out_of_memory,
                max_worker_losses: terms.max_worker_losses,
            },
        }
    }

    /// How many replicates every configuration is to have; 0 where nothing is said of it.
    pub(super) fn replicates_of_each(
        &self,
        allocations: &[Allocation],
    ) -> Result<Vec<u32>, SweepError> {
        let (configurations, most) = (self.spec.configurations(), self.spec.terms().replicates);
        let mut replicates = vec![0; usize::try_from(configurations).expect("MAX_TRIALS fits")];
        for allocation in allocations {
            let position = usize::try_from(allocation.position).ok();
            let found = position.and_then(|position| replicates.get_mut(position));
            let place = found.ok_or_else(|| {
                SweepError::Invalid(format!(
                    "there is no configuration {}\nhint: the sweep has {configurations}, counted from 0",
                    allocation.position
                ))
            })?;
            if allocation.replicates > most {
                return Err(SweepError::Invalid(format!(
                    "{} replicates of configuration {} are more than the sweep has\n\
                     hint: up to {most}, which is `most` under [replicates] in its file",
                    allocation.replicates, allocation.position
                )));
            }
            *place = allocation.replicates.max(*place);
        }
        Ok(replicates)
    }

    pub(super) fn trials(&self) -> Range<u64> {
        let first = self.first_trial_id.0;
        first..first + self.spec.trials()
    }

    /// Updates of the trials that ended with a result.
    pub(super) fn updates_ended(
        &self,
        counts: &TrialCounts,
        state_of: impl Fn(TrialId) -> TrialState,
    ) -> u64 {
        if let Some(updates) = self.uniform_updates() {
            return updates.saturating_mul(counts.succeeded + counts.infeasible);
        }
        let ended = |trial: &u64| {
            matches!(
                state_of(TrialId(*trial)),
                TrialState::Succeeded | TrialState::Infeasible
            )
        };
        self.trials()
            .filter(ended)
            .fold(0, |sum, trial| sum.saturating_add(self.updates(trial)))
    }

    /// Updates of every trial that is not withheld; the largest number there is for a sweep that is
    /// larger.
    pub(super) fn updates_total(
        &self,
        counts: &TrialCounts,
        state_of: impl Fn(TrialId) -> TrialState,
    ) -> u64 {
        if let Some(updates) = self.uniform_updates() {
            return updates.saturating_mul(counts.total());
        }
        let to_be_run = |trial: &u64| state_of(TrialId(*trial)) != TrialState::Withheld;
        self.trials()
            .filter(to_be_run)
            .fold(0, |sum, trial| sum.saturating_add(self.updates(trial)))
    }

    /// Updates of each trial, where they do not vary: then nothing needs to be counted.
    fn uniform_updates(&self) -> Option<u64> {
        let terms = self.spec.terms();
        if terms.program.is_some() {
            // A program does not say how far it is to go: a trial is one step.
            return Some(1);
        }
        let varies = terms
            .axes
            .iter()
            .any(|axis| axis.parameter == Setting::UPDATES);
        (!varies).then(|| terms.template.whole(Setting::UPDATES))
    }

    fn updates(&self, trial: u64) -> u64 {
        self.spec
            .trial(trial - self.first_trial_id.0)
            .configuration
            .whole(Setting::UPDATES)
    }
}

/// Every sweep of the database.
#[derive(Default)]
pub(super) struct Sweeps {
    /// By their first trial, which is the order of submission.
    by_first_trial: BTreeMap<TrialId, SweepEntry>,
}

impl Sweeps {
    /// Takes a stored sweep up.
    pub(super) fn insert(&mut self, entry: SweepEntry) {
        self.by_first_trial.insert(entry.first_trial_id, entry);
    }

    /// The sweeps of a database, and what the scheduler needs of them.
    pub(super) fn restore(stored: Vec<store::RestoredSweep>) -> (Self, Vec<RestoredSweep>) {
        let mut sweeps = Self::default();
        let mut for_scheduler = Vec::with_capacity(stored.len());
        for sweep in stored {
            let shapes = Shapes::of(&sweep.spec).of_configuration;
            let entry = SweepEntry {
                sweep_id: sweep.spec.id(),
                spec: Arc::new(sweep.spec),
                first_trial_id: sweep.first_trial_id,
                created_at_ms: sweep.created_at_ms,
            };
            for_scheduler.push(RestoredSweep {
                entry: entry.for_scheduler(shapes),
                state: sweep.state,
                state_reason: sweep.state_reason,
                baseline: sweep.baseline,
                trials: sweep.trials,
            });
            sweeps.insert(entry);
        }
        (sweeps, for_scheduler)
    }

    /// Every sweep, oldest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &SweepEntry> {
        self.by_first_trial.values()
    }

    pub(super) fn get(&self, sweep_id: SweepId) -> Option<&SweepEntry> {
        self.iter().find(|entry| entry.sweep_id == sweep_id)
    }

    /// The sweep a trial belongs to.
    pub(super) fn of_trial(&self, trial_id: TrialId) -> Option<&SweepEntry> {
        let (_, entry) = self.by_first_trial.range(..=trial_id).next_back()?;
        entry.trials().contains(&trial_id.0).then_some(entry)
    }

    /// The sweep a person means.
    pub(super) fn named(&self, text: &str) -> Result<&SweepEntry, SweepError> {
        let named = |entry: &SweepEntry| (entry.sweep_id, entry.spec.terms().name.clone());
        let sweeps: Vec<_> = self.iter().map(named).collect();
        let sweep_id = select(text, &sweeps)?;
        Ok(self.get(sweep_id).expect("the selection is one of the ids"))
    }
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::{limit::MAX_UPDATES, setting::ParameterValue};

    use super::*;
    use crate::sweep::{Axis, test_support::terms};

    #[test]
    fn a_sweep_too_large_to_count_its_updates_has_the_largest_number_of_them() {
        let mut terms = terms();
        terms.template = terms.template.with(Setting::UPDATES, MAX_UPDATES).unwrap();
        // 50 configurations of a million replicates: the most trials there may be.
        let values = (1..=50).map(|n| ParameterValue::Number(f64::from(n) / 100.0));
        terms.axes = vec![Axis {
            parameter: Setting::LAMBDA_P,
            values: values.collect(),
        }];
        terms.replicates = 1_000_000;
        let spec = SweepSpec::new(terms).unwrap();
        let entry = SweepEntry {
            sweep_id: spec.id(),
            spec: Arc::new(spec),
            first_trial_id: TrialId(1),
            created_at_ms: 0,
        };
        let counts = TrialCounts {
            succeeded: 50_000_000,
            ..TrialCounts::default()
        };
        let total = entry.updates_total(&counts, |_| TrialState::Succeeded);
        assert_eq!(total, u64::MAX);
        let ended = entry.updates_ended(&counts, |_| TrialState::Succeeded);
        assert_eq!(ended, u64::MAX);
    }
}
