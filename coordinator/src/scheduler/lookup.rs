//! What the scheduler knows, asked: it changes nothing.

use pondersweep_proto::id::{SweepId, TrialId};

use super::{
    change::{SweepState, TrialState},
    scheduling::Scheduler,
    sweep::{Sweep, TrialCounts},
};

impl Scheduler {
    /// Whether nothing is leased and nothing can be: of one sweep, or of all.
    #[must_use]
    pub fn is_idle(&self, only: Option<SweepId>) -> bool {
        self.sweeps
            .values()
            .filter(|sweep| only.is_none_or(|only| only == sweep.entry.sweep_id))
            .all(|sweep| {
                let more = sweep.counts.pending > 0 || sweep.steering.is_some();
                let dispatched = sweep.state == SweepState::Active && more;
                !dispatched && sweep.counts.leased == 0
            })
    }

    /// The trials of all sweeps by state.
    #[must_use]
    pub fn total_counts(&self) -> TrialCounts {
        let mut total = TrialCounts::default();
        for sweep in self.sweeps.values() {
            let mut counts = sweep.counts;
            for state in TrialState::ALL {
                *total.of_mut(state) += *counts.of_mut(state);
            }
        }
        total
    }

    /// A sweep's state; `None` if it was never enqueued.
    #[must_use]
    pub fn sweep_state(&self, sweep_id: SweepId) -> Option<SweepState> {
        self.find(sweep_id).map(|sweep| sweep.state)
    }

    /// Why a sweep is in its state, for people; `None` if it was never enqueued.
    #[must_use]
    pub fn sweep_reason(&self, sweep_id: SweepId) -> Option<&str> {
        self.find(sweep_id).map(|sweep| sweep.reason.as_str())
    }

    /// A sweep's trials by state; `None` if it was never enqueued.
    #[must_use]
    pub fn counts(&self, sweep_id: SweepId) -> Option<TrialCounts> {
        self.find(sweep_id).map(|sweep| sweep.counts)
    }

    /// A trial's state; `None` if no sweep has it.
    #[must_use]
    pub fn trial_state(&self, trial_id: TrialId) -> Option<TrialState> {
        Some(self.containing(trial_id)?.trial(trial_id).state)
    }

    pub(super) fn find(&self, sweep_id: SweepId) -> Option<&Sweep> {
        self.sweeps
            .values()
            .find(|sweep| sweep.entry.sweep_id == sweep_id)
    }

    pub(super) fn sweep_mut(&mut self, sweep_id: SweepId) -> &mut Sweep {
        let found = self
            .sweeps
            .values_mut()
            .find(|sweep| sweep.entry.sweep_id == sweep_id);
        found.expect("callers name sweeps that were enqueued")
    }

    pub(super) fn containing(&self, trial_id: TrialId) -> Option<&Sweep> {
        let (_, sweep) = self.sweeps.range(..=trial_id).next_back()?;
        sweep.ids().contains(&trial_id.0).then_some(sweep)
    }

    pub(super) fn sweep_of(&self, trial_id: TrialId) -> &Sweep {
        self.containing(trial_id)
            .expect("leased trials belong to a sweep")
    }

    pub(super) fn sweep_of_mut(&mut self, trial_id: TrialId) -> &mut Sweep {
        let (_, sweep) = self
            .sweeps
            .range_mut(..=trial_id)
            .next_back()
            .expect("as in sweep_of");
        assert!(
            sweep.ids().contains(&trial_id.0),
            "leased trials belong to a sweep"
        );
        sweep
    }
}
