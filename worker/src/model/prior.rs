//! What a network's halting is held against (paper, section 2.3).

/// The geometric prior p_G, truncated after the last step. Where that leaves a step no mass its
/// logarithm is minus infinity, which a floor keeps away.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    /// Its probability of halting at each step, in (0, 1].
    pub lambda_p: f64,
    /// The least that any step counts as, in [0, 1); the sum is not corrected for it.
    pub floor: f64,
}

impl Prior {
    /// Without a floor.
    #[cfg(test)]
    pub(crate) const fn geometric(lambda_p: f64) -> Self {
        Self {
            lambda_p,
            floor: 0.0,
        }
    }

    /// `log p_G(n)` for n = 1..=N: `lambda_p (1 - lambda_p)^(n-1)` divided by the mass of N steps,
    /// `1 - (1 - lambda_p)^N`, which adds a constant to the loss.
    pub(crate) fn log_masses(self, max_steps: usize) -> impl Iterator<Item = f64> {
        let log_continue = (-self.lambda_p).ln_1p();
        let log_mass = (-(log_continue * max_steps as f64).exp()).ln_1p();
        let of_first = self.lambda_p.ln();
        (0..max_steps).map(move |before| {
            // With lambda_p = 1 the second term of the first step would be 0 times minus infinity.
            let continued = if before == 0 {
                0.0
            } else {
                before as f64 * log_continue
            };
            (of_first + continued - log_mass).max(self.floor.ln())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Prior;

    fn masses(lambda_p: f64, floor: f64) -> Vec<f64> {
        Prior { lambda_p, floor }
            .log_masses(4)
            .map(f64::exp)
            .collect()
    }

    #[test]
    fn the_masses_of_all_steps_are_one_in_all() {
        for lambda_p in [1e-9, 0.1, 0.5, 0.999_999, 1.0] {
            let sum: f64 = masses(lambda_p, 0.0).iter().sum();
            assert!((sum - 1.0).abs() < 1e-6, "{lambda_p}: {sum}");
        }
    }

    #[test]
    fn a_floor_lifts_what_lies_below_it_and_nothing_else() {
        assert_eq!(masses(1.0, 0.0), [1.0, 0.0, 0.0, 0.0]);
        assert!((masses(1.0, 1e-3)[3] - 1e-3).abs() < 1e-15);
        assert_eq!(masses(0.5, 1e-3), masses(0.5, 0.0));
    }
}
