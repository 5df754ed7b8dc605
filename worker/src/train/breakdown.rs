//! Counts the samples of a lane's last evaluation by difficulty and by the step they halt at. It
//! decides how wide the ranges of difficulties are, and nothing about the samples.

use std::ops::RangeInclusive;

use pondersweep_proto::{
    breakdown::{Breakdown, CountRow, CountTable, Word},
    experiment::counted::{CORRECT, DIFFICULTY, EXAMPLES, HALTING, PONDER_STEPS, difficulty_row},
    spec::EvaluationRange,
};

use crate::model::Decision;

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
    /// None yet, of samples of these difficulties, in at most `buckets` ranges, and of at most
    /// `max_steps` steps.
    pub(super) fn new(
        range: EvaluationRange,
        difficulties: RangeInclusive<u32>,
        buckets: u32,
        max_steps: usize,
    ) -> Self {
        let count = difficulties.end() - difficulties.start() + 1;
        let width = count.div_ceil(buckets);
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
        let difficulty = evaluations.iter().map(Self::difficulty);
        let halting = evaluations.iter().map(Self::halting);
        Breakdown::new(difficulty.chain(halting).collect()).expect("both are small tables")
    }

    fn difficulty(&self) -> CountTable {
        let firsts = self.difficulties.clone().step_by(self.width as usize);
        let buckets = self.buckets.iter().zip(firsts);
        let counted = buckets.filter(|(bucket, _)| bucket.examples > 0);
        let rows = counted.map(|(bucket, first)| {
            let last = (first + self.width - 1).min(*self.difficulties.end());
            CountRow {
                row: difficulty_row(&(first..=last)).into(),
                counts: vec![bucket.examples, bucket.correct, bucket.ponder_steps],
            }
        });
        self.table(DIFFICULTY, &[EXAMPLES, CORRECT, PONDER_STEPS], rows)
    }

    fn halting(&self) -> CountTable {
        let halted = self.halted.iter().zip(1..);
        let counted = halted.filter(|(examples, _)| **examples > 0);
        let rows = counted.map(|(&examples, step): (_, u32)| CountRow {
            row: step.to_string().into(),
            counts: vec![examples],
        });
        self.table(HALTING, &[EXAMPLES], rows)
    }

    fn table(
        &self,
        table: &'static str,
        columns: &[&'static str],
        rows: impl Iterator<Item = CountRow>,
    ) -> CountTable {
        CountTable {
            table: table.into(),
            group: self.range.name().into(),
            columns: columns.iter().copied().map(Word::from).collect(),
            rows: rows.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(difficulties: RangeInclusive<u32>) -> Vec<(String, u64)> {
        let mut counts = Counts::new(EvaluationRange::Interpolation, difficulties.clone(), 8, 3);
        let decision = Decision {
            correct: 1.0,
            steps: 2.0,
            correct_expected: 1.0,
            steps_expected: 2.0,
        };
        difficulties.for_each(|difficulty| counts.add(difficulty, &decision));
        let breakdown = Counts::breakdown(&[counts]);
        let table = breakdown.get(DIFFICULTY, "interpolation").unwrap();
        let of_row = |row: &CountRow| {
            let [examples, correct, steps] = row.counts[..] else {
                panic!("{row:?}")
            };
            assert_eq!((correct, steps), (examples, 2 * examples));
            (row.row.to_string(), examples)
        };
        table.rows.iter().map(of_row).collect()
    }

    #[test]
    fn difficulties_fall_into_buckets_of_equal_width() {
        let named = |name: &str, examples: u64| (name.to_owned(), examples);
        assert_eq!(
            buckets(1..=3),
            [named("1", 1), named("2", 1), named("3", 1)]
        );
        let eight = |first: u32, width: u32| {
            let bucket = |index| {
                let first = first + index * width;
                (format!("{first}-{}", first + width - 1), width.into())
            };
            (0..8).map(bucket).collect::<Vec<_>>()
        };
        assert_eq!(buckets(1..=64), eight(1, 8));
        assert_eq!(buckets(49..=96), eight(49, 6));
        // The last one is shorter where the width does not divide the range.
        let odd = buckets(1..=17);
        assert_eq!(odd.len(), 6);
        assert_eq!([&odd[0], &odd[5]], [&named("1-3", 3), &named("16-17", 2)]);
    }
}
