//! Counts the samples of a lane's last evaluation by difficulty and by the step they halt at. It
//! decides how wide the ranges of difficulties are, and nothing about the samples.

use std::ops::RangeInclusive;

use pondersweep_proto::{
    breakdown::{Breakdown, DifficultyBucket, HaltingCount},
    limit::MAX_DIFFICULTY_BUCKETS,
    spec::EvaluationRange,
};

use crate::model::Decision;

/// Ranges of difficulties of one evaluation, at most: a power of two divides the usual sizes.
const BUCKETS: u32 = 8;
const _: () = assert!(BUCKETS as usize <= MAX_DIFFICULTY_BUCKETS);

/// Counts over the samples of one lane and one evaluation.
#[derive(Clone, Debug)]
pub(super) struct Counts {
    range: EvaluationRange,
    difficulties: RangeInclusive<u32>,
    /// Difficulties that one bucket covers; the last bucket may cover fewer.
    width: u32,
    buckets: Vec<Bucket>,
    /// By step, from 1.
    halted: Vec<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    examples: u64,
    correct: u64,
    ponder_steps: u64,
}

impl Counts {
    /// None yet, of samples of these difficulties and of at most so many steps.
    pub(super) fn new(
        range: EvaluationRange,
        difficulties: RangeInclusive<u32>,
        max_steps: usize,
    ) -> Self {
        let count = difficulties.end() - difficulties.start() + 1;
        let width = count.div_ceil(BUCKETS);
        Self {
            range,
            difficulties,
            width,
            buckets: vec![Bucket::default(); count.div_ceil(width) as usize],
            halted: vec![0; max_steps],
        }
    }

    /// Counts a sample of this difficulty.
    pub(super) fn add(&mut self, difficulty: u32, decision: &Decision) {
        let bucket = (difficulty - self.difficulties.start()) / self.width;
        let bucket = &mut self.buckets[bucket as usize];
        let steps = decision.steps as u64;
        bucket.examples += 1;
        bucket.correct += decision.correct as u64;
        bucket.ponder_steps += steps;
        self.halted[steps as usize - 1] += 1;
    }

    /// What was counted of the evaluations of one lane.
    pub(super) fn breakdown(evaluations: &[Self]) -> Breakdown {
        let difficulty = evaluations.iter().flat_map(Self::difficulty).collect();
        let halting = evaluations.iter().flat_map(Self::halting).collect();
        Breakdown::new(difficulty, halting).expect("both count every sample once")
    }

    fn difficulty(&self) -> impl Iterator<Item = DifficultyBucket> {
        let firsts = self.difficulties.clone().step_by(self.width as usize);
        let buckets = self.buckets.iter().zip(firsts);
        let counted = buckets.filter(|(bucket, _)| bucket.examples > 0);
        counted.map(|(bucket, first)| DifficultyBucket {
            range: self.range,
            first_nonzeros: first,
            last_nonzeros: (first + self.width - 1).min(*self.difficulties.end()),
            examples: bucket.examples,
            correct: bucket.correct,
            ponder_steps: bucket.ponder_steps,
        })
    }

    fn halting(&self) -> impl Iterator<Item = HaltingCount> {
        let halted = self.halted.iter().zip(1..);
        let counted = halted.filter(|(examples, _)| **examples > 0);
        counted.map(|(&examples, step)| HaltingCount {
            range: self.range,
            step,
            examples,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(difficulties: RangeInclusive<u32>) -> Vec<(u32, u32, u64)> {
        let mut counts = Counts::new(EvaluationRange::Interpolation, difficulties.clone(), 3);
        let decision = Decision {
            correct: 1.0,
            steps: 2.0,
            correct_expected: 1.0,
            steps_expected: 2.0,
        };
        difficulties.for_each(|difficulty| counts.add(difficulty, &decision));
        let breakdown = Counts::breakdown(&[counts]);
        let of_bucket = |bucket: &DifficultyBucket| {
            assert_eq!(bucket.correct, bucket.examples);
            assert_eq!(bucket.ponder_steps, 2 * bucket.examples);
            (bucket.first_nonzeros, bucket.last_nonzeros, bucket.examples)
        };
        breakdown.difficulty().iter().map(of_bucket).collect()
    }

    #[test]
    fn difficulties_fall_into_at_most_eight_buckets_of_equal_width() {
        assert_eq!(buckets(1..=3), [(1, 1, 1), (2, 2, 1), (3, 3, 1)]);
        let eight = |first: u32, width: u32| {
            let bucket = |index| {
                let first = first + index * width;
                (first, first + width - 1, width.into())
            };
            (0..8).map(bucket).collect::<Vec<_>>()
        };
        assert_eq!(buckets(1..=64), eight(1, 8));
        assert_eq!(buckets(49..=96), eight(49, 6));
        // The last one is shorter where the width does not divide the range.
        let odd = buckets(1..=17);
        assert_eq!((odd.len(), odd[0], odd[5]), (6, (1, 3, 3), (16, 17, 2)));
    }
}
