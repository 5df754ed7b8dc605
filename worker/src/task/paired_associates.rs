//! Paired associative inference (paper, section 3.3; Banino et al. 2020, arXiv 2001.10913): memory
//! holds the pairs of neighbours of some sequences of items, A-B and B-C. Which of two items
//! belongs to a cue? The match is of the cue's sequence, the lure stands at the same place of
//! another one, so that only the chain of pairs tells them apart. Half of the questions are about
//! neighbours, half about items further apart.
//!
//! Items are random vectors, each number uniform with mean 0 and variance 1; they stand in for the
//! paper's embedded images. A pair's token is the sum of its two items, the tokens of cue and
//! candidates are the items. Items of evaluation are others than those of training.

use pondersweep_proto::{setting::Setting, spec::ConfigurationSpec};

use super::{Place, Sample, Source};
use crate::seed::{Draws, Purpose, Seeds};

/// The generator of a configuration's samples.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PairedAssociates {
    sequences: u32,
    /// Items of a sequence.
    length: u32,
    /// Numbers of an item.
    embedding: usize,
    /// Items of training, and of evaluation as many.
    pool: u32,
    /// Share of the lures in training that memory does not hold.
    novel_lures: f64,
}

impl PairedAssociates {
    /// The task of a configuration.
    pub(super) fn of(configuration: &ConfigurationSpec) -> Self {
        Self {
            sequences: configuration.count(Setting::SEQUENCES),
            length: configuration.count(Setting::LENGTH),
            embedding: configuration.count(Setting::EMBEDDING) as usize,
            pool: configuration.count(Setting::POOL),
            novel_lures: configuration.number(Setting::NOVEL_LURES),
        }
    }

    /// Pairs from the cue to its match: half of the time one, else any more, equally likely.
    fn distance(&self, draws: &mut Draws) -> u32 {
        let most = self.length - 1;
        if most == 1 || draws.below(2) == 0 {
            return 1;
        }
        2 + draws.below(most - 1)
    }

    /// An item that is in none of these places.
    fn other_item(&self, draws: &mut Draws, items: &[u32]) -> u32 {
        loop {
            let item = draws.below(self.pool);
            if !items.contains(&item) {
                return item;
            }
        }
    }
}

impl Source for PairedAssociates {
    /// The sample's class is the place of the match among the candidates.
    fn draw(&self, place: &Place<'_>, draws: &mut Draws, x: &mut [f32]) -> Sample {
        let length = self.length as usize;
        let mut items = Vec::with_capacity((self.sequences * self.length) as usize);
        for _ in 0..items.capacity() {
            let item = self.other_item(draws, &items);
            items.push(item);
        }
        let distance = self.distance(draws);
        let first = draws.below(self.length - distance);
        let [sequence, other] = two_of(draws, self.sequences);
        let at = |sequence: u32, place: u32| items[(sequence * self.length + place) as usize];
        let (cue, right) = (at(sequence, first), at(sequence, first + distance));
        let lure = match place.trains() && draws.uniform_f64() < self.novel_lures {
            true => self.other_item(draws, &items),
            false => at(other, first + distance),
        };
        let class = draws.below(2);
        let candidates = match class {
            0 => [right, lure],
            _ => [lure, right],
        };
        x.fill(0.0);
        let pool = Pool {
            seeds: place.seeds,
            number: u64::from(!place.trains()),
        };
        let mut tokens = x.chunks_exact_mut(self.embedding);
        let pairs = items
            .chunks_exact(length)
            .flat_map(|items| items.windows(2));
        let singles = [cue, candidates[0], candidates[1]];
        for items in pairs.chain(singles.chunks_exact(1)) {
            let token = tokens.next().expect("x has room for every token");
            items.iter().for_each(|&item| pool.add(item, token));
        }
        Sample {
            class,
            difficulty: distance,
        }
    }
}

