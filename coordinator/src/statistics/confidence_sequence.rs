//! The interval of a share of successes that may be looked at after every trial, and still decide
//! whether there is to be another.

use statrs::function::beta::ln_beta;

use super::{CONFIDENCE, interval::Interval};

/// Both parameters of the beta distribution that the shares are mixed with: Jeffreys' prior. It
/// decides where the intervals are narrow, never whether they hold.
const MIXTURE: f64 = 0.5;
/// Halvings of a bisection: an interval of length 1 is then shorter than the last bit of its
/// middle.
const HALVINGS: u32 = 60;

/// The confidence sequence of the probability behind `successes` out of `trials`, at
/// [`CONFIDENCE`]; all of [0, 1] without trials. Of one sequence of independent trials, the
/// intervals after every number of them contain the probability **all at once** in 95 % of cases.
/// So it may be looked at as often as one likes, and the promise holds even where more trials
/// follow because it was too wide; Wilson's interval promises for a number of trials that was fixed
/// beforehand.
///
/// It holds every share p of which the beta-binomial mixture is no more than 1 / (1 - confidence)
/// times as likely as the results are under p: `B(1/2 + s, 1/2 + f) / B(1/2, 1/2) / (p^s (1 -
/// p)^f)`, for s successes and f failures. At the true share that ratio is a martingale that begins
/// with 1, and by Ville's inequality it ever reaches 20 in at most one case in twenty (Robbins
/// 1970; Howard, Ramdas, `McAuliffe` and Sekhon 2021).
///
/// # Panics
/// If there are more successes than trials.
#[must_use]
pub fn confidence_sequence(successes: u64, trials: u64) -> Interval {
    assert!(
        successes <= trials,
        "{successes} of {trials} cannot succeed"
    );
    let (s, f) = (successes as f64, (trials - successes) as f64);
    let mixture = ln_beta(MIXTURE + s, MIXTURE + f) - ln_beta(MIXTURE, MIXTURE);
    // What the logarithm of the likelihood must reach.
    let least = mixture + (1.0 - CONFIDENCE).ln();
    let holds = |p: f64| times_ln(s, p) + times_ln(f, 1.0 - p) >= least;
    // The likelihood rises up to the observed share and falls from there on.
    let observed = if trials == 0 { 0.5 } else { s / (s + f) };
    Interval {
        lower: end(0.0, observed, &holds),
        upper: end(1.0, observed, &holds),
    }
}

/// `count * ln(share)`, which is zero where nothing is counted.
fn times_ln(count: f64, share: f64) -> f64 {
    if count == 0.0 {
        0.0
    } else {
        count * share.ln()
    }
}

/// The farthest share that holds on the way from one that holds, inside, to the end of the range.
fn end(outermost: f64, inside: f64, holds: &impl Fn(f64) -> bool) -> f64 {
    if holds(outermost) {
        return outermost;
    }
    let (mut outside, mut inside) = (outermost, inside);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(outside, inside);
        if holds(middle) {
            inside = middle;
        } else {
            outside = middle;
        }
    }
    // The side that was refused: rounding must not make the interval narrower than it is.
    outside
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::statistics::{SplitMix64, wilson_interval};

    /// `B(1/2 + s, 1/2 + f) / B(1/2, 1/2)`, as a product: trial by trial, the successes first.
    fn mixture(successes: u64, failures: u64) -> f64 {
        let count = |n: u64| n as f64;
        let of_successes = (0..successes).map(|s| (count(s) + 0.5) / (count(s) + 1.0));
        let of_failures =
            (0..failures).map(|f| (count(f) + 0.5) / (count(successes) + count(f) + 1.0));
        of_successes.chain(of_failures).product()
    }

    #[test]
    fn at_its_ends_the_mixture_is_twenty_times_as_likely_as_the_share() {
        for (successes, trials) in [(1, 2), (3, 4), (5, 24), (12, 24), (23, 24), (40, 300)] {
            let interval = confidence_sequence(successes, trials);
            for end in [interval.lower, interval.upper] {
                let failures = trials - successes;
                let likelihood = end.powf(successes as f64) * (1.0 - end).powf(failures as f64);
                let ratio = mixture(successes, failures) / likelihood;
                assert!((ratio / 20.0 - 1.0).abs() < 1e-9, "{successes} of {trials}");
            }
        }
    }

    #[test]
    fn what_never_failed_has_an_end_in_closed_form() {
        for trials in [1, 4, 24, 1_000] {
            let lower = (mixture(trials, 0) / 20.0).powf(1.0 / trials as f64);
            let interval = confidence_sequence(trials, trials);
            assert!((interval.lower - lower).abs() < 1e-9, "{interval:?}");
            assert_eq!(interval.upper, 1.0);
            let mirrored = confidence_sequence(0, trials);
            assert_eq!(mirrored.lower, 0.0);
            assert!((mirrored.upper + lower - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn nothing_tried_says_nothing() {
        let all = Interval {
            lower: 0.0,
            upper: 1.0,
        };
        assert_eq!(confidence_sequence(0, 0), all);
    }

    proptest! {
        #[test]
        fn it_contains_the_observed_share_and_wilsons_interval(
            trials in 1_u64..3_000, share in 0.0..=1.0_f64,
        ) {
            let successes = ((trials as f64 * share) as u64).min(trials);
            let interval = confidence_sequence(successes, trials);
            let wilson = wilson_interval(successes, trials).unwrap();
            prop_assert!(interval.contains(successes as f64 / trials as f64));
            prop_assert!(0.0 <= interval.lower && interval.upper <= 1.0);
            prop_assert!(interval.upper - interval.lower > wilson.upper - wilson.lower);
        }

        #[test]
        fn one_success_more_moves_neither_end_down(trials in 1_u64..500, successes in 0_u64..500) {
            let successes = successes % trials;
            let (less, more) = (
                confidence_sequence(successes, trials),
                confidence_sequence(successes + 1, trials),
            );
            prop_assert!(less.lower <= more.lower && less.upper <= more.upper);
        }
    }

    #[test]
    fn looking_after_every_trial_seldom_misleads() {
        let mut generator = SplitMix64::new(5);
        for truth in [0.02, 0.3, 0.5, 0.9] {
            let (sequences, trials) = (400, 200);
            let missed = |of: fn(u64, u64) -> Interval, generator: &mut SplitMix64| {
                let ever = (0..sequences).filter(|_| {
                    let mut successes = 0;
                    (1..=trials).any(|tried| {
                        successes += u64::from(generator.unit() < truth);
                        !of(successes, tried).contains(truth)
                    })
                });
                ever.count() as f64 / f64::from(sequences)
            };
            let sequence = missed(confidence_sequence, &mut generator);
            assert!(sequence <= 0.06, "truth {truth}: missed {sequence}");
            // What it is for: an interval for a fixed number of trials is left sooner or later.
            let wilson = |s, n| wilson_interval(s, n).unwrap();
            let wilson = missed(wilson, &mut generator);
            assert!(wilson > 0.12, "truth {truth}: Wilson's missed {wilson}");
        }
    }
}
