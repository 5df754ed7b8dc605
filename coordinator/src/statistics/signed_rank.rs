//! Wilcoxon's signed-rank test: are paired differences centred on zero?

use super::{
    distribution::normal_probability_below,
    ranks::{doubled_ranks, two_sided},
};

/// Up to this many differences the distribution is counted out; beyond, the normal approximation is
/// good to three digits.
const MAX_EXACT: usize = 100;

/// The two-sided p-value of the signed-rank test (Wilcoxon 1945).
///
/// Ties share the mean of their ranks, and zeros are ranked and then set aside (Pratt 1959):
/// dropping them first, as Wilcoxon did, can make a result more significant by adding evidence
/// against it. Saturated accuracies give many of both. Given ranks and zeros the distribution under
/// random signs is exact up to 100 differences. One where all are zero.
#[must_use]
pub fn signed_rank_p(differences: &[f64]) -> f64 {
    let sizes: Vec<f64> = differences.iter().map(|value| value.abs()).collect();
    let ranked = differences.iter().zip(doubled_ranks(&sizes));
    let signed: Vec<(bool, usize)> = ranked
        .filter(|(value, _)| **value != 0.0)
        .map(|(value, rank)| (*value > 0.0, rank))
        .collect();
    let positive = signed.iter().filter(|(positive, _)| *positive);
    let observed = positive.map(|(_, rank)| rank).sum();
    let ranks: Vec<usize> = signed.iter().map(|(_, rank)| *rank).collect();
    if differences.len() <= MAX_EXACT {
        two_sided(&distribution(&ranks), observed)
    } else {
        approximate(&ranks, observed)
    }
}

/// The smallest p-value that this many differences can have.
#[must_use]
pub fn smallest_signed_rank_p(count: usize) -> f64 {
    let exponent = i32::try_from(count).unwrap_or(i32::MAX);
    2.0_f64.powi(1_i32.saturating_sub(exponent)).min(1.0)
}

/// The probability of each sum of a random half of the ranks: one rank after the other is in the
/// sum or not.
fn distribution(ranks: &[usize]) -> Vec<f64> {
    let largest: usize = ranks.iter().sum();
    let mut chances = vec![0.0; largest + 1];
    chances[0] = 1.0;
    for &rank in ranks {
        for sum in (0..=largest).rev() {
            let with = if sum >= rank {
                chances[sum - rank]
            } else {
                0.0
            };
            chances[sum] = f64::midpoint(chances[sum], with);
        }
    }
    chances
}

/// By mean and variance of the sum, without continuity correction.
fn approximate(ranks: &[usize], observed: usize) -> f64 {
    let mean = ranks.iter().sum::<usize>() as f64 / 2.0;
    let squares: f64 = ranks.iter().map(|&rank| (rank as f64).powi(2)).sum();
    if squares == 0.0 {
        return 1.0;
    }
    let deviations = (observed as f64 - mean) / (squares / 4.0).sqrt();
    2.0 * normal_probability_below(-deviations.abs())
}
