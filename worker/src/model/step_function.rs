//! The iterated function `s(x, h_n)` (paper, section 2.1): a tanh layer or a gated recurrent unit.
//!
//! The same `x` is fed at every step, so its projections are computed once. `h_0 = 0`, so the
//! first step needs no matrix product with the state.

use burn::tensor::{Tensor, activation::sigmoid};

use super::parameters::{Gate, Weights};

/// A step function with its input projected; states are `[lanes, batch, hidden]`.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "one lives at a time, for one update"
)]
pub enum Step {
    /// `h' = tanh(W x + b_i + U h + b_r)`, the paper's.
    Rnn(Projected),
    /// A gated recurrent unit with the formulas of PyTorch's `GRUCell`.
    Gru(Gru),
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
            [gate] => Self::Rnn(Projected::with_both_biases(x, gate)),
            [reset, update, candidate] => Self::Gru(Gru {
                reset: Projected::with_both_biases(x, reset),
                update: Projected::with_both_biases(x, update),
                candidate: Projected::with_input_bias(x, candidate),
                candidate_bias: candidate.recurrent_bias.clone(),
            }),
            gates => unreachable!("no step function has {} gates", gates.len()),
        }
    }

    /// `h_1` from `h_0 = 0`.
    #[must_use]
    pub fn first(&self) -> Tensor<3> {
        match self {
            Self::Rnn(gate) => gate.at_first().tanh(),
            Self::Gru(gru) => gru.first(),
        }
    }

    /// `h_{n+1}` from `h_n`.
    #[must_use]
    pub fn next(&self, state: &Tensor<3>) -> Tensor<3> {
        match self {
            Self::Rnn(gate) => gate.at(state).tanh(),
            Self::Gru(gru) => gru.next(state),
        }
    }
}

/// The three gates of a gated recurrent unit: `h' = (1 - z) n + z h`.
#[derive(Clone, Debug)]
pub struct Gru {
    /// `r = sigmoid(W_r x + b_ir + U_r h + b_rr)`.
    reset: Projected,
    /// `z = sigmoid(W_z x + b_iz + U_z h + b_rz)`.
    update: Projected,
    /// `n = tanh(W_n x + b_in + r * (U_n h + b_rn))`.
    candidate: Projected,
    /// `b_rn`, `[lanes, 1, hidden]`: kept apart, since the reset gate multiplies it.
    candidate_bias: Tensor<3>,
}

impl Gru {
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
        let candidate = (self.candidate.input.clone() + reset * recurrent).tanh();
        candidate.clone() + update * (state.clone() - candidate)
    }
}

/// What one gate takes from the input, and the weights it applies to the state.
#[derive(Clone, Debug)]
pub struct Projected {
    /// `[lanes, batch, hidden]`, biases added.
    input: Tensor<3>,
    /// What the first step's flag adds there, `[lanes, 1, hidden]`.
    first_step: Option<Tensor<3>>,
    /// `[lanes, hidden, hidden]`.
    recurrent_weights: Tensor<3>,
}

impl Projected {
    /// The two biases only ever act as their sum.
    fn with_both_biases(x: &Tensor<3>, gate: &Gate) -> Self {
        let bias = gate.input_bias.clone() + gate.recurrent_bias.clone();
        Self::new(x, gate, bias)
    }

    fn with_input_bias(x: &Tensor<3>, gate: &Gate) -> Self {
        Self::new(x, gate, gate.input_bias.clone())
    }

    fn new(x: &Tensor<3>, gate: &Gate, bias: Tensor<3>) -> Self {
        Self {
            input: x.clone().matmul(gate.input_weights.clone()) + bias,
            first_step: gate.first_step_weights.clone(),
            recurrent_weights: gate.recurrent_weights.clone(),
        }
    }

    fn recurrent(&self, state: &Tensor<3>) -> Tensor<3> {
        state.clone().matmul(self.recurrent_weights.clone())
    }

    /// The gate before its activation at the first step, from the input alone.
    fn at_first(&self) -> Tensor<3> {
        match &self.first_step {
            Some(flag) => self.input.clone() + flag.clone(),
            None => self.input.clone(),
        }
    }

    /// The gate before its activation at a later step.
    fn at(&self, state: &Tensor<3>) -> Tensor<3> {
        self.input.clone() + self.recurrent(state)
    }
}
