//! The parameters of a bundle: one flat row per lane, and the named tensors cut from it.
//!
//! The order of a row, all matrices row-major, is the contract of checkpoints and kernels:
//! for each gate (`rnn`: one; `gru`: reset, update, candidate)
//! `input_weights [elements, hidden]`, with a flag of the first step `first_step_weights [hidden]`,
//! `input_bias [hidden]`,
//! `recurrent_weights [hidden, hidden]`, `recurrent_bias [hidden]`; then
//! `answer_weights [hidden]`, `answer_bias`, `halting_weights [hidden]`, `halting_bias`.

use burn::tensor::{Gradients, Tensor};
use pondersweep_proto::spec::{ConfigurationSpec, FirstStepFlag, StepFunction};

use crate::seed::{Purpose, Seeds};

/// The sizes that decide a flat row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The iterated function.
    pub step_function: StepFunction,
    /// Length of the input vector.
    pub elements: usize,
    /// Whether the first step has an input column of its own, 1 there and 0 at all others.
    pub first_step_flag: bool,
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
            first_step_flag: configuration.model.first_step_flag() == FirstStepFlag::On,
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
        let columns = self.elements + self.first_step_flag as usize;
        let gate = (columns + self.hidden + 2) * self.hidden;
        self.gates() * gate + 2 * (self.hidden + 1)
    }

    /// The parameters of a lane before training: U(-s/sqrt(hidden), s/sqrt(hidden)) with s its
    /// `initial_scale`, the halting bias as its method has it. Neither is stated by the paper.
    #[must_use]
    pub fn initial(&self, seeds: &Seeds, initial: Initial) -> Vec<f32> {
        let bound = initial.scale as f32 / (self.hidden as f32).sqrt();
        let mut draws = seeds.draws(Purpose::Init, [0, 0]);
        let mut uniform = || (2.0 * draws.uniform_f32() - 1.0) * bound;
        let mut row: Vec<f32> = (0..self.size() - 1).map(|_| uniform()).collect();
        row.push(initial.halting_bias as f32);
        row
    }
}

/// What a lane's parameters before training depend on besides its seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Initial {
    /// Factor on the range of the weights.
    pub scale: f64,
    /// Bias of the halting head.
    pub halting_bias: f64,
}

impl Initial {
    /// As a configuration has it.
    #[must_use]
    pub fn of(configuration: &ConfigurationSpec) -> Self {
        Self {
            scale: configuration.model.initial_scale,
            // Where there is none to train, it is zero.
            halting_bias: configuration.model.halting_bias.unwrap_or_default(),
        }
    }
}

/// The weights that make one gate (`rnn`: the new state) from input and state.
#[derive(Clone, Debug)]
pub struct Gate {
    /// `[lanes, elements, hidden]`.
    pub input_weights: Tensor<3>,
    /// Of the first step's flag, `[lanes, 1, hidden]`; `None` where there is none.
    pub first_step_weights: Option<Tensor<3>>,
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
            elements,
            first_step_flag,
            hidden,
            ..
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
            first_step_weights: first_step_flag.then(|| next(1, hidden)),
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
            let others = [
                &gate.input_bias,
                &gate.recurrent_weights,
                &gate.recurrent_bias,
            ];
            [&gate.input_weights]
                .into_iter()
                .chain(&gate.first_step_weights)
                .chain(others)
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
    use crate::test_support::{device, trial};

    fn layout(step_function: StepFunction) -> Layout {
        Layout {
            step_function,
            elements: 5,
            first_step_flag: false,
            hidden: 3,
        }
    }

    #[test]
    fn the_named_tensors_cover_every_parameter_once_and_in_order() {
        let flagged = Layout {
            first_step_flag: true,
            ..layout(StepFunction::Gru)
        };
        for layout in [
            layout(StepFunction::Rnn),
            layout(StepFunction::Gru),
            flagged,
        ] {
            let numbers: Vec<f32> = (0..2 * layout.size()).map(|index| index as f32).collect();
            let data = TensorData::new(numbers, [2, layout.size()]);
            let flat: Tensor<2> = Tensor::from_data(data.clone(), &device());
            let rows = Weights::constant(&flat, &layout);
            let rows = Tensor::cat(rows.leaves().cloned().map(as_rows).collect(), 1);
            assert_eq!(rows.into_data(), data);
        }
    }

    #[test]
    fn initial_parameters_stay_within_their_bound_and_the_halting_bias_is_as_stated() {
        let seeds = Seeds::of(&trial(|_| {}));
        for scale in [1.0, 0.25] {
            check_initial(&seeds, scale);
        }
    }

    fn check_initial(seeds: &Seeds, scale: f32) {
        let initial = Initial {
            scale: scale.into(),
            halting_bias: -1.5,
        };
        let row = layout(StepFunction::Gru).initial(seeds, initial);
        let (halting_bias, others) = row.split_last().unwrap();
        assert_eq!(*halting_bias, -1.5);
        let bound = scale / 3.0_f32.sqrt();
        assert!(others.iter().all(|value| value.abs() <= bound));
        let largest = others
            .iter()
            .fold(0.0_f32, |most, value| most.max(value.abs()));
        assert!(largest > 0.9 * bound, "{largest} of {bound}");
    }
}
