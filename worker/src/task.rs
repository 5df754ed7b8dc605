//! PURE: the learning problems, and batches of their samples. How a task draws a sample stands in
//! its own file; what follows from its settings, in the contract's `task`. The rest of the worker
//! knows a task by what [`Task`] says.

mod babi;
mod paired_associates;
mod parity;

use std::{
    fmt,
    ops::{Range, RangeInclusive},
    sync::Arc,
};

use burn::tensor::{Device, Tensor, TensorData};
use pondersweep_proto::{
    setting::Setting,
    spec::{ConfigurationSpec, EvaluationRange, TaskKind},
    task::{self, Content, Input},
};

pub use self::babi::published as stories;
use self::{babi::Babi, paired_associates::PairedAssociates, parity::Parity};
use crate::{
    model::answer,
    seed::{Draws, Purpose, Seeds},
};

/// What a sample is drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// The update with this number, from 0.
    Training(u64),
    /// An evaluation, every time the same.
    Evaluation(EvaluationRange),
}

impl Occasion {
    /// How difficult the samples are: training shows what [`EvaluationRange::Interpolation`] asks.
    #[must_use]
    pub const fn range(self) -> EvaluationRange {
        match self {
            Self::Training(_) => EvaluationRange::Interpolation,
            Self::Evaluation(range) => range,
        }
    }

    /// The random numbers of the sample with this number.
    #[must_use]
    pub const fn draws(self, seeds: &Seeds, number: u64) -> Draws {
        match self {
            Self::Training(update) => seeds.draws(Purpose::Data, [update, number]),
            Self::Evaluation(range) => {
                seeds.draws(Purpose::Evaluation, [range_stream(range), number])
            }
        }
    }
}

/// A range's place in the random streams.
#[must_use]
pub const fn range_stream(range: EvaluationRange) -> u64 {
    match range {
        EvaluationRange::Interpolation => 0,
        EvaluationRange::Extrapolation => 1,
    }
}

/// What draws the samples of a task.
trait Source: fmt::Debug + Send + Sync {
    /// Draws one sample into `x`, whatever was there. `draws` are the sample's own.
    fn draw(&self, place: &Place<'_>, draws: &mut Draws, x: &mut [f32]) -> Sample;
}

/// Which sample is drawn.
struct Place<'a> {
    occasion: Occasion,
    /// The sample's number.
    number: u64,
    /// What samples of a trial share follows from these.
    seeds: &'a Seeds,
}

impl Place<'_> {
    /// Whether training is shown it.
    const fn trains(&self) -> bool {
        matches!(self.occasion, Occasion::Training(_))
    }
}

/// A learning problem as a configuration has it: inputs, each with the class it belongs to.
#[derive(Clone, Debug)]
pub struct Task {
    configuration: ConfigurationSpec,
    input: Input,
    source: Arc<dyn Source>,
}

/// What is known of a sample besides its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The right answer, from 0.
    pub class: u32,
    /// How hard it is, within [`Task::difficulties`] of its range.
    pub difficulty: u32,
}

impl Task {
    /// The task of a configuration.
    #[must_use]
    pub fn of(configuration: &ConfigurationSpec) -> Self {
        Self {
            input: Input::of(configuration),
            source: match configuration.choice(Setting::TASK) {
                TaskKind::Parity => Arc::new(Parity::of(configuration)),
                TaskKind::PairedAssociates => Arc::new(PairedAssociates::of(configuration)),
                TaskKind::Babi => Arc::new(Babi::of(configuration)),
            },
            configuration: configuration.clone(),
        }
    }

    /// Numbers of a sample.
    #[must_use]
    pub const fn elements(&self) -> usize {
        self.input.elements()
    }

    /// Number of classes, two or more.
    #[must_use]
    pub fn classes(&self) -> u32 {
        task::classes(&self.configuration)
    }

    /// What it is evaluated on.
    pub fn ranges(&self) -> impl Iterator<Item = EvaluationRange> {
        let ranges = EvaluationRange::ALL.iter().copied();
        ranges.filter(|&range| self.configuration.evaluates(range))
    }

