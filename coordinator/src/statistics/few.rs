//! Intervals of means of so few numbers that resampling pretends: of two numbers the bootstrap
//! draws three different samples, of three ten, and its 95 % interval of their mean holds in half
//! and in three quarters of all cases. Student's t says how little is known; it promises what it
//! says for normal numbers, so a share is taken on the logit scale, where it has no ends to run
//! into.

use super::{
    CONFIDENCE, Interval,
    distribution::student_quantile,
    summary::{mean, standard_deviation},
};

/// Below this many numbers nothing is resampled.
pub const FEW: usize = 5;

/// On which scale an interval is symmetric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// That of the numbers.
    Linear,
    /// The logit of a share, between 0 and 1.
    Logit,
}

impl Scale {
    /// The interval of a mean with this standard error. `None` without an error: that a few numbers
    /// are equal does not say that all are.
    pub(super) fn around(self, centre: f64, error: f64, freedom: f64) -> Option<Interval> {
        // What is no more than the rounding of the mean is no error.
        let known = error > 1e-14 * centre.abs() && freedom > 0.0;
        let half =
            known.then(|| error * student_quantile(f64::midpoint(1.0, CONFIDENCE), freedom))?;
        match self {
            Self::Linear => Some(Interval {
                lower: centre - half,
                upper: centre + half,
            }),
            Self::Logit => {
                // The delta method: the logit of p changes 1 / (p (1 - p)) times as fast as p.
                let slope = centre * (1.0 - centre);
                let at = |shift: f64| logistic(logit(centre) + shift / slope);
                (slope > 0.0).then(|| Interval {
                    lower: at(-half),
                    upper: at(half),
                })
            }
        }
    }
}

/// The logarithm of the odds of a share.
pub(super) fn logit(share: f64) -> f64 {
    (share / (1.0 - share)).ln()
}

fn logistic(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// Student's interval of the mean (1908) on a scale; `None` below two different numbers.
pub(super) fn student_interval(values: &[f64], scale: Scale) -> Option<Interval> {
    let count = values.len() as f64;
    let error = standard_deviation(values)? / count.sqrt();
    scale.around(mean(values), error, count - 1.0)
}

/// Welch's interval (1947) of the first mean less the second; `None` below two numbers in either,
/// and where none differs from the others of its group.
pub(super) fn welch_interval(first: &[f64], second: &[f64]) -> Option<Interval> {
    let [a, b] = [squared_error(first)?, squared_error(second)?];
    let own = |squared: f64, values: &[f64]| squared.powi(2) / (values.len() - 1) as f64;
    let freedom = (a + b).powi(2) / (own(a, first) + own(b, second));
    Scale::Linear.around(mean(first) - mean(second), (a + b).sqrt(), freedom)
}

/// The variance of the mean.
fn squared_error(values: &[f64]) -> Option<f64> {
    Some(standard_deviation(values)?.powi(2) / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_interval(interval: Option<Interval>, [lower, upper]: [f64; 2]) {
        let found = interval.unwrap();
        let close = (found.lower - lower).abs() < 1e-9 && (found.upper - upper).abs() < 1e-9;
        assert!(close, "{found:?}, expected {lower} to {upper}");
    }

    #[test]
    fn students_interval_is_that_of_scipy() {
        // scipy.stats.t.interval(0.95, 3, numpy.mean(x), scipy.stats.sem(x))
        let values = [1.0, 2.0, 4.0, 8.0];
        assert_interval(
            student_interval(&values, Scale::Linear),
            [-1.175_943_048_230_293_7, 8.675_943_048_230_295],
        );
    }

    #[test]
    fn welchs_interval_is_that_of_scipy() {
        // scipy.stats.ttest_ind(x, y, equal_var=False).confidence_interval()
        assert_interval(
            welch_interval(&[0.9, 0.95, 0.97], &[0.5, 0.7]),
            [-0.735_280_233_809_532_8, 1.415_280_233_809_533],
        );
    }

    #[test]
    fn the_interval_of_a_share_has_its_mean_inside_and_stays_between_zero_and_one() {
        for shares in [&[0.5, 0.977][..], &[0.99, 1.0], &[0.0, 0.001, 0.002, 0.9]] {
            let interval = student_interval(shares, Scale::Logit).unwrap();
            assert!(interval.contains(mean(shares)), "{interval:?}");
            assert!((0.0..=1.0).contains(&interval.lower) && interval.upper <= 1.0);
        }
    }

    #[test]
    fn a_few_equal_numbers_do_not_say_that_all_are() {
        assert_eq!(student_interval(&[1.0; 4], Scale::Logit), None);
        assert_eq!(student_interval(&[0.3], Scale::Linear), None);
        assert_eq!(welch_interval(&[0.3; 3], &[0.4; 3]), None);
        assert_eq!(welch_interval(&[0.3], &[0.4, 0.5]), None);
    }
}
