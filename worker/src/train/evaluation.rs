//! What a lane has learnt so far, measured on samples of its own that are the same at every
//! evaluation, so that a curve shows training and not sampling.
//!
//! Halting is sampled as the paper does (section 2.4): `Lambda_n ~ Bernoulli(lambda_n)`, forced at
//! N. Expected values use the same distribution, whatever residual rule training has; the loss is
//! the training objective.

use pondersweep_proto::metric::Metric;

use super::{bundle::Bundle, read};
use crate::{
    seed::{Draws, Purpose, Seeds},
    task::{Batch, Range},
};

/// Samples of a lane computed at once: bounds the memory of an evaluation whatever its size.
const CHUNK: u64 = 512;

/// The metrics of one lane.
pub(super) type Metrics = Vec<(Metric, f64)>;

/// Evaluates every lane of the bundle, in their order.
pub(super) fn evaluate(bundle: &Bundle) -> Vec<Metrics> {
    let extrapolate = bundle.program.evaluation.extrapolate;
    let ranges = [Range::Interpolation, Range::Extrapolation];
    let mut metrics = vec![Metrics::new(); bundle.lanes.len()];
    for &range in &ranges[..1 + usize::from(extrapolate)] {
        for (metrics, tally) in metrics.iter_mut().zip(tally(bundle, range)) {
            metrics.extend(tally.metrics(range));
        }
    }
    metrics
}

fn tally(bundle: &Bundle, range: Range) -> Vec<Tally> {
    let examples = u64::from(bundle.program.evaluation.examples);
    let seeds = bundle.seeds();
    let mut tallies = vec![Tally::default(); seeds.len()];
    for start in (0..examples).step_by(usize::try_from(CHUNK).expect("a chunk is small")) {
        let end = examples.min(start + CHUNK);
        Outputs::compute(bundle, &seeds, range, start..end).add_to(&mut tallies, &seeds);
    }
    tallies
}

/// The network's outputs on one chunk, on the host.
struct Outputs {
    range: Range,
    numbers: std::ops::Range<u64>,
    steps: usize,
    labels: Vec<bool>,
    /// Of answers and of halting: `[lanes, 2, steps, numbers]`.
    logits: Vec<f32>,
    /// Their means: `[lanes]`.
    losses: Vec<f32>,
}

impl Outputs {
    fn compute(
        bundle: &Bundle,
        seeds: &[Seeds],
        range: Range,
        numbers: std::ops::Range<u64>,
    ) -> Self {
        let program = &bundle.program;
        let (task, purpose) = (&program.task, Purpose::Evaluation);
        let major = range as u64;
        let device = &bundle.device;
        let batch = Batch::generate(task, range, seeds, purpose, major, numbers.clone(), device);
        // All N steps: a sample may halt later than a cumulative unroll would have computed.
        let parameters = bundle.network.constant(&bundle.parameters);
        let outputs = bundle.network.unroll_all(&parameters, &batch.x);
        let losses = bundle.objective.losses(outputs.clone(), &batch.targets);
        Self {
            range,
            numbers,
            steps: program.limit.max_steps(),
            labels: batch.labels,
            logits: read(outputs.logits),
            losses: read(losses),
        }
    }

    fn add_to(&self, tallies: &mut [Tally], seeds: &[Seeds]) {
        let size = self.labels.len() / seeds.len();
        let labels = self.labels.chunks_exact(size);
        let logits = self.logits.chunks_exact(2 * self.steps * size);
        let lanes = tallies.iter_mut().zip(seeds).zip(labels.zip(logits));
        for (((tally, seeds), (labels, logits)), loss) in lanes.zip(&self.losses) {
            for (sample, (number, label)) in self.numbers.clone().zip(labels).enumerate() {
                let column: Vec<f64> = logits[sample..]
                    .iter()
                    .step_by(size)
                    .copied()
                    .map(f64::from)
                    .collect();
                let (answers, halting) = column.split_at(self.steps);
                let mut draws = seeds.draws(Purpose::Halting, [self.range as u64, number]);
                tally.add_sample(*label, answers, halting, &mut draws);
            }
            #[expect(clippy::cast_precision_loss, reason = "a chunk is small")]
            let samples = size as f64;
            tally.loss += samples * f64::from(*loss);
        }
    }
}

/// Sums over the samples of one lane.
#[derive(Clone, Debug, Default)]
struct Tally {
    samples: u64,
    correct: f64,
    correct_expected: f64,
    steps: f64,
    steps_expected: f64,
    loss: f64,
}

