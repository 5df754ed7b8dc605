//! The parameters of a bundle: one flat row per lane, and the named tensors cut from it.
//!
//! The order of a row, all matrices row-major, is the contract of checkpoints and kernels: the
//! matrices of the step function in its own order (`rnn`: one gate; `gru`: reset, update, candidate;
//! of each gate `input_weights [elements, hidden]`, with a flag of the first step
//! `first_step_weights [hidden]`, `input_bias [hidden]`, `recurrent_weights [hidden, hidden]`,
//! `recurrent_bias [hidden]`); then `answer_weights [hidden, answers]`, `answer_bias [answers]`,
//! `halting_weights [hidden]`, `halting_bias`. Of a transformer `hidden` is the width of a token, and where
//! it reads a logit from the token of every candidate `answers` is 1 here.

use burn::tensor::{Gradients, Tensor};
use pondersweep_proto::{
    setting::Setting,
    spec::{ConfigurationSpec, FirstStepFlag, StepFunction},
    task::{self, Input},
};

use super::{Block, answer, step_function};
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
    /// Logits of an answer: one tells two classes apart, more are one for each class.
    pub answers: usize,
    /// What a transformer has; `None` of every other step function.
    pub block: Option<Block>,
}

/// One matrix of a lane's parameters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Matrix {
    /// Its name in its network.
    pub(super) name: String,
    /// Rows and columns.
    pub(super) size: [usize; 2],
    /// Its numbers before training.
    pub(super) start: Start,
}

/// The numbers of a matrix before training; s is the lane's `initial_scale`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Start {
    /// U(-s/sqrt(hidden), s/sqrt(hidden)). Not stated by the paper.
    Hidden,
    /// U(-sb, sb) with this b.
    Within(f32),
    /// This number, whatever the scale.
    Constant(f32),
    /// Those of the matrix before.
    AsBefore,
}

impl Matrix {
    /// A matrix of this size.
    pub(super) fn new(name: impl Into<String>, size: [usize; 2]) -> Self {
        let (name, start) = (name.into(), Start::Hidden);
        Self { name, size, start }
    }

    /// A matrix of this size that starts as Glorot and Bengio 2010 have it: uniform, with the variance
    /// 2 / (rows + columns).
    pub(super) fn drawn(name: impl Into<String>, size: [usize; 2]) -> Self {
        let [rows, columns] = size;
        let bound = (6.0 / (rows + columns) as f32).sqrt();
        Self::new(name, size).starting(Start::Within(bound))
    }

    /// The same with another start.
    pub(super) fn starting(self, start: Start) -> Self {
        Self { start, ..self }
    }
}

impl Layout {
    /// The layout of a configuration's parameters.
    #[must_use]
    pub fn of(configuration: &ConfigurationSpec) -> Self {
        let input = Input::of(configuration);
        Self {
            step_function: configuration.choice(Setting::STEP_FUNCTION),
            elements: input.elements(),
            first_step_flag: configuration.choice::<FirstStepFlag>(Setting::FIRST_STEP_FLAG)
                == FirstStepFlag::On,
            hidden: configuration.count(Setting::HIDDEN) as usize,
            answers: answer::logits_of(task::classes(configuration)),
            block: match input {
                Input::Vector { .. } => None,
                Input::Tokens(tokens) => Some(Block::of(configuration, tokens)),
            },
        }
    }

    /// What a transformer has.
    ///
    /// # Panics
    /// It is none.
    pub(super) const fn block(&self) -> &Block {
        self.block.as_ref().expect("a transformer has a block")
    }

    /// Logits that the answer's head reads from one state: one from each candidate's.
    fn read_at_once(&self) -> usize {
        match &self.block {
            Some(block) if block.tokens.candidates > 0 => 1,
            _ => self.answers,
        }
    }

    /// The matrices of a lane, in the order of its row.
    pub(super) fn matrices(&self) -> Vec<Matrix> {
        let mut matrices = step_function::matrices(self);
        let answers = self.read_at_once();
        matrices.extend([
            Matrix::new("answer_weights", [self.hidden, answers]),
            Matrix::new("answer_bias", [1, answers]),
            Matrix::new("halting_weights", [self.hidden, 1]),
            Matrix::new("halting_bias", [1, 1]),
        ]);
        matrices
    }

    /// Number of parameters of a lane.
    #[must_use]
    pub fn size(&self) -> usize {
        let sizes = self.matrices().into_iter().map(|matrix| matrix.size);
        sizes.map(|[rows, columns]| rows * columns).sum()
    }

