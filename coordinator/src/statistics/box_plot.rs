//! The numbers of a box plot.

use serde::Serialize;

use super::quantile::{ascending, quantile};

/// A box plot as Tukey defined it: whiskers reach the farthest numbers within 1.5 interquartile
/// ranges of the box, everything beyond is an outlier.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BoxPlot {
    /// The smallest number that is not an outlier, never above the box.
    pub lower_whisker: f64,
    /// Lower end of the box, as in [`Summary`](super::Summary).
    pub lower_quartile: f64,
    /// The line in the box.
    pub median: f64,
    /// Upper end of the box.
    pub upper_quartile: f64,
    /// The largest number that is not an outlier, never below the box.
    pub upper_whisker: f64,
    /// What lies beyond the whiskers, ascending.
    pub outliers: Vec<f64>,
}

/// Tukey's fence, in interquartile ranges from the box.
const FENCE: f64 = 1.5;

impl BoxPlot {
    /// The box plot of the numbers, whatever their order; `None` without any.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let sorted = ascending(values);
        let lower_quartile = quantile(&sorted, 0.25);
        let upper_quartile = quantile(&sorted, 0.75);
        let reach = FENCE * (upper_quartile - lower_quartile);
        let fences = lower_quartile - reach..=upper_quartile + reach;
        let (inside, outliers): (Vec<f64>, Vec<f64>) =
            sorted.iter().partition(|value| fences.contains(value));
        // Quartiles interpolate, so the nearest number inside the fence may lie within the box.
        let lowest = inside.first().copied().unwrap_or(lower_quartile);
        let highest = inside.last().copied().unwrap_or(upper_quartile);
        Some(Self {
            lower_whisker: lowest.min(lower_quartile),
            lower_quartile,
            median: quantile(&sorted, 0.5),
            upper_quartile,
            upper_whisker: highest.max(upper_quartile),
            outliers,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whiskers_stop_at_the_last_number_within_the_fence() {
        // Quartiles 3.25 and 7.75, so the fences are -3.5 and 14.5.
        let values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 14.5, 100.0];
        let plot = BoxPlot::of(&values).unwrap();
        assert_eq!((plot.lower_quartile, plot.upper_quartile), (3.25, 7.75));
        assert_eq!((plot.lower_whisker, plot.upper_whisker), (1.0, 14.5));
        assert_eq!(plot.median, 5.5);
        assert_eq!(plot.outliers, [100.0]);
    }

    #[test]
    fn one_failed_seed_among_solved_ones_is_an_outlier() {
        let plot = BoxPlot::of(&[0.5, 0.98, 0.99, 0.985, 0.99, 0.98]).unwrap();
        assert_eq!(plot.outliers, [0.5]);
        assert_eq!(plot.lower_whisker, 0.98);
    }

    #[test]
    fn a_single_number_is_a_flat_box() {
        let plot = BoxPlot::of(&[0.9]).unwrap();
        assert_eq!((plot.lower_whisker, plot.upper_whisker), (0.9, 0.9));
        assert!(plot.outliers.is_empty());
        assert_eq!(BoxPlot::of(&[]), None);
    }

    #[test]
    fn whiskers_never_end_inside_the_box() {
        // The lower fence excludes 0 and the quartile interpolates to 7.5, below the next number.
        let plot = BoxPlot::of(&[0.0, 10.0, 10.0, 10.0]).unwrap();
        assert_eq!(plot.lower_quartile, 7.5);
        assert_eq!(plot.lower_whisker, 7.5);
        assert_eq!(plot.outliers, [0.0]);
    }
}
