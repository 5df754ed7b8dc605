//! PonderNet's loss (paper, section 2.3) and its gradients from the logits of every step, in one
//! pass over the batch. Derived by hand.
//!
//! For each sample, with lambda_n = sigmoid(z_n) and stop step S (N, or where the cumulative rule
//! stopped): log p_n = logsigmoid(z_n) + sum_{j<n} logsigmoid(-z_j); the remaining mass goes to step
//! S, or p is divided by its sum. L = mean over samples of
//! sum_n p_n BCE(y_n, label) + beta sum_n p_n (log p_n - log p_G(n)).
//!
//! Gradients: c_n = BCE_n + beta (log p_n - log p_G(n)) and d L / d log p_n = p_n (c_n - c), where
//! subtracting the mean c = sum_n p_n c_n changes nothing under the remainder rule, as sum_n p_n = 1,
//! and is the normaliser's share under the other. Then
//! d L / d z_n = g_n (1 - lambda_n) - lambda_n sum_{m>n} g_m with g_n that gradient.
//!
//! In the other direction, beta sum_n p_G(n) (log p_G(n) - log p_n), the divergence's part of g_n is
//! beta (p_n - p_G(n)): its first term is the normaliser's share, and changes nothing otherwise.

use pondersweep_proto::spec::{KlDirection, Residual};

use super::elementary::{exp, log_1_plus, sigmoid, softplus_and_sigmoid};
use super::instruction_set::{InstructionSet, Job};
use super::simd::{Simd, load_some, store_some};
use crate::model::Prior;

/// What the loss depends on besides the logits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HaltingSettings {
    /// What halting is held against.
    pub prior: Prior,
    /// Weight of the divergence from the prior.
    pub beta: f64,
    /// N, where the prior is truncated and renormalised.
    pub max_steps: usize,
    /// What happens to the mass left after the last step.
    pub residual: Residual,
    /// Which way the divergence is taken.
    pub direction: KlDirection,
}

/// The loss of one lane, ready to be evaluated on batches.
#[derive(Clone, Debug)]
pub(super) struct HaltingLoss {
    log_prior: Vec<f32>,
    beta: f32,
    residual: Residual,
    /// Whether the divergence is the prior's from the network.
    reverse: bool,
}

/// A batch's logits and labels.
#[derive(Clone, Copy, Debug)]
pub struct HaltingBatch<'a> {
    /// y_n: `[steps, batch]`, finite also after a sample's stop step.
    pub answer_logits: &'a [f32],
    /// z_n: `[steps, batch]`, likewise.
    pub halting_logits: &'a [f32],
    /// 0 or 1: `[batch]`.
    pub labels: &'a [f32],
    /// Each sample's last step, 1 ..= steps, as a float: `[batch]`. `None` means `steps` for all.
    pub stop_steps: Option<&'a [f32]>,
}

/// Where results go, `[steps, batch]` each; zero after a sample's stop step.
#[derive(Debug)]
pub struct HaltingResult<'a> {
    /// p_n.
    pub distribution: &'a mut [f32],
    /// Gradient of the loss in y_n.
    pub answer_logits: &'a mut [f32],
    /// Gradient of the loss in z_n.
    pub halting_logits: &'a mut [f32],
}

/// Means over the batch; the loss is `prediction + beta * divergence`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct HaltingTerms {
    /// sum_n p_n BCE_n.
    pub(super) prediction: f64,
    /// KL(p || p_G), or KL(p_G || p), in nats.
    pub(super) divergence: f64,
}

impl HaltingLoss {
    /// The loss with these settings.
    #[must_use]
    pub(super) fn new(settings: &HaltingSettings) -> Self {
        Self {
            log_prior: settings
                .prior
                .log_masses(settings.max_steps)
                .map(|mass| mass as f32)
                .collect(),
            beta: settings.beta as f32,
            residual: settings.residual,
            reverse: settings.direction == KlDirection::PriorNetwork,
        }
    }

