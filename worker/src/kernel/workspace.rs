//! The memory of one lane's update, and its padded sizes. Allocated once, reused for every update.

use super::{
    buffer::Buffer,
    instruction_set::InstructionSet,
    shape::{Cell, Shape},
    unequal_steps::UnequalSteps,
};

/// What a workspace is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// Forward and backward: every step's state is kept.
    Training,
    /// As [`Self::Training`], where samples may stop before the last step
    /// ([`Workspace::forward_until`]).
    TrainingUntil,
    /// Forward alone: two steps' states are kept.
    Evaluation,
}

impl Pass {
    /// Whether a backward pass may follow the forward pass.
    pub(super) const fn is_training(self) -> bool {
        match self {
            Self::Training | Self::TrainingUntil => true,
            Self::Evaluation => false,
        }
    }
}

/// A shape's sizes rounded up to whole tiles.
///
/// Rows beyond the batch and units beyond the hidden state are computed like any other, from zero
/// inputs, weights and gradients, and never reach a result.
#[derive(Clone, Copy, Debug)]
pub(super) struct Padded {
    /// The iterated function.
    pub(super) cell: Cell,
    /// Samples, a multiple of `rows`.
    pub(super) batch: usize,
    /// Elements, a multiple of `rows`.
    pub(super) elements: usize,
    /// Rows of a tile.
    pub(super) rows: usize,
    /// Units, a multiple of two vectors.
    pub(super) hidden: usize,
    /// Pre-activations of a sample: `gates * hidden`.
    pub(super) gate_width: usize,
    /// Floats in a vector.
    pub(super) lanes: usize,
    /// Vectors in a column group: the three gates of one vector of units, or two vectors of units.
    pub(super) group: usize,
}

impl Padded {
    fn new(shape: &Shape, instructions: InstructionSet) -> Self {
        let (lanes, rows) = instructions.lanes_and_rows();
        let hidden = shape.hidden.next_multiple_of(2 * lanes);
        Self {
            cell: shape.cell,
            batch: shape.batch.next_multiple_of(rows),
            elements: shape.elements.next_multiple_of(rows),
            rows,
            hidden,
            gate_width: shape.gates() * hidden,
            lanes,
            group: match shape.cell {
                Cell::Rnn => 2,
                Cell::Gru => 3,
            },
        }
    }

    /// Floats in a column group.
    pub(super) const fn group_width(&self) -> usize {
        self.group * self.lanes
    }

    /// The gate and the first unit of a vector of pre-activations: gates alternate by vector, so
    /// that the three a unit needs are computed in one tile.
    pub(super) const fn gate_and_unit(&self, vector: usize) -> (usize, usize) {
        match self.cell {
            Cell::Rnn => (0, vector * self.lanes),
            Cell::Gru => (vector % 3, vector / 3 * self.lanes),
        }
    }
}

/// Parameters in the order the tiles read them; packed again for every update.
pub(super) struct Packed {
    /// W by column group: `[groups, elements of the shape, group width]`.
    pub(super) input: Buffer,
    /// b: `[gate width]`.
    pub(super) input_bias: Buffer,
    /// Weights of the first step's flag: `[gate width]`, empty where there is none.
    pub(super) first_step: Buffer,
    /// U by column group: `[groups, hidden, group width]`.
    pub(super) recurrent: Buffer,
    /// U transposed, by pairs of vectors of units: `[hidden / pair, gate width, pair]`.
    pub(super) transposed: Buffer,
    /// c_n: `[hidden]`.
    pub(super) candidate_bias: Buffer,
    /// w_y: `[hidden]`.
    pub(super) answer: Buffer,
    /// w_l: `[hidden]`.
    pub(super) halting: Buffer,
    /// b_y and b_l.
    pub(super) head_bias: [f32; 2],
}

/// What the forward pass computes, and in training keeps.
pub(super) struct State {
    /// x: `[batch, elements]`.
    pub(super) x: Buffer,
    /// x W + b: `[batch, gate width]`.
    pub(super) input: Buffer,
    /// The same at the first step, where that has a flag: `[batch, gate width]`, else empty.
    pub(super) first_input: Buffer,
    /// 0 .. batch: the sample of each row, where all samples take all steps.
    pub(super) samples: Vec<u32>,
    /// h_0 .. h_N: `[steps + 1, batch, hidden]`; in evaluation h_n stands at `n % 2`.
    pub(super) hidden: Buffer,
    /// GRU: r, z and q = h U_n + c_n of every step, which the backward pass replaces by the
    /// gradients of the pre-activations; tanh layer: those gradients. `[steps, batch, gate width]`.
    pub(super) gates: Buffer,
    /// GRU: the candidate n of every step, `[steps, batch, hidden]`.
    pub(super) candidate: Buffer,
}

