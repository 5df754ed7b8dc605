//! Long short-term memory with the formulas of PyTorch's `LSTMCell`: `c' = f c + i g`,
//! `h' = o tanh(c')`. It has no kernels: tensors compute it on every device.

use burn::tensor::{Tensor, activation::sigmoid};

use super::{
    Recurrence,
    gate::{Gate, Projected},
};
use crate::model::{
    parameters::{Layout, Matrix},
    unroll::Heads,
};

/// The four gates with their inputs projected; each is `W x + b + U h + c` before its activation.
pub(super) struct Lstm {
    /// `i`, of a sigmoid.
    input: Projected,
    /// `f`, of a sigmoid.
    forget: Projected,
    /// `g`, of a tanh.
    candidate: Projected,
    /// `o`, of a sigmoid.
    output: Projected,
}

/// `h` and `c`, `[lanes, batch, hidden]` each.
pub(super) struct State {
    hidden: Tensor<3>,
    cell: Tensor<3>,
}

impl Lstm {
    /// The parameters, in the order of a flat row.
    pub(super) fn matrices(layout: &Layout) -> Vec<Matrix> {
        let gates = ["input", "forget", "candidate", "output"];
        let matrices = gates.iter().map(|gate| Gate::matrices(layout, gate));
        matrices.flatten().collect()
    }

    /// Projects `x` (`[lanes, batch, elements]`), with the parameters in their order.
    pub(super) fn new(x: &Tensor<3>, parameters: &[Tensor<3>]) -> Self {
        let [input, forget, candidate, output] =
            Gate::cut(parameters).map(|gate| gate.projected(x));
        Self {
            input,
            forget,
            candidate,
            output,
        }
    }
}

impl Recurrence for Lstm {
    type State = State;

    fn first(&self) -> State {
        let input = sigmoid(self.input.at_first());
        let cell = input * self.candidate.at_first().tanh();
        State {
            hidden: sigmoid(self.output.at_first()) * cell.clone().tanh(),
            cell,
        }
    }

    fn next(&self, State { hidden, cell }: &State) -> State {
        let input = sigmoid(self.input.at(hidden)) * self.candidate.at(hidden).tanh();
        let cell = sigmoid(self.forget.at(hidden)) * cell.clone() + input;
        State {
            hidden: sigmoid(self.output.at(hidden)) * cell.clone().tanh(),
            cell,
        }
    }

    fn read(&self, heads: &Heads, state: &State) -> Tensor<3> {
        heads.read(&state.hidden)
    }
}