    /// Loss terms, halting distribution and gradients of a batch.
    ///
    /// # Panics
    /// If slices disagree in size, or have more steps than the prior; or a sample stops early while the
    /// divergence is the prior's from the network.
    pub(super) fn evaluate(
        &self,
        instructions: InstructionSet,
        batch: HaltingBatch<'_>,
        result: &mut HaltingResult<'_>,
    ) -> HaltingTerms {
        let samples = batch.labels.len();
        let size = batch.answer_logits.len();
        check_sizes(&batch, result);
        assert!(
            size / samples <= self.log_prior.len(),
            "more steps than the prior has"
        );
        let whole = |stops: &[f32]| stops.iter().all(|&stop| stop as usize == size / samples);
        let complete = size / samples == self.log_prior.len();
        assert!(
            !self.reverse || complete && batch.stop_steps.is_none_or(whole),
            "the prior's divergence from samples that stop early is infinite"
        );
        instructions.run(Evaluate {
            loss: self,
            batch,
            result,
        })
    }
}

/// Checks that all slices have the same steps and samples.
///
/// # Panics
/// If they do not.
pub(super) fn check_sizes(batch: &HaltingBatch<'_>, result: &HaltingResult<'_>) {
    let (samples, size) = (batch.labels.len(), batch.answer_logits.len());
    assert!(
        samples > 0 && size.is_multiple_of(samples),
        "{size} logits of {samples} samples"
    );
    assert_eq!(batch.halting_logits.len(), size, "halting logits");
    assert!(
        batch.stop_steps.is_none_or(|stops| stops.len() == samples),
        "stop steps"
    );
    assert_eq!(result.distribution.len(), size, "distribution");
    assert_eq!(result.answer_logits.len(), size, "answer gradients");
    assert_eq!(result.halting_logits.len(), size, "halting gradients");
}

struct Evaluate<'a, 'b> {
    loss: &'a HaltingLoss,
    batch: HaltingBatch<'a>,
    result: &'a mut HaltingResult<'b>,
}

impl Job for Evaluate<'_, '_> {
    type Output = HaltingTerms;

    #[inline(always)]
    fn run<S: Simd, const ROWS: usize>(mut self, simd: S) -> HaltingTerms {
        let samples = self.batch.labels.len();
        let mut terms = HaltingTerms::default();
        for start in (0..samples).step_by(S::LANES) {
            let chunk = self.chunk(simd, start);
            terms.prediction += chunk.prediction;
            terms.divergence += chunk.divergence;
        }
        terms.prediction /= samples as f64;
        terms.divergence /= samples as f64;
        terms
    }
}

/// One vector of samples: where it stands and when each stops.
#[derive(Clone, Copy)]
struct Chunk<V> {
    start: usize,
    end: usize,
    stop: V,
}

impl Evaluate<'_, '_> {
    fn steps(&self) -> usize {
        self.batch.answer_logits.len() / self.batch.labels.len()
    }

    /// The slice of a `[steps, batch]` array that a chunk has at a step, counted from 0.
    #[inline(always)]
    fn at<V>(&self, chunk: &Chunk<V>, step: usize) -> std::ops::Range<usize> {
        let row = step * self.batch.labels.len();
        row + chunk.start..row + chunk.end
    }

    #[inline(always)]
    fn chunk<S: Simd>(&mut self, simd: S, start: usize) -> HaltingTerms {
        let end = (start + S::LANES).min(self.batch.labels.len());
        let stop = match self.batch.stop_steps {
            Some(stops) => load_some(simd, &stops[start..end]),
            None => simd.splat(self.steps() as f32),
        };
        let chunk = Chunk { start, end, stop };
        let log_mass = self.log_probabilities(simd, &chunk);
        let (prediction, divergence, mean) = self.terms(simd, &chunk, log_mass);
        self.halting_gradients(simd, &chunk, mean);
        HaltingTerms {
            prediction: sum_some(simd, prediction, end - start),
            divergence: sum_some(simd, divergence, end - start),
        }
    }

