//! Power against statsmodels, scipy and simulation.

use serde::Deserialize;

use super::{close, fixture};
use crate::statistics::{
    MAX_SEEDS_FOR_MEAN, MAX_SEEDS_FOR_SHARE, PowerTarget, mean_power, seeds_for_mean,
    seeds_for_share, share_power,
};

#[derive(Deserialize)]
struct Cases {
    independent: Vec<MeanCase>,
    fisher: Vec<ShareCase>,
}

#[derive(Deserialize)]
struct MeanCase {
    n: u64,
    effect: f64,
    alpha: f64,
    power: f64,
}

#[derive(Deserialize)]
struct ShareCase {
    n: u64,
    first: f64,
    second: f64,
    alpha: f64,
    power: f64,
}

#[test]
fn the_power_of_a_t_test_is_that_of_statsmodels() {
    let cases: Cases = fixture!("power.json");
    for case in &cases.independent {
        let power = mean_power(case.effect, case.n, case.alpha);
        assert!(close(power, case.power, 1e-9), "{power} {}", case.power);
    }
}

#[test]
fn the_power_of_fishers_test_is_every_outcome_judged_by_scipy() {
    let cases: Cases = fixture!("power.json");
    for case in cases.fisher {
        let power = share_power(case.first, case.second, case.n, case.alpha);
        assert!(close(power, case.power, 1e-9), "{power} {}", case.power);
    }
}

#[test]
fn without_a_difference_power_is_the_false_alarm_rate() {
    let certain = mean_power(-f64::MAX, 5, 0.05);
    assert!(close(certain, 1.0, 1e-12), "{certain}");
    for seeds in [2, 5, 100] {
        let rate = mean_power(0.0, seeds, 0.05);
        assert!(close(rate, 0.05, 1e-9), "{rate}");
        // Fisher's test never exceeds its level.
        assert!(share_power(0.8, 0.8, seeds, 0.05) <= 0.05);
    }
}

#[test]
fn the_answer_is_the_fewest_seeds_that_reach_the_target() {
    let target = PowerTarget::default();
    // Cohen 1988, table 2.4.1: 64 in each group for a medium, 26 for a large effect.
    assert_eq!(seeds_for_mean(0.5, target), Some(64));
    assert_eq!(seeds_for_mean(0.8, target), Some(26));
    for (first, second) in [(0.5, 0.95), (0.1, 0.9), (1.0, 0.7)] {
        let seeds = seeds_for_share(first, second, target).unwrap();
        assert!(share_power(first, second, seeds, target.alpha) >= target.power);
        assert!(share_power(first, second, seeds - 1, target.alpha) < target.power);
    }
}

#[test]
fn a_difference_too_small_for_any_number_of_seeds_has_no_answer() {
    let target = PowerTarget::default();
    assert_eq!(seeds_for_mean(0.01, target), None);
    assert!(mean_power(0.01, MAX_SEEDS_FOR_MEAN, 0.05) < 0.8);
    assert!(share_power(0.9, 0.91, MAX_SEEDS_FOR_SHARE, 0.05) < 0.8);
}
