//! A gated recurrent unit with the formulas of PyTorch's `GRUCell`: `h' = (1 - z) n + z h`.

use burn::tensor::{Tensor, activation::sigmoid};

use super::{
    Recurrence,
    gate::{Gate, Projected},
};
use crate::model::{
    parameters::{Layout, Matrix},
    unroll::Heads,
};

/// The three gates with their inputs projected.
pub(super) struct Gru {
    /// `r = sigmoid(W_r x + b_r + U_r h + c_r)`.
    reset: Projected,
    /// `z = sigmoid(W_z x + b_z + U_z h + c_z)`.
    update: Projected,
    /// `n = tanh(W_n x + b_n + r * (U_n h + c_n))`.
    candidate: Projected,
    /// `c_n`, `[lanes, 1, hidden]`: kept apart, since the reset gate multiplies it.
    candidate_bias: Tensor<3>,
}

impl Gru {
    /// The parameters, in the order of a flat row.
    pub(super) fn matrices(layout: &Layout) -> Vec<Matrix> {
        let gates = ["reset", "update", "candidate"];
        gates
            .iter()
            .flat_map(|gate| Gate::matrices(layout, gate))
            .collect()
    }

    /// Projects `x` (`[lanes, batch, elements]`), with the parameters in their order.
    pub(super) fn new(x: &Tensor<3>, parameters: &[Tensor<3>]) -> Self {
        let [reset, update, candidate] = Gate::cut(parameters);
        Self {
            reset: reset.projected(x),
            update: update.projected(x),
            candidate_bias: candidate.recurrent_bias.clone(),
            candidate: candidate.projected_without_recurrent_bias(x),
        }
    }
}

impl Recurrence for Gru {
    type State = Tensor<3>;

    fn first(&self) -> Tensor<3> {
        let reset = sigmoid(self.reset.at_first());
        let update = sigmoid(self.update.at_first());
        let recurrent = reset * self.candidate_bias.clone();
        let candidate = (self.candidate.at_first() + recurrent).tanh();
        candidate.clone() - update * candidate
    }

    fn next(&self, state: &Tensor<3>) -> Tensor<3> {
        let reset = sigmoid(self.reset.at(state));
        let update = sigmoid(self.update.at(state));
        let recurrent = self.candidate.recurrent(state) + self.candidate_bias.clone();
        let candidate = (self.candidate.input() + reset * recurrent).tanh();
        candidate.clone() + update * (state.clone() - candidate)
    }

    fn read(&self, heads: &Heads, state: &Tensor<3>) -> Tensor<3> {
        heads.read(state)
    }
}
