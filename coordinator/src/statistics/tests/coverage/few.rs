//! Intervals of two, three and four numbers.

use super::{population::Population, share_of};
use crate::statistics::{
    Scale,
    bootstrap::{IntervalMethod, Strata, bootstrap_interval},
    few::{student_interval, welch_interval},
    tests::statistic::Statistic,
};

/// Replicates studied: fewer than are resampled.
pub(super) const SIZES: [usize; 3] = [2, 3, 4];

/// How an interval is made.
#[derive(Clone, Copy, Debug)]
pub(super) enum Few {
    /// By resampling, which is not done.
    Percentile,
    /// Student's of the mean.
    Student,
    /// The same on the logit scale.
    Logit,
    /// Welch's of the difference from a group of a quarter of the spread.
    Welch,
}

/// How often it covers the population's mean, or its difference from a group that has a mean of its
/// own.
pub(super) fn of_few(simulations: u64, few: Few, population: &Population, size: usize) -> f64 {
    let truth = population.truth(Statistic::Mean);
    share_of(simulations, |generator, seed| {
        let sample = population.sample(generator, size);
        let interval = match few {
            Few::Percentile => bootstrap_interval(
                &Strata::single(&sample).unwrap(),
                |scores| Statistic::Mean.of(scores),
                IntervalMethod::Percentile,
                seed,
            ),
            Few::Student => student_interval(&sample, Scale::Linear),
            Few::Logit => student_interval(&sample, Scale::Logit),
            Few::Welch => {
                let second = population.sample(generator, size).into_iter();
                let second: Vec<f64> = second.map(|x| truth + (x - truth) / 4.0).collect();
                let interval = welch_interval(&sample, &second);
                return interval.is_some_and(|interval| interval.contains(0.0));
            }
        };
        interval.is_some_and(|interval| interval.contains(truth))
    })
}
