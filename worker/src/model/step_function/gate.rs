//! One gate of a recurrent layer: what it takes from the input, and the weights it applies to the
//! state. It decides no activation.

use burn::tensor::Tensor;

use crate::model::parameters::{Layout, Matrix};

/// The weights of one gate.
pub(super) struct Gate<'a> {
    /// W, `[lanes, elements, hidden]`.
    input_weights: &'a Tensor<3>,
    /// Of the first step's flag, `[lanes, 1, hidden]`; `None` where there is none.
    first_step_weights: Option<&'a Tensor<3>>,
    /// b, `[lanes, 1, hidden]`.
    input_bias: &'a Tensor<3>,
    /// U, `[lanes, hidden, hidden]`.
    recurrent_weights: &'a Tensor<3>,
    /// c, `[lanes, 1, hidden]`.
    pub(super) recurrent_bias: &'a Tensor<3>,
}

impl<'a> Gate<'a> {
    /// The parameters of a gate with this name, in the order of a flat row.
    pub(super) fn matrices(layout: &Layout, gate: &str) -> Vec<Matrix> {
        let Layout {
            elements, hidden, ..
        } = *layout;
        let parts = [
            ("input_weights", elements),
            ("first_step_weights", layout.first_step_flag.into()),
            ("input_bias", 1),
            ("recurrent_weights", hidden),
            ("recurrent_bias", 1),
        ];
        let stated = parts.iter().filter(|(_, rows)| *rows > 0);
        let matrix =
            |&(part, rows): &(&str, usize)| Matrix::new(format!("{gate}.{part}"), [rows, hidden]);
        stated.map(matrix).collect()
    }

    /// As many gates as there are parameters of, in their order.
    ///
    /// # Panics
    /// There are those of more or fewer.
    pub(super) fn cut<const GATES: usize>(parameters: &'a [Tensor<3>]) -> [Self; GATES] {
        let mut gates = parameters.chunks_exact(parameters.len() / GATES);
        std::array::from_fn(|_| match gates.next() {
            Some([input_weights, input_bias, recurrent_weights, recurrent_bias]) => Self {
                input_weights,
                first_step_weights: None,
                input_bias,
                recurrent_weights,
                recurrent_bias,
            },
            Some(
                [
                    input_weights,
                    first_step_weights,
                    input_bias,
                    recurrent_weights,
                    recurrent_bias,
                ],
            ) => Self {
                input_weights,
                first_step_weights: Some(first_step_weights),
                input_bias,
                recurrent_weights,
                recurrent_bias,
            },
            parts => unreachable!(
                "a gate has four or five parts, not {}",
                parts.map_or(0, <[_]>::len)
            ),
        })
    }

    /// With the input projected. The two biases only ever act as their sum.
    pub(super) fn projected(&self, x: &Tensor<3>) -> Projected {
        let bias = self.input_bias.clone() + self.recurrent_bias.clone();
        self.with_bias(x, bias)
    }

    /// With the input projected, where the recurrent bias acts elsewhere.
    pub(super) fn projected_without_recurrent_bias(&self, x: &Tensor<3>) -> Projected {
        self.with_bias(x, self.input_bias.clone())
    }

    fn with_bias(&self, x: &Tensor<3>, bias: Tensor<3>) -> Projected {
        Projected {
            input: x.clone().matmul(self.input_weights.clone()) + bias,
            first_step: self.first_step_weights.cloned(),
            recurrent_weights: self.recurrent_weights.clone(),
        }
    }
}

/// A gate that has seen its input.
pub(super) struct Projected {
    /// `[lanes, batch, hidden]`, biases added.
    input: Tensor<3>,
    /// What the first step's flag adds there, `[lanes, 1, hidden]`.
    first_step: Option<Tensor<3>>,
    /// `[lanes, hidden, hidden]`.
    recurrent_weights: Tensor<3>,
}

impl Projected {
    /// The input's share, biases added.
    pub(super) fn input(&self) -> Tensor<3> {
        self.input.clone()
    }

    /// The state's share, `U h`.
    pub(super) fn recurrent(&self, state: &Tensor<3>) -> Tensor<3> {
        state.clone().matmul(self.recurrent_weights.clone())
    }

    /// The gate before its activation at the first step, from the input alone.
    pub(super) fn at_first(&self) -> Tensor<3> {
        match &self.first_step {
            Some(flag) => self.input() + flag.clone(),
            None => self.input(),
        }
    }

    /// The gate before its activation at a later step.
    pub(super) fn at(&self, state: &Tensor<3>) -> Tensor<3> {
        self.input() + self.recurrent(state)
    }
}
