//! The numbers a setting may have.

use std::fmt;

/// Finite numbers between two ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end; minus infinity for none.
    pub low: f64,
    /// Whether the lower end belongs to it.
    pub with_low: bool,
    /// The upper end; infinity for none.
    pub high: f64,
    /// Whether the upper end belongs to it.
    pub with_high: bool,
}

impl Interval {
    /// Any finite number.
    pub const FINITE: Self = Self::open(f64::NEG_INFINITY, f64::INFINITY);
    /// Above 0.
    pub const POSITIVE: Self = Self::open(0.0, f64::INFINITY);
    /// 0 or above.
    pub const NOT_NEGATIVE: Self = Self {
        with_low: true,
        ..Self::POSITIVE
    };
    /// Strictly between 0 and 1.
    pub const OPEN_UNIT: Self = Self::open(0.0, 1.0);
    /// Above 0, up to 1.
    pub const SHARE: Self = Self {
        with_high: true,
        ..Self::OPEN_UNIT
    };

    /// From 0 to 1.
    pub const UNIT: Self = Self {
        with_low: true,
        ..Self::SHARE
    };
    /// 0 or above, below 1.
    pub const BELOW_ONE: Self = Self {
        with_low: true,
        ..Self::OPEN_UNIT
    };

    const fn open(low: f64, high: f64) -> Self {
        Self {
            low,
            with_low: false,
            high,
            with_high: false,
        }
    }

    /// Whether it holds this number.
    #[must_use]
    pub fn contains(&self, number: f64) -> bool {
        let above = number > self.low || (self.with_low && number == self.low);
        let below = number < self.high || (self.with_high && number == self.high);
        number.is_finite() && above && below
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { low, high, .. } = self;
        match (low.is_finite(), high.is_finite()) {
            (false, _) => f.write_str("a finite number"),
            (true, false) if self.with_low => write!(f, "a finite number, {low} or above"),
            (true, false) => write!(f, "a finite number above {low}"),
            (true, true) if self.with_low && self.with_high => {
                write!(f, "a number from {low} to {high}")
            }
            (true, true) if self.with_low => write!(f, "a number from {low}, below {high}"),
            (true, true) if self.with_high => write!(f, "a number above {low}, up to {high}"),
            (true, true) => write!(f, "a number strictly between {low} and {high}"),
        }
    }
}
