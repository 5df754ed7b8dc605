//! One sweep as the scheduler keeps it: its state, its trials and which of them are pending.

use std::collections::BTreeSet;

use pondersweep_proto::id::{SweepId, TrialId};

use super::{
    blame::{Suspicion, TrialLimits},
    change::{SweepState, TrialState},
    pace::Baseline,
    queue::{Queue, ShapeIndex, TrialIndex},
    steering::{Concerned, Steering},
    trial::{Event, Trial},
};

/// A sweep to be scheduled.
#[derive(Clone, Debug)]
pub struct SweepEntry {
    /// Its identity.
    pub sweep_id: SweepId,
    /// Its trials are this one and those that follow without a gap.
    pub first_trial_id: TrialId,
    /// For every configuration, which shape its trials have: only trials of one shape share a
    /// bundle. Shapes are numbered as the caller likes.
    pub shape_of_configuration: Vec<ShapeIndex>,
    /// Repetitions of every configuration, at most; all configurations come once before any comes
    /// again.
    pub replicates: u32,
    /// Repetitions that are run anyway; those beyond are withheld until they are allocated.
    pub initial_replicates: u32,
    /// Only workers on this device may train its trials; without it all may.
    pub device: Option<String>,
    /// What its trials need, which only some workers offer.
    pub need: Option<String>,
    /// What a trial may do before it has failed.
    pub limits: TrialLimits,
}

/// Trials by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the states are documented at `TrialState`")]
pub struct TrialCounts {
    pub pending: u64,
    pub leased: u64,
    pub succeeded: u64,
    pub infeasible: u64,
    pub failed: u64,
    pub cancelled: u64,
    pub withheld: u64,
}

impl TrialCounts {
    /// All trials that have ended or are to be run, without those that are withheld.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.pending + self.leased + self.ended()
    }

    /// Trials that were to be run, and are neither pending nor leased.
    #[must_use]
    pub const fn ended(&self) -> u64 {
        self.succeeded + self.infeasible + self.failed + self.cancelled
    }

    /// The count of one state.
    pub const fn of_mut(&mut self, state: TrialState) -> &mut u64 {
        match state {
            TrialState::Pending => &mut self.pending,
            TrialState::Leased => &mut self.leased,
            TrialState::Succeeded => &mut self.succeeded,
            TrialState::Infeasible => &mut self.infeasible,
            TrialState::Failed => &mut self.failed,
            TrialState::Cancelled => &mut self.cancelled,
            TrialState::Withheld => &mut self.withheld,
        }
    }
}

/// A sweep under way.
#[derive(Debug)]
pub(super) struct Sweep {
    pub(super) entry: SweepEntry,
    pub(super) state: SweepState,
    /// Why it is in that state, for people.
    pub(super) reason: String,
    pub(super) baseline: Baseline,
    pub(super) counts: TrialCounts,
    /// What a person decided and not every trial has followed yet.
    pub(super) steering: Option<Steering>,
    trials: Vec<Trial>,
    /// Pending trials that may have company.
    queue: Queue,
    /// Pending trials that may not.
    suspects: BTreeSet<TrialIndex>,
}

impl SweepEntry {
    /// Number of trials, those that are withheld included.
    pub(super) fn trials(&self) -> usize {
        self.shape_of_configuration.len() * self.replicates as usize
    }

    /// The state in which a trial begins: the first replicates of every configuration are the first
    /// trials.
    pub(super) fn first_state(&self, index: usize) -> TrialState {
        let run_anyway = self.shape_of_configuration.len() * self.initial_replicates as usize;
        if index < run_anyway {
            TrialState::Pending
        } else {
            TrialState::Withheld
        }
    }
}

impl Sweep {
    /// An active sweep with trials in these states.
    pub(super) fn new(entry: SweepEntry, trials: Vec<Trial>) -> Self {
        assert_eq!(
            trials.len(),
            entry.trials(),
            "a sweep has one trial for each place"
        );
        let mut sweep = Self {
            entry,
            state: SweepState::Active,
            reason: String::new(),
            baseline: Baseline::default(),
            counts: TrialCounts::default(),
            steering: None,
            trials,
            queue: Queue::default(),
            suspects: BTreeSet::new(),
        };
        for index in 0..sweep.trials.len() {
            let trial = sweep.trials[index];
            *sweep.counts.of_mut(trial.state) += 1;
            if trial.state == TrialState::Pending {
                sweep.queue_up(as_trial_index(index));
            }
        }
        sweep
    }

    /// The range of its trials' ids.
    pub(super) fn ids(&self) -> std::ops::Range<u64> {
        let first = self.entry.first_trial_id.0;
        first..first + self.trials.len() as u64
    }

    /// A trial of this sweep.
    pub(super) fn trial(&self, trial_id: TrialId) -> &Trial {
        &self.trials[self.index(trial_id) as usize]
    }

    /// Takes a trial to its next state and keeps counts and queue in step.
    pub(super) fn apply(&mut self, trial_id: TrialId, event: Event) -> TrialState {
        let index = self.index(trial_id);
        let before = self.trials[index as usize].state;
        // Taken out first: where it is queued depends on what stands against it.
        if before == TrialState::Pending && !self.suspects.remove(&index) {
            self.queue.remove(self.shape(index), index);
        }
        let trial = &mut self.trials[index as usize];
        trial.apply(event);
        let after = trial.state;
        *self.counts.of_mut(before) -= 1;
        *self.counts.of_mut(after) += 1;
        if after == TrialState::Pending {
            self.queue_up(index);
        }
        after
    }

