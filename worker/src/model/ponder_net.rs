//! The unrolled network (paper, section 2.1): from an input to the logits of every ponder step.

use burn::tensor::Tensor;

use super::{
    halting::{Pending, StepLimit},
    parameters::{Head, Weights},
    step_function::Step,
};

/// The network's outputs before their sigmoids, `[lanes, steps, batch]` each.
#[derive(Clone, Debug)]
pub struct Logits {
    /// Of the answers `y_n`.
    pub answer: Tensor<3>,
    /// Of the halting probabilities `lambda_n`.
    pub halting: Tensor<3>,
}

/// Unrolls the step function on `x` (`[lanes, batch, elements]`) up to the limit; the number of
/// steps computed is that of the logits.
///
/// This one function is the boundary of automatic differentiation that a fused kernel replaces:
/// whatever comes before and after stays in plain tensors.
#[must_use]
pub fn unroll(x: &Tensor<3>, weights: &Weights, limit: StepLimit) -> Logits {
    let step = Step::new(x, weights);
    let heads = Heads::new(weights);
    let mut pending = Pending::new(limit);
    let mut state = step.first();
    let mut outputs = vec![heads.read(&state)];
    while pending.after(|| halting_logits(&outputs[outputs.len() - 1])) {
        state = step.next(&state);
        outputs.push(heads.read(&state));
    }
    let outputs = Tensor::stack::<4>(outputs, 2);
    Logits {
        answer: outputs.clone().narrow(1, 0, 1).squeeze_dim(1),
        halting: outputs.narrow(1, 1, 1).squeeze_dim(1),
    }
}

/// Both heads as one matrix, so that a step reads its state once.
struct Heads {
    /// `[lanes, hidden, 2]`: answer, halting.
    weights: Tensor<3>,
    /// `[lanes, 1, 2]`.
    bias: Tensor<3>,
}

impl Heads {
    fn new(
        Weights {
            answer, halting, ..
        }: &Weights,
    ) -> Self {
        let both = |part: fn(&Head) -> &Tensor<3>| {
            Tensor::cat(vec![part(answer).clone(), part(halting).clone()], 2)
        };
        Self {
            weights: both(|head| &head.weights),
            bias: both(|head| &head.bias),
        }
    }

    /// `[lanes, 2, batch]`.
    fn read(&self, state: &Tensor<3>) -> Tensor<3> {
        let logits = state.clone().matmul(self.weights.clone()) + self.bias.clone();
        logits.swap_dims(1, 2)
    }
}

/// `[lanes, batch]`, cut off from differentiation.
fn halting_logits(outputs: &Tensor<3>) -> Tensor<2> {
    outputs.clone().inner().narrow(1, 1, 1).squeeze_dim(1)
}
