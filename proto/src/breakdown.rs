//! What the last evaluation of a trial found, broken down: by difficulty and by the step at which
//! samples halted. Whole numbers only, so that it is exact and adds up; whatever does not add up is
//! refused where it arrives.

use crate::{
    limit::{MAX_DIFFICULTY_BUCKETS, MAX_ELEMENTS, MAX_EXAMPLES, MAX_PONDER_STEPS},
    setting::training::EvaluationRange,
    spec::SpecError,
    wire,
};

/// The samples of a trial's last evaluation, counted in two ways. Empty where nobody counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Breakdown {
    /// By range, then by difficulty, ascending.
    difficulty: Vec<DifficultyBucket>,
    /// By range, then by step, ascending.
    halting: Vec<HaltingCount>,
}

/// The evaluated samples of one range of difficulties, as halting was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DifficultyBucket {
    /// Which evaluation.
    pub range: EvaluationRange,
    /// The least number of non-zero elements of its samples.
    pub first_nonzeros: u32,
    /// The greatest.
    pub last_nonzeros: u32,
    /// Samples evaluated.
    pub examples: u64,
    /// Those answered rightly.
    pub correct: u64,
    /// Ponder steps of all of them together.
    pub ponder_steps: u64,
}

/// How many evaluated samples halted at a step, as halting was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HaltingCount {
    /// Which evaluation.
    pub range: EvaluationRange,
    /// The ponder step, from 1.
    pub step: u32,
    /// Samples that halted there; steps at which none did are left out.
    pub examples: u64,
}

impl Breakdown {
    /// Both counts of the same samples.
    ///
    /// # Errors
    /// They are out of order or range, or contradict each other.
    pub fn new(
        difficulty: Vec<DifficultyBucket>,
        halting: Vec<HaltingCount>,
    ) -> Result<Self, SpecError> {
        let ranges = EvaluationRange::NAMES.len();
        at_most(difficulty.len(), ranges * MAX_DIFFICULTY_BUCKETS)?;
        at_most(halting.len(), ranges * MAX_PONDER_STEPS as usize)?;
        difficulty.iter().try_for_each(DifficultyBucket::check)?;
        halting.iter().try_for_each(HaltingCount::check)?;
        let apart = |pair: &[DifficultyBucket]| {
            (pair[0].range, pair[0].last_nonzeros) < (pair[1].range, pair[1].first_nonzeros)
        };
        let ascending =
            |pair: &[HaltingCount]| (pair[0].range, pair[0].step) < (pair[1].range, pair[1].step);
        if !difficulty.windows(2).all(apart) || !halting.windows(2).all(ascending) {
            return Err(wrong("its parts are out of order"));
        }
        let breakdown = Self {
            difficulty,
            halting,
        };
        breakdown.check_sums()?;
        Ok(breakdown)
    }

    /// By range, then by difficulty, ascending.
    #[must_use]
    pub fn difficulty(&self) -> &[DifficultyBucket] {
        &self.difficulty
    }

    /// By range, then by step, ascending.
    #[must_use]
    pub fn halting(&self) -> &[HaltingCount] {
        &self.halting
    }

    /// Both count the same samples, and the same steps of them.
    fn check_sums(&self) -> Result<(), SpecError> {
        for range in EvaluationRange::ALL.iter().copied() {
            let buckets = self
                .difficulty
                .iter()
                .filter(|bucket| bucket.range == range);
            let [examples, steps] = buckets.fold([0, 0], |[examples, steps], bucket| {
                [examples + bucket.examples, steps + bucket.ponder_steps]
            });
            let counts = self.halting.iter().filter(|count| count.range == range);
            let halted = counts.fold([0, 0], |[examples, steps], count| {
                let taken = u64::from(count.step) * count.examples;
                [examples + count.examples, steps + taken]
            });
            if halted != [examples, steps] {
                return Err(wrong("its two counts contradict each other"));
            }
        }
        Ok(())
    }
}

impl DifficultyBucket {
    /// No sum of such numbers overflows.
    fn check(&self) -> Result<(), SpecError> {
        let Self {
            first_nonzeros,
            last_nonzeros,
            examples,
            ..
        } = *self;
        let steps = examples.saturating_mul(MAX_PONDER_STEPS.into());
        let fits = (1..=last_nonzeros).contains(&first_nonzeros)
            && last_nonzeros <= MAX_ELEMENTS
            && (1..=u64::from(MAX_EXAMPLES)).contains(&examples)
            && self.correct <= examples
            && (examples..=steps).contains(&self.ponder_steps);
        fits.then_some(())
            .ok_or_else(|| wrong("a difficulty has impossible numbers"))
    }
}

impl HaltingCount {
    fn check(&self) -> Result<(), SpecError> {
        let fits = (1..=MAX_PONDER_STEPS).contains(&self.step)
            && (1..=u64::from(MAX_EXAMPLES)).contains(&self.examples);
        fits.then_some(())
            .ok_or_else(|| wrong("a halting step has impossible numbers"))
    }
}

