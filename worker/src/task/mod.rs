//! PURE: the learning problems, and batches of their samples. What a task is stands in its own file;
//! the rest of the worker knows a task by what [`Task`] says.

mod parity;

use std::ops::{Range, RangeInclusive};

use burn::tensor::{Device, Tensor, TensorData};
use pondersweep_proto::{
    setting::Setting,
    spec::{ConfigurationSpec, EvaluationRange, TaskKind},
};

use self::parity::Parity;
use crate::{
    model::answer,
    seed::{Draws, Purpose, Seeds},
};

/// A learning problem as a configuration has it: vectors, each with the class it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Task {
    /// Whether a number of ones is odd.
    Parity(Parity),
}

/// What a sample is beside its vector.
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
        match configuration.choice(Setting::TASK) {
            TaskKind::Parity => Self::Parity(Parity::of(configuration)),
        }
    }

    /// Length of the input vector.
    #[must_use]
    pub const fn elements(&self) -> usize {
        match self {
            Self::Parity(task) => task.elements(),
        }
    }

    /// Number of classes, two or more.
    #[must_use]
    pub const fn classes(&self) -> u32 {
        match self {
            Self::Parity(_) => Parity::CLASSES,
        }
    }

    /// The accuracy of guessing.
    #[must_use]
    pub const fn chance(&self) -> f64 {
        match self {
            Self::Parity(_) => Parity::CHANCE,
        }
    }

    /// What it is evaluated on. Training draws from [`EvaluationRange::Interpolation`], which every
    /// task has.
    #[must_use]
    pub const fn ranges(&self) -> &'static [EvaluationRange] {
        match self {
            Self::Parity(task) => task.ranges(),
        }
    }

    /// The difficulties of a range's samples.
    #[must_use]
    pub const fn difficulties(&self, range: EvaluationRange) -> RangeInclusive<u32> {
        match self {
            Self::Parity(task) => task.nonzeros(range),
        }
    }

    /// Draws one sample of a range, its vector into `x` (length [`Self::elements`]).
    pub fn draw(&self, range: EvaluationRange, draws: &mut Draws, x: &mut [f32]) -> Sample {
        match self {
            Self::Parity(task) => task.draw(range, draws, x),
        }
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
}

impl Batch {
    /// Draws the samples with these numbers, for each lane from its own stream of the purpose at
    /// `[major, number]`.
    #[must_use]
    pub fn draw(
        task: &Task,
        range: EvaluationRange,
        lanes: &[Seeds],
        purpose: Purpose,
        major: u64,
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
            .map(|((seeds, number), x)| {
                task.draw(range, &mut seeds.draws(purpose, [major, number]), x)
            })
            .collect();
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
        let batch = |numbers| {
            let range = EvaluationRange::Interpolation;
            Batch::draw(&task, range, &lane, Purpose::Data, 3, numbers, &device())
        };
        let (whole, head, tail) = (batch(0..10), batch(0..4), batch(4..10));
        let joined = Tensor::cat(vec![head.x, tail.x], 1);
        assert_eq!(whole.x.into_data(), joined.into_data());
        assert_eq!(whole.samples, [head.samples, tail.samples].concat());
    }
}
