//! Seeds for a difference between means.

use super::PowerTarget;
use crate::statistics::distribution::{noncentral_student_probability_below, student_quantile};

/// More seeds than a configuration is repeated with; the distribution was checked up to here.
pub const MAX_SEEDS_FOR_MEAN: u64 = 1_000;

/// The probability that a two-sided t test at `alpha` sees a difference of `effect` standard
/// deviations with that many independent seeds in each configuration (Cohen 1988, section 2; the
/// noncentral t distribution). Exact for normal scores. Zero below two seeds.
#[must_use]
pub fn mean_power(effect: f64, seeds: u64, alpha: f64) -> f64 {
    if seeds < 2 {
        return 0.0;
    }
    let freedom = 2.0 * (seeds as f64 - 1.0);
    let critical = student_quantile(1.0 - alpha / 2.0, freedom);
    let shift = effect.abs() * (seeds as f64 / 2.0).sqrt();
    let below = |shift| noncentral_student_probability_below(critical, freedom, shift);
    // Beyond the critical value on the right side, or on the wrong one.
    (1.0 - below(shift)) + (1.0 - below(-shift))
}

/// The fewest seeds in each configuration that reach the target; `None` where 1000 do not.
#[must_use]
pub fn seeds_for_mean(effect: f64, target: PowerTarget) -> Option<u64> {
    let reaches = |seeds: u64| mean_power(effect, seeds, target.alpha) >= target.power;
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