    /// Writes log p_n before normalising over `distribution`; returns the log of its sum, in two
    /// parts as the first can be so large that the second would drown in it.
    #[inline(always)]
    fn log_probabilities<S: Simd>(&mut self, simd: S, chunk: &Chunk<S::V>) -> [S::V; 2] {
        let one = simd.splat(1.0);
        let mut survival = simd.zero();
        let mut largest = simd.splat(f32::MIN);
        for step in 0..self.steps() {
            let at = self.at(chunk, step);
            let z = load_some(simd, &self.batch.halting_logits[at.clone()]);
            let (softplus, _) = softplus_and_sigmoid(simd, z);
            let (active, last) = step_masks(simd, chunk.stop, step);
            let halts = simd.sub(z, softplus);
            let halts = match self.loss.residual {
                Residual::Remainder => simd.mul(halts, simd.sub(one, last)),
                Residual::Normalise => halts,
            };
            let log_p = simd.add(survival, halts);
            // Steps after the stop are not among those the sum is taken over.
            let counted = simd.mul_add(simd.sub(one, active), simd.splat(-1e30), log_p);
            largest = simd.max(largest, counted);
            store_some(simd, &mut self.result.distribution[at], log_p);
            survival = simd.sub(survival, softplus);
        }
        match self.loss.residual {
            Residual::Remainder => [simd.zero(); 2],
            Residual::Normalise => [largest, self.log_sum(simd, chunk, largest)],
        }
    }

    /// log sum_n p_n / e^largest.
    #[inline(always)]
    fn log_sum<S: Simd>(&self, simd: S, chunk: &Chunk<S::V>, largest: S::V) -> S::V {
        let mut sum = simd.zero();
        for step in 0..self.steps() {
            let log_p = load_some(simd, &self.result.distribution[self.at(chunk, step)]);
            let (active, _) = step_masks(simd, chunk.stop, step);
            sum = simd.mul_add(active, exp(simd, simd.sub(log_p, largest)), sum);
        }
        log_from_one(simd, sum)
    }

    /// p over `distribution`, c_n over the halting gradients, and the answer gradients; returns the
    /// two terms of the loss and the mean of c_n.
    #[inline(always)]
    fn terms<S: Simd>(
        &mut self,
        simd: S,
        chunk: &Chunk<S::V>,
        log_mass: [S::V; 2],
    ) -> (S::V, S::V, S::V) {
        let label = load_some(simd, &self.batch.labels[chunk.start..chunk.end]);
        let share = simd.splat(1.0 / self.batch.labels.len() as f32);
        let beta = simd.splat(self.loss.beta);
        let (mut prediction, mut divergence) = (simd.zero(), simd.zero());
        for step in 0..self.steps() {
            let at = self.at(chunk, step);
            let (active, _) = step_masks(simd, chunk.stop, step);
            let log_p = load_some(simd, &self.result.distribution[at.clone()]);
            let log_p = simd.sub(simd.sub(log_p, log_mass[0]), log_mass[1]);
            // Smaller masses would make subnormal gradients, which some CPUs compute very slowly.
            let p = simd.sub(exp(simd, log_p), simd.splat(1e-30));
            let p = simd.mul(active, simd.max(simd.zero(), p));
            let y = load_some(simd, &self.batch.answer_logits[at.clone()]);
            let (softplus, probability) = softplus_and_sigmoid(simd, y);
            let cross_entropy = simd.negative_mul_add(label, y, softplus);
            let log_ratio = simd.sub(log_p, simd.splat(self.loss.log_prior[step]));
            prediction = simd.mul_add(p, cross_entropy, prediction);
            divergence = if self.loss.reverse {
                simd.negative_mul_add(self.prior(simd, step), log_ratio, divergence)
            } else {
                simd.mul_add(p, log_ratio, divergence)
            };
            let d_answer = simd.mul(simd.mul(p, share), simd.sub(probability, label));
            let c = if self.loss.reverse {
                cross_entropy
            } else {
                simd.mul_add(beta, log_ratio, cross_entropy)
            };
            store_some(simd, &mut self.result.distribution[at.clone()], p);
            store_some(simd, &mut self.result.answer_logits[at.clone()], d_answer);
            store_some(simd, &mut self.result.halting_logits[at], c);
        }
        let mean = if self.loss.reverse {
            prediction
        } else {
            simd.mul_add(beta, divergence, prediction)
        };
        (prediction, divergence, mean)
    }

    /// p_G of a step, counted from 0.
    #[inline(always)]
    fn prior<S: Simd>(&self, simd: S, step: usize) -> S::V {
        exp(simd, simd.splat(self.loss.log_prior[step]))
    }

