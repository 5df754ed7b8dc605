//! What a handful of numbers looks like, each statistic by a stated definition.

use serde::Serialize;

use super::quantile::{ascending, quantile};

/// Location and spread of one or more numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// How many numbers.
    pub count: u64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (denominator n - 1); `None` for a single number.
    pub standard_deviation: Option<f64>,
    /// The smallest number.
    pub minimum: f64,
    /// The quartile below the median; quartiles interpolate linearly at `(n - 1) p` (type 7).
    pub lower_quartile: f64,
    /// The middle number, or the mean of the two middle ones.
    pub median: f64,
    /// The quartile above the median.
    pub upper_quartile: f64,
    /// The largest number.
    pub maximum: f64,
    /// Mean without the lowest and the highest quarter: `floor(n / 4)` numbers are cut at each end,
    /// as rliable's IQM does (Agarwal et al. 2021).
    pub interquartile_mean: f64,
}

impl Summary {
    /// Summarises the numbers, whatever their order; `None` without any.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let sorted = ascending(values);
        let cut = sorted.len() / 4;
        Some(Self {
            count: sorted.len() as u64,
            mean: mean(&sorted),
            standard_deviation: standard_deviation(&sorted),
            minimum: sorted[0],
            lower_quartile: quantile(&sorted, 0.25),
            median: quantile(&sorted, 0.5),
            upper_quartile: quantile(&sorted, 0.75),
            maximum: sorted[sorted.len() - 1],
            interquartile_mean: mean(&sorted[cut..sorted.len() - cut]),
        })
    }
}

/// The arithmetic mean of a non-empty slice.
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The sample standard deviation, in two passes so that a large mean costs no digits.
pub(super) fn standard_deviation(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    if values.iter().all(|value| *value == values[0]) {
        // The mean is rounded, and a spread of that rounding would pass for one of the numbers.
        return Some(0.0);
    }
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_agrees_with_numbers_worked_out_by_hand() {
        let summary = Summary::of(&[16.0, 1.0, 8.0, 2.0, 4.0]).unwrap();
        assert_eq!(summary.count, 5);
        assert!((summary.mean - 6.2).abs() < 1e-12);
        // Squares around 6.2: 27.04 + 17.64 + 4.84 + 3.24 + 96.04 = 148.8; 148.8 / 4 = 37.2.
        assert!((summary.standard_deviation.unwrap() - 37.2_f64.sqrt()).abs() < 1e-12);
        assert_eq!((summary.minimum, summary.maximum), (1.0, 16.0));
        assert_eq!(
            (
                summary.lower_quartile,
                summary.median,
                summary.upper_quartile
            ),
            (2.0, 4.0, 8.0)
        );
        // One number is cut at each end: (2 + 4 + 8) / 3.
        assert!((summary.interquartile_mean - 14.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn the_order_of_arrival_changes_no_bit() {
        let values = [0.1, 0.7, 1e-9, 0.3, 0.2, 0.977];
        let mut reversed = values;
        reversed.reverse();
        assert_eq!(Summary::of(&values), Summary::of(&reversed));
    }

    #[test]
    fn one_number_has_no_spread_and_none_has_no_summary() {
        let summary = Summary::of(&[0.75]).unwrap();
        assert_eq!(summary.standard_deviation, None);
        assert_eq!((summary.mean, summary.median), (0.75, 0.75));
        assert_eq!(Summary::of(&[]), None);
    }
}
