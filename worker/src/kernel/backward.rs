//! The backward pass: steps in reverse, then the weights' gradients. Derived by hand.

use std::ops::Range;

use pondersweep_proto::spec::StepFunction;

use super::buffer::Buffer;
use super::gru::GruBackward;
use super::outer::OuterProduct;
use super::packing::Unpack;
use super::rnn::RnnBackward;
use super::workspace::{Gradients, Padded, Purpose, Workspace};

/// Samples that take all steps back before the next ones start: what a step hands to the one before
/// then stays in the second-level cache.
const BLOCK: usize = 32;

impl Workspace {
    /// Gradients of the parameters from those of the logits of the steps just computed.
    ///
    /// `answer_logits` and `halting_logits` are `[steps done, batch]`; `gradient` is laid out as
    /// [`Layout`](super::Layout) says and overwritten. Once per forward pass: it uses up what the
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
        assert_eq!(
            self.purpose,
            Purpose::Training,
            "a workspace for evaluation"
        );
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
        assert_eq!(gradient.len(), self.shape.layout().length(), "gradient");
        let (batch, padded) = (self.shape.batch, &self.padded);
        self.gradients.clear();
        copy_rows(
            answer_logits,
            batch,
            &mut self.gradients.answer_logits,
            padded.batch,
        );
        copy_rows(
            halting_logits,
            batch,
            &mut self.gradients.halting_logits,
            padded.batch,
        );
        for start in (0..self.padded.batch).step_by(BLOCK) {
            let rows = start..(start + BLOCK).min(self.padded.batch);
            for step in (1..=steps).rev() {
                self.backward_step(step, step == steps, rows.clone());
            }
        }
        self.recurrent_weights(steps);
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
        let gradients = &mut self.gradients;
        let logits = (step - 1) * batch + rows.start..(step - 1) * batch + rows.end;
        match self.shape.step_function {
            StepFunction::Rnn => self.instructions.run(RnnBackward {
                padded: &self.padded,
                packed: &self.packed,
                answer_logits: &gradients.answer_logits[logits.clone()],
                halting_logits: &gradients.halting_logits[logits],
                later,
                hidden: &self.state.hidden[state(step)],
                gates,
                input: &mut gradients.input[width],
                answer: &mut gradients.answer,
                halting: &mut gradients.halting,
            }),
            StepFunction::Gru => self.instructions.run(GruBackward {
                padded: &self.padded,
                packed: &self.packed,
                answer_logits: &gradients.answer_logits[logits.clone()],
                halting_logits: &gradients.halting_logits[logits],
                later,
                previous: &self.state.hidden[state(step - 1)],
                hidden: &self.state.hidden[state(step)],
                candidate: &self.state.candidate[state(step - 1)],
                gates,
                carry: &mut gradients.carry[units],
                input: &mut gradients.input[width],
                candidate_bias: &mut gradients.candidate_bias,
                answer: &mut gradients.answer,
                halting: &mut gradients.halting,
            }),
        }
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

impl Gradients {
    /// Zeros whatever sums start from. The logits' padding is zero already.
    fn clear(&mut self) {
        let sums = [
            &mut self.answer_logits,
            &mut self.halting_logits,
            &mut self.carry,
            &mut self.input,
            &mut self.input_weights,
            &mut self.recurrent,
            &mut self.candidate_bias,
            &mut self.answer,
            &mut self.halting,
        ];
        for sum in sums {
            sum.fill(0.0);
        }
    }
}

fn copy_rows(from: &[f32], width: usize, to: &mut Buffer, to_width: usize) {
    for (to, from) in to.chunks_exact_mut(to_width).zip(from.chunks_exact(width)) {
        to[..width].copy_from_slice(from);
    }
}