    fn queue_up(&mut self, index: TrialIndex) {
        if self.is_suspect(index) {
            self.suspects.insert(index);
        } else {
            self.queue.push(self.shape(index), index);
        }
    }

    fn is_suspect(&self, index: TrialIndex) -> bool {
        self.trials[index as usize].record().suspicion == Suspicion::Suspect
    }

    /// Whether its trials are given out, and there are any.
    pub(super) fn is_dispatched(&self) -> bool {
        self.state == SweepState::Active && self.counts.pending > 0
    }

    /// The next trials of one shape, in the order of their ids. Suspects come when nothing else is
    /// pending, one at a time, and only to a process that holds nothing.
    pub(super) fn next_bundle(&self, most: usize, process_is_empty: bool) -> Vec<TrialId> {
        let mut bundle = self.queue.next_bundle(most);
        if bundle.is_empty() && process_is_empty {
            bundle.extend(self.suspects.first());
        }
        self.ids_of(bundle)
    }

    /// The next trials of the shape of this one, in the order of their ids; never a suspect.
    pub(super) fn next_together_with(&self, trial_id: TrialId, most: usize) -> Vec<TrialId> {
        let shape = self.shape(self.index(trial_id));
        self.ids_of(self.queue.next_of(shape, most))
    }

    fn ids_of(&self, indices: Vec<TrialIndex>) -> Vec<TrialId> {
        let first = self.entry.first_trial_id.0;
        let id = |index: TrialIndex| TrialId(first + u64::from(index));
        indices.into_iter().map(id).collect()
    }

    /// The trials in one of these states.
    pub(super) fn in_state(&self, states: &[TrialState]) -> Vec<TrialId> {
        let trials = self.ids().zip(&self.trials);
        let wanted = trials.filter(|(_, trial)| states.contains(&trial.state));
        wanted.map(|(id, _)| TrialId(id)).collect()
    }

    /// The first `most` trials that are concerned, from this one on, and where to look for more.
    pub(super) fn next_concerned(
        &self,
        concerned: &Concerned,
        from: TrialIndex,
        most: usize,
    ) -> (Vec<TrialId>, Option<TrialIndex>) {
        let trials = (from..).zip(&self.trials[from as usize..]);
        let wanted = trials.filter(|(index, trial)| self.is_concerned(concerned, *index, trial));
        let found: Vec<TrialIndex> = wanted.map(|(index, _)| index).take(most).collect();
        let more = found.len() == most;
        let next = found.last().filter(|_| more).map(|last| last + 1);
        (self.ids_of(found), next)
    }

    /// How many trials are concerned.
    pub(super) fn count_concerned(&self, concerned: &Concerned) -> u64 {
        let trials = (0..).zip(&self.trials);
        let wanted = trials.filter(|(index, trial)| self.is_concerned(concerned, *index, trial));
        wanted.count() as u64
    }

    fn is_concerned(&self, concerned: &Concerned, index: TrialIndex, trial: &Trial) -> bool {
        match concerned {
            Concerned::InState(states) => states.contains(&trial.state),
            Concerned::Allocated(replicates) => {
                let configurations = replicates.len();
                let (configuration, replicate) = (
                    index as usize % configurations,
                    index as usize / configurations,
                );
                trial.state == TrialState::Withheld
                    && replicate < replicates[configuration] as usize
            }
        }
    }

    /// Whether every trial has ended that was to be run.
    pub(super) const fn all_ended(&self) -> bool {
        self.counts.pending == 0 && self.counts.leased == 0
    }

    fn index(&self, trial_id: TrialId) -> TrialIndex {
        let index = trial_id.0.checked_sub(self.entry.first_trial_id.0);
        let index = index.and_then(|index| TrialIndex::try_from(index).ok());
        index.expect("the trial belongs to this sweep")
    }

    fn shape(&self, index: TrialIndex) -> ShapeIndex {
        let configurations = self.entry.shape_of_configuration.len();
        self.entry.shape_of_configuration[index as usize % configurations]
    }

    /// Checks counts and queue against the trials.
    #[cfg(test)]
    pub(super) fn sanity_check(&self) {
        let mut counts = TrialCounts::default();
        for (index, trial) in self.trials.iter().enumerate() {
            *counts.of_mut(trial.state) += 1;
            let index = as_trial_index(index);
            let queued = self.queue.contains(self.shape(index), index);
            let in_quarantine = self.suspects.contains(&index);
            let pending = trial.state == TrialState::Pending;
            let suspect = self.is_suspect(index);
            assert_eq!(queued, pending && !suspect, "trial index {index}");
            assert_eq!(in_quarantine, pending && suspect, "trial index {index}");
        }
        assert_eq!(counts, self.counts);
        let queued = (self.queue.len() + self.suspects.len()) as u64;
        assert_eq!(queued, self.counts.pending);
        match self.state {
            SweepState::Active | SweepState::Paused => {
                assert!(!self.all_ended() || self.steering.is_some());
            }
            SweepState::Cancelled => {
                assert!(self.all_ended() || self.steering.is_some());
                assert_eq!(self.counts.leased, 0);
            }
            SweepState::Finished => assert!(self.all_ended()),
        }
    }
}

fn as_trial_index(index: usize) -> TrialIndex {
    TrialIndex::try_from(index).expect("MAX_TRIALS fits")
}
