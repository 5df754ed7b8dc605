//! The rank-sum test of Wilcoxon, Mann and Whitney: do two independent groups differ in location?

use super::{
    distribution::{ln_binomial, normal_probability_below},
    ranks::{doubled_ranks, two_sided},
};

/// Up to this many numbers in both groups the distribution is counted out, which takes
/// milliseconds.
const MAX_EXACT: usize = 80;

/// The two-sided p-value of the rank-sum test (Wilcoxon 1945; Mann and Whitney 1947). Ties share
/// the mean of their ranks; given the ranks the distribution over all divisions into groups is
/// exact up to 80 numbers. One where a group is empty.
#[must_use]
pub fn rank_sum_p(x: &[f64], y: &[f64]) -> f64 {
    if x.is_empty() || y.is_empty() {
        return 1.0;
    }
    let ranks = doubled_ranks(&[x, y].concat());
    let observed = ranks[..x.len()].iter().sum();
    if ranks.len() <= MAX_EXACT {
        two_sided(&distribution(&ranks, x.len()), observed)
    } else {
        approximate(&ranks, x.len(), observed)
    }
}

/// The smallest p-value that groups of these sizes can have: both divisions that tell them fully
/// apart, among all.
#[must_use]
pub fn smallest_rank_sum_p(x: usize, y: usize) -> f64 {
    let divisions = ln_binomial((x + y) as u64, x as u64).exp();
    (2.0 / divisions).min(1.0)
}

/// The number of ways in which `chosen` of the ranks have each sum, in floating point: below 2^80,
/// rounded only where it does not matter.
fn distribution(ranks: &[usize], chosen: usize) -> Vec<f64> {
    let largest: usize = ranks.iter().sum();
    let mut ways = vec![vec![0.0; largest + 1]; chosen + 1];
    ways[0][0] = 1.0;
    for &rank in ranks {
        for count in (1..=chosen).rev() {
            let (fewer, enough) = ways.split_at_mut(count);
            let sources = fewer[count - 1].iter();
            let targets = enough[0].iter_mut().skip(rank);
            targets
                .zip(sources)
                .for_each(|(target, source)| *target += source);
        }
    }
    ways.swap_remove(chosen)
}

/// By mean and variance of the sum over divisions, without continuity correction.
fn approximate(ranks: &[usize], chosen: usize, observed: usize) -> f64 {
    let (total, chosen) = (ranks.len() as f64, chosen as f64);
    let centre = ranks.iter().sum::<usize>() as f64 / total;
    let squares: f64 = ranks
        .iter()
        .map(|&rank| (rank as f64 - centre).powi(2))
        .sum();
    let variance = chosen * (total - chosen) / (total * (total - 1.0)) * squares;
    if variance == 0.0 {
        return 1.0;
    }
    let deviations = (observed as f64 - chosen * centre) / variance.sqrt();
    2.0 * normal_probability_below(-deviations.abs())
}
