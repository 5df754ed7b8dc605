//! The rows of an analysis of variance, and the figures made from sums of squares.

use serde::Serialize;

use crate::statistics::distribution::fisher_probability_above;

/// A main effect or an interaction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Effect {
    /// The factors that interact, by position; one for a main effect.
    pub factors: Vec<usize>,
    /// Sum of squares.
    pub sum_of_squares: f64,
    /// Degrees of freedom: the product of the factors' levels less one.
    pub degrees_of_freedom: u64,
    /// Mean square over the residual one; `None` where replicates do not vary at all.
    pub f: Option<f64>,
    /// Probability of a larger F if there were no effect; `None` with `f`.
    pub p: Option<f64>,
    /// Share of the total sum of squares; `None` where nothing varies.
    pub eta_squared: Option<f64>,
    /// Share of the effect's and the residual sums of squares; `None` where both are zero.
    pub partial_eta_squared: Option<f64>,
    /// `eta_squared` without what chance alone would explain (Hays 1963); negative where the effect
    /// explains less than that.
    pub omega_squared: Option<f64>,
    /// The same for `partial_eta_squared` (Olejnik and Algina 2003).
    pub partial_omega_squared: Option<f64>,
}

/// What varies between the replicates of one cell: the seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Residual {
    /// Sum of squares within cells.
    pub sum_of_squares: f64,
    /// Degrees of freedom: observations less cells.
    pub degrees_of_freedom: u64,
    /// Their quotient: the variance over seeds, pooled over all cells.
    pub mean_square: f64,
    /// Share of the total sum of squares; `None` where nothing varies.
    pub eta_squared: Option<f64>,
}

/// The sums that every effect is compared with.
pub(super) struct Totals {
    pub(super) residual: Residual,
    pub(super) total: f64,
    pub(super) observations: usize,
}

impl Effect {
    pub(super) fn new(factors: Vec<usize>, squares: f64, freedom: u64, totals: &Totals) -> Self {
        let Residual {
            sum_of_squares: rest,
            degrees_of_freedom: rest_freedom,
            mean_square,
            ..
        } = totals.residual;
        let degrees = freedom as f64;
        let f = ratio(squares / degrees, mean_square);
        let explained = squares - degrees * mean_square;
        let others = totals.observations as f64 - degrees;
        Self {
            factors,
            sum_of_squares: squares,
            degrees_of_freedom: freedom,
            f,
            p: f.map(|f| fisher_probability_above(f, degrees, rest_freedom as f64)),
            eta_squared: ratio(squares, totals.total),
            partial_eta_squared: ratio(squares, squares + rest),
            omega_squared: ratio(explained, totals.total + mean_square),
            partial_omega_squared: ratio(explained, squares + others * mean_square),
        }
    }
}

/// `None` instead of a division by zero.
pub(super) fn ratio(numerator: f64, denominator: f64) -> Option<f64> {
    (denominator > 0.0).then(|| numerator / denominator)
}