impl Tally {
    /// Halts one sample: at a drawn step, and at every step with its probability.
    fn add_sample(
        &mut self,
        label: bool,
        answer_logits: &[f64],
        halting_logits: &[f64],
        draws: &mut Draws,
    ) {
        let last = answer_logits.len() - 1;
        let mut survival = 1.0;
        let mut halted = false;
        self.samples += 1;
        for (index, (answer, halting)) in answer_logits.iter().zip(halting_logits).enumerate() {
            let lambda = if index == last {
                1.0
            } else {
                sigmoid(*halting)
            };
            let correct = f64::from(u8::from((*answer > 0.0) == label));
            #[expect(clippy::cast_precision_loss, reason = "at most a thousand steps")]
            let step = (index + 1) as f64;
            let p = survival * lambda;
            self.correct_expected += p * correct;
            self.steps_expected += p * step;
            survival *= 1.0 - lambda;
            if !halted && draws.uniform_f64() < lambda {
                halted = true;
                self.correct += correct;
                self.steps += step;
            }
        }
    }

    fn metrics(&self, range: Range) -> [(Metric, f64); 5] {
        use Metric as M;
        let names = match range {
            Range::Interpolation => [
                M::AccuracyInterpolation,
                M::AccuracyExpectedInterpolation,
                M::PonderStepsInterpolation,
                M::PonderStepsExpectedInterpolation,
                M::LossInterpolation,
            ],
            Range::Extrapolation => [
                M::AccuracyExtrapolation,
                M::AccuracyExpectedExtrapolation,
                M::PonderStepsExtrapolation,
                M::PonderStepsExpectedExtrapolation,
                M::LossExtrapolation,
            ],
        };
        let sums = [
            self.correct,
            self.correct_expected,
            self.steps,
            self.steps_expected,
            self.loss,
        ];
        #[expect(clippy::cast_precision_loss, reason = "at most ten million samples")]
        let samples = self.samples as f64;
        std::array::from_fn(|index| (names[index], sums[index] / samples))
    }
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::trial;

    fn logit(probability: f64) -> f64 {
        (probability / (1.0 - probability)).ln()
    }

    #[test]
    fn expected_values_weigh_every_step_and_the_last_takes_the_rest() {
        let mut tally = Tally::default();
        let mut draws = Seeds::of(&trial(|_| {})).draws(Purpose::Halting, [0, 0]);
        // Right, wrong, right; p = 1/4, 3/8, 3/8.
        let halting = [logit(0.25), logit(0.5), logit(0.01)];
        tally.add_sample(true, &[2.0, -1.0, 0.5], &halting, &mut draws);
        assert!((tally.correct_expected - 0.625).abs() < 1e-12);
        assert!((tally.steps_expected - (0.25 + 0.75 + 1.125)).abs() < 1e-12);
    }

    #[test]
    fn with_a_fixed_lambda_sampled_steps_average_to_the_expected_ones() {
        let seeds = Seeds::of(&trial(|_| {}));
        for lambda in [0.05, 0.3, 0.9] {
            let mut tally = Tally::default();
            for number in 0..20_000 {
                let mut draws = seeds.draws(Purpose::Halting, [0, number]);
                let answers = [1.0, -1.0, 1.0, -1.0, 1.0];
                tally.add_sample(false, &answers, &[logit(lambda); 5], &mut draws);
            }
            // Five standard deviations of a mean of 20,000 numbers within 1..=5 or 0..=1.
            let steps = (tally.steps - tally.steps_expected) / 2e4;
            let accuracy = (tally.correct - tally.correct_expected) / 2e4;
            assert!(steps.abs() < 0.071, "{lambda}: {steps}");
            assert!(accuracy.abs() < 0.018, "{lambda}: {accuracy}");
        }
    }

    #[test]
    fn a_saturated_lambda_halts_at_once_or_at_the_last_step() {
        let seeds = Seeds::of(&trial(|_| {}));
        for (halting_logit, steps) in [(1e4, 1.0), (-1e4, 4.0)] {
            let mut tally = Tally::default();
            let mut draws = seeds.draws(Purpose::Halting, [0, 0]);
            tally.add_sample(true, &[1.0; 4], &[halting_logit; 4], &mut draws);
            assert_eq!((tally.steps, tally.steps_expected), (steps, steps));
            assert_eq!((tally.correct, tally.correct_expected), (1.0, 1.0));
        }
    }
}
