//! From the bootstrap distribution of a statistic to an interval.

use super::strata::Strata;
use crate::statistics::{
    CONFIDENCE, Interval, SplitMix64,
    distribution::{normal_probability_below, normal_quantile, student_quantile},
    quantile::quantile,
};

/// A statistic of the observed scores and of their resamples.
#[derive(Clone, Debug)]
pub(in crate::statistics) struct Replicates {
    estimate: f64,
    ascending: Vec<f64>,
}

/// Two numbers closer than this, relative to their size, are the same number rounded differently.
const SAME: f64 = 1e-12;

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
        Self::new(statistic(scores), draws.collect())
    }

    /// Of a statistic whose value on each resample is known.
    pub(in crate::statistics) fn new(estimate: f64, mut replicates: Vec<f64>) -> Self {
        assert!(!replicates.is_empty(), "an interval needs resamples");
        replicates.sort_by(f64::total_cmp);
        Self {
            estimate,
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
    pub(in crate::statistics) fn expanded(&self, scores: &Strata) -> Interval {
        let sizes = scores.as_slice().iter().map(Vec::len);
        let freedom: usize = sizes.map(|size| size - 1).sum();
        let smallest = scores.smallest() as f64;
        let stretch = (smallest / (smallest - 1.0)).sqrt();
        let level = normal_probability_below(stretch * student_quantile(TAIL, freedom as f64));
        self.between(level, 1.0 - level)
    }

    /// The bias-corrected and accelerated interval (Efron 1987; Efron and Tibshirani 1993, equation
    /// 14.10).
    pub(in crate::statistics) fn bca(&self, acceleration: f64) -> Interval {
        let bias = normal_quantile(self.share_below_estimate());
        let level = |tail: f64| {
            let shifted = bias + normal_quantile(tail);
            normal_probability_below(bias + shifted / (1.0 - acceleration * shifted))
        };
        self.between(level(TAIL), level(1.0 - TAIL))
    }

    fn between(&self, lower: f64, upper: f64) -> Interval {
        Interval {
            lower: quantile(&self.ascending, lower),
            upper: quantile(&self.ascending, upper),
        }
    }

    /// The share of replicates below the estimate, a tie counting half: medians and saturated
    /// accuracies tie often, and then a share "strictly below" is biased. Kept off 0 and 1, where the
    /// correction would be infinite.
    fn share_below_estimate(&self) -> f64 {
        let near = SAME * self.estimate.abs();
        let below = |limit: f64| {
            self.ascending
                .partition_point(|&replicate| replicate < limit)
        };
        let doubled = below(self.estimate - near) + below((self.estimate + near).next_up());
        let count = self.ascending.len() as f64;
        let share = doubled as f64 / (2.0 * count);
        share.clamp(0.5 / count, 1.0 - 0.5 / count)
    }
}

/// The probability beyond each end of an interval.
const TAIL: f64 = (1.0 - CONFIDENCE) / 2.0;

/// The acceleration of a statistic of independently sampled strata, from the statistic without each
/// score in turn: a sixth of the skewness of its empirical influence values, each stratum's divided
/// by its size (Davison and Hinkley 1997, section 5.3.2). Of one stratum it is Efron's (1987,
/// equation 6.6, by the jackknife). Zero where no score has any influence.
pub(in crate::statistics) fn acceleration(without: &[Vec<f64>]) -> f64 {
    let (mut squares, mut cubes) = (0.0, 0.0);
    for stratum in without {
        let count = stratum.len() as f64;
        let centre = stratum.iter().sum::<f64>() / count;
        for value in stratum {
            let influence = (count - 1.0) / count * (centre - value);
            squares += influence.powi(2);
            cubes += influence.powi(3);
        }
    }
    let denominator = 6.0 * squares.powf(1.5);
    // As arch does: below this the quotient is rounding.
    if denominator <= cubes.abs() * f64::EPSILON {
        return 0.0;
    }
    cubes / denominator
}

/// The statistic without each score of each stratum in turn.
pub(super) fn jackknife(scores: &Strata, statistic: impl Fn(&Strata) -> f64) -> Vec<Vec<f64>> {
    let strata = scores.as_slice().iter().enumerate();
    strata
        .map(|(stratum, values)| {
            let indices = 0..values.len();
            indices
                .map(|index| statistic(&scores.without(stratum, index)))
                .collect()
        })
        .collect()
}