    /// The halting gradients, over the c_n that stand in their place.
    #[inline(always)]
    fn halting_gradients<S: Simd>(&mut self, simd: S, chunk: &Chunk<S::V>, mean: S::V) {
        let share = simd.splat(1.0 / self.batch.labels.len() as f32);
        let beta = simd.splat(self.loss.beta);
        let mut later = simd.zero();
        for step in (0..self.steps()).rev() {
            let at = self.at(chunk, step);
            let (active, last) = step_masks(simd, chunk.stop, step);
            let p = load_some(simd, &self.result.distribution[at.clone()]);
            let c = load_some(simd, &self.result.halting_logits[at.clone()]);
            let lambda = sigmoid(
                simd,
                load_some(simd, &self.batch.halting_logits[at.clone()]),
            );
            let mut g = simd.mul(simd.mul(p, share), simd.sub(c, mean));
            if self.loss.reverse {
                let pull = simd.sub(p, self.prior(simd, step));
                g = simd.mul_add(simd.mul(beta, share), pull, g);
            }
            // g (1 - lambda) - lambda later
            let d_halting = simd.negative_mul_add(lambda, simd.add(g, later), g);
            let counted = match self.loss.residual {
                // The last step's p does not depend on its own lambda.
                Residual::Remainder => simd.sub(active, last),
                Residual::Normalise => active,
            };
            store_some(
                simd,
                &mut self.result.halting_logits[at],
                simd.mul(d_halting, counted),
            );
            later = simd.add(later, g);
        }
    }
}

/// The logarithm of a sum of at most 65,536 numbers up to 1, the largest of which is 1.
#[inline(always)]
fn log_from_one<S: Simd>(simd: S, sum: S::V) -> S::V {
    let (one, two) = (simd.splat(1.0), simd.splat(2.0));
    // The sixteenth root is at most 2.
    let root = simd.sqrt(simd.sqrt(simd.sqrt(simd.sqrt(sum))));
    let fraction = simd.max(simd.zero(), simd.sub(root, one));
    let rough = simd.mul(simd.splat(16.0), log_1_plus(simd, fraction));
    // One step of Halley's method takes back the error that the root magnified.
    let power = exp(simd, rough);
    let correction = simd.div(simd.sub(sum, power), simd.add(sum, power));
    simd.mul_add(two, correction, rough)
}

/// For a step counted from 0: 1 while a sample is at or before its stop step, else 0; and 1 exactly
/// there.
#[inline(always)]
pub(super) fn step_masks<S: Simd>(simd: S, stop: S::V, step: usize) -> (S::V, S::V) {
    let (zero, one) = (simd.zero(), simd.splat(1.0));
    let left = simd.sub(stop, simd.splat(step as f32));
    let active = simd.min(one, simd.max(zero, left));
    let beyond = simd.min(one, simd.max(zero, simd.sub(left, one)));
    (active, simd.sub(active, beyond))
}

