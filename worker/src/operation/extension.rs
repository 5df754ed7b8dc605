//! The operations as a burn backend extension: what Flex and automatic differentiation over Flex
//! must know how to do. The macro writes the way there from a [`Tensor`](burn::tensor::Tensor),
//! whose backend is known at run time only.

use std::sync::{Arc, Mutex};

use burn::backend::{Backend, backend_extension, tensor::FloatTensor};

use super::workspaces::Workspaces;
use crate::{
    kernel::{Adam, AdamSettings, InstructionSet, Loss, Shape},
    model::{Layout, StopRule},
};

/// How a network is unrolled, but for the numbers in its tensors.
#[derive(Clone, Debug)]
pub(super) struct Unrolling {
    pub(super) layout: Layout,
    /// N, the most steps.
    pub(super) steps: usize,
    /// When a sample stops before; `None` where all take all steps.
    pub(super) stop: Option<StopRule>,
    pub(super) workspaces: Workspaces,
}

impl Unrolling {
    /// The kernels' shape for a batch of this size.
    ///
    /// # Panics
    /// The kernels do not know the layout: [`Body::of`](super::Body::of) tells.
    pub(super) fn shape(&self, batch: usize) -> Shape {
        let shape = Shape::of(&self.layout, batch, self.steps);
        shape.expect("the kernels know the layouts they are given")
    }
}

/// The losses of a bundle's lanes, in their order.
#[derive(Clone, Debug)]
pub(super) struct FusedLosses {
    pub(super) lanes: Arc<[Loss]>,
    pub(super) instructions: InstructionSet,
    /// One for each lane.
    pub(super) scratch: Arc<[Mutex<LossScratch>]>,
}

/// What a lane's loss needs for the time of its evaluation, kept from one to the next.
#[derive(Debug, Default)]
pub(super) struct LossScratch {
    /// `[batch]`.
    pub(super) labels: Vec<f32>,
    /// `[steps, batch]`.
    pub(super) distribution: Vec<f32>,
}

/// One lane's optimiser.
#[derive(Clone, Debug)]
pub(super) struct LaneAdam {
    pub(super) settings: AdamSettings,
    pub(super) state: Adam,
}

/// What is differentiated.
#[backend_extension(Flex, Autodiff)]
pub(super) trait Pondering: Backend {
    /// The unrolled network: answer and halting logits `[lanes, 2, steps, batch]` from parameters
    /// `[lanes, layout.size()]` and inputs `[lanes, batch, elements]`; and each sample's last step,
    /// counted from 1 (`[lanes, batch]`), after which its logits are zero. The logits are
    /// differentiable in the parameters.
    fn unrolled(
        parameters: FloatTensor<Self>,
        x: FloatTensor<Self>,
        unrolling: Unrolling,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// The mean loss of each lane, `[lanes]`, from those logits and last steps, and from targets
    /// (+-1, `[lanes, batch]`). Differentiable in the logits.
    fn lane_losses(
        logits: FloatTensor<Self>,
        stops: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        losses: FusedLosses,
    ) -> FloatTensor<Self>;
}

/// What follows differentiation.
#[backend_extension(Flex)]
pub(super) trait Optimizing: Backend {
    /// The parameters after one step of Adam against the gradient (`[lanes, layout.size()]` both),
    /// and the norms of the lanes' gradients.
    fn adam_step(
        parameters: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        lanes: &mut [LaneAdam],
        instructions: InstructionSet,
    ) -> (FloatTensor<Self>, Vec<f64>);
}
