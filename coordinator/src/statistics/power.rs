//! How many seeds it takes to see a difference, for the tests people will run on the answer:
//! Student's t for means (noncentral t, exact for normal scores) and Fisher's exact test for shares
//! (every pair of outcomes counted out).

mod mean;
mod share;

pub use mean::{MAX_SEEDS_FOR_MEAN, mean_power, seeds_for_mean};
pub use share::{MAX_SEEDS_FOR_SHARE, seeds_for_share, share_power};

/// What a test is asked to achieve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerTarget {
    /// Probability of seeing a difference where there is none, two-sided.
    pub alpha: f64,
    /// Probability of seeing the difference that is there.
    pub power: f64,
}

impl Default for PowerTarget {
    /// The customary 5 % and 80 % (Cohen 1988).
    fn default() -> Self {
        Self {
            alpha: 0.05,
            power: 0.8,
        }
    }
}
