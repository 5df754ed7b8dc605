//! The unrolled network (paper, section 2.1): from an input to the logits of every ponder step.

use burn::tensor::Tensor;

use super::{
    Dropout,
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
/// steps computed is that of the logits. `dropout` is for training.
///
/// This one function is the boundary of automatic differentiation that a fused kernel replaces:
/// whatever comes before and after stays in plain tensors.
#[must_use]
pub fn unroll(
    x: &Tensor<3>,
    weights: &Weights,
    limit: StepLimit,
    dropout: Option<&Dropout>,
) -> Logits {
    let heads = Heads::new(weights);
    iterate(x, weights, Iteration { heads, limit }, dropout)
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
        let mut outputs = vec![step.read(&heads, &state)];
        while pending.after(|| halting(&outputs[outputs.len() - 1])) {
            state = step.next(&state);
            outputs.push(step.read(&heads, &state));
        }
        let outputs = Tensor::stack::<4>(outputs, 2);
        let [_, both, _, _] = outputs.dims();
        let answers = both - 1;
        Logits {
            answer: outputs.clone().narrow(1, 0, answers),
            halting: outputs.narrow(1, answers, 1).squeeze_dim(1),
        }
    }
}

/// Of what was read: `[lanes, batch]`, cut off from differentiation.
fn halting(outputs: &Tensor<3>) -> Tensor<2> {
    let [_, both, _] = outputs.dims();
    let outputs = outputs.clone().inner();
    outputs.narrow(1, both - 1, 1).squeeze_dim(1)
}

/// Both heads as one matrix, so that a step whose heads read the same reads it once.
pub(super) struct Heads {
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

    /// The logits of a state that both heads read (`[lanes, batch, hidden]`),
    /// `[lanes, answers + 1, batch]`.
    pub(super) fn read(&self, state: &Tensor<3>) -> Tensor<3> {
        let logits = state.clone().matmul(self.weights.clone()) + self.bias.clone();
        logits.swap_dims(1, 2)
    }

    /// The answer's logits of what it alone reads (`[lanes, rows, hidden]`), `[lanes, rows, answers]`.
    pub(super) fn answer(&self, states: Tensor<3>) -> Tensor<3> {
        let [_, _, both] = self.bias.dims();
        self.some(states, 0, both - 1)
    }

    /// The logits of halting of what it alone reads (`[lanes, batch, hidden]`), `[lanes, batch, 1]`.
    pub(super) fn halting(&self, states: Tensor<3>) -> Tensor<3> {
        let [_, _, both] = self.bias.dims();
        self.some(states, both - 1, 1)
    }

    fn some(&self, states: Tensor<3>, first: usize, count: usize) -> Tensor<3> {
        let weights = self.weights.clone().narrow(2, first, count);
        states.matmul(weights) + self.bias.clone().narrow(2, first, count)
    }
}
