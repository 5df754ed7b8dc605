//! Everything that decides how a lane goes on: what a checkpoint keeps. Random numbers have no
//! state, since streams are counter-based: the number of the next update is enough.

use pondersweep_proto::spec::TrialSpec;

use super::lane::Sums;
use crate::kernel::Adam;

/// A lane between two updates, on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneState {
    /// In the order of the model's layout.
    pub(super) parameters: Vec<f32>,
    /// The optimiser's moments, and how many updates it has made.
    pub(super) optimizer: Adam,
    /// What the next observation will report of training, so far.
    pub(super) sums: Sums,
}

impl LaneState {
    /// Parameter updates done; the next one has this number, counted from 0.
    #[must_use]
    pub const fn updates_done(&self) -> u64 {
        self.optimizer.updates
    }
}

/// A trial, and where its training starts.
#[derive(Clone, Debug)]
pub struct Start {
    /// What is trained.
    pub trial: TrialSpec,
    /// How far it was before; `None` for a trial that starts at update 0.
    pub state: Option<LaneState>,
}

impl Start {
    /// Parameter updates that are done already.
    #[must_use]
    pub fn updates_done(&self) -> u64 {
        self.state.as_ref().map_or(0, LaneState::updates_done)
    }
}

impl From<TrialSpec> for Start {
    fn from(trial: TrialSpec) -> Self {
        Self { trial, state: None }
    }
}