    /// The difficulties of a range's samples.
    #[must_use]
    pub fn difficulties(&self, range: EvaluationRange) -> RangeInclusive<u32> {
        task::difficulties(&self.configuration, range)
    }

    /// Ranges of difficulties that are told apart, at most.
    #[must_use]
    pub fn buckets(&self) -> u32 {
        task::buckets(&self.configuration)
    }

    /// Numbers at the beginning of every one of these samples that are padding in all.
    fn padding(&self, x: &[f32]) -> usize {
        let Input::Tokens(tokens) = self.input else {
            return 0;
        };
        if tokens.content == Content::Vectors {
            return 0;
        }
        let leading = |x: &[f32]| {
            let tokens = x.chunks_exact(tokens.numbers);
            tokens
                .take_while(|token| token.iter().all(|&word| word == 0.0))
                .count()
        };
        let fewest = x.chunks_exact(self.elements()).map(leading).min();
        fewest.unwrap_or(0) * tokens.numbers
    }

    /// Draws the sample with this number into `x` (length [`Self::elements`]).
    pub fn draw(&self, occasion: Occasion, seeds: &Seeds, number: u64, x: &mut [f32]) -> Sample {
        let mut draws = occasion.draws(seeds, number);
        let place = Place {
            occasion,
            number,
            seeds,
        };
        self.source.draw(&place, &mut draws, x)
    }
}

/// Samples for every lane of a bundle, each lane with its own.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[lanes, batch, elements]`.
    pub x: Tensor<3>,
    /// The right answers as losses take them ([`answer`]), `[lanes, answers, batch]`.
    pub targets: Tensor<3>,
    /// What the samples are, lane by lane.
    pub samples: Vec<Sample>,
    /// Numbers at the beginning of every sample that are padding in all.
    padding: usize,
}

impl Batch {
    /// Draws the samples with these numbers, for each lane from its own streams.
    #[must_use]
    pub fn draw(
        task: &Task,
        occasion: Occasion,
        lanes: &[Seeds],
        numbers: Range<u64>,
        device: &Device,
    ) -> Self {
        let size = usize::try_from(numbers.end - numbers.start).expect("a batch fits memory");
        let mut x = vec![0.0; lanes.len() * size * task.elements()];
        let positions = lanes
            .iter()
            .flat_map(|seeds| numbers.clone().map(move |number| (seeds, number)));
        let samples: Vec<Sample> = positions
            .zip(x.chunks_exact_mut(task.elements()))
            .map(|((seeds, number), x)| task.draw(occasion, seeds, number, x))
            .collect();
        let padding = task.padding(&x);
        let classes: Vec<u32> = samples.iter().map(|sample| sample.class).collect();
        let answers = answer::logits_of(task.classes());
        let of_lanes = classes.chunks_exact(size);
        let targets: Vec<f32> = of_lanes
            .flat_map(|lane| answer::targets(lane, answers))
            .collect();
        let x = TensorData::new(x, [lanes.len(), size, task.elements()]);
        let targets = TensorData::new(targets, [lanes.len(), answers, size]);
        Self {
            x: Tensor::from_data(x, device),
            targets: Tensor::from_data(targets, device),
            samples,
            padding,
        }
    }

    /// The same without the padding that all its samples begin with. What is left depends on the
    /// samples of all lanes, so that only a lane alone may do without.
    #[must_use]
    pub fn without_padding(self) -> Self {
        let [_, _, elements] = self.x.dims();
        let left = elements - self.padding;
        Self {
            x: self.x.narrow(2, self.padding, left),
            padding: 0,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{device, trial};

    #[test]
    fn samples_do_not_depend_on_how_they_are_split_into_batches() {
        let trial = trial(|_| {});
        let (task, lane) = (Task::of(&trial.configuration), [Seeds::of(&trial)]);
        let batch = |numbers| Batch::draw(&task, Occasion::Training(3), &lane, numbers, &device());
        let (whole, head, tail) = (batch(0..10), batch(0..4), batch(4..10));
        let joined = Tensor::cat(vec![head.x, tail.x], 1);
        assert_eq!(whole.x.into_data(), joined.into_data());
        assert_eq!(whole.samples, [head.samples, tail.samples].concat());
    }
}
