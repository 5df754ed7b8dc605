//! The interval of a share of successes.

use super::interval::{Interval, two_sided_normal_quantile};

/// Wilson's score interval (Wilson 1927) of the probability behind `successes` out of `trials`, at
/// [`CONFIDENCE`](super::CONFIDENCE); `None` without trials. Unlike the normal approximation it
/// stays within [0, 1] and has a width even when every seed succeeds.
///
/// # Panics
/// If there are more successes than trials.
#[must_use]
pub fn wilson_interval(successes: u64, trials: u64) -> Option<Interval> {
    assert!(
        successes <= trials,
        "{successes} of {trials} cannot succeed"
    );
    if trials == 0 {
        return None;
    }
    let share = successes as f64 / trials as f64;
    Some(wilson_of_share(share, trials as f64))
}

/// Wilson's interval of a share of `count` trials, a whole number or not.
pub(super) fn wilson_of_share(share: f64, count: f64) -> Interval {
    let z = two_sided_normal_quantile();
    let shrink = 1.0 + z * z / count;
    let centre = (share + z * z / (2.0 * count)) / shrink;
    let variance = share * (1.0 - share) / count + z * z / (4.0 * count * count);
    let half_width = z * variance.sqrt() / shrink;
    // At the ends of the range the formula is exact only up to rounding; the limits are not.
    Interval {
        lower: if share == 0.0 {
            0.0
        } else {
            centre - half_width
        },
        upper: if share == 1.0 {
            1.0
        } else {
            centre + half_width
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::SplitMix64;

    #[test]
    fn intervals_are_those_of_newcombe_1998() {
        // Table I, method 3 (score without continuity correction).
        let published = [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ];
        for (successes, trials, lower, upper) in published {
            let interval = wilson_interval(successes, trials).unwrap();
            assert!((interval.lower - lower).abs() < 5e-5, "{interval:?}");
            assert!((interval.upper - upper).abs() < 5e-5, "{interval:?}");
        }
    }

    #[test]
    fn ten_of_ten_leave_room_for_doubt() {
        let interval = wilson_interval(10, 10).unwrap();
        // n / (n + z^2)
        assert!((interval.lower - 10.0 / (10.0 + 3.841_458_820_694_124)).abs() < 1e-9);
        assert_eq!(interval.upper, 1.0);
    }

    #[test]
    fn nothing_tried_has_no_interval() {
        assert_eq!(wilson_interval(0, 0), None);
    }

    #[test]
    fn the_interval_covers_the_truth_about_as_often_as_it_says() {
        let mut generator = SplitMix64::new(20_260_101);
        for truth in [0.1, 0.5, 0.8, 0.95] {
            for trials in [10_u64, 30, 100] {
                let covered = (0..4_000)
                    .filter(|_| {
                        let draws = (0..trials).filter(|_| generator.unit() < truth);
                        let successes = draws.count() as u64;
                        wilson_interval(successes, trials).unwrap().contains(truth)
                    })
                    .count();
                let coverage = covered as f64 / 4_000.0;
                // Counts are discrete, so coverage swings around 95 % by a few points.
                assert!(
                    (0.90..=0.99).contains(&coverage),
                    "truth {truth}, {trials} trials: covered {coverage}"
                );
            }
        }
    }
}
