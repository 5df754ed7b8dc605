//! The loss of adaptive computation time (Graves 2016, section 2) and its gradients from the logits
//! of every step, in one pass over the batch. Derived by hand. It does not decide who stops when.
//!
//! For each sample, with lambda_n = sigmoid(z_n) and last step N: p_n = lambda_n for n < N, and the
//! remainder R = p_N = 1 - sum_{n<N} lambda_n. The answer is the mean field y = sum_n p_n y_n
//! (before its sigmoid); L = mean over samples of BCE(y, label) + tau (N + R).
//!
//! Gradients: with d = sigmoid(y) - label, d L / d y_n = p_n d. N is a constant, and p_N falls as
//! each earlier lambda_n rises: d L / d lambda_n = d (y_n - y_N) - tau for n < N, and 0 at N.

use super::elementary::{sigmoid, softplus_and_sigmoid};
use super::halting_loss::{HaltingBatch, HaltingResult, check_sizes, step_masks, sum_some};
use super::instruction_set::{InstructionSet, Job};
use super::simd::{Simd, load_some, store_some};

/// The loss of one lane, ready to be evaluated on batches.
#[derive(Clone, Copy, Debug)]
pub(super) struct ActLoss {
    /// Weight of the ponder cost.
    tau: f32,
}

/// Means over the batch; the loss is `prediction + tau * ponder_cost`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct ActTerms {
    /// BCE of the mean-field answer.
    pub(super) prediction: f64,
    /// N + R.
    pub(super) ponder_cost: f64,
}

impl ActLoss {
    /// The loss with this weight of the ponder cost.
    #[must_use]
    pub(super) const fn new(tau: f64) -> Self {
        Self { tau: tau as f32 }
    }

    /// Loss terms, halting distribution and gradients of a batch.
    ///
    /// # Panics
    /// If slices disagree in size.
    pub(super) fn evaluate(
        &self,
        instructions: InstructionSet,
        batch: HaltingBatch<'_>,
        result: &mut HaltingResult<'_>,
    ) -> ActTerms {
        check_sizes(&batch, result);
        instructions.run(Evaluate {
            tau: self.tau,
            batch,
            result,
        })
    }
}

struct Evaluate<'a, 'b> {
    tau: f32,
    batch: HaltingBatch<'a>,
    result: &'a mut HaltingResult<'b>,
}

impl Job for Evaluate<'_, '_> {
    type Output = ActTerms;

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(mut self, simd: S) -> ActTerms {
        let samples = self.batch.labels.len();
        let mut terms = ActTerms::default();
        for start in (0..samples).step_by(S::LANES) {
            let chunk = self.chunk(simd, start..(start + S::LANES).min(samples));
            terms.prediction += chunk.prediction;
            terms.ponder_cost += chunk.ponder_cost;
        }
        terms.prediction /= samples as f64;
        terms.ponder_cost /= samples as f64;
        terms
    }
}

/// What a vector of samples answers.
struct Answer<V> {
    /// y.
    mean: V,
    /// y_N.
    last: V,
    /// R.
    remainder: V,
}

impl Evaluate<'_, '_> {
    fn steps(&self) -> usize {
        self.batch.answer_logits.len() / self.batch.labels.len()
    }

    /// The slice of a `[steps, batch]` array that some samples have at a step, counted from 0.
    #[inline(always)]
    fn at(&self, samples: &std::ops::Range<usize>, step: usize) -> std::ops::Range<usize> {
        let row = step * self.batch.labels.len();
        row + samples.start..row + samples.end
    }

    #[inline(always)]
    fn chunk<S: Simd>(&mut self, simd: S, samples: std::ops::Range<usize>) -> ActTerms {
        let stop = match self.batch.stop_steps {
            Some(stops) => load_some(simd, &stops[samples.clone()]),
            None => simd.splat(self.steps() as f32),
        };
        let answer = self.answer(simd, &samples, stop);
        let label = load_some(simd, &self.batch.labels[samples.clone()]);
        let (softplus, probability) = softplus_and_sigmoid(simd, answer.mean);
        let prediction = simd.negative_mul_add(label, answer.mean, softplus);
        let ponder_cost = simd.add(stop, answer.remainder);
        self.gradients(simd, &samples, stop, &answer, simd.sub(probability, label));
        ActTerms {
            prediction: sum_some(simd, prediction, samples.len()),
            ponder_cost: sum_some(simd, ponder_cost, samples.len()),
        }
    }

    /// p over `distribution`, and the answer it makes.
    #[inline(always)]
    fn answer<S: Simd>(
        &mut self,
        simd: S,
        samples: &std::ops::Range<usize>,
        stop: S::V,
    ) -> Answer<S::V> {
        let mut left = simd.splat(1.0);
        let (mut mean, mut last_answer) = (simd.zero(), simd.zero());
        for step in 0..self.steps() {
            let at = self.at(samples, step);
            let (active, last) = step_masks(simd, stop, step);
            let z = load_some(simd, &self.batch.halting_logits[at.clone()]);
            let y = load_some(simd, &self.batch.answer_logits[at.clone()]);
            let halts = simd.mul(simd.sub(active, last), sigmoid(simd, z));
            let p = simd.mul_add(last, left, halts);
            mean = simd.mul_add(p, y, mean);
            last_answer = simd.mul_add(last, y, last_answer);
            left = simd.sub(left, halts);
            store_some(simd, &mut self.result.distribution[at], p);
        }
        Answer {
            mean,
            last: last_answer,
            remainder: left,
        }
    }

