//! What a lane computes and where each parameter stands in its flat slice. Knows no instruction
//! set.

use std::ops::Range;

use pondersweep_proto::spec::StepFunction;

use crate::model::Layout;

/// The step functions that have kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Cell {
    /// One tanh layer.
    Rnn,
    /// A gated recurrent unit.
    Gru,
}

impl Cell {
    const ALL: [Self; 2] = [Self::Rnn, Self::Gru];

    const fn step_function(self) -> StepFunction {
        match self {
            Self::Rnn => StepFunction::Rnn,
            Self::Gru => StepFunction::Gru,
        }
    }
}

/// The sizes of one lane's unrolled pondering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// The iterated function.
    pub cell: Cell,
    /// Samples of one update.
    pub batch: usize,
    /// Length of the input vector.
    pub elements: usize,
    /// Whether the first step has an input column of its own, 1 there and 0 at all others.
    pub first_step_flag: bool,
    /// Units of the hidden state.
    pub hidden: usize,
    /// N, the most ponder steps.
    pub steps: usize,
}

impl Shape {
    /// The shape of a network on batches of this size, if the kernels know it: its step function is
    /// a [`Cell`], and its answer one logit.
    #[must_use]
    pub fn of(layout: &Layout, batch: usize, steps: usize) -> Option<Self> {
        let mut cells = Cell::ALL.into_iter();
        let cell = cells.find(|cell| cell.step_function() == layout.step_function)?;
        if layout.answers != 1 {
            return None;
        }
        Some(Self {
            cell,
            batch,
            elements: layout.elements,
            first_step_flag: layout.first_step_flag,
            hidden: layout.hidden,
            steps,
        })
    }

    /// Pre-activations per hidden unit: one for the tanh layer, three for the GRU.
    #[must_use]
    pub const fn gates(&self) -> usize {
        match self.cell {
            Cell::Rnn => 1,
            Cell::Gru => 3,
        }
    }

    /// Where each parameter stands.
    #[must_use]
    pub const fn offsets(&self) -> Offsets {
        Offsets::new(self)
    }
}

/// Where each parameter stands in a lane's flat slice; gradients and Adam's moments use the same.
///
/// All matrices are row-major with the input dimension first (`x W`). Gate after gate (the tanh
/// layer has one; the GRU r, z, n, as in torch) with its four parts, then the two heads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offsets {
    gates: usize,
    elements: usize,
    first_step_flag: bool,
    hidden: usize,
    /// w_y of the answer head, `[hidden]`.
    pub answer_weights: Range<usize>,
    /// b_y of the answer head, `[1]`.
    pub answer_bias: Range<usize>,
    /// w_l of the halting head, `[hidden]`.
    pub halting_weights: Range<usize>,
    /// b_l of the halting head, `[1]`.
    pub halting_bias: Range<usize>,
}

/// Where one gate's parameters stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateOffsets {
    /// W, `[elements, hidden]`.
    pub input_weights: Range<usize>,
    /// Of the first step's flag, `[hidden]`; empty where there is none.
    pub first_step_weights: Range<usize>,
    /// b, `[hidden]`.
    pub input_bias: Range<usize>,
    /// U, `[hidden, hidden]`.
    pub recurrent_weights: Range<usize>,
    /// c, `[hidden]`. Acts as `b + c`, but for the GRU's n, where the reset gate multiplies it.
    pub recurrent_bias: Range<usize>,
}

impl Offsets {
    const fn new(shape: &Shape) -> Self {
        let (gates, elements, hidden) = (shape.gates(), shape.elements, shape.hidden);
        let first_step_flag = shape.first_step_flag;
        let end_of_gates = gates * gate_size(elements, first_step_flag, hidden);
        let answer_weights = end_of_gates..end_of_gates + hidden;
        let answer_bias = after(&answer_weights, 1);
        let halting_weights = after(&answer_bias, hidden);
        let halting_bias = after(&halting_weights, 1);
        Self {
            gates,
            elements,
            first_step_flag,
            hidden,
            answer_weights,
            answer_bias,
            halting_weights,
            halting_bias,
        }
    }

    /// Where a gate's parameters stand.
    ///
    /// # Panics
    /// If there is no such gate.
    #[must_use]
    pub const fn gate(&self, gate: usize) -> GateOffsets {
        assert!(gate < self.gates, "no such gate");
        let start = gate * gate_size(self.elements, self.first_step_flag, self.hidden);
        let input_weights = start..start + self.elements * self.hidden;
        let flags = if self.first_step_flag { self.hidden } else { 0 };
        let first_step_weights = after(&input_weights, flags);
        let input_bias = after(&first_step_weights, self.hidden);
        let recurrent_weights = after(&input_bias, self.hidden * self.hidden);
        let recurrent_bias = after(&recurrent_weights, self.hidden);
        GateOffsets {
            input_weights,
            first_step_weights,
            input_bias,
            recurrent_weights,
            recurrent_bias,
        }
    }

    /// Number of parameters.
    #[must_use]
    pub const fn length(&self) -> usize {
        self.halting_bias.end
    }
}

const fn gate_size(elements: usize, first_step_flag: bool, hidden: usize) -> usize {
    (elements + first_step_flag as usize + 1 + hidden + 1) * hidden
}

const fn after(range: &Range<usize>, length: usize) -> Range<usize> {
    range.end..range.end + length
}
