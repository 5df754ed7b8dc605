//! The operations under automatic differentiation on Flex: each is one node of burn's graph, with
//! the backward pass derived by hand. A node keeps what its pass left behind, not its inputs.

use std::sync::{Arc, Mutex, PoisonError};

use burn::backend::{
    Autodiff, AutodiffBackend, Flex,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind},
    },
    flex::FlexTensor,
    tensor::FloatTensor,
};

use super::{
    extension::{FusedLosses, Pondering, Unrolling},
    flex::{self, Passes},
};
use crate::kernel::Pass;

impl<C: CheckpointStrategy> Pondering for Autodiff<Flex, C> {
    fn unrolled(
        parameters: FloatTensor<Self>,
        x: FloatTensor<Self>,
        unrolling: Unrolling,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        assert!(!x.is_tracked(), "inputs have no gradient");
        let x = x.into_primitive();
        let (parameters, node) = parameters.into_parts();
        // Compute bound: a pass is never made a second time to save memory.
        let prepared = Unrolled.prepare::<C>([node]).compute_bound().stateful();
        let (logits, stops) = match prepared {
            OpsKind::Tracked(node) => {
                let pass = match unrolling.stop {
                    Some(_) => Pass::TrainingUntil,
                    None => Pass::Training,
                };
                let (logits, stops, passes) = flex::forward(parameters, x, &unrolling, pass);
                (node.finish(Tape::of(passes), logits), stops)
            }
            OpsKind::UnTracked(node) => {
                let (logits, stops) = Flex::unrolled(parameters, x, unrolling);
                (node.finish(logits), stops)
            }
        };
        (logits, Self::from_inner(stops))
    }

    fn lane_losses(
        logits: FloatTensor<Self>,
        stops: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        losses: FusedLosses,
    ) -> FloatTensor<Self> {
        assert!(!targets.is_tracked(), "targets have no gradient");
        let (stops, targets) = (stops.into_primitive(), targets.into_primitive());
        let (logits, node) = logits.into_parts();
        let prepared = Losses.prepare::<C>([node]).compute_bound().stateful();
        let (losses, gradient) = flex::losses_and_gradient(logits, stops, targets, &losses);
        match prepared {
            OpsKind::Tracked(node) => node.finish(gradient, losses),
            OpsKind::UnTracked(node) => node.finish(losses),
        }
    }
}

/// The backward pass of the unrolled network.
#[derive(Debug)]
struct Unrolled;

impl Backward<Flex, 1> for Unrolled {
    type State = Tape;

    fn backward(
        self,
        ops: Ops<Tape, 1>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let logits = gradients.consume::<Flex>(&ops.node);
        let [parameters] = ops.parents;
        if let Some(parameters) = parameters {
            let gradient = flex::backward(logits, ops.state.take());
            gradients.register::<Flex>(parameters.id, gradient);
        }
    }
}

/// The backward pass of the loss: the forward pass has made the gradient along with the loss.
#[derive(Debug)]
struct Losses;

impl Backward<Flex, 1> for Losses {
    /// The gradient in the logits of the sum of the losses.
    type State = FlexTensor;

    fn backward(
        self,
        ops: Ops<FlexTensor, 1>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let factors = gradients.consume::<Flex>(&ops.node);
        let [logits] = ops.parents;
        if let Some(logits) = logits {
            gradients.register::<Flex>(logits.id, flex::scaled(ops.state, factors));
        }
    }
}

/// What the forward passes left in their workspaces, for the one backward pass that uses it up.
/// burn wants a state that can be cloned; clones share the one tape.
#[derive(Clone, Debug)]
struct Tape(Arc<Mutex<Option<Passes>>>);

impl Tape {
    fn of(passes: Passes) -> Self {
        Self(Arc::new(Mutex::new(Some(passes))))
    }

    fn take(&self) -> Passes {
        let mut passes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        passes.take().expect("burn differentiates a node once")
    }
}