    #[inline(always)]
    fn gradients<S: Simd>(
        &mut self,
        simd: S,
        samples: &std::ops::Range<usize>,
        stop: S::V,
        answer: &Answer<S::V>,
        difference: S::V,
    ) {
        let share = simd.splat(1.0 / self.batch.labels.len() as f32);
        let (one, tau) = (simd.splat(1.0), simd.splat(self.tau));
        for step in 0..self.steps() {
            let at = self.at(samples, step);
            let (active, last) = step_masks(simd, stop, step);
            let p = load_some(simd, &self.result.distribution[at.clone()]);
            let y = load_some(simd, &self.batch.answer_logits[at.clone()]);
            let z = load_some(simd, &self.batch.halting_logits[at.clone()]);
            let d_answer = simd.mul(simd.mul(p, share), difference);
            let lambda = sigmoid(simd, z);
            let slope = simd.mul(lambda, simd.sub(one, lambda));
            let d_lambda = simd.sub(simd.mul(difference, simd.sub(y, answer.last)), tau);
            let counted = simd.mul(share, simd.sub(active, last));
            let d_halting = simd.mul(counted, simd.mul(slope, d_lambda));
            store_some(simd, &mut self.result.answer_logits[at.clone()], d_answer);
            store_some(simd, &mut self.result.halting_logits[at], d_halting);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// p, prediction and ponder cost of one sample that stops at its last logit, as the equations
    /// state them, in double precision.
    fn sample(label: f64, answer: &[f64], halting: &[f64]) -> (Vec<f64>, f64, f64) {
        let steps = answer.len();
        let mut p: Vec<f64> = halting.iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect();
        let remainder = 1.0 - p[..steps - 1].iter().sum::<f64>();
        p[steps - 1] = remainder;
        let y: f64 = p.iter().zip(answer).map(|(p, y)| p * y).sum();
        let softplus = (-y.abs()).exp().ln_1p() + y.max(0.0);
        (p, softplus - label * y, steps as f64 + remainder)
    }

    #[test]
    fn terms_and_gradients_are_those_of_the_equations() {
        let tau = 0.3;
        for (batch, steps) in [(1, 1), (7, 5), (16, 20), (37, 3)] {
            let value = |i: usize| ((i * 37 + 11) as f32).sin() * 3.0;
            let answer: Vec<f32> = (0..steps * batch).map(value).collect();
            let halting: Vec<f32> = (0..steps * batch).map(|i| value(i + 5000) - 3.0).collect();
            let labels: Vec<f32> = (0..batch).map(|i| (i % 2) as f32).collect();
            let stops: Vec<f32> = (0..batch).map(|i| (i % steps + 1) as f32).collect();
            for set in InstructionSet::available() {
                let mut rows =
                    [const { Vec::new() }; 3].map(|_: Vec<f32>| vec![f32::NAN; steps * batch]);
                let [distribution, answer_logits, halting_logits] = &mut rows;
                let mut result = HaltingResult {
                    distribution,
                    answer_logits,
                    halting_logits,
                };
                let batch_of = HaltingBatch {
                    answer_logits: &answer,
                    halting_logits: &halting,
                    labels: &labels,
                    stop_steps: Some(&stops),
                };
                let terms = ActLoss::new(tau).evaluate(set, batch_of, &mut result);
                let (mut prediction, mut ponder_cost) = (0.0, 0.0);
                let close = |got: f32, want: f64| {
                    assert!(
                        (f64::from(got) - want).abs() < 2e-6,
                        "{}: {got} {want}",
                        set.name()
                    );
                };
                for i in 0..batch {
                    let stop = stops[i] as usize;
                    let column = |values: &[f32]| -> Vec<f64> {
                        (0..stop).map(|n| values[n * batch + i].into()).collect()
                    };
                    let logits = [column(&answer), column(&halting)];
                    let label = f64::from(labels[i]);
                    let (p, bce, cost) = sample(label, &logits[0], &logits[1]);
                    prediction += bce / batch as f64;
                    ponder_cost += cost / batch as f64;
                    for n in 0..steps {
                        let difference = |head: usize| {
                            if n >= stop {
                                return 0.0;
                            }
                            let loss = |change: f64| {
                                let mut logits = logits.clone();
                                logits[head][n] += change;
                                let (_, bce, cost) = sample(label, &logits[0], &logits[1]);
                                bce + tau * cost
                            };
                            (loss(1e-5) - loss(-1e-5)) / 2e-5 / batch as f64
                        };
                        let at = n * batch + i;
                        close(rows[0][at], p.get(n).copied().unwrap_or(0.0));
                        close(rows[1][at], difference(0));
                        close(rows[2][at], difference(1));
                    }
                }
                assert!(
                    (terms.prediction - prediction).abs() < 1e-5,
                    "{}",
                    set.name()
                );
                assert!(
                    (terms.ponder_cost - ponder_cost).abs() < 1e-5,
                    "{}",
                    set.name()
                );
            }
        }
    }
}
