//! From the bootstrap distribution of a statistic to an interval.

use super::strata::Strata;
use crate::statistics::{
    CONFIDENCE, Interval, SplitMix64,
    distribution::{normal_probability_below, student_quantile},
    quantile::quantile,
};

/// A statistic of resamples.
#[derive(Clone, Debug)]
pub(in crate::statistics) struct Replicates {
    ascending: Vec<f64>,
}

impl Replicates {
    /// Of the statistic on `count` resamples.
    pub(in crate::statistics) fn draw(
        scores: &Strata,
        statistic: impl Fn(&Strata) -> f64,
        count: usize,
        generator: &mut SplitMix64,
    ) -> Self {
        let mut resample = scores.clone();
        let draws = (0..count).map(|_| {
            scores.resample_into(&mut resample, generator);
            statistic(&resample)
        });
        Self::new(draws.collect())
    }

    /// Of a statistic whose value on each resample is known.
    pub(in crate::statistics) fn new(mut replicates: Vec<f64>) -> Self {
        assert!(!replicates.is_empty(), "an interval needs resamples");
        replicates.sort_by(f64::total_cmp);
        Self {
            ascending: replicates,
        }
    }

    /// The percentile interval (Efron 1979; Efron and Tibshirani 1993, equation 13.5).
    pub(in crate::statistics) fn percentile(&self) -> Interval {
        self.between(TAIL, 1.0 - TAIL)
    }

    /// The percentile interval with wider levels: `Phi(sqrt(n / (n - 1)) t)` instead of `Phi(z)`, so
    /// that for a mean it is as wide as Student's (Hesterberg, *What Teachers Should Know About the
    /// Bootstrap*, 2015, section 5.3). Over several strata, ours: n of the smallest one, degrees of
    /// freedom of all.
    pub(in crate::statistics) fn expanded(&self, smallest: usize, freedom: usize) -> Interval {
        let smallest = smallest as f64;
        let stretch = (smallest / (smallest - 1.0)).sqrt();
        let level = normal_probability_below(stretch * student_quantile(TAIL, freedom as f64));
        self.between(level, 1.0 - level)
    }

    fn between(&self, lower: f64, upper: f64) -> Interval {
        Interval {
            lower: quantile(&self.ascending, lower),
            upper: quantile(&self.ascending, upper),
        }
    }
}

/// The probability beyond each end of an interval.
const TAIL: f64 = (1.0 - CONFIDENCE) / 2.0;
