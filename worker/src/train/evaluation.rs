//! What a lane has learnt so far, measured on samples of its own that are the same at every
//! evaluation, so that a curve shows training and not sampling.
//!
//! How a sample is answered is decided by [`Decision`]; the loss is the training objective.

use std::ops::Range;

use pondersweep_proto::{
    breakdown::Breakdown,
    metric::{MetricName, built_in},
    spec::EvaluationRange,
};

use super::{breakdown::Counts, bundle::Bundle, lane::Lane, read};
use crate::{
    model::Decision,
    seed::{Purpose, Seeds},
    task::{Batch, Occasion, Sample, range_stream},
};

/// Samples of a lane computed at once: bounds the memory of an evaluation whatever its size.
const CHUNK: u64 = 512;

/// The metrics of one lane.
pub(super) type Metrics = Vec<(MetricName, f64)>;

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
    for range in bundle.shared.task.ranges() {
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

fn tally(bundle: &Bundle, range: EvaluationRange, last: bool) -> Vec<Tally> {
    let seeds = bundle.seeds();
    let shared = &bundle.shared;
    let examples = shared.examples;
    let (difficulties, steps) = (shared.task.difficulties(range), shared.limit.max_steps());
    let buckets = shared.task.buckets();
    let counts = last.then(|| Counts::new(range, difficulties, buckets, steps));
    let tally = Tally {
        counts,
        ..Tally::default()
    };
    let mut tallies = vec![tally; seeds.len()];
    for start in (0..examples).step_by(usize::try_from(CHUNK).expect("a chunk is small")) {
        let end = examples.min(start + CHUNK);
        let outputs = Outputs::compute(bundle, &seeds, range, start..end);
        outputs.add_to(&mut tallies, &bundle.lanes);
    }
    tallies
}

/// The network's outputs on one chunk, on the host.
struct Outputs {
    range: EvaluationRange,
    numbers: Range<u64>,
    steps: usize,
    samples: Vec<Sample>,
    /// Of answers and of halting: `[lanes, answers + 1, steps, numbers]`.
    logits: Vec<f32>,
    /// Their means: `[lanes]`.
    losses: Vec<f32>,
}

impl Outputs {
    fn compute(
        bundle: &Bundle,
        seeds: &[Seeds],
        range: EvaluationRange,
        numbers: Range<u64>,
    ) -> Self {
        let shared = &bundle.shared;
        let occasion = Occasion::Evaluation(range);
        let (task, device) = (&shared.task, &bundle.device);
        let batch = Batch::draw(task, occasion, seeds, numbers.clone(), device);
        let batch = bundle.fitting(batch);
        // All N steps: a sample may halt later than a cumulative unroll would have computed.
        let parameters = bundle.network.constant(&bundle.parameters);
        let outputs = bundle.network.unroll_all(&parameters, &batch.x);
        let losses = bundle.objective.losses(outputs.clone(), &batch.targets);
        Self {
            range,
            numbers,
            steps: shared.limit.max_steps(),
            samples: batch.samples,
            logits: read(outputs.logits),
            losses: read(losses),
        }
    }

    fn add_to(&self, tallies: &mut [Tally], lanes: &[Lane]) {
        let size = self.samples.len() / lanes.len();
        let samples = self.samples.chunks_exact(size);
        let logits = self.logits.chunks_exact(self.logits.len() / lanes.len());
        let lanes = tallies.iter_mut().zip(lanes).zip(samples.zip(logits));
        for (((tally, lane), (samples, logits)), loss) in lanes.zip(&self.losses) {
            for (index, (number, sample)) in self.numbers.clone().zip(samples).enumerate() {
                let column = logits[index..].iter().step_by(size);
                let column: Vec<f64> = column.copied().map(f64::from).collect();
                let (answers, halting) = column.split_at(column.len() - self.steps);
                let position = [range_stream(self.range), number];
                let mut draws = lane.seeds.draws(Purpose::Halting, position);
                let method = &lane.method;
                let decision = Decision::of(method, sample.class, answers, halting, &mut draws);
                tally.add(sample, &decision);
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
    fn add(&mut self, sample: &Sample, decision: &Decision) {
        self.samples += 1;
        self.correct += decision.correct;
        self.correct_expected += decision.correct_expected;
        self.steps += decision.steps;
        self.steps_expected += decision.steps_expected;
        if let Some(counts) = &mut self.counts {
            counts.add(sample.difficulty, decision);
        }
    }

    fn metrics(&self, range: EvaluationRange) -> [(MetricName, f64); 5] {
        let names = match range {
            EvaluationRange::Interpolation => [
                built_in::ACCURACY_INTERPOLATION,
                built_in::ACCURACY_EXPECTED_INTERPOLATION,
                built_in::PONDER_STEPS_INTERPOLATION,
                built_in::PONDER_STEPS_EXPECTED_INTERPOLATION,
                built_in::LOSS_INTERPOLATION,
            ],
            EvaluationRange::Extrapolation => [
                built_in::ACCURACY_EXTRAPOLATION,
                built_in::ACCURACY_EXPECTED_EXTRAPOLATION,
                built_in::PONDER_STEPS_EXTRAPOLATION,
                built_in::PONDER_STEPS_EXPECTED_EXTRAPOLATION,
                built_in::LOSS_EXTRAPOLATION,
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
        let mut sums = sums.into_iter();
        names.map(|name| (name, sums.next().expect("one of each") / samples))
    }
}
