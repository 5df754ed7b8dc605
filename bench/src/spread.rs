//! A figure over several rounds: its median and its range, as numbers and as text. Pure.

use pondersweep::quantile;
use serde_json::{Value, json};

/// A figure over all rounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) least: f64,
    pub(super) most: f64,
}

impl Spread {
    /// # Panics
    /// There is no number.
    pub(super) fn of(mut numbers: Vec<f64>) -> Self {
        numbers.sort_by(f64::total_cmp);
        Self {
            median: quantile(&numbers, 0.5),
            least: numbers[0],
            most: numbers[numbers.len() - 1],
        }
    }

    /// Least and most, for programs.
    pub(super) const fn ends(&self) -> [f64; 2] {
        [self.least, self.most]
    }

    /// Least and most, for people.
    pub(super) fn range(&self, digits: usize) -> String {
        format!("{:.digits$} - {:.digits$}", self.least, self.most)
    }
}

/// A number for a table.
pub(super) fn rounded(number: f64, digits: i32) -> Value {
    let scale = 10_f64.powi(digits);
    json!((number * scale).round() / scale)
}
