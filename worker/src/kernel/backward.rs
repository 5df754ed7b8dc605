//! The backward pass: steps in reverse, then the weights' gradients. Derived by hand.

use std::ops::Range;

use super::buffer::Buffer;
use super::gru::GruBackward;
use super::instruction_set::InstructionSet;
use super::outer::OuterProduct;
use super::packing::Unpack;
use super::rnn::{RnnBackward, RnnLater};
use super::shape::Cell;
use super::workspace::{Gradients, Packed, Padded, Workspace};

/// Samples that take all steps back before the next ones start: what a step hands to the one before
/// then stays in the second-level cache.
const BLOCK: usize = 32;

impl Workspace {
    /// Gradients of the parameters from those of the logits of the steps just computed.
    ///
    /// `answer_logits` and `halting_logits` are `[steps done, batch]`; `gradient` is laid out as
    /// [`Offsets`](super::Offsets) says and overwritten. Once per forward pass: it uses up what the
    /// pass kept.
    ///
    /// # Panics
    /// If no forward pass precedes it, the workspace is for evaluation, or a slice has another
    /// length than the shape gives it.
    pub fn backward(
        &mut self,
        answer_logits: &[f32],
        halting_logits: &[f32],
        gradient: &mut [f32],
    ) {
        let steps = self.steps_done;
        assert!(self.pass.is_training(), "a workspace for evaluation");
        assert!(steps > 0, "backward follows a forward pass");
        assert_eq!(
            answer_logits.len(),
            steps * self.shape.batch,
            "answer logits"
        );
        assert_eq!(
            halting_logits.len(),
            steps * self.shape.batch,
            "halting logits"
        );
        assert_eq!(gradient.len(), self.shape.offsets().length(), "gradient");
        self.gradients.clear(self.shape.cell);
        if self.stopped_early {
            self.steps_back_unequal(answer_logits, halting_logits);
        } else {
            self.steps_back(answer_logits, halting_logits);
        }
        self.gradients.add_first_step(self.padded.gate_width);
        self.instructions.run(OuterProduct {
            left: &self.state.x,
            left_width: self.padded.elements,
            right: &self.gradients.input,
            right_width: self.padded.gate_width,
            result: &mut self.gradients.input_weights,
        });
        self.instructions.run(Unpack {
            shape: &self.shape,
            padded: &self.padded,
            gradients: &self.gradients,
            flat: gradient,
        });
        self.steps_done = 0;
    }

    /// All steps back, where all samples took them all, and the gradient of U.
    fn steps_back(&mut self, answer_logits: &[f32], halting_logits: &[f32]) {
        let (batch, padded) = (self.shape.batch, self.padded.batch);
        let gradients = &mut self.gradients;
        copy_rows(answer_logits, batch, &mut gradients.answer_logits, padded);
        copy_rows(halting_logits, batch, &mut gradients.halting_logits, padded);
        let steps = self.steps_done;
        for start in (0..padded).step_by(BLOCK) {
            let rows = start..(start + BLOCK).min(padded);
            for step in (1..=steps).rev() {
                self.backward_step(step, step == steps, rows.clone());
            }
        }
        self.recurrent_weights(steps);
    }

    /// Gradients of a step's pre-activations, for some samples.
    fn backward_step(&mut self, step: usize, last: bool, rows: Range<usize>) {
        let Padded {
            batch,
            hidden,
            gate_width,
            ..
        } = self.padded;
        let units = rows.start * hidden..rows.end * hidden;
        let width = rows.start * gate_width..rows.end * gate_width;
        let (gates, later) = self.state.gates.split_at_mut(step * batch * gate_width);
        let gates = &mut gates[(step - 1) * batch * gate_width..][width.clone()];
        let later = (!last).then(|| &later[width.clone()]);
        let state = |step: usize| {
            let start = step * batch * hidden;
            start + units.start..start + units.end
        };
        let logits = (step - 1) * batch + rows.start..(step - 1) * batch + rows.end;
        let run = OneStepBack {
            padded: &self.padded,
            packed: &self.packed,
            samples: &self.state.samples[rows],
            logits,
            first: step == 1,
            later: later.map_or(Later::Nothing, Later::Gates),
            previous: &self.state.hidden[state(step - 1)],
            hidden: &self.state.hidden[state(step)],
            // The tanh layer keeps none.
            candidate: (self.state.candidate.get(state(step - 1))).unwrap_or_default(),
            gates,
            carried: units,
            gradients: &mut self.gradients,
        };
        run.compute(self.instructions);
    }

    /// The gradient of U: sum over n > 1 of h_{n-1}^T times step n's gradients (h_0 is zero).
    fn recurrent_weights(&mut self, steps: usize) {
        let Padded {
            batch,
            hidden,
            gate_width,
            ..
        } = self.padded;
        self.instructions.run(OuterProduct {
            left: &self.state.hidden[batch * hidden..steps * batch * hidden],
            left_width: hidden,
            right: &self.state.gates[batch * gate_width..steps * batch * gate_width],
            right_width: gate_width,
            result: &mut self.gradients.recurrent,
        });
    }
}

