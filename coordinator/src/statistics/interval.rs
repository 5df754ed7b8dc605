//! What an interval is and how confident all intervals of this project are.

use serde::Serialize;

use super::distribution::normal_quantile;

/// The confidence of every interval: one level everywhere, so that rows can be compared.
pub const CONFIDENCE: f64 = 0.95;

/// A closed interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// Its lower end.
    pub lower: f64,
    /// Its upper end.
    pub upper: f64,
}

impl Interval {
    /// Whether the value lies within, ends included.
    #[must_use]
    pub fn contains(&self, value: f64) -> bool {
        (self.lower..=self.upper).contains(&value)
    }
}

/// The quantile of the standard normal distribution that leaves half of `1 - CONFIDENCE` above it.
pub(super) fn two_sided_normal_quantile() -> f64 {
    normal_quantile(f64::midpoint(1.0, CONFIDENCE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_quantile_is_the_tabulated_one() {
        assert!((two_sided_normal_quantile() - 1.959_963_984_540_054).abs() < 1e-9);
    }

    #[test]
    fn an_interval_contains_its_ends() {
        let interval = Interval {
            lower: 0.25,
            upper: 0.5,
        };
        assert!(interval.contains(0.25) && interval.contains(0.5));
        assert!(!interval.contains(0.2) && !interval.contains(f64::NAN));
    }
}
