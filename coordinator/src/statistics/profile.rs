//! Performance profiles: the share of scores above each of many thresholds.

use super::{
    Interval,
    bootstrap::{IntervalMethod, Strata, bootstrap_interval},
};

/// A performance profile at one threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProfilePoint {
    /// The threshold tau.
    pub threshold: f64,
    /// The share of all scores strictly above it.
    pub share: f64,
    /// Its pointwise stratified percentile bootstrap interval; `None` where a stratum has a single
    /// score.
    pub interval: Option<Interval>,
}

/// The score distribution at each threshold (Agarwal et al. 2021, section 4.2, equation 1; rliable's
/// `create_performance_profile`). Every threshold is judged on the same resamples.
#[must_use]
pub fn performance_profile(scores: &Strata, thresholds: &[f64], seed: u64) -> Vec<ProfilePoint> {
    let point = |&threshold: &f64| {
        let share = |scores: &Strata| share_above(scores, threshold);
        ProfilePoint {
            threshold,
            share: share(scores),
            interval: bootstrap_interval(scores, share, IntervalMethod::Percentile, seed),
        }
    };
    thresholds.iter().map(point).collect()
}

/// The share of all scores strictly above the threshold: rliable's `run_score_deviation`.
#[must_use]
pub fn share_above(scores: &Strata, threshold: f64) -> f64 {
    share(scores.scores(), threshold)
}

fn share(values: impl Iterator<Item = f64>, threshold: f64) -> f64 {
    let (mut above, mut count) = (0_u64, 0_u64);
    for value in values {
        count += 1;
        above += u64::from(value > threshold);
    }
    above as f64 / count as f64
}
