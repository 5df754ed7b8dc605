//! Performance profiles: the share of scores above each of many thresholds.

use super::{
    Interval,
    bootstrap::{Sample, pooled_intervals},
    quantile::ascending,
};

/// A performance profile at one threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProfilePoint {
    /// The threshold tau.
    pub threshold: f64,
    /// The share of all scores strictly above it.
    pub share: f64,
    /// Its pointwise bootstrap interval at widened levels, resampled within cells; `None` where a
    /// cell has a single score.
    pub interval: Option<Interval>,
}

/// The score distribution at each threshold (Agarwal et al. 2021, section 4.2, equation 1;
/// rliable's `create_performance_profile`). Every threshold is judged on the same resamples.
#[must_use]
pub fn performance_profile(scores: &Sample, thresholds: &[f64], seed: u64) -> Vec<ProfilePoint> {
    let shares = shares_above(&scores.pooled(), thresholds);
    let statistics = |pooled: &[Vec<f64>]| shares_above(&pooled[0], thresholds);
    let intervals = pooled_intervals(&[scores], statistics, seed);
    let points = thresholds.iter().zip(shares).enumerate();
    let point = |(index, (&threshold, share))| ProfilePoint {
        threshold,
        share,
        interval: intervals.as_ref().map(|intervals| intervals[index]),
    };
    points.map(point).collect()
}

/// The shares of all scores strictly above each threshold: rliable's `run_score_deviation`.
pub(super) fn shares_above(scores: &[f64], thresholds: &[f64]) -> Vec<f64> {
    let sorted = ascending(scores);
    let above = |threshold: &f64| sorted.len() - sorted.partition_point(|score| score <= threshold);
    let shares = thresholds
        .iter()
        .map(|threshold| above(threshold) as f64 / sorted.len() as f64);
    shares.collect()
}
