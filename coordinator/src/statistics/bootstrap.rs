//! Intervals by resampling: what is resampled, of which statistic, and how the ends are read off.

mod mean;
mod replicates;
mod sample;
mod strata;

pub use mean::{mean_interval, mean_intervals};
pub(super) use replicates::Replicates;
pub use sample::Sample;
pub(super) use sample::pooled_intervals;
pub use strata::Strata;

use super::{Interval, SplitMix64};

/// Resamples of one interval: enough for the ends to move by less than a tenth of the width from
/// one seed to another.
pub(super) const RESAMPLES: usize = 2_000;

/// How an interval is read off the bootstrap distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntervalMethod {
    /// Its quantiles, as rliable does by default.
    Percentile,
    /// Its quantiles at levels widened for few scores (Hesterberg 2015).
    Expanded,
}

/// The interval of a statistic at [`CONFIDENCE`](super::CONFIDENCE) by the stratified bootstrap: a
/// pure function of the scores, whatever their order within a stratum, and the seed. `None` where a
/// stratum has a single score, which says nothing about its spread.
#[must_use]
pub fn bootstrap_interval(
    scores: &Strata,
    statistic: impl Fn(&Strata) -> f64,
    method: IntervalMethod,
    seed: u64,
) -> Option<Interval> {
    if scores.smallest() < 2 {
        return None;
    }
    let scores = scores.ascending();
    let mut generator = SplitMix64::new(seed);
    let replicates = Replicates::draw(&scores, &statistic, RESAMPLES, &mut generator);
    Some(match method {
        IntervalMethod::Percentile => replicates.percentile(),
        IntervalMethod::Expanded => {
            let sizes = scores.as_slice().iter().map(Vec::len);
            replicates.expanded(scores.smallest(), sizes.map(|size| size - 1).sum())
        }
    })
}
