//! Summaries and intervals for robustness studies. Pure functions of numbers and a seed: no clock,
//! no ambient randomness, no files, and no knowledge of what the numbers measure.

mod anova;
mod best_set;
mod bootstrap;
mod box_plot;
mod counting;
mod distribution;
mod generator;
mod holm;
mod improvement;
mod interval;
mod power;
mod profile;
mod quantile;
mod rank_sum;
mod ranks;
mod robustness;
mod signed_rank;
mod summary;
#[cfg(test)]
mod tests;
mod wilson;

pub use anova::{Anova, AnovaError, Effect, MAX_FACTORS, Residual};
pub use best_set::{BestSet, Comparison, Pairing, Verdict};
pub use bootstrap::{
    IntervalMethod, Statistic, Strata, bootstrap_interval, bootstrap_mean_interval,
};
pub use box_plot::BoxPlot;
pub use counting::{Counted, Counting, Replicate};
pub use generator::SplitMix64;
pub use holm::holm;
pub use improvement::{Improvement, probability_of_improvement};
pub use interval::{CONFIDENCE, Interval};
pub use power::{
    Design, MAX_SEEDS_FOR_MEAN, MAX_SEEDS_FOR_SHARE, PowerTarget, detectable_effect, mean_power,
    seeds_for_mean, seeds_for_share, share_power,
};
pub use profile::{ProfilePoint, performance_profile, share_above, share_of_means_above};
pub(crate) use quantile::quantile;
pub use rank_sum::{rank_sum_p, smallest_rank_sum_p};
pub use robustness::{GridAxis, Robustness, WorstStep};
pub use signed_rank::{signed_rank_p, smallest_signed_rank_p};
pub use summary::Summary;
pub use wilson::wilson_interval;
