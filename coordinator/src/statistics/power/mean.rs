//! Seeds for a difference between means.

use super::PowerTarget;
use crate::statistics::distribution::{noncentral_student_probability_below, student_quantile};

/// Seeds beyond which nobody repeats a configuration, and up to which the distribution was checked.
pub const MAX_SEEDS_FOR_MEAN: u64 = 1_000;

/// How two configurations are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Design {
    /// Two groups of as many seeds each, independent of each other.
    Independent,
    /// The same seeds in both: the effect is the mean over the deviation of the *differences*.
    Paired,
}

impl Design {
    fn degrees_of_freedom(self, seeds: u64) -> f64 {
        match self {
            Self::Independent => 2.0 * (seeds as f64 - 1.0),
            Self::Paired => seeds as f64 - 1.0,
        }
    }

    fn noncentrality(self, effect: f64, seeds: u64) -> f64 {
        match self {
            Self::Independent => effect * (seeds as f64 / 2.0).sqrt(),
            Self::Paired => effect * (seeds as f64).sqrt(),
        }
    }
}

/// The probability that a two-sided t test at `alpha` sees a difference of `effect` standard deviations
/// with that many seeds in each configuration (Cohen 1988, section 2; the noncentral t distribution).
/// Exact for normal scores. Zero below two seeds.
#[must_use]
pub fn mean_power(design: Design, effect: f64, seeds: u64, alpha: f64) -> f64 {
    if seeds < 2 {
        return 0.0;
    }
    let freedom = design.degrees_of_freedom(seeds);
    let critical = student_quantile(1.0 - alpha / 2.0, freedom);
    let shift = design.noncentrality(effect.abs(), seeds);
    let below = |shift| noncentral_student_probability_below(critical, freedom, shift);
    // Beyond the critical value on the right side, or on the wrong one.
    (1.0 - below(shift)) + (1.0 - below(-shift))
}

/// The fewest seeds in each configuration that reach the target; `None` where 1000 do not.
#[must_use]
pub fn seeds_for_mean(design: Design, effect: f64, target: PowerTarget) -> Option<u64> {
    let reaches = |seeds: u64| mean_power(design, effect, seeds, target.alpha) >= target.power;
    if !reaches(MAX_SEEDS_FOR_MEAN) {
        return None;
    }
    // Power grows with the seeds: halve the range that holds the answer.
    let (mut below, mut enough) = (1, MAX_SEEDS_FOR_MEAN);
    while enough - below > 1 {
        let middle = u64::midpoint(below, enough);
        if reaches(middle) {
            enough = middle;
        } else {
            below = middle;
        }
    }
    Some(enough)
}

/// Larger effects are not looked for: they leave no doubt with two seeds.
const LARGEST_EFFECT: f64 = 100.0;

/// The smallest effect, in standard deviations, that so many seeds detect; `None` if there is none below
/// 100.
#[must_use]
pub fn detectable_effect(design: Design, seeds: u64, target: PowerTarget) -> Option<f64> {
    let reaches = |effect: f64| mean_power(design, effect, seeds, target.alpha) >= target.power;
    if !reaches(LARGEST_EFFECT) {
        return None;
    }
    let (mut below, mut enough) = (0.0, LARGEST_EFFECT);
    // 2^-40 of the range is more digits than anyone prints.
    for _ in 0..40 {
        let middle = f64::midpoint(below, enough);
        if reaches(middle) {
            enough = middle;
        } else {
            below = middle;
        }
    }
    Some(enough)
}
