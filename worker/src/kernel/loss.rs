//! What a lane minimises, by the way it learns to halt. It only chooses; the losses are elsewhere.

use super::act_loss::ActLoss;
use super::elementary::softplus_and_sigmoid;
use super::halting_loss::{
    HaltingBatch, HaltingLoss, HaltingResult, HaltingSettings, check_sizes, sum_some,
};
use super::instruction_set::{InstructionSet, Job};
use super::simd::{Simd, load_some, store_some};

/// The loss of one lane, ready to be evaluated on batches.
#[derive(Clone, Debug)]
pub struct Loss(Kind);

#[derive(Clone, Debug)]
enum Kind {
    PonderNet { beta: f64, loss: HaltingLoss },
    Act { tau: f64, loss: ActLoss },
    LastStep,
}

impl Loss {
    /// PonderNet's.
    #[must_use]
    pub fn ponder_net(settings: &HaltingSettings) -> Self {
        Self(Kind::PonderNet {
            beta: settings.beta,
            loss: HaltingLoss::new(settings),
        })
    }

    /// That of adaptive computation time, with this weight of the ponder cost.
    #[must_use]
    pub const fn act(tau: f64) -> Self {
        Self(Kind::Act {
            tau,
            loss: ActLoss::new(tau),
        })
    }

    /// The cross-entropy of the last step's answer alone.
    #[must_use]
    pub const fn last_step() -> Self {
        Self(Kind::LastStep)
    }

    /// The mean loss of a batch; its halting distribution and gradients go to `result`.
    ///
    /// # Panics
    /// If slices disagree in size, or have more steps than the loss was made for.
    pub fn evaluate(
        &self,
        instructions: InstructionSet,
        batch: HaltingBatch<'_>,
        result: &mut HaltingResult<'_>,
    ) -> f64 {
        match &self.0 {
            Kind::PonderNet { beta, loss } => {
                let terms = loss.evaluate(instructions, batch, result);
                terms.prediction + beta * terms.divergence
            }
            Kind::Act { tau, loss } => {
                let terms = loss.evaluate(instructions, batch, result);
                terms.prediction + tau * terms.ponder_cost
            }
            Kind::LastStep => {
                check_sizes(&batch, result);
                instructions.run(LastStep { batch, result })
            }
        }
    }
}

/// See [`Loss::last_step`].
struct LastStep<'a, 'b> {
    batch: HaltingBatch<'a>,
    result: &'a mut HaltingResult<'b>,
}

impl Job for LastStep<'_, '_> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(self, simd: S) -> f64 {
        let (labels, result) = (self.batch.labels, self.result);
        let samples = labels.len();
        let last = self.batch.answer_logits.len() - samples;
        result.distribution[..last].fill(0.0);
        result.distribution[last..].fill(1.0);
        result.answer_logits[..last].fill(0.0);
        result.halting_logits.fill(0.0);
        let share = simd.splat(1.0 / samples as f32);
        let mut total = 0.0;
        for start in (0..samples).step_by(S::LANES) {
            let chunk = start..(start + S::LANES).min(samples);
            let at = last + chunk.start..last + chunk.end;
            let label = load_some(simd, &labels[chunk.clone()]);
            let y = load_some(simd, &self.batch.answer_logits[at.clone()]);
            let (softplus, probability) = softplus_and_sigmoid(simd, y);
            let gradient = simd.mul(share, simd.sub(probability, label));
            store_some(simd, &mut result.answer_logits[at], gradient);
            let loss = simd.negative_mul_add(label, y, softplus);
            total += sum_some(simd, loss, chunk.len());
        }
        total / samples as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_number_of_steps_is_judged_by_the_last_answer() {
        // BCE(2, 1) = ln(1 + e^-2), BCE(-1, 0) = ln(1 + e^-1).
        let expected = ((-2.0_f64).exp().ln_1p() + (-1.0_f64).exp().ln_1p()) / 2.0;
        for set in InstructionSet::available() {
            let mut rows = [[f32::NAN; 4]; 3];
            let [distribution, answer_logits, halting_logits] = &mut rows;
            let mut result = HaltingResult {
                distribution,
                answer_logits,
                halting_logits,
            };
            let batch = HaltingBatch {
                answer_logits: &[9.0, 9.0, 2.0, -1.0],
                halting_logits: &[0.5; 4],
                labels: &[1.0, 0.0],
                stop_steps: None,
            };
            let loss = Loss::last_step().evaluate(set, batch, &mut result);
            assert!((loss - expected).abs() < 1e-6, "{loss} {expected}");
            assert_eq!(rows[0], [0.0, 0.0, 1.0, 1.0]);
            assert_eq!(rows[2], [0.0; 4]);
            let [first, second, right, wrong] = rows[1];
            assert_eq!((first, second), (0.0, 0.0));
            assert!((right + 0.059_601_46).abs() < 1e-6 && (wrong - 0.134_470_71).abs() < 1e-6);
        }
    }
}
