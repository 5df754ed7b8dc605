//! The iterated function `s(x, h_n)` (paper, section 2.1). Each has a file of its own: its
//! parameters in their order, and one step. What iterates it, halts it and judges it knows none of
//! them.
//!
//! The same `x` is fed at every step, so its projections are computed once. The state starts from
//! zero, so the first step needs no matrix product with it.

mod gate;
mod gru;
mod lstm;
mod rnn;
mod transformer;

use burn::tensor::Tensor;
use pondersweep_proto::spec::StepFunction;

pub use self::transformer::Block;
use self::{gru::Gru, lstm::Lstm, rnn::Rnn, transformer::Transformer};
use super::{
    Dropout,
    parameters::{Layout, Matrix, Weights},
    unroll::{Heads, Iteration, Logits},
};

/// A step function with its input projected.
pub(super) trait Recurrence {
    /// What a step hands to the next.
    type State;

    /// The state after the first step, from a state of zeros.
    fn first(&self) -> Self::State;

    /// The state after one more step.
    fn next(&self, state: &Self::State) -> Self::State;

    /// The logits that the heads read of a state, `[lanes, answers + 1, batch]`: halting is the
    /// last.
    fn read(&self, heads: &Heads, state: &Self::State) -> Tensor<3>;
}

/// The parameters of the layout's step function, in the order of a flat row.
pub(super) fn matrices(layout: &Layout) -> Vec<Matrix> {
    match layout.step_function {
        StepFunction::Rnn => Rnn::matrices(layout),
        StepFunction::Gru => Gru::matrices(layout),
        StepFunction::Lstm => Lstm::matrices(layout),
        StepFunction::Transformer => transformer::matrices(layout, layout.block()),
    }
}

/// Iterates the step function of the weights on `x` (`[lanes, batch, elements]`). Those that drop
/// nothing in training leave `dropout` alone.
pub(super) fn iterate(
    x: &Tensor<3>,
    weights: &Weights,
    iteration: Iteration,
    dropout: Option<&Dropout>,
) -> Logits {
    let (parameters, layout) = (weights.of_step_function(), weights.layout());
    match layout.step_function {
        StepFunction::Rnn => iteration.run(&Rnn::new(x, parameters)),
        StepFunction::Gru => iteration.run(&Gru::new(x, parameters)),
        StepFunction::Lstm => iteration.run(&Lstm::new(x, parameters)),
        StepFunction::Transformer => {
            let block = layout.block();
            iteration.run(&Transformer::new(x, layout, block, parameters, dropout))
        }
    }
}
