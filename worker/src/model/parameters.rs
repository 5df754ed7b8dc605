//! The parameters of a bundle: one flat row per lane, and the named tensors cut from it.
//!
//! The order of a row, all matrices row-major, is the contract of checkpoints and kernels:
//! for each gate (`rnn`: one; `gru`: reset, update, candidate)
//! `input_weights [elements, hidden]`, `input_bias [hidden]`,
//! `recurrent_weights [hidden, hidden]`, `recurrent_bias [hidden]`; then
//! `answer_weights [hidden]`, `answer_bias`, `halting_weights [hidden]`, `halting_bias`.

use burn::tensor::{Gradients, Tensor};
use pondersweep_proto::spec::{ConfigurationSpec, StepFunction};

use crate::seed::{Purpose, Seeds};

/// The sizes that decide a flat row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The iterated function.
    pub step_function: StepFunction,
    /// Length of the input vector.
    pub elements: usize,
    /// Units of the hidden state.
    pub hidden: usize,
}

impl Layout {
    /// The layout of a configuration's parameters.
    #[must_use]
    pub fn of(configuration: &ConfigurationSpec) -> Self {
        Self {
            step_function: configuration.model.step_function,
            elements: configuration.task.elements as usize,
            hidden: configuration.model.hidden as usize,
        }
    }

    /// Number of gates of the step function.
    #[must_use]
    pub const fn gates(&self) -> usize {
        match self.step_function {
            StepFunction::Rnn => 1,
            StepFunction::Gru => 3,
        }
    }

    /// Number of parameters of a lane.
    #[must_use]
    pub const fn size(&self) -> usize {
        let gate = (self.elements + self.hidden + 2) * self.hidden;
        self.gates() * gate + 2 * (self.hidden + 1)
    }

    /// The parameters of a lane before training: U(-1/sqrt(hidden), 1/sqrt(hidden)), the halting
    /// bias as stated. Neither is stated by the paper.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "sizes are small and training is in f32"
    )]
    pub fn initial(&self, seeds: &Seeds, halting_bias: f64) -> Vec<f32> {
        let bound = 1.0 / (self.hidden as f32).sqrt();
        let mut draws = seeds.draws(Purpose::Init, [0, 0]);
        let mut uniform = || (2.0 * draws.uniform_f32() - 1.0) * bound;
        let mut row: Vec<f32> = (0..self.size() - 1).map(|_| uniform()).collect();
        row.push(halting_bias as f32);
        row
    }
}

/// The weights that make one gate (`rnn`: the new state) from input and state.
#[derive(Clone, Debug)]
pub struct Gate {
    /// `[lanes, elements, hidden]`.
    pub input_weights: Tensor<3>,
    /// `[lanes, 1, hidden]`.
    pub input_bias: Tensor<3>,
    /// `[lanes, hidden, hidden]`.
    pub recurrent_weights: Tensor<3>,
    /// `[lanes, 1, hidden]`.
    pub recurrent_bias: Tensor<3>,
}

/// A linear unit on the hidden state.
#[derive(Clone, Debug)]
pub struct Head {
    /// `[lanes, hidden, 1]`.
    pub weights: Tensor<3>,
    /// `[lanes, 1, 1]`.
    pub bias: Tensor<3>,
}

/// The parameters of a bundle by name.
#[derive(Clone, Debug)]
pub struct Weights {
    /// The step function's gates, in the layout's order.
    pub gates: Vec<Gate>,
    /// Makes the logit of the answer `y_n`.
    pub answer: Head,
    /// Makes the logit of the halting probability `lambda_n`.
    pub halting: Head,
}

impl Weights {
    /// Cuts the rows `[lanes, layout.size()]` into constants.
    #[must_use]
    pub fn constant(flat: &Tensor<2>, layout: &Layout) -> Self {
        Self::cut(flat, layout, |weights| weights)
    }

    /// Cuts the rows `[lanes, layout.size()]` into leaves whose gradients can be asked for.
    #[must_use]
    pub fn tracked(flat: &Tensor<2>, layout: &Layout) -> Self {
        Self::cut(flat, layout, |weights| weights.autodiff().require_grad())
    }