fn at_most(count: usize, most: usize) -> Result<(), SpecError> {
    if count <= most {
        return Ok(());
    }
    Err(wrong("it has too many parts"))
}

fn wrong(problem: &str) -> SpecError {
    SpecError::new(
        "breakdown",
        problem,
        "it counts the samples of the last evaluation by difficulty and by halting step",
    )
}

fn range(name: &str) -> Result<EvaluationRange, SpecError> {
    EvaluationRange::from_name(name).ok_or_else(|| wrong("it names an unknown range"))
}

impl From<&Breakdown> for wire::Breakdown {
    fn from(breakdown: &Breakdown) -> Self {
        let bucket = |bucket: &DifficultyBucket| wire::DifficultyBucket {
            range: bucket.range.name().into(),
            first_nonzeros: bucket.first_nonzeros,
            last_nonzeros: bucket.last_nonzeros,
            examples: bucket.examples,
            correct: bucket.correct,
            ponder_steps: bucket.ponder_steps,
        };
        let count = |count: &HaltingCount| wire::HaltingCount {
            range: count.range.name().into(),
            step: count.step,
            examples: count.examples,
        };
        Self {
            difficulty: breakdown.difficulty.iter().map(bucket).collect(),
            halting: breakdown.halting.iter().map(count).collect(),
        }
    }
}

impl TryFrom<wire::Breakdown> for Breakdown {
    type Error = SpecError;

    fn try_from(breakdown: wire::Breakdown) -> Result<Self, SpecError> {
        let bucket = |bucket: wire::DifficultyBucket| {
            Ok(DifficultyBucket {
                range: range(&bucket.range)?,
                first_nonzeros: bucket.first_nonzeros,
                last_nonzeros: bucket.last_nonzeros,
                examples: bucket.examples,
                correct: bucket.correct,
                ponder_steps: bucket.ponder_steps,
            })
        };
        let count = |count: wire::HaltingCount| {
            Ok(HaltingCount {
                range: range(&count.range)?,
                step: count.step,
                examples: count.examples,
            })
        };
        let difficulty = breakdown.difficulty.into_iter().map(bucket);
        let halting = breakdown.halting.into_iter().map(count);
        Self::new(
            difficulty.collect::<Result<_, SpecError>>()?,
            halting.collect::<Result<_, SpecError>>()?,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANGE: EvaluationRange = EvaluationRange::Interpolation;

    fn parts() -> (Vec<DifficultyBucket>, Vec<HaltingCount>) {
        let bucket = |first, examples, correct, ponder_steps| DifficultyBucket {
            range: RANGE,
            first_nonzeros: first,
            last_nonzeros: first + 1,
            examples,
            correct,
            ponder_steps,
        };
        let count = |step, examples| HaltingCount {
            range: RANGE,
            step,
            examples,
        };
        (
            vec![bucket(1, 6, 6, 6), bucket(3, 4, 2, 9)],
            vec![count(1, 7), count(2, 1), count(3, 2)],
        )
    }

    fn refused(change: fn(&mut Vec<DifficultyBucket>, &mut Vec<HaltingCount>)) {
        let (mut difficulty, mut halting) = parts();
        change(&mut difficulty, &mut halting);
        let error = Breakdown::new(difficulty, halting).unwrap_err();
        assert_eq!(error.path, "breakdown");
    }

    #[test]
    fn a_breakdown_survives_the_wire() {
        let (difficulty, halting) = parts();
        let breakdown = Breakdown::new(difficulty, halting).unwrap();
        let back = Breakdown::try_from(wire::Breakdown::from(&breakdown)).unwrap();
        assert_eq!(back, breakdown);
        assert_eq!(
            Breakdown::try_from(wire::Breakdown::default()).unwrap(),
            Breakdown::default()
        );
    }

    #[test]
    fn what_does_not_add_up_is_refused() {
        refused(|difficulty, _| difficulty[0].examples += 1);
        refused(|difficulty, _| difficulty[0].ponder_steps += 1);
        refused(|difficulty, _| difficulty[0].correct = 7);
        refused(|difficulty, _| difficulty[0].first_nonzeros = 0);
        refused(|difficulty, _| difficulty[0].last_nonzeros = 3);
        refused(|difficulty, _| difficulty[0].range = EvaluationRange::Extrapolation);
        refused(|difficulty, _| difficulty[1].examples = u64::MAX);
        refused(|_, halting| halting[2].step = MAX_PONDER_STEPS + 1);
        refused(|_, halting| halting.swap(0, 1));
        refused(|_, halting| halting[1].examples = 0);
        refused(|_, halting| halting[1].step = 0);
        refused(|_, halting| halting.truncate(2));
    }
}
