//! The iterated function `s(x, h_n)` (paper, section 2.1): a tanh layer or a gated recurrent unit.
//!
//! The same `x` is fed at every step, so its projections are computed once. `h_0 = 0`, so the
//! first step needs no matrix product with the state.

use burn::tensor::{Tensor, activation::sigmoid};

use super::parameters::{Gate, Weights};

/// A step function with its input projected; states are `[lanes, batch, hidden]`.
#[derive(Clone, Debug)]
pub enum Step {
    /// `h' = tanh(W x + b_i + U h + b_r)`, the paper's.
    Rnn(Projected),
    /// A gated recurrent unit with the formulas of PyTorch's `GRUCell`.
    Gru {
        /// `r = sigmoid(W_r x + b_ir + U_r h + b_rr)`.
        reset: Projected,
        /// `z = sigmoid(W_z x + b_iz + U_z h + b_rz)`.
        update: Projected,
        /// `n = tanh(W_n x + b_in + r * (U_n h + b_rn))`; its recurrent bias is kept apart.
        candidate: Projected,
        /// `b_rn`, `[lanes, 1, hidden]`.
        candidate_bias: Tensor<3>,
    },
}

/// What one gate takes from the input, and the weights it applies to the state.
#[derive(Clone, Debug)]
pub struct Projected {
    /// `[lanes, batch, hidden]`, the biases added.
    input: Tensor<3>,
    /// `[lanes, hidden, hidden]`.
    recurrent_weights: Tensor<3>,
}

impl Step {
    /// Projects `x` (`[lanes, batch, elements]`) for every gate: one gate makes an `rnn`, three a
    /// `gru`.
    ///
    /// # Panics
    /// Any other number of gates.
    #[must_use]
    pub fn new(x: &Tensor<3>, weights: &Weights) -> Self {
        match weights.gates.as_slice() {
            [gate] => Self::Rnn(Projected::both_biases(x, gate)),
            [reset, update, candidate] => Self::Gru {
                reset: Projected::both_biases(x, reset),
                update: Projected::both_biases(x, update),
                candidate: Projected::input_bias(x, candidate),
                candidate_bias: candidate.recurrent_bias.clone(),
            },
            gates => unreachable!("no step function has {} gates", gates.len()),
        }
    }

    /// `h_1` from `h_0 = 0`.
    #[must_use]
    pub fn first(&self) -> Tensor<3> {
        match self {
            Self::Rnn(state) => state.input.clone().tanh(),
            Self::Gru {
                reset,
                update,
                candidate,
                candidate_bias,
            } => {
                let reset = sigmoid(reset.input.clone());
                let update = sigmoid(update.input.clone());
                let candidate = candidate.input.clone() + reset * candidate_bias.clone();
                let candidate = candidate.tanh();
                candidate.clone() - update * candidate
            }
        }
    }

    /// `h_{n+1}` from `h_n`.
    #[must_use]
    pub fn next(&self, state: &Tensor<3>) -> Tensor<3> {
        match self {
            Self::Rnn(gate) => gate.with(state).tanh(),
            Self::Gru {
                reset,
                update,
                candidate,
                candidate_bias,
            } => {
                let reset = sigmoid(reset.with(state));
                let update = sigmoid(update.with(state));
                let recurrent = state.clone().matmul(candidate.recurrent_weights.clone());
                let recurrent = recurrent + candidate_bias.clone();
                let candidate = (candidate.input.clone() + reset * recurrent).tanh();
                // h' = (1 - z) n + z h.
                candidate.clone() + update * (state.clone() - candidate)
            }
        }
    }
}

impl Projected {
    /// The two biases only ever act as their sum.
    fn both_biases(x: &Tensor<3>, gate: &Gate) -> Self {
        let bias = gate.input_bias.clone() + gate.recurrent_bias.clone();
        Self::new(x, gate, bias)
    }

    fn input_bias(x: &Tensor<3>, gate: &Gate) -> Self {
        Self::new(x, gate, gate.input_bias.clone())
    }

    fn new(x: &Tensor<3>, gate: &Gate, bias: Tensor<3>) -> Self {
        Self {
            input: x.clone().matmul(gate.input_weights.clone()) + bias,
            recurrent_weights: gate.recurrent_weights.clone(),
        }
    }

    /// The gate before its activation.
    fn with(&self, state: &Tensor<3>) -> Tensor<3> {
        self.input.clone() + state.clone().matmul(self.recurrent_weights.clone())
    }
}