    /// The gradient of every parameter, `[lanes, layout.size()]` in the layout's order.
    ///
    /// A parameter that had no part in the loss (recurrent weights, when one step was computed)
    /// has gradient zero.
    #[must_use]
    pub fn gradient(&self, gradients: &mut Gradients) -> Tensor<2> {
        let rows = self.leaves().map(|leaf| {
            let gradient = leaf.grad_remove(gradients);
            let gradient = gradient.unwrap_or_else(|| leaf.clone().inner().zeros_like());
            as_rows(gradient)
        });
        Tensor::cat(rows.collect(), 1)
    }

    fn cut(flat: &Tensor<2>, layout: &Layout, finish: impl Fn(Tensor<3>) -> Tensor<3>) -> Self {
        let Layout {
            elements, hidden, ..
        } = *layout;
        let [lanes, size] = flat.dims();
        assert_eq!(size, layout.size(), "the rows have another layout");
        let mut offset = 0;
        let mut next = |rows: usize, columns: usize| {
            let part = flat.clone().narrow(1, offset, rows * columns);
            offset += rows * columns;
            finish(part.reshape([lanes, rows, columns]))
        };
        let gate = |_| Gate {
            input_weights: next(elements, hidden),
            input_bias: next(1, hidden),
            recurrent_weights: next(hidden, hidden),
            recurrent_bias: next(1, hidden),
        };
        let gates = (0..layout.gates()).map(gate).collect();
        let mut head = || Head {
            weights: next(hidden, 1),
            bias: next(1, 1),
        };
        Self {
            gates,
            answer: head(),
            halting: head(),
        }
    }

    /// Every tensor in the layout's order.
    fn leaves(&self) -> impl Iterator<Item = &Tensor<3>> {
        let gates = self.gates.iter().flat_map(|gate| {
            [
                &gate.input_weights,
                &gate.input_bias,
                &gate.recurrent_weights,
                &gate.recurrent_bias,
            ]
        });
        let heads = [&self.answer, &self.halting];
        gates.chain(
            heads
                .into_iter()
                .flat_map(|head| [&head.weights, &head.bias]),
        )
    }
}

fn as_rows(tensor: Tensor<3>) -> Tensor<2> {
    let [lanes, rows, columns] = tensor.dims();
    tensor.reshape([lanes, rows * columns])
}

#[cfg(test)]
mod tests {
    use burn::tensor::TensorData;

    use super::*;
    use crate::device;

    fn layout(step_function: StepFunction) -> Layout {
        Layout {
            step_function,
            elements: 5,
            hidden: 3,
        }
    }

    #[test]
    fn the_named_tensors_cover_every_parameter_once_and_in_order() {
        let device = device::open("cpu").unwrap();
        for layout in [layout(StepFunction::Rnn), layout(StepFunction::Gru)] {
            let numbers: Vec<f32> = (0..2 * layout.size()).map(|index| index as f32).collect();
            let data = TensorData::new(numbers, [2, layout.size()]);
            let flat: Tensor<2> = Tensor::from_data(data.clone(), &device);
            let rows = Weights::constant(&flat, &layout);
            let rows = Tensor::cat(rows.leaves().cloned().map(as_rows).collect(), 1);
            assert_eq!(rows.into_data(), data);
        }
    }

    #[test]
    fn initial_parameters_stay_within_their_bound_and_the_halting_bias_is_as_stated() {
        let seeds = Seeds::of(&crate::test_support::trial(|_| {}));
        let row = layout(StepFunction::Gru).initial(&seeds, -1.5);
        let (halting_bias, others) = row.split_last().unwrap();
        assert_eq!(*halting_bias, -1.5);
        let bound = 1.0 / 3.0_f32.sqrt();
        assert!(others.iter().all(|value| value.abs() <= bound));
        let largest = others
            .iter()
            .fold(0.0_f32, |most, value| most.max(value.abs()));
        assert!(largest > 0.9 * bound, "{largest} of {bound}");
    }
}
