//! A pass in which each sample stops by its own halting probabilities: a step is computed only for
//! the samples that still go on, the others are compacted away in whole tiles.

use super::elementary::softplus_and_sigmoid;
use super::forward::{Heads, OneStep};
use super::instruction_set::Job;
use super::shape::Cell;
use super::simd::{Simd, load_some, store_some};
use super::unequal_steps::UnequalSteps;
use super::workspace::{Padded, Pass, Workspace};
use crate::model::StopRule;

/// Whether a sample that has used up this much stops.
fn stops(rule: StopRule, used: f32) -> bool {
    match rule {
        // In log space: the product itself would round to zero.
        StopRule::Remaining { epsilon } => used > -epsilon.ln() as f32,
        StopRule::Cumulated { epsilon } => used >= (1.0 - epsilon) as f32,
    }
}

impl Workspace {
    /// As [`forward`](Self::forward), but each sample stops by the rule.
    ///
    /// The logits are `[steps of the shape, batch]`, zero after a sample's last step; that step
    /// goes to `stop_steps`, `[batch]`, in the form [`HaltingBatch`](super::HaltingBatch) takes.
    /// Returns the steps of the sample that took most: a following [`backward`](Self::backward)
    /// takes that many rows of the logits' gradients, which must be zero after a sample's last
    /// step.
    ///
    /// # Panics
    /// If the workspace is not for [`Pass::TrainingUntil`], or a slice has another length than
    /// the shape gives it.
    pub fn forward_until(
        &mut self,
        rule: StopRule,
        [parameters, x]: [&[f32]; 2],
        [answer_logits, halting_logits]: [&mut [f32]; 2],
        stop_steps: &mut [f32],
    ) -> usize {
        assert_eq!(self.pass, Pass::TrainingUntil, "forward_until");
        let (steps, batch) = (self.shape.steps, self.shape.batch);
        assert_eq!(answer_logits.len(), steps * batch, "answer logits");
        assert_eq!(halting_logits.len(), steps * batch, "halting logits");
        assert_eq!(stop_steps.len(), batch, "stop steps");
        answer_logits.fill(0.0);
        halting_logits.fill(0.0);
        self.begin(parameters, x);
        self.stopped_early = true;
        let mut unequal = self.unequal.take().expect("made for this pass");
        unequal.start(batch);
        loop {
            self.steps_done += 1;
            self.unequal_states(&mut unequal);
            let row = (self.steps_done - 1) * batch..self.steps_done * batch;
            let logits = [&mut answer_logits[row.clone()], &mut halting_logits[row]];
            self.unequal_logits(&mut unequal, rule, logits);
            if self.steps_done == steps || !unequal.advance(self.steps_done) {
                break;
            }
        }
        stop_steps.copy_from_slice(&unequal.stops[..batch]);
        self.unequal = Some(unequal);
        self.steps_done
    }

    /// h_n of the rows of a step.
    fn unequal_states(&mut self, unequal: &mut UnequalSteps) {
        let step = self.steps_done;
        let Padded {
            batch,
            hidden,
            gate_width,
            ..
        } = self.padded;
        let size = batch * hidden;
        let rows = unequal.samples(step).len();
        let (before, now) = self.state.hidden.split_at_mut(step * size);
        let before = &mut before[(step - 1) * size..];
        if step == 1 {
            before.fill(0.0);
        }
        unequal.gather_previous(step, before);
        let kept = (self.shape.cell == Cell::Gru).then(|| {
            let gates = &mut self.state.gates[(step - 1) * batch * gate_width..];
            let candidate = &mut self.state.candidate[(step - 1) * size..];
            (
                &mut gates[..rows * gate_width],
                &mut candidate[..rows * hidden],
            )
        });
        let run = OneStep {
            padded: &self.padded,
            packed: &self.packed,
            input: match (step, self.state.first_input.is_empty()) {
                (1, false) => &self.state.first_input,
                _ => &self.state.input,
            },
            samples: unequal.samples(step),
            previous: unequal.previous(step).unwrap_or(&before[..rows * hidden]),
            first: step == 1,
            hidden: &mut now[..rows * hidden],
            kept,
        };
        run.compute(self.instructions);
    }

    /// The logits of a step, `[batch]` each, of the samples that take it; notes which of them stop.
    fn unequal_logits(
        &self,
        unequal: &mut UnequalSteps,
        rule: StopRule,
        [answer_logits, halting_logits]: [&mut [f32]; 2],
    ) {
        let step = self.steps_done;
        let rows = unequal.samples(step).len();
        let start = step * self.padded.batch * self.padded.hidden;
        self.instructions.run(Heads {
            packed: &self.packed,
            hidden: &self.state.hidden[start..start + rows * self.padded.hidden],
            answer: &mut unequal.answer[..rows],
            halting: &mut unequal.halting[..rows],
        });
        for row in 0..rows {
            let sample = unequal.samples(step)[row] as usize;
            if unequal.stops[sample] == 0.0 {
                answer_logits[sample] = unequal.answer[row];
                halting_logits[sample] = unequal.halting[row];
            }
        }
        self.instructions.run(Use {
            rule,
            halting: halting_logits,
            used: &mut unequal.used,
        });
        let last = step == self.shape.steps;
        for (stop, &used) in unequal.stops.iter_mut().zip(unequal.used.iter()) {
            if *stop == 0.0 && (last || stops(rule, used)) {
                *stop = step as f32;
            }
        }
    }
}

/// Adds a step's share of what each sample uses up: `-log(1 - lambda_n)` or `lambda_n`.
struct Use<'a> {
    rule: StopRule,
    /// z_n: `[batch]`.
    halting: &'a [f32],
    /// `[batch]`.
    used: &'a mut [f32],
}

impl Job for Use<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self, simd: S) {
        let used = self.used.chunks_mut(S::LANES);
        for (used, z) in used.zip(self.halting.chunks(S::LANES)) {
            let (softplus, lambda) = softplus_and_sigmoid(simd, load_some(simd, z));
            let share = match self.rule {
                StopRule::Remaining { .. } => softplus,
                StopRule::Cumulated { .. } => lambda,
            };
            let sum = simd.add(load_some(simd, used), share);
            store_some(simd, used, sum);
        }
    }
}
