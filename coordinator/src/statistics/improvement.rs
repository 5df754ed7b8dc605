//! The probability that one method does better than another.

use super::{
    Interval,
    bootstrap::{IntervalMethod, Strata, bootstrap_interval},
    summary::mean,
};

/// How likely a run of X scores above a run of Y, on a stratum drawn at random.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Improvement {
    /// `P(X > Y) + P(X = Y) / 2`, averaged over strata.
    pub probability: f64,
    /// Its percentile bootstrap interval, both groups resampled independently; `None` where a stratum
    /// has a single score.
    pub interval: Option<Interval>,
}

/// The probability of improvement of `x` over `y` (Agarwal et al. 2021, section 4.3; rliable's
/// `probability_of_improvement`): the Mann-Whitney statistic of each stratum over its number of
/// pairs. The groups may differ in their numbers of scores, not in their strata.
///
/// # Panics
/// If the groups differ in their numbers of strata.
#[must_use]
pub fn probability_of_improvement(x: &Strata, y: &Strata, seed: u64) -> Improvement {
    let strata = x.as_slice().len();
    assert_eq!(strata, y.as_slice().len(), "the groups share their strata");
    let both = Strata::new([x.as_slice(), y.as_slice()].concat())
        .expect("neither group has an empty stratum");
    let statistic = |both: &Strata| {
        let (x, y) = both.as_slice().split_at(strata);
        improvement(x, y)
    };
    Improvement {
        probability: statistic(&both),
        interval: bootstrap_interval(&both, statistic, IntervalMethod::Percentile, seed),
    }
}

/// The probability of improvement, averaged over strata.
pub(super) fn improvement(x: &[Vec<f64>], y: &[Vec<f64>]) -> f64 {
    let strata = x.iter().zip(y);
    let shares: Vec<f64> = strata.map(|(x, y)| share_of_pairs(x, y)).collect();
    mean(&shares)
}

/// The share of pairs in which x is larger, a tie counting half.
fn share_of_pairs(x: &[f64], y: &[f64]) -> f64 {
    let pairs = x.iter().flat_map(|x| y.iter().map(move |y| (x, y)));
    let halves: u64 = pairs
        .map(|(x, y)| u64::from(x > y) + u64::from(x >= y))
        .sum();
    halves as f64 / (2 * x.len() * y.len()) as f64
}
