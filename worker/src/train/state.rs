//! Everything that decides how a lane goes on: what a checkpoint keeps. Random numbers have no
//! state, since streams are counter-based: the number of the next update is enough.

use super::lane::Means;
use crate::kernel::Adam;

/// A lane between two updates, on the host.
#[derive(Clone, Debug, PartialEq)]
pub struct LaneState {
    /// In the order of the model's layout.
    pub(super) parameters: Vec<f32>,
    /// The optimiser's moments, and how many updates it has made.
    pub(super) optimizer: Adam,
    /// What the next observation will report of training.
    pub(super) means: Means,
}

impl LaneState {
    /// Parameter updates done; the next one has this number, counted from 0.
    #[must_use]
    pub const fn updates_done(&self) -> u64 {
        self.optimizer.updates
    }
}
