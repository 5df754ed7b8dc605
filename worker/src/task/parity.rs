//! The parity task (paper, section 3.1 and appendix B; Graves 2016): is the number of +1 in a
//! vector of -1, 0 and +1 odd? Samples are made as needed, each from its own position of a stream.

use pondersweep_proto::{
    setting::Setting,
    spec::{ConfigurationSpec, EvaluationRange, Positions},
    task,
};

use super::{Place, Sample, Source};
use crate::seed::Draws;

/// The generator of a configuration's samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parity {
    /// Numbers of non-zero elements in interpolation, all equally likely: a sample's difficulty.
    trained: [u32; 2],
    /// The same in extrapolation, which is more.
    beyond: [u32; 2],
    positions: Positions,
}

impl Parity {
    /// The parity task of a configuration.
    pub(super) fn of(configuration: &ConfigurationSpec) -> Self {
        let nonzeros = |range| task::difficulties(configuration, range).into_inner().into();
        Self {
            trained: nonzeros(EvaluationRange::Interpolation),
            beyond: nonzeros(EvaluationRange::Extrapolation),
            positions: configuration.choice(Setting::POSITIONS),
        }
    }
}

impl Source for Parity {
    /// The sample's class is 1 where the number of +1 is odd.
    fn draw(&self, place: &Place<'_>, draws: &mut Draws, x: &mut [f32]) -> Sample {
        let [least, most] = match place.occasion.range() {
            EvaluationRange::Interpolation => self.trained,
            EvaluationRange::Extrapolation => self.beyond,
        };
        let nonzeros = least + draws.below(most - least + 1);
        let (head, tail) = x.split_at_mut(nonzeros as usize);
        let odd = fill_with_signs(draws, head);
        tail.fill(0.0);
        if self.positions == Positions::Random {
            spread(draws, x, nonzeros as usize);
        }
        Sample {
            class: odd.into(),
            difficulty: nonzeros,
        }
    }
}

/// Sets every element to +1 or -1 with equal chance, by the first of 32 bits each; returns whether
/// the number of +1 is odd.
fn fill_with_signs(draws: &mut Draws, mut x: &mut [f32]) -> bool {
    const SIGN: u32 = 1 << 31;
    let mut parity = 0;
    while !x.is_empty() {
        let drawn = draws.some_bits(x.len());
        let (elements, rest) = x.split_at_mut(drawn.len());
        for (element, bits) in elements.iter_mut().zip(drawn) {
            parity ^= bits;
            // Without a branch: which way it goes could not be foretold.
            *element = f32::from_bits((-1.0_f32).to_bits() ^ (bits & SIGN));
        }
        x = rest;
    }
    parity & SIGN != 0
}

/// Moves the first `count` elements to positions that are uniformly random: the Fisher-Yates
/// shuffle from the last of them down, whose earlier steps would only exchange equal zeros.
fn spread(draws: &mut Draws, x: &mut [f32], count: usize) {
    for position in (0..count).rev() {
        let choices = u32::try_from(x.len() - position).expect("a vector has fewer than 2^32");
        x.swap(position, position + draws.below(choices) as usize);
    }
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::spec::TrialSpec;

    use super::*;
    use crate::{
        seed::Seeds,
        task::{Occasion, Task},
    };

    fn trial(elements: u32, positions: &str, extrapolate: bool) -> TrialSpec {
        let configuration = ConfigurationSpec::from_json(serde_json::json!({
            "task": { "kind": "parity", "elements": elements, "positions": positions },
            "model": { "kind": "ponder_net", "lambda_p": 0.2 },
            "training": { "updates": 1 },
            "evaluation": { "extrapolate": extrapolate },
        }))
        .unwrap();
        TrialSpec {
            configuration,
            seed: 5,
            replicate: 0,
            common_seeds: false,
            program: None,
        }
    }

    fn samples(trial: &TrialSpec, range: EvaluationRange, count: u64) -> Vec<(Vec<f32>, bool)> {
        let task = Task::of(&trial.configuration);
        let seeds = Seeds::of(trial);
        let sample = |index| {
            // Whatever was in the slice before must not matter.
            let mut x = vec![9.0; task.elements()];
            let sample = task.draw(Occasion::Evaluation(range), &seeds, index, &mut x);
            assert_eq!(sample.difficulty as usize, nonzeros(&x));
            assert!(task.difficulties(range).contains(&sample.difficulty));
            (x, sample.class == 1)
        };
        (0..count).map(sample).collect()
    }

    fn nonzeros(x: &[f32]) -> usize {
        x.iter().filter(|element| **element != 0.0).count()
    }

    #[test]
    fn the_label_is_the_parity_of_the_ones_not_of_the_nonzeros() {
        for (x, odd) in samples(
            &trial(9, "random", false),
            EvaluationRange::Interpolation,
            500,
        ) {
            assert!(x.iter().all(|element| [-1.0, 0.0, 1.0].contains(element)));
            let ones = x.iter().filter(|element| **element == 1.0).count();
            assert_eq!(odd, ones % 2 == 1, "{x:?}");
        }
    }

    #[test]
    fn the_number_of_nonzeros_is_uniform_over_its_range() {
        let extrapolating = trial(6, "random", true);
        for (range, expected) in [
            (
                EvaluationRange::Interpolation,
                [1_000, 1_000, 1_000, 0, 0, 0],
            ),
            (
                EvaluationRange::Extrapolation,
                [0, 0, 0, 1_000, 1_000, 1_000],
            ),
        ] {
            let mut counts = [0_i32; 6];
            for (x, _) in samples(&extrapolating, range, 3_000) {
                counts[nonzeros(&x) - 1] += 1;
            }
            // Five standard deviations of a binomial count with mean 1,000.
            let close = counts.iter().zip(expected);
            assert!(
                close.into_iter().all(|(count, mean): (&i32, i32)| {
                    (count - mean).abs() < if mean == 0 { 1 } else { 130 }
                }),
                "{counts:?}"
            );
        }
    }

    #[test]
    fn random_positions_are_uniform_over_all_subsets() {
        // Each of the 31 non-empty subsets of five positions, by its size.
        let mut counts = std::collections::BTreeMap::new();
        for (x, _) in samples(
            &trial(5, "random", false),
            EvaluationRange::Interpolation,
            50_000,
        ) {
            let pattern: Vec<bool> = x.iter().map(|element| *element != 0.0).collect();
            *counts.entry((nonzeros(&x), pattern)).or_insert(0_i32) += 1;
        }
        let ways = [0, 5, 10, 10, 5, 1];
        assert_eq!(counts.len(), 31);
        for ((nonzeros, pattern), count) in counts {
            let mean = 10_000 / ways[nonzeros];
            assert!(
                (count - mean).abs() < 5 * mean.isqrt(),
                "{pattern:?}: {count}, not {mean}"
            );
        }
    }

    #[test]
    fn packed_positions_come_first() {
        for (x, _) in samples(
            &trial(9, "packed", false),
            EvaluationRange::Interpolation,
            100,
        ) {
            let nonzeros = nonzeros(&x);
            assert!(x[..nonzeros].iter().all(|element| *element != 0.0));
        }
    }

    #[test]
    fn about_half_of_the_labels_are_odd() {
        let samples = samples(
            &trial(16, "random", false),
            EvaluationRange::Interpolation,
            10_000,
        );
        let odd = samples.iter().filter(|(_, odd)| *odd).count();
        assert!((4_750..5_250).contains(&odd), "{odd}");
    }
}
