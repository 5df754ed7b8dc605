//! How often something may happen that was seen rarely or never: a bound without approximation,
//! since the cases of interest are few trials and no success.

use statrs::distribution::{Beta, ContinuousCDF};

use super::CONFIDENCE;

/// The one-sided upper bound of Clopper and Pearson (1934) for the probability behind `successes`
/// out of `trials`, at [`CONFIDENCE`]: were it any higher, so few successes would be seen in less
/// than one case in twenty. 1 without trials.
///
/// # Panics
/// If there are more successes than trials.
#[must_use]
pub fn exact_upper_bound(successes: u64, trials: u64) -> f64 {
    assert!(
        successes <= trials,
        "{successes} of {trials} cannot succeed"
    );
    if successes == trials {
        return 1.0;
    }
    if successes == 0 {
        // The quantile below in closed form, exact where the general one iterates.
        return 1.0 - (1.0 - CONFIDENCE).powf(1.0 / trials as f64);
    }
    let (a, b) = (successes as f64 + 1.0, (trials - successes) as f64);
    let beta = Beta::new(a, b).expect("both numbers are positive");
    beta.inverse_cdf(CONFIDENCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probability of at most `successes`, summed.
    fn at_most(successes: u64, trials: u64, share: f64) -> f64 {
        let mut term = (1.0 - share).powf(trials as f64);
        let mut sum = term;
        for k in 1..=successes {
            term *= (trials - k + 1) as f64 / k as f64 * share / (1.0 - share);
            sum += term;
        }
        sum
    }

    #[test]
    fn at_the_bound_so_few_successes_have_a_chance_of_one_in_twenty() {
        for (successes, trials) in [(0, 1), (0, 20), (0, 500), (1, 20), (3, 10), (19, 20)] {
            let bound = exact_upper_bound(successes, trials);
            let chance = at_most(successes, trials, bound);
            assert!(
                (chance - 0.05).abs() < 1e-6,
                "{successes} of {trials}: {bound}, {chance}"
            );
        }
    }

    #[test]
    fn the_rule_of_three_is_near_it() {
        assert!((exact_upper_bound(0, 100) - 0.03).abs() < 0.001);
    }

    #[test]
    fn nothing_seen_says_nothing() {
        assert_eq!(exact_upper_bound(0, 0), 1.0);
        assert_eq!(exact_upper_bound(5, 5), 1.0);
    }
}
