//! The statistics of robustness studies. Pure functions of numbers and a seed: no clock, no ambient
//! randomness, no files, and no knowledge of what the numbers measure.
//!
//! Every definition names its source; rliable, statsmodels and scipy are matched on the fixtures of
//! `tests/reference`. Where replicates have no score, [`Counting`] says what they count as, before
//! anything else is computed.
//!
//! # How often the intervals hold
//!
//! Few seeds are the rule, and what an interval is worth with few seeds is measured, not promised:
//!
//! - Below five seeds nothing is resampled: of two seeds the bootstrap's interval of a mean holds in half of
//!   all cases. Student's is wide instead, on the logit scale for a share.
//! - The mean of five seeds: percentile intervals are too narrow (about 84 %), and so are BCa's, which
//!   correct skewness and bias; against few seeds only wider levels help
//!   ([`IntervalMethod::Expanded`], 92 %).
//! - No resampling sees what no seed has shown. Where one seed in five stays at chance, a third of all
//!   samples of five have none that did, and every interval of their mean misses it (67 %). The share
//!   solved, with Wilson's interval, says what is known then.
//! - The median holds at all sizes; the interquartile mean (IQM) covers 90 % with five seeds and 93 % from ten on, whatever the
//!   shape. Of few seeds it cuts less than a quarter at each end (a fifth of five and of ten).
//! - Where replicates are added after looking at results, Wilson's interval falls to 89 % at worst of what was
//!   tried; the confidence sequence promises 95 % at every number of replicates at once, so at the one where
//!   a rule happened to stop it covers more than that (99 %). That is the price of looking.
//! - The robustness index is biased towards fragile with five seeds, its interval is on the safe side.
//! - Rows over configurations that share their seeds count each replicate once: intervals that took
//!   their trials for independent would hold far too seldom.
//! - Profiles and the probability of improvement are resampled within cells, at widened levels.
//! - The worst drop names the worst of several neighbours of the best of many cells, chosen by the same data:
//!   88 % with five seeds.
//! - The set "indistinguishable from the best" leaves the best cell out in at most 2 % of cases, and with
//!   five seeds and nine cells never leaves out anything: the ranks cannot reach the level.
//!
#![doc = include_str!("statistics/coverage.md")]

mod anova;
mod best_set;
mod bootstrap;
mod box_plot;
mod clusters;
mod confidence_sequence;
mod counting;
mod distribution;
mod exact_binomial;
mod few;
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
mod survival;
#[cfg(test)]
mod tests;
mod wilson;

pub use anova::{Anova, AnovaError, Effect, fold_of_spreads, logits};
pub use best_set::{BestSet, Comparison, Pairing, Verdict, seeds_to_decide};
pub use bootstrap::{Sample, mean_interval, mean_intervals};
pub use box_plot::BoxPlot;
pub use clusters::{Cluster, clustered_mean_interval, clustered_share_interval};
pub use confidence_sequence::confidence_sequence;
pub use counting::{Counted, Counting, DIVERGED, Replicate};
pub use exact_binomial::exact_upper_bound;
pub use few::{FEW, Scale};
pub use generator::SplitMix64;
pub use improvement::probability_of_improvement;
pub use interval::{CONFIDENCE, Interval};
pub use power::{
    MAX_SEEDS_FOR_MEAN, MAX_SEEDS_FOR_SHARE, PowerTarget, mean_power, seeds_for_mean,
    seeds_for_share, share_power,
};
pub use profile::performance_profile;
pub use quantile::quantile;
pub use robustness::{GridAxis, Robustness};
pub use summary::Summary;
pub use survival::{KaplanMeier, LogRank, Subject};
pub use wilson::wilson_interval;
