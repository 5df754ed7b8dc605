//! The probability that one method does better than another.

use super::{
    Interval,
    bootstrap::{Sample, pooled_intervals},
    quantile::ascending,
};

/// How likely a trial of X scores above a trial of Y.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Improvement {
    /// `P(X > Y) + P(X = Y) / 2`.
    pub probability: f64,
    /// Its bootstrap interval at widened levels, both methods resampled by themselves and each
    /// within its cells; `None` where a cell has a single score.
    pub interval: Option<Interval>,
}

/// The probability of improvement of `x` over `y` (Agarwal et al. 2021, section 4.3; rliable's
/// `probability_of_improvement` of one task): the Mann-Whitney statistic over its number of pairs.
/// The methods may differ in their numbers of scores and of cells.
#[must_use]
pub fn probability_of_improvement(x: &Sample, y: &Sample, seed: u64) -> Improvement {
    let statistic = |pooled: &[Vec<f64>]| vec![share_of_pairs(&pooled[0], &pooled[1])];
    let intervals = pooled_intervals(&[x, y], statistic, seed);
    Improvement {
        probability: share_of_pairs(&x.pooled(), &y.pooled()),
        interval: intervals.map(|intervals| intervals[0]),
    }
}

/// The share of pairs in which x is larger, a tie counting half.
pub(super) fn share_of_pairs(x: &[f64], y: &[f64]) -> f64 {
    let sorted = ascending(y);
    let halves = |x: &f64| {
        let [below, up_to] = [
            sorted.partition_point(|y| y < x),
            sorted.partition_point(|y| y <= x),
        ];
        (below + up_to) as u64
    };
    let halves: u64 = x.iter().map(halves).sum();
    halves as f64 / (2 * x.len() * y.len()) as f64
}