/// The sum of a vector's first lanes.
#[inline(always)]
pub(super) fn sum_some<S: Simd>(simd: S, vector: S::V, lanes: usize) -> f64 {
    let mut values = [0.0; 16];
    store_some(simd, &mut values[..lanes], vector);
    values[..lanes].iter().map(|&value| f64::from(value)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESIDUALS: [Residual; 2] = [Residual::Remainder, Residual::Normalise];

    fn settings(residual: Residual, max_steps: usize) -> HaltingSettings {
        HaltingSettings {
            prior: Prior::geometric(0.3),
            beta: 0.7,
            max_steps,
            residual,
            direction: KlDirection::NetworkPrior,
        }
    }

    /// p, prediction and divergence of one sample, as the paper states them, in double precision.
    fn sample(
        settings: &HaltingSettings,
        label: f64,
        answer: &[f64],
        halting: &[f64],
    ) -> (Vec<f64>, f64, f64) {
        let log_sigmoid = |z: f64| -((-z.abs()).exp().ln_1p() + (-z).max(0.0));
        let steps = answer.len();
        let mut survival = 0.0;
        let mut log_p = Vec::new();
        for (index, &z) in halting.iter().enumerate() {
            let takes_the_rest = settings.residual == Residual::Remainder && index + 1 == steps;
            log_p.push(survival + if takes_the_rest { 0.0 } else { log_sigmoid(z) });
            survival += log_sigmoid(-z);
        }
        let largest = log_p.iter().copied().fold(f64::MIN, f64::max);
        let mass = log_p.iter().map(|l| (l - largest).exp()).sum::<f64>().ln() + largest;
        let log_prior = |index: i32| {
            let continues: f64 = 1.0 - settings.prior.lambda_p;
            let total = 1.0 - continues.powi(settings.max_steps as i32);
            let mass = settings.prior.lambda_p * continues.powi(index) / total;
            mass.max(settings.prior.floor).ln()
        };
        let (mut prediction, mut divergence) = (0.0, 0.0);
        let mut p = Vec::new();
        for (index, (l, y)) in log_p.iter().zip(answer).enumerate() {
            let l = if settings.residual == Residual::Normalise {
                l - mass
            } else {
                *l
            };
            let cross_entropy = -label * log_sigmoid(*y) - (1.0 - label) * log_sigmoid(-*y);
            p.push(l.exp());
            prediction += l.exp() * cross_entropy;
            let prior = log_prior(index as i32);
            divergence += match settings.direction {
                KlDirection::NetworkPrior => l.exp() * (l - prior),
                KlDirection::PriorNetwork => prior.exp() * (prior - l),
            };
        }
        (p, prediction, divergence)
    }

    struct Outcome {
        terms: HaltingTerms,
        distribution: Vec<f32>,
        answer: Vec<f32>,
        halting: Vec<f32>,
    }

    fn evaluate(
        set: InstructionSet,
        settings: &HaltingSettings,
        labels: &[f32],
        logits: [&[f32]; 2],
        stops: Option<&[f32]>,
    ) -> Outcome {
        let size = logits[0].len();
        let mut distribution = vec![f32::NAN; size];
        let (mut answer, mut halting) = (distribution.clone(), distribution.clone());
        let terms = HaltingLoss::new(settings).evaluate(
            set,
            HaltingBatch {
                answer_logits: logits[0],
                halting_logits: logits[1],
                labels,
                stop_steps: stops,
            },
            &mut HaltingResult {
                distribution: &mut distribution,
                answer_logits: &mut answer,
                halting_logits: &mut halting,
            },
        );
        Outcome {
            terms,
            distribution,
            answer,
            halting,
        }
    }

    /// Checks terms, p and finite-difference gradients of every sample.
    fn check(settings: &HaltingSettings, batch: usize, steps: usize, early: bool) {
        let value = |i: usize| ((i * 37 + 11) as f32).sin() * 3.0;
        let answer: Vec<f32> = (0..steps * batch).map(value).collect();
        let halting: Vec<f32> = (0..steps * batch).map(|i| value(i + 5000)).collect();
        let labels: Vec<f32> = (0..batch).map(|i| (i % 2) as f32).collect();
        let stops: Vec<f32> = (0..batch)
            .map(|i| {
                if early {
                    (i % steps + 1) as f32
                } else {
                    steps as f32
                }
            })
            .collect();
        for set in InstructionSet::available() {
            let given = early.then_some(&stops[..]);
            let got = evaluate(set, settings, &labels, [&answer, &halting], given);
            let (mut prediction, mut divergence) = (0.0, 0.0);
            for i in 0..batch {
                let stop = stops[i] as usize;
                let column = |values: &[f32]| -> Vec<f64> {
                    (0..stop)
                        .map(|n| f64::from(values[n * batch + i]))
                        .collect()
                };
                let logits = [column(&answer), column(&halting)];
                let label = f64::from(labels[i]);
                let (p, bce, kl) = sample(settings, label, &logits[0], &logits[1]);
                prediction += bce / batch as f64;
                divergence += kl / batch as f64;
                for n in 0..steps {
                    let close = |got: f32, want: f64| {
                        assert!(
                            (f64::from(got) - want).abs() < 2e-6,
                            "{}: {got} {want}",
                            set.name()
                        );
                    };
                    let at = n * batch + i;
                    close(got.distribution[at], p.get(n).copied().unwrap_or(0.0));
                    let difference = |head: usize| {
                        if n >= stop {
                            return 0.0;
                        }
                        let loss = |change: f64| {
                            let mut logits = logits.clone();
                            logits[head][n] += change;
                            let (_, bce, kl) = sample(settings, label, &logits[0], &logits[1]);
                            bce + settings.beta * kl
                        };
                        (loss(1e-5) - loss(-1e-5)) / 2e-5 / batch as f64
                    };
                    close(got.answer[at], difference(0));
                    close(got.halting[at], difference(1));
                }
            }
            assert!(
                (got.terms.prediction - prediction).abs() < 1e-5,
                "{}",
                set.name()
            );
            assert!(
                (got.terms.divergence - divergence).abs() < 1e-5,
                "{}",
                set.name()
            );
        }
    }

    #[test]
    fn terms_and_gradients_are_those_of_the_equations() {
        for residual in RESIDUALS {
            for (batch, steps) in [(1, 1), (7, 5), (16, 20), (37, 3)] {
                for early in [false, true] {
                    check(&settings(residual, 20), batch, steps, early);
                }
                let reversed = HaltingSettings {
                    direction: KlDirection::PriorNetwork,
                    ..settings(residual, steps)
                };
                check(&reversed, batch, steps, false);
                let floored = HaltingSettings {
                    prior: Prior {
                        lambda_p: 1.0,
                        floor: 1e-3,
                    },
                    ..settings(residual, 20)
                };
                check(&floored, batch, steps, false);
            }
        }
    }

    #[test]
    fn the_divergence_is_of_the_network_from_the_prior_unless_the_reverse_is_asked_for() {
        // p = (1/4, 3/4) from lambda_1 = 1/4; the prior at lambda_p = 1/2 over two steps is (2/3, 1/3).
        let settings = HaltingSettings {
            prior: Prior::geometric(0.5),
            beta: 1.0,
            max_steps: 2,
            residual: Residual::Remainder,
            direction: KlDirection::NetworkPrior,
        };
        let reversed = HaltingSettings {
            direction: KlDirection::PriorNetwork,
            ..settings
        };
        let z = (1.0_f32 / 3.0).ln();
        for set in InstructionSet::available() {
            let got = evaluate(set, &settings, &[1.0], [&[0.0, 0.0], &[z, 0.0]], None);
            let forward = 0.25 * (0.25_f64 * 1.5).ln() + 0.75 * (0.75_f64 * 3.0).ln();
            assert!((got.terms.divergence - forward).abs() < 1e-6);
            assert!((got.terms.prediction - 2.0_f64.ln()).abs() < 1e-6);
            let got = evaluate(set, &reversed, &[1.0], [&[0.0, 0.0], &[z, 0.0]], None);
            let backward = 2.0 / 3.0 * (8.0_f64 / 3.0).ln() + 1.0 / 3.0 * (4.0_f64 / 9.0).ln();
            assert!((got.terms.divergence - backward).abs() < 1e-6);
            assert!((forward - backward).abs() > 0.01);
        }
    }

    #[test]
    fn a_network_that_halts_like_the_prior_has_no_divergence() {
        let settings = settings(Residual::Normalise, 20);
        let z = [(0.3_f32 / 0.7).ln(); 20];
        for set in InstructionSet::available() {
            let got = evaluate(set, &settings, &[0.0], [&[0.0; 20], &z], None);
            assert!(
                got.terms.divergence.abs() < 1e-6,
                "{}",
                got.terms.divergence
            );
        }
    }

    #[test]
    fn saturated_halting_stays_finite_and_sums_to_one() {
        for residual in RESIDUALS {
            for set in InstructionSet::available() {
                for z in [-1e4, -100.0, 100.0, 1e4] {
                    let settings = settings(residual, 20);
                    let got = evaluate(set, &settings, &[1.0], [&[50.0; 20], &[z; 20]], None);
                    let total: f32 = got.distribution.iter().sum();
                    assert!((total - 1.0).abs() < 1e-5, "{residual:?} {z}: {total}");
                    assert!(got.terms.prediction.is_finite() && got.terms.divergence.is_finite());
                    let gradients = got.answer.iter().chain(&got.halting);
                    assert!(gradients.copied().all(f32::is_finite));
                }
            }
        }
    }
}
