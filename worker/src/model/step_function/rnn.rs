//! One tanh layer, the paper's: `h' = tanh(W x + b + U h + c)`.

use burn::tensor::Tensor;

use super::{
    Recurrence,
    gate::{Gate, Projected},
};
use crate::model::parameters::{Layout, Matrix};

/// The layer with its input projected.
pub(super) struct Rnn(Projected);

impl Recurrence for Rnn {
    type State = Tensor<3>;

    fn matrices(layout: &Layout) -> Vec<Matrix> {
        Gate::matrices(layout, "state")
    }

    fn new(x: &Tensor<3>, parameters: &[Tensor<3>]) -> Self {
        let [gate] = Gate::cut(parameters);
        Self(gate.projected(x))
    }

    fn first(&self) -> Tensor<3> {
        self.0.at_first().tanh()
    }

    fn next(&self, state: &Tensor<3>) -> Tensor<3> {
        self.0.at(state).tanh()
    }

    fn output(state: &Tensor<3>) -> &Tensor<3> {
        state
    }
}