/// Two different numbers below `bound`.
fn two_of(draws: &mut Draws, bound: u32) -> [u32; 2] {
    let first = draws.below(bound);
    let second = draws.below(bound - 1);
    [first, second + u32::from(second >= first)]
}

/// Items of a trial: those of training or those of evaluation.
struct Pool<'a> {
    seeds: &'a Seeds,
    number: u64,
}

impl Pool<'_> {
    fn add(&self, item: u32, token: &mut [f32]) {
        // Uniform on -w..w has the variance w^2 / 3.
        let width = 3.0_f32.sqrt();
        let mut draws = self.seeds.draws(Purpose::Items, [self.number, item.into()]);
        for number in token {
            *number += (2.0 * draws.uniform_f32() - 1.0) * width;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pondersweep_proto::spec::{EvaluationRange, TrialSpec};

    use super::*;
    use crate::task::{Occasion, Task};

    const EMBEDDING: usize = 8;

    fn trial(length: u32, novel_lures: f64) -> TrialSpec {
        let configuration = ConfigurationSpec::from_json(serde_json::json!({
            "task": {
                "kind": "paired_associates", "sequences": 4, "length": length,
                "embedding": EMBEDDING, "pool": 40, "novel_lures": novel_lures,
            },
            "model": { "kind": "fixed", "step_function": "transformer" },
            "training": { "updates": 1 },
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

    /// A sample whose items are found again in its tokens.
    struct Read {
        sample: Sample,
        /// Items of each pair of memory, then cue and candidates.
        tokens: Vec<Vec<u32>>,
    }

    impl Read {
        /// Reads a token as one item, or as the sum of two, of this pool.
        fn new(sample: Sample, x: &[f32], items: &[Vec<f32>]) -> Self {
            let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
            let read = |(index, token): (usize, &[f32])| {
                let all = (0..).zip(items);
                for (first, one) in all.clone() {
                    if close(one, token) {
                        return vec![first];
                    }
                    for (second, two) in all.clone() {
                        let sum: Vec<f32> = one.iter().zip(two).map(|(a, b)| a + b).collect();
                        if first != second && close(&sum, token) {
                            return vec![first, second];
                        }
                    }
                }
                panic!("token {index} is of another pool")
            };
            let tokens = x.chunks_exact(EMBEDDING).enumerate().map(read).collect();
            Self { sample, tokens }
        }

        fn memory(&self) -> &[Vec<u32>] {
            &self.tokens[..self.tokens.len() - 3]
        }

        fn query(&self) -> [u32; 3] {
            let query = &self.tokens[self.tokens.len() - 3..];
            std::array::from_fn(|index| query[index][0])
        }

        /// Pairs between two items of memory; `None` where no chain joins them.
        fn distance(&self, from: u32, to: u32) -> Option<u32> {
            let (mut reached, mut steps) = (vec![from], 0);
            loop {
                if reached.contains(&to) {
                    return Some(steps);
                }
                let touched = self
                    .memory()
                    .iter()
                    .filter(|pair| pair.iter().any(|item| reached.contains(item)));
                let next: Vec<u32> = touched.flatten().copied().collect();
                if next.iter().all(|item| reached.contains(item)) {
                    return None;
                }
                reached.extend(next);
                steps += 1;
            }
        }

        fn is_in_memory(&self, item: u32) -> bool {
            self.memory().iter().flatten().any(|&other| other == item)
        }
    }

    fn read(trial: &TrialSpec, occasion: Occasion, count: u64) -> Vec<Read> {
        let (task, seeds) = (Task::of(&trial.configuration), Seeds::of(trial));
        let pool = Pool {
            seeds: &seeds,
            number: u64::from(!matches!(occasion, Occasion::Training(_))),
        };
        let item = |item| {
            let mut numbers = vec![0.0; EMBEDDING];
            pool.add(item, &mut numbers);
            numbers
        };
        let items: Vec<Vec<f32>> = (0..40).map(item).collect();
        let sample = |number| {
            // Whatever was in the slice before must not matter.
            let mut x = vec![9.0; task.elements()];
            let sample = task.draw(occasion, &seeds, number, &mut x);
            Read::new(sample, &x, &items)
        };
        (0..count).map(sample).collect()
    }

    const EVALUATION: Occasion = Occasion::Evaluation(EvaluationRange::Interpolation);

    #[test]
    fn the_match_is_as_far_from_the_cue_as_the_difficulty_says_and_no_chain_leads_to_the_lure() {
        for (length, occasion) in [(3, EVALUATION), (5, EVALUATION), (4, Occasion::Training(2))] {
            for read in read(&trial(length, 0.0), occasion, 200) {
                let [cue, candidates @ ..] = read.query();
                let class = read.sample.class as usize;
                let right = read.distance(cue, candidates[class]);
                assert_eq!(right, Some(read.sample.difficulty));
                let lure = candidates[1 - class];
                assert_eq!(read.distance(cue, lure), None);
                assert!(read.is_in_memory(lure), "the lure is of the same memory");
            }
        }
    }

    #[test]
    fn half_of_the_questions_are_direct_and_all_distances_beyond_are_as_likely() {
        let mut counts = BTreeMap::new();
        for read in read(&trial(5, 0.0), EVALUATION, 3_000) {
            *counts.entry(read.sample.difficulty).or_insert(0_i32) += 1;
        }
        // Five standard deviations.
        for (distance, mean) in [(1, 1_500), (2, 500), (3, 500), (4, 500)] {
            assert!((counts[&distance] - mean).abs() < 140, "{counts:?}");
        }
    }

    #[test]
    fn both_places_of_the_match_are_as_likely() {
        let samples = read(&trial(3, 0.0), EVALUATION, 3_000);
        let second = samples.iter().filter(|read| read.sample.class == 1).count();
        assert!((1_360..1_640).contains(&second), "{second}");
    }

    #[test]
    fn the_stated_share_of_lures_is_new_in_training_and_none_in_evaluation() {
        let new = |occasion| {
            let samples = read(&trial(3, 0.25), occasion, 2_000);
            let lures = samples.iter().filter(|read| {
                let [_, candidates @ ..] = read.query();
                !read.is_in_memory(candidates[1 - read.sample.class as usize])
            });
            lures.count()
        };
        let trained = new(Occasion::Training(0));
        assert!((400..600).contains(&trained), "{trained}");
        assert_eq!(new(EVALUATION), 0);
    }

    #[test]
    #[should_panic(expected = "of another pool")]
    fn evaluation_shows_items_that_training_never_does() {
        let trial = trial(3, 0.0);
        let (task, seeds) = (Task::of(&trial.configuration), Seeds::of(&trial));
        let training = Pool {
            seeds: &seeds,
            number: 0,
        };
        let item = |item| {
            let mut numbers = vec![0.0; EMBEDDING];
            training.add(item, &mut numbers);
            numbers
        };
        let items: Vec<Vec<f32>> = (0..40).map(item).collect();
        let mut x = vec![0.0; task.elements()];
        let sample = task.draw(EVALUATION, &seeds, 0, &mut x);
        Read::new(sample, &x, &items);
    }

    #[test]
    fn items_have_mean_zero_and_variance_one() {
        let seeds = Seeds::of(&trial(3, 0.0));
        let pool = Pool {
            seeds: &seeds,
            number: 0,
        };
        let mut numbers = vec![0.0; 10_000];
        pool.add(3, &mut numbers);
        let mean = numbers.iter().sum::<f32>() / 1e4;
        let variance = numbers.iter().map(|number| number * number).sum::<f32>() / 1e4;
        assert!(
            mean.abs() < 0.05 && (variance - 1.0).abs() < 0.05,
            "{mean} {variance}"
        );
    }
}