    /// The parameters of a lane before training: every matrix as its step function starts it, the
    /// halting bias as the lane's method has it. Neither is stated by the paper.
    #[must_use]
    pub fn initial(&self, seeds: &Seeds, initial: Initial) -> Vec<f32> {
        let scale = initial.scale as f32;
        let mut draws = seeds.draws(Purpose::Init, [0, 0]);
        let mut row = Vec::with_capacity(self.size());
        let matrices = self.matrices();
        let (_halting_bias, drawn) = matrices.split_last().expect("there are heads");
        for Matrix { size, start, .. } in drawn {
            let size = size[0] * size[1];
            let bound = match start {
                Start::Hidden => scale / (self.hidden as f32).sqrt(),
                Start::Within(bound) => scale * bound,
                Start::Constant(number) => {
                    row.resize(row.len() + size, *number);
                    continue;
                }
                Start::AsBefore => {
                    row.extend_from_within(row.len() - size..);
                    continue;
                }
            };
            row.extend((0..size).map(|_| (2.0 * draws.uniform_f32() - 1.0) * bound));
        }
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
            scale: configuration.number(Setting::INITIAL_SCALE),
            // Where there is none to train, it is zero.
            halting_bias: configuration
                .number_if(Setting::HALTING_BIAS)
                .unwrap_or_default(),
        }
    }
}

/// The parameters of a bundle, cut into the matrices of its layout.
#[derive(Clone, Debug)]
pub struct Weights {
    layout: Layout,
    /// In the layout's order, `[lanes, rows, columns]` each.
    parts: Vec<Tensor<3>>,
}

/// A linear unit on the hidden state.
pub(super) struct Head<'a> {
    /// `[lanes, hidden, outputs]`.
    pub(super) weights: &'a Tensor<3>,
    /// `[lanes, 1, outputs]`.
    pub(super) bias: &'a Tensor<3>,
}

impl Weights {
    /// Cuts the rows `[lanes, layout.size()]` into constants.
    #[must_use]
    pub fn constant(flat: &Tensor<2>, layout: &Layout) -> Self {
        Self::cut(flat, layout, |part| part)
    }

    /// Cuts the rows `[lanes, layout.size()]` into leaves whose gradients can be asked for.
    #[must_use]
    pub fn tracked(flat: &Tensor<2>, layout: &Layout) -> Self {
        Self::cut(flat, layout, |part| part.autodiff().require_grad())
    }

    /// The gradient of every parameter, `[lanes, layout.size()]` in the layout's order.
    ///
    /// A parameter that had no part in the loss (recurrent weights, when one step was computed)
    /// has gradient zero.
    #[must_use]
    pub fn gradient(&self, gradients: &mut Gradients) -> Tensor<2> {
        let rows = self.parts.iter().map(|leaf| {
            let gradient = leaf.grad_remove(gradients);
            let gradient = gradient.unwrap_or_else(|| leaf.clone().inner().zeros_like());
            as_rows(gradient)
        });
        Tensor::cat(rows.collect(), 1)
    }

    pub(super) const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The matrices of the step function, in its order.
    pub(super) fn of_step_function(&self) -> &[Tensor<3>] {
        &self.parts[..self.parts.len() - 4]
    }

    /// Makes the logits of the answer `y_n`.
    pub(super) fn answer(&self) -> Head<'_> {
        self.head(0)
    }

    /// Makes the logit of the halting probability `lambda_n`.
    pub(super) fn halting(&self) -> Head<'_> {
        self.head(1)
    }

    fn head(&self, index: usize) -> Head<'_> {
        let heads = &self.parts[self.parts.len() - 4..];
        Head {
            weights: &heads[2 * index],
            bias: &heads[2 * index + 1],
        }
    }

    fn cut(flat: &Tensor<2>, layout: &Layout, finish: impl Fn(Tensor<3>) -> Tensor<3>) -> Self {
        let [lanes, size] = flat.dims();
        assert_eq!(size, layout.size(), "the rows have another layout");
        let mut offset = 0;
        let part = |matrix: Matrix| {
            let [rows, columns] = matrix.size;
            let part = flat.clone().narrow(1, offset, rows * columns);
            offset += rows * columns;
            finish(part.reshape([lanes, rows, columns]))
        };
        Self {
            layout: *layout,
            parts: layout.matrices().into_iter().map(part).collect(),
        }
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
            answers: 1,
            block: None,
        }
    }

    #[test]
    fn the_order_of_a_row_is_the_one_documented() {
        let flagged = Layout {
            first_step_flag: true,
            answers: 2,
            ..layout(StepFunction::Rnn)
        };
        let matrices = flagged.matrices().into_iter();
        let names: Vec<_> = matrices.map(|matrix| (matrix.name, matrix.size)).collect();
        let expected = [
            ("state.input_weights", [5, 3]),
            ("state.first_step_weights", [1, 3]),
            ("state.input_bias", [1, 3]),
            ("state.recurrent_weights", [3, 3]),
            ("state.recurrent_bias", [1, 3]),
            ("answer_weights", [3, 2]),
            ("answer_bias", [1, 2]),
            ("halting_weights", [3, 1]),
            ("halting_bias", [1, 1]),
        ];
        assert_eq!(names, expected.map(|(name, size)| (name.to_owned(), size)));
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
            let rows = Tensor::cat(rows.parts.into_iter().map(as_rows).collect(), 1);
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
