//! Distributions whose mean, median and interquartile mean are known.

use crate::statistics::{SplitMix64, distribution::normal_quantile, tests::statistic::Statistic};

/// A distribution to sample from.
pub(super) struct Population {
    pub(super) name: &'static str,
    /// The number below which a share of the population lies.
    quantile: fn(f64) -> f64,
    mean: f64,
    median: f64,
    interquartile_mean: f64,
}

/// The standard normal distribution.
pub(super) const NORMAL: Population = Population {
    name: "normal",
    quantile: normal_quantile,
    mean: 0.0,
    median: 0.0,
    interquartile_mean: 0.0,
};

/// The exponential distribution: skewed.
pub(super) const EXPONENTIAL: Population = Population {
    name: "exponential",
    quantile: |share| -(1.0 - share).ln(),
    mean: 1.0,
    median: std::f64::consts::LN_2,
    // Twice the integral of -ln v over the middle half.
    interquartile_mean: 0.738_376_7,
};

/// What accuracies over seeds look like: four of five solve the task, at 0.95 to 1, the others stay
/// between 0.5 and 0.7.
pub(super) const ACCURACY: Population = Population {
    name: "accuracy",
    quantile: |share| {
        if share < 0.2 {
            0.5 + share
        } else {
            0.95 + 0.05 * (share - 0.2) / 0.8
        }
    },
    mean: 0.9,
    median: 0.968_75,
    interquartile_mean: 0.968_75,
};

/// The same where every seed solves the task.
pub(super) const SOLVED: Population = Population {
    name: "solved",
    quantile: |share| 0.95 + 0.05 * share,
    mean: 0.975,
    median: 0.975,
    interquartile_mean: 0.975,
};

impl Population {
    pub(super) fn sample(&self, generator: &mut SplitMix64, size: usize) -> Vec<f64> {
        // Zero would be an infinite normal number.
        let draws = (0..size).map(|_| (self.quantile)(generator.unit().max(1e-12)));
        draws.collect()
    }

    pub(super) fn truth(&self, statistic: Statistic) -> f64 {
        match statistic {
            Statistic::Mean | Statistic::MedianOfMeans => self.mean,
            Statistic::Median => self.median,
            Statistic::InterquartileMean => self.interquartile_mean,
        }
    }
}

#[test]
fn the_truths_are_those_of_the_quantile_functions() {
    let steps = 2_000_000;
    for population in [NORMAL, EXPONENTIAL, ACCURACY, SOLVED] {
        let at = |step: i32| (population.quantile)((f64::from(step) + 0.5) / f64::from(steps));
        let mean = (0..steps).map(at).sum::<f64>() / f64::from(steps);
        assert!((mean - population.mean).abs() < 1e-5, "{mean}");
        let half = steps / 4..3 * steps / 4;
        let middle = half.map(at).sum::<f64>() / f64::from(steps / 2);
        assert!(
            (middle - population.interquartile_mean).abs() < 1e-6,
            "{middle}"
        );
        assert!(((population.quantile)(0.5) - population.median).abs() < 1e-9);
    }
}
