//! PURE: the learning problems, each with its configuration and generator, and batches of their
//! samples.

pub mod parity;

use std::ops;

use burn::tensor::{Device, Tensor, TensorData};

pub use parity::{Parity, Range};

use crate::seed::{Purpose, Seeds};

/// Samples for every lane of a bundle, each lane with its own.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[lanes, batch, elements]`.
    pub x: Tensor<3>,
    /// +1 where the answer is yes, -1 where it is no; `[lanes, batch]`.
    pub targets: Tensor<2>,
    /// The answers, lane by lane.
    pub labels: Vec<bool>,
}

impl Batch {
    /// Makes the samples with these numbers, for each lane from its own stream of the purpose at
    /// `[major, number]`.
    #[must_use]
    pub fn generate(
        task: &Parity,
        range: Range,
        lanes: &[Seeds],
        purpose: Purpose,
        major: u64,
        numbers: ops::Range<u64>,
        device: &Device,
    ) -> Self {
        let size = usize::try_from(numbers.end - numbers.start).expect("a batch fits memory");
        let mut x = vec![0.0; lanes.len() * size * task.elements()];
        let positions = lanes
            .iter()
            .flat_map(|seeds| numbers.clone().map(move |number| (seeds, number)));
        let labels: Vec<bool> = positions
            .zip(x.chunks_exact_mut(task.elements()))
            .map(|((seeds, number), sample)| {
                task.generate(range, &mut seeds.draws(purpose, [major, number]), sample)
            })
            .collect();
        let targets: Vec<f32> = labels.iter().copied().map(target).collect();
        let x = TensorData::new(x, [lanes.len(), size, task.elements()]);
        let targets = TensorData::new(targets, [lanes.len(), size]);
        Self {
            x: Tensor::from_data(x, device),
            targets: Tensor::from_data(targets, device),
            labels,
        }
    }
}

const fn target(label: bool) -> f32 {
    if label { 1.0 } else { -1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{device, trial};

    #[test]
    fn samples_do_not_depend_on_how_they_are_split_into_batches() {
        let trial = trial(|_| {});
        let (task, lane) = (Parity::new(&trial.configuration), [Seeds::of(&trial)]);
        let batch = |numbers| {
            let range = Range::Interpolation;
            Batch::generate(&task, range, &lane, Purpose::Data, 3, numbers, &device())
        };
        let (whole, head, tail) = (batch(0..10), batch(0..4), batch(4..10));
        let joined = Tensor::cat(vec![head.x, tail.x], 1);
        assert_eq!(whole.x.into_data(), joined.into_data());
        assert_eq!(whole.labels, [head.labels, tail.labels].concat());
    }
}
