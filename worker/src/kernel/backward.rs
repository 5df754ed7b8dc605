//! The backward pass: steps in reverse, then the weights' gradients. Derived by hand.

use pondersweep_proto::spec::StepFunction;

use super::buffer::Buffer;
use super::gru::GruBackward;
use super::outer::OuterProduct;
use super::packing::unpack;
use super::rnn::RnnBackward;
use super::workspace::{Gradients, Padded, Purpose, Workspace};

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
        for step in (1..=steps).rev() {
            self.backward_step(step, step == steps);
            if step > 1 {
                self.recurrent_weights(step);
            }
        }
        self.instructions.run(OuterProduct {
            left: &self.state.x,
            left_width: self.padded.elements,
            right: &self.gradients.input,
            right_width: self.padded.gate_width,
            result: &mut self.gradients.input_weights,
        });
        unpack(&self.shape, &self.padded, &self.gradients, gradient);
        self.steps_done = 0;
    }

    /// Gradients of a step's pre-activations.
    fn backward_step(&mut self, step: usize, last: bool) {
        let Padded {
            batch,
            hidden,
            gate_width,
            ..
        } = self.padded;
        let (state_size, gate_size) = (batch * hidden, batch * gate_width);
        let (gates, later) = self.state.gates.split_at_mut(step * gate_size);
        let gates = &mut gates[(step - 1) * gate_size..];
        let later = (!last).then(|| &later[..gate_size]);
        let state = |step: usize| step * state_size..(step + 1) * state_size;
        let gradients = &mut self.gradients;
        let logits = (step - 1) * batch..step * batch;
        match self.shape.step_function {
            StepFunction::Rnn => self.instructions.run(RnnBackward {
                padded: &self.padded,
                packed: &self.packed,
                answer_logits: &gradients.answer_logits[logits.clone()],
                halting_logits: &gradients.halting_logits[logits],
                later,
                hidden: &self.state.hidden[state(step)],
                gates,
                input: &mut gradients.input,
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
                carry: &mut gradients.carry,
                input: &mut gradients.input,
                candidate_bias: &mut gradients.candidate_bias,
                answer: &mut gradients.answer,
                halting: &mut gradients.halting,
            }),
        }
    }

    /// Adds h_{n-1}^T times step n's gradients to the gradient of U.
    fn recurrent_weights(&mut self, step: usize) {
        let Padded {
            batch,
            hidden,
            gate_width,
            ..
        } = self.padded;
        self.instructions.run(OuterProduct {
            left: &self.state.hidden[(step - 1) * batch * hidden..step * batch * hidden],
            left_width: hidden,
            right: &self.state.gates[(step - 1) * batch * gate_width..step * batch * gate_width],
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
