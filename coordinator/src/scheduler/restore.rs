//! What a restart brings back: the states the scheduler had committed, as plain data.

use pondersweep_proto::id::{Attempt, WorkerId};

use super::{
    blame::Record,
    change::{SweepState, TrialState},
    pace::Baseline,
    sweep::SweepEntry,
    trial::Trial,
};

/// A sweep as it was stored.
#[derive(Clone, Debug)]
pub struct RestoredSweep {
    /// What was enqueued.
    pub entry: SweepEntry,
    /// Its state.
    pub state: SweepState,
    /// Why, for people.
    pub state_reason: String,
    /// Since when its failure rate is counted.
    pub baseline: Baseline,
    /// Its trials, in the order of their ids.
    pub trials: Vec<RestoredTrial>,
}

/// A trial as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoredTrial {
    /// Its state.
    pub state: TrialState,
    /// Its current or last attempt, 0 before the first.
    pub attempt: Attempt,
    /// What stands against it.
    pub record: Record,
    /// Who holds it, if its state is `Leased`.
    pub lease: Option<RestoredLease>,
}

/// Who holds a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoredLease {
    /// The worker.
    pub worker_id: WorkerId,
    /// The acquisition the lease was granted to.
    pub request_id: String,
}

impl RestoredTrial {
    pub(super) fn state_of(&self) -> Trial {
        assert_eq!(
            self.state == TrialState::Leased,
            self.lease.is_some(),
            "{self:?}"
        );
        Trial::restored(self.state, self.attempt.0, self.record)
    }
}
