//! What a restart brings back: the states the scheduler had committed, as plain data.

use pondersweep_proto::id::{Attempt, WorkerId};

use super::{
    change::{SweepState, TrialState},
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
    /// Attempts that failed by its own doing, since it was last retried by a person.
    pub failures: u32,
    /// Attempts lost with their worker, since it was last retried by a person.
    pub worker_losses: u32,
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
        // Limits are at most 1,000, so the counts always fit.
        let small = |count: u32| u16::try_from(count).unwrap_or(u16::MAX);
        Trial {
            state: self.state,
            failures: small(self.failures),
            worker_losses: small(self.worker_losses),
            attempt: self.attempt.0,
        }
    }
}
