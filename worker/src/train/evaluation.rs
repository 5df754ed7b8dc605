//! What a lane has learnt so far, measured on samples of its own that are the same at every
//! evaluation, so that a curve shows training and not sampling.
//!
//! How a sample is answered is decided by [`Decision`]; the loss is the training objective.

use pondersweep_proto::{breakdown::Breakdown, metric::Metric};

use super::{breakdown::Counts, bundle::Bundle, lane::Lane, read};
use crate::{
    model::Decision,
    seed::{Purpose, Seeds},
    task::{Batch, Parity, Range},
};

/// Samples of a lane computed at once: bounds the memory of an evaluation whatever its size.
const CHUNK: u64 = 512;

/// The metrics of one lane.
pub(super) type Metrics = Vec<(Metric, f64)>;

/// What an evaluation found of a lane.
#[derive(Clone, Debug, Default)]
pub(super) struct Evaluated {
    pub(super) metrics: Metrics,
    /// Of the last evaluation only.
    pub(super) breakdown: Option<Breakdown>,
}

/// Evaluates every lane of the bundle, in their order; the last time the samples are broken down.
pub(super) fn evaluate(bundle: &Bundle, last: bool) -> Vec<Evaluated> {
    let mut metrics = vec![Metrics::new(); bundle.lanes.len()];
    let mut counts = vec![Vec::new(); bundle.lanes.len()];
    for &range in bundle.program.task.ranges() {
        let lanes = metrics.iter_mut().zip(&mut counts);
        for ((metrics, counts), tally) in lanes.zip(tally(bundle, range, last)) {
            metrics.extend(tally.metrics(range));
            counts.extend(tally.counts);
        }
    }
    let evaluated = |(metrics, counts): (_, Vec<Counts>)| Evaluated {
        metrics,
        breakdown: last.then(|| Counts::breakdown(&counts)),
    };
    metrics.into_iter().zip(counts).map(evaluated).collect()
}

fn tally(bundle: &Bundle, range: Range, last: bool) -> Vec<Tally> {
    let seeds = bundle.seeds();
    let program = &bundle.program;
    let examples = program.examples;
    let (nonzeros, steps) = (program.task.nonzeros(range), program.limit.max_steps());
    let counts = last.then(|| Counts::new(range, &nonzeros, steps));
    let tally = Tally {
        counts,
        ..Tally::default()
    };
    let mut tallies = vec![tally; seeds.len()];
    for start in (0..examples).step_by(usize::try_from(CHUNK).expect("a chunk is small")) {
        let end = examples.min(start + CHUNK);
        let outputs = Outputs::compute(bundle, &seeds, range, start..end);
        outputs.add_to(&mut tallies, &bundle.lanes, &program.task);
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

    fn add_to(&self, tallies: &mut [Tally], lanes: &[Lane], task: &Parity) {
        let size = self.labels.len() / lanes.len();
        let labels = self.labels.chunks_exact(size);
        let logits = self.logits.chunks_exact(2 * self.steps * size);
        let lanes = tallies.iter_mut().zip(lanes).zip(labels.zip(logits));
        for (((tally, lane), (labels, logits)), loss) in lanes.zip(&self.losses) {
            for (sample, (number, label)) in self.numbers.clone().zip(labels).enumerate() {
                let column: Vec<f64> = logits[sample..]
                    .iter()
                    .step_by(size)
                    .copied()
                    .map(f64::from)
                    .collect();
                let (answers, halting) = column.split_at(self.steps);
                let draws = [self.range as u64, number];
                let mut draws = lane.seeds.draws(Purpose::Halting, draws);
                let decision = Decision::of(&lane.method, *label, answers, halting, &mut draws);
                tally.add(&decision);
                if let Some(counts) = &mut tally.counts {
                    let draws = [self.range as u64, number];
                    let mut draws = lane.seeds.draws(Purpose::Evaluation, draws);
                    counts.add(task.draw_nonzeros(self.range, &mut draws), &decision);
                }
            }
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
    counts: Option<Counts>,
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
        let samples = self.samples as f64;
        std::array::from_fn(|index| (names[index], sums[index] / samples))
    }
}