/// What the backward pass computes, in padded order.
pub(super) struct Gradients {
    /// Gradients of the logits: `[steps, batch]` each.
    pub(super) answer_logits: Buffer,
    pub(super) halting_logits: Buffer,
    /// GRU: z times the gradient of h_n, the share that h_{n-1} gets directly; where rows move
    /// between two steps, also the other shares: `[batch, hidden]`.
    pub(super) carry: Buffer,
    /// Gradient of x W + b, summed over the steps: `[batch, gate width]`.
    pub(super) input: Buffer,
    /// The first step's share of it, where that has a flag, before it is added: likewise.
    pub(super) first_input: Buffer,
    /// Of the flag's weights: `[gate width]`.
    pub(super) first_step: Buffer,
    /// Of W: `[elements, gate width]`.
    pub(super) input_weights: Buffer,
    /// Of U: `[hidden, gate width]`.
    pub(super) recurrent: Buffer,
    /// Of c_n, w_y and w_l: `[hidden]` each.
    pub(super) candidate_bias: Buffer,
    pub(super) answer: Buffer,
    pub(super) halting: Buffer,
}

/// The memory of one lane's update.
pub struct Workspace {
    pub(super) shape: Shape,
    pub(super) pass: Pass,
    pub(super) instructions: InstructionSet,
    pub(super) padded: Padded,
    pub(super) packed: Packed,
    pub(super) state: State,
    pub(super) gradients: Gradients,
    /// Which samples take which steps, where that may differ.
    pub(super) unequal: Option<UnequalSteps>,
    /// Steps computed since `begin`.
    pub(super) steps_done: usize,
    /// Whether `unequal` says which samples took them.
    pub(super) stopped_early: bool,
}

impl Workspace {
    /// Memory for a shape, with the given instructions.
    ///
    /// # Panics
    /// If a size of the shape is zero.
    #[must_use]
    pub fn new(shape: Shape, pass: Pass, instructions: InstructionSet) -> Self {
        let sizes = [shape.batch, shape.elements, shape.hidden, shape.steps];
        assert!(!sizes.contains(&0), "a shape has no zero sizes: {shape:?}");
        let padded = Padded::new(&shape, instructions);
        Self {
            packed: Packed::zeroed(&shape, &padded),
            state: State::zeroed(&shape, &padded, pass),
            gradients: Gradients::zeroed(&shape, &padded, pass),
            unequal: (pass == Pass::TrainingUntil).then(|| UnequalSteps::new(&shape, &padded)),
            shape,
            pass,
            instructions,
            padded,
            steps_done: 0,
            stopped_early: false,
        }
    }

    /// The shape it was made for.
    #[must_use]
    pub const fn shape(&self) -> &Shape {
        &self.shape
    }
}

impl Packed {
    fn zeroed(shape: &Shape, padded: &Padded) -> Self {
        Self {
            input: Buffer::zeroed(shape.elements * padded.gate_width),
            input_bias: Buffer::zeroed(padded.gate_width),
            first_step: Buffer::zeroed(if_flagged(shape, padded.gate_width)),
            recurrent: Buffer::zeroed(padded.hidden * padded.gate_width),
            transposed: Buffer::zeroed(padded.hidden * padded.gate_width),
            candidate_bias: Buffer::zeroed(padded.hidden),
            answer: Buffer::zeroed(padded.hidden),
            halting: Buffer::zeroed(padded.hidden),
            head_bias: [0.0; 2],
        }
    }
}

impl State {
    fn zeroed(shape: &Shape, padded: &Padded, pass: Pass) -> Self {
        let kept = if pass.is_training() { shape.steps } else { 0 };
        let candidates = match shape.cell {
            Cell::Rnn => 0,
            Cell::Gru => kept,
        };
        Self {
            x: Buffer::zeroed(padded.batch * padded.elements),
            input: Buffer::zeroed(padded.batch * padded.gate_width),
            first_input: Buffer::zeroed(if_flagged(shape, padded.batch * padded.gate_width)),
            samples: (0..).take(padded.batch).collect(),
            hidden: Buffer::zeroed((kept + 1).max(2) * padded.batch * padded.hidden),
            gates: Buffer::zeroed(kept * padded.batch * padded.gate_width),
            candidate: Buffer::zeroed(candidates * padded.batch * padded.hidden),
        }
    }
}

impl Gradients {
    fn zeroed(shape: &Shape, padded: &Padded, pass: Pass) -> Self {
        let buffer = |length| Buffer::zeroed(if pass.is_training() { length } else { 0 });
        Self {
            answer_logits: buffer(shape.steps * padded.batch),
            halting_logits: buffer(shape.steps * padded.batch),
            carry: buffer(padded.batch * padded.hidden),
            input: buffer(padded.batch * padded.gate_width),
            first_input: buffer(if_flagged(shape, padded.batch * padded.gate_width)),
            first_step: buffer(if_flagged(shape, padded.gate_width)),
            input_weights: buffer(padded.elements * padded.gate_width),
            recurrent: buffer(padded.hidden * padded.gate_width),
            candidate_bias: buffer(padded.hidden),
            answer: buffer(padded.hidden),
            halting: buffer(padded.hidden),
        }
    }
}

/// The length of what only a first step with a flag needs.
const fn if_flagged(shape: &Shape, length: usize) -> usize {
    if shape.first_step_flag { length } else { 0 }
}
