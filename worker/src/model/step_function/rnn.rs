//! One tanh layer, the paper's: `h' = tanh(W x + b + U h + c)`.

use burn::tensor::Tensor;

use super::{
    Recurrence,
    gate::{Gate, Projected},
};
use crate::model::{
    parameters::{Layout, Matrix},
    unroll::Heads,
};

/// The layer with its input projected.
pub(super) struct Rnn(Projected);

impl Rnn {
    /// The parameters, in the order of a flat row.
    pub(super) fn matrices(layout: &Layout) -> Vec<Matrix> {
        Gate::matrices(layout, "state")
    }

    /// Projects `x` (`[lanes, batch, elements]`), with the parameters in their order.
    pub(super) fn new(x: &Tensor<3>, parameters: &[Tensor<3>]) -> Self {
        let [gate] = Gate::cut(parameters);
        Self(gate.projected(x))
    }
}

impl Recurrence for Rnn {
    type State = Tensor<3>;

    fn first(&self) -> Tensor<3> {
        self.0.at_first().tanh()
    }

    fn next(&self, state: &Tensor<3>) -> Tensor<3> {
        self.0.at(state).tanh()
    }

    fn read(&self, heads: &Heads, state: &Tensor<3>) -> Tensor<3> {
        heads.read(state)
    }
}
