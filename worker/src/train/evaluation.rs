//! What a lane has learnt so far, measured on samples of its own that are the same at every
//! evaluation, so that a curve shows training and not sampling.
//!
//! Samples halt as [`Decision`] says; the loss is the training objective.

use pondersweep_proto::metric::Metric;

use super::{bundle::Bundle, lane::Lane, read};
use crate::{
    model::Decision,
    seed::{Purpose, Seeds},
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
        Outputs::compute(bundle, &seeds, range, start..end).add_to(
            &mut tallies,
            &seeds,
            &bundle.lanes,
        );
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
        // All N steps: a sample may halt later than a cumulative unroll would have computed.
        let steps = program.limit.max_steps();
        let logits = bundle.logits(&batch.x, steps);
        let losses = bundle.objective.per_sample(&logits, &batch.targets);
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

    fn add_to(&self, tallies: &mut [Tally], seeds: &[Seeds], lanes: &[Lane]) {
        let size = self.labels.len() / seeds.len();
        for (lane, (tally, seeds)) in tallies.iter_mut().zip(seeds).enumerate() {
            let method = &lanes[lane].method;
            for (sample, number) in self.numbers.clone().enumerate() {
                let column = |logits: &[f32]| -> Vec<f64> {
                    let first = lane * self.steps * size + sample;
                    let steps = logits[first..].iter().step_by(size).take(self.steps);
                    steps.copied().map(f64::from).collect()
                };
                let mut draws = seeds.draws(Purpose::Halting, [self.range as u64, number]);
                tally.add(&Decision::of(
                    method,
                    self.labels[lane * size + sample],
                    &column(&self.answer_logits),
                    &column(&self.halting_logits),
                    &mut draws,
                ));
                tally.loss += f64::from(self.losses[lane * size + sample]);
            }
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
    fn add(&mut self, decision: &Decision) {
        self.samples += 1;
        self.correct += decision.correct;
        self.correct_expected += decision.correct_expected;
        self.steps += decision.steps;
        self.steps_expected += decision.steps_expected;
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
