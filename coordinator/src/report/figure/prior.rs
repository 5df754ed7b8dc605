//! The prior of the halting distribution, as far as a figure refers to it.

/// The mean of the geometric prior `p_G(lambda_p)` truncated at `max_steps` and renormalised:
/// `sum_n n p_n / sum_n p_n` with `p_n = lambda_p (1 - lambda_p)^(n - 1)` (paper, section 2.3).
pub(in crate::report) fn truncated_prior_mean(lambda_p: f64, max_steps: u64) -> f64 {
    let mut left = 1.0;
    let mut mass = 0.0;
    let mut weighted = 0.0;
    let mut step = 0.0;
    for _ in 0..max_steps {
        step += 1.0;
        let probability = left * lambda_p;
        mass += probability;
        weighted += step * probability;
        left -= probability;
    }
    weighted / mass
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_means_at_twenty_steps_are_the_known_ones() {
        let known = [7.23, 4.77, 3.32, 2.50, 2.00, 1.67, 1.43, 1.25, 1.11];
        for (index, mean) in known.into_iter().enumerate() {
            let lambda_p = (index + 1) as f64 / 10.0;
            assert!((truncated_prior_mean(lambda_p, 20) - mean).abs() < 0.005);
        }
    }

    #[test]
    fn one_step_leaves_no_choice() {
        assert_eq!(truncated_prior_mean(0.3, 1), 1.0);
    }
}