/// What step n hears of the steps after it.
#[derive(Clone, Copy)]
pub(super) enum Later<'a> {
    /// There is none.
    Nothing,
    /// The gradients of step n + 1's pre-activations: `[rows, gate width]`.
    Gates(&'a [f32]),
    /// Nothing beyond what stands in `carry`.
    Carried,
}

/// Gradients of step n's pre-activations, of some rows.
pub(super) struct OneStepBack<'a> {
    pub(super) padded: &'a Padded,
    pub(super) packed: &'a Packed,
    /// Which sample stands in each row: `[rows]`.
    pub(super) samples: &'a [u32],
    /// Where the rows' gradients of the logits stand.
    pub(super) logits: Range<usize>,
    /// Whether n is 1, which may have a flag.
    pub(super) first: bool,
    pub(super) later: Later<'a>,
    /// h_{n-1} and h_n: `[rows, hidden]` each.
    pub(super) previous: &'a [f32],
    pub(super) hidden: &'a [f32],
    /// GRU: n, `[rows, hidden]`.
    pub(super) candidate: &'a [f32],
    /// What the forward pass kept in, the gradients out: `[rows, gate width]`.
    pub(super) gates: &'a mut [f32],
    /// Where the rows' part of `carry` stands.
    pub(super) carried: Range<usize>,
    pub(super) gradients: &'a mut Gradients,
}

impl OneStepBack<'_> {
    /// By the kernel of the step function.
    pub(super) fn compute(self, instructions: InstructionSet) {
        let gradients = self.gradients;
        let (padded, packed, samples) = (self.padded, self.packed, self.samples);
        let answer_logits = &gradients.answer_logits[self.logits.clone()];
        let halting_logits = &gradients.halting_logits[self.logits];
        let carry = &mut gradients.carry[self.carried];
        let input = match (self.first, gradients.first_input.is_empty()) {
            (true, false) => &mut gradients.first_input,
            _ => &mut gradients.input,
        };
        match padded.cell {
            Cell::Rnn => instructions.run(RnnBackward {
                padded,
                packed,
                answer_logits,
                halting_logits,
                samples,
                later: match self.later {
                    Later::Nothing => RnnLater::Nothing,
                    Later::Gates(later) => RnnLater::Gates(later),
                    Later::Carried => RnnLater::State(carry),
                },
                hidden: self.hidden,
                gates: self.gates,
                input,
                answer: &mut gradients.answer,
                halting: &mut gradients.halting,
            }),
            Cell::Gru => instructions.run(GruBackward {
                padded,
                packed,
                answer_logits,
                halting_logits,
                samples,
                later: match self.later {
                    // At the last step nothing is carried: zeros.
                    Later::Nothing | Later::Carried => None,
                    Later::Gates(later) => Some(later),
                },
                previous: self.previous,
                hidden: self.hidden,
                candidate: self.candidate,
                gates: self.gates,
                carry,
                input,
                candidate_bias: &mut gradients.candidate_bias,
                answer: &mut gradients.answer,
                halting: &mut gradients.halting,
            }),
        }
    }
}

impl Gradients {
    /// The gradient of the flag's weights from the first step's share of that of `x W + b`, which
    /// then joins the shares of all others.
    fn add_first_step(&mut self, gate_width: usize) {
        let shares = self.first_input.chunks_exact(gate_width);
        for (share, input) in shares.zip(self.input.chunks_exact_mut(gate_width)) {
            let sums = self.first_step.iter_mut().zip(input);
            for ((flag, input), share) in sums.zip(share) {
                *flag += share;
                *input += share;
            }
        }
    }

    /// Zeros whatever sums start from.
    fn clear(&mut self, cell: Cell) {
        let sums = [
            &mut self.input,
            &mut self.first_input,
            &mut self.first_step,
            &mut self.input_weights,
            &mut self.recurrent,
            &mut self.candidate_bias,
            &mut self.answer,
            &mut self.halting,
        ];
        for sum in sums {
            sum.fill(0.0);
        }
        // The tanh layer reads of it only what it has written.
        if cell == Cell::Gru {
            self.carry.fill(0.0);
        }
    }
}

/// Copies rows into wider ones, whose padding is zero already, and zeros the rows that follow.
fn copy_rows(from: &[f32], width: usize, to: &mut Buffer, to_width: usize) {
    let (copied, following) = to.split_at_mut(from.len() / width * to_width);
    for (to, from) in (copied.chunks_exact_mut(to_width)).zip(from.chunks_exact(width)) {
        to[..width].copy_from_slice(from);
    }
    following.fill(0.0);
}
