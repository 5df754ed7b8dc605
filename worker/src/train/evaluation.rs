//! What a lane has learnt so far, measured on samples of its own that are the same at every
//! evaluation, so that a curve shows training and not sampling.
//!
//! Halting is sampled as the paper does (section 2.4): `Lambda_n ~ Bernoulli(lambda_n)`, forced at
//! N. Expected values use the same distribution, whatever residual rule training has; the loss is
//! the training objective.

use burn::tensor::Tensor;
use pondersweep_proto::metric::Metric;

use super::bundle::Bundle;
use crate::{
    model::{StepLimit, Weights, unroll},
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
    /// `[lanes, steps, numbers]`.
    answer_logits: Vec<f32>,
    /// `[lanes, steps, numbers]`.
    halting_logits: Vec<f32>,
    /// `[lanes, numbers]`.
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
        let weights = Weights::constant(&bundle.parameters, &program.layout);
        // All N steps: a sample may halt later than a cumulative unroll would have computed.
        let steps = program.limit.max_steps();
        let logits = unroll(&batch.x, &weights, StepLimit::fixed(steps));
        let losses = program.losses(&bundle.objective, &logits, &batch.targets);
        Self {
            range,
            numbers,
            steps,
            labels: batch.labels,
            answer_logits: read(logits.answer),
            halting_logits: read(logits.halting),
            losses: read(losses),
        }
    }

    fn add_to(&self, tallies: &mut [Tally], seeds: &[Seeds]) {
        let size = self.labels.len() / seeds.len();
        for (lane, (tally, seeds)) in tallies.iter_mut().zip(seeds).enumerate() {
            for (sample, number) in self.numbers.clone().enumerate() {
                let column = |logits: &[f32]| -> Vec<f64> {
                    let first = lane * self.steps * size + sample;
                    let steps = logits[first..].iter().step_by(size).take(self.steps);
                    steps.copied().map(f64::from).collect()
                };
                let mut draws = seeds.draws(Purpose::Halting, [self.range as u64, number]);
                tally.add_sample(
                    self.labels[lane * size + sample],
                    &column(&self.answer_logits),
                    &column(&self.halting_logits),
                    &mut draws,
                );
                tally.loss += f64::from(self.losses[lane * size + sample]);
            }
        }
    }
}

fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor
        .try_into_vec_as::<f32>()
        .expect("a float tensor reads as numbers")
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
