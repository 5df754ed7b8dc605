//! The unrolled network (paper, section 2.1): from an input to the logits of every ponder step.

use burn::tensor::Tensor;

use super::{
    halting::{Pending, StepLimit},
    parameters::{Head, Weights},
    step_function::{Recurrence, iterate},
};

/// The network's outputs before their sigmoids.
#[derive(Clone, Debug)]
pub struct Logits {
    /// Of the answers `y_n`, `[lanes, answers, steps, batch]`.
    pub answer: Tensor<4>,
    /// Of the halting probabilities `lambda_n`, `[lanes, steps, batch]`.
    pub halting: Tensor<3>,
}

/// Unrolls the step function on `x` (`[lanes, batch, elements]`) up to the limit; the number of
/// steps computed is that of the logits.
///
/// This one function is the boundary of automatic differentiation that a fused kernel replaces:
/// whatever comes before and after stays in plain tensors.
#[must_use]
pub fn unroll(x: &Tensor<3>, weights: &Weights, limit: StepLimit) -> Logits {
    let heads = Heads::new(weights);
    iterate(x, weights, Iteration { heads, limit })
}

/// What is done with a step function, whichever it is.
pub(super) struct Iteration {
    heads: Heads,
    limit: StepLimit,
}

impl Iteration {
    /// The logits of every step.
    pub(super) fn run<R: Recurrence>(self, step: &R) -> Logits {
        let Self { heads, limit } = self;
        let mut pending = Pending::new(limit);
        let mut state = step.first();
        let mut outputs = vec![heads.read(R::output(&state))];
        while pending.after(|| heads.halting(&outputs[outputs.len() - 1])) {
            state = step.next(&state);
            outputs.push(heads.read(R::output(&state)));
        }
        let outputs = Tensor::stack::<4>(outputs, 2);
        let answers = heads.answers();
        Logits {
            answer: outputs.clone().narrow(1, 0, answers),
            halting: outputs.narrow(1, answers, 1).squeeze_dim(1),
        }
    }
}

/// Both heads as one matrix, so that a step reads its state once.
struct Heads {
    /// `[lanes, hidden, answers + 1]`: answers, halting.
    weights: Tensor<3>,
    /// `[lanes, 1, answers + 1]`.
    bias: Tensor<3>,
}

impl Heads {
    fn new(weights: &Weights) -> Self {
        let heads = [weights.answer(), weights.halting()];
        let both =
            |part: fn(&Head<'_>) -> Tensor<3>| Tensor::cat(heads.iter().map(part).collect(), 2);
        Self {
            weights: both(|head| head.weights.clone()),
            bias: both(|head| head.bias.clone()),
        }
    }

    fn answers(&self) -> usize {
        let [_, _, outputs] = self.bias.dims();
        outputs - 1
    }

    /// `[lanes, answers + 1, batch]`.
    fn read(&self, state: &Tensor<3>) -> Tensor<3> {
        let logits = state.clone().matmul(self.weights.clone()) + self.bias.clone();
        logits.swap_dims(1, 2)
    }

    /// Of what was read: `[lanes, batch]`, cut off from differentiation.
    fn halting(&self, outputs: &Tensor<3>) -> Tensor<2> {
        let outputs = outputs.clone().inner();
        outputs.narrow(1, self.answers(), 1).squeeze_dim(1)
    }
}
