//! The iterated function `s(x, h_n)` (paper, section 2.1). Each has a file of its own: its parameters
//! in their order, and one step. What iterates it, halts it and judges it knows none of them.
//!
//! The same `x` is fed at every step, so its projections are computed once. The state starts from
//! zero, so the first step needs no matrix product with it.

mod gate;
mod gru;
mod lstm;
mod rnn;

use burn::tensor::Tensor;
use pondersweep_proto::spec::StepFunction;

use self::{gru::Gru, lstm::Lstm, rnn::Rnn};
use super::{
    parameters::{Layout, Matrix, Weights},
    unroll::{Iteration, Logits},
};

/// A step function with its input projected.
pub(super) trait Recurrence: Sized {
    /// What a step hands to the next.
    type State;

    /// Its parameters, in the order of a flat row.
    fn matrices(layout: &Layout) -> Vec<Matrix>;

    /// Projects `x` (`[lanes, batch, elements]`), with the parameters in their order.
    fn new(x: &Tensor<3>, parameters: &[Tensor<3>]) -> Self;

    /// The state after the first step, from a state of zeros.
    fn first(&self) -> Self::State;

    /// The state after one more step.
    fn next(&self, state: &Self::State) -> Self::State;

    /// What the heads read of a state, `[lanes, batch, hidden]`.
    fn output(state: &Self::State) -> &Tensor<3>;
}

/// The parameters of the layout's step function, in the order of a flat row.
pub(super) fn matrices(layout: &Layout) -> Vec<Matrix> {
    match layout.step_function {
        StepFunction::Rnn => Rnn::matrices(layout),
        StepFunction::Gru => Gru::matrices(layout),
        StepFunction::Lstm => Lstm::matrices(layout),
    }
}

/// Iterates the step function of the weights on `x` (`[lanes, batch, elements]`).
pub(super) fn iterate(x: &Tensor<3>, weights: &Weights, iteration: Iteration) -> Logits {
    let parameters = weights.of_step_function();
    match weights.layout().step_function {
        StepFunction::Rnn => iteration.run(&Rnn::new(x, parameters)),
        StepFunction::Gru => iteration.run(&Gru::new(x, parameters)),
        StepFunction::Lstm => iteration.run(&Lstm::new(x, parameters)),
    }
}
