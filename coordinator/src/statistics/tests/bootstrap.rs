//! Aggregates, intervals, profiles and the probability of improvement against rliable, and their
//! laws.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::Deserialize;

use super::{close, fixture, statistic::Statistic};
use crate::statistics::{
    Interval, Sample,
    bootstrap::{IntervalMethod, Replicates, Strata, bootstrap_interval},
    improvement::share_of_pairs,
    performance_profile, probability_of_improvement,
    profile::shares_above,
    summary::mean,
};

/// What is asked for: agreement to this on the same resamples.
const SAME_RESAMPLES: f64 = 1e-9;

#[derive(Deserialize)]
struct Case {
    name: String,
    scores: Vec<Vec<f64>>,
    resamples: Vec<Vec<Vec<usize>>>,
    statistics: BTreeMap<String, StatisticCase>,
    interquartile_mean_interval_of_50000_resamples: [f64; 2],
    taus: Vec<f64>,
    profile: Vec<f64>,
    profile_bands: Vec<[f64; 2]>,
}

#[derive(Deserialize)]
struct StatisticCase {
    value: f64,
    replicates: Vec<f64>,
    interval: [f64; 2],
}

fn cases() -> Vec<Case> {
    fixture!("bootstrap.json")
}

fn statistic(name: &str) -> Statistic {
    match name {
        "mean" => Statistic::Mean,
        "median" => Statistic::Median,
        "median_of_means" => Statistic::MedianOfMeans,
        "interquartile_mean" => Statistic::InterquartileMean,
        _ => panic!("the fixture has a statistic called {name}"),
    }
}

impl Case {
    fn strata(&self) -> Strata {
        Strata::new(self.scores.clone()).unwrap()
    }

    /// The statistic on each of the fixture's resamples.
    fn replicates(&self, statistic: impl Fn(&Strata) -> f64) -> Vec<f64> {
        let scores = self.strata();
        let resamples = self.resamples.iter();
        resamples
            .map(|indices| statistic(&picked(&scores, indices)))
            .collect()
    }
}

/// The resample with these indices into each stratum.
fn picked(scores: &Strata, indices: &[Vec<usize>]) -> Strata {
    assert_eq!(indices.len(), scores.as_slice().len());
    let strata = scores.as_slice().iter().zip(indices);
    let pick = |(stratum, picked): (&Vec<f64>, &Vec<usize>)| {
        picked.iter().map(|&index| stratum[index]).collect()
    };
    Strata::new(strata.map(pick).collect()).unwrap()
}

fn assert_interval(interval: Interval, [lower, upper]: [f64; 2], tolerance: f64, what: &str) {
    assert!(
        close(interval.lower, lower, tolerance) && close(interval.upper, upper, tolerance),
        "{what}: {interval:?}, expected {lower} to {upper}"
    );
}

#[test]
fn aggregates_on_the_same_resamples_are_those_of_rliable() {
    for case in cases() {
        for (name, expected) in &case.statistics {
            let statistic = statistic(name);
            let value = statistic.of(&case.strata());
            assert!(close(value, expected.value, SAME_RESAMPLES), "{name}");
            let replicates = case.replicates(|scores| statistic.of(scores));
            for (ours, theirs) in replicates.iter().zip(&expected.replicates) {
                assert!(
                    close(*ours, *theirs, SAME_RESAMPLES),
                    "{name}: {ours} {theirs}"
                );
            }
        }
    }
}

#[test]
fn intervals_on_the_same_resamples_are_those_of_rliable() {
    let mut compared = 0;
    for case in cases() {
        for (name, expected) in &case.statistics {
            let statistic = statistic(name);
            let replicates = case.replicates(|scores| statistic.of(scores));
            let interval = Replicates::new(replicates).percentile();
            let what = format!("{} {name}", case.name);
            assert_interval(interval, expected.interval, SAME_RESAMPLES, &what);
            compared += 1;
        }
    }
    assert_eq!(compared, 7);
}

#[test]
fn our_own_resamples_give_rliables_interval_within_monte_carlo_error() {
    for case in cases() {
        let scores = case.strata();
        let statistic = |scores: &Strata| Statistic::InterquartileMean.of(scores);
        let interval =
            bootstrap_interval(&scores, statistic, IntervalMethod::Percentile, 1).unwrap();
        let [lower, upper] = case.interquartile_mean_interval_of_50000_resamples;
        // A tenth of the width is what the number of resamples promises.
        let tolerance = 0.1 * (upper - lower);
        assert!(
            (interval.lower - lower).abs() < tolerance,
            "{interval:?} {lower}"
        );
        assert!(
            (interval.upper - upper).abs() < tolerance,
            "{interval:?} {upper}"
        );
    }
}

#[test]
fn performance_profiles_are_those_of_rliable() {
    for case in cases() {
        let profile = performance_profile(&sample(&case.scores), &case.taus, 0);
        for (index, &tau) in case.taus.iter().enumerate() {
            assert_eq!(profile[index].share, case.profile[index]);
            let replicates = case.replicates(|scores| {
                let pooled: Vec<f64> = scores.as_slice().iter().flatten().copied().collect();
                shares_above(&pooled, &[tau])[0]
            });
            let interval = Replicates::new(replicates).percentile();
            assert_interval(interval, case.profile_bands[index], SAME_RESAMPLES, "band");
        }
    }
}

#[test]
fn a_score_at_the_threshold_is_not_above_it() {
    assert_eq!(shares_above(&[0.9, 0.95, 0.95, 1.0], &[0.95]), [0.25]);
}

/// Scores of cells, or of tasks, that are independent.
fn sample(scores: &[Vec<f64>]) -> Sample {
    let cells = scores
        .iter()
        .map(|cell| cell.iter().copied().map(Some).collect());
    Sample::of_cells(&cells.collect::<Vec<_>>(), false).unwrap()
}

/// rliable averages over tasks, which our cells are not.
fn mean_over_tasks(x: &[Vec<f64>], y: &[Vec<f64>]) -> f64 {
    let shares = x.iter().zip(y).map(|(x, y)| share_of_pairs(x, y));
    mean(&shares.collect::<Vec<_>>())
}

#[derive(Deserialize)]
struct ImprovementCase {
    x: Vec<Vec<f64>>,
    y: Vec<Vec<f64>>,
    resamples: Vec<[Vec<Vec<usize>>; 2]>,
    value: f64,
    interval: [f64; 2],
}

#[test]
fn the_probability_of_improvement_is_that_of_rliable() {
    let cases: Vec<ImprovementCase> = fixture!("improvement.json");
    for case in cases {
        assert!(close(
            mean_over_tasks(&case.x, &case.y),
            case.value,
            SAME_RESAMPLES
        ));
        let [x, y] = [&case.x, &case.y].map(|scores| Strata::new(scores.clone()).unwrap());
        let replicates = case.resamples.iter().map(|[of_x, of_y]| {
            mean_over_tasks(picked(&x, of_x).as_slice(), picked(&y, of_y).as_slice())
        });
        let interval = Replicates::new(replicates.collect()).percentile();
        assert_interval(interval, case.interval, SAME_RESAMPLES, "improvement");
        let [x, y] = [&case.x, &case.y].map(|scores| sample(scores));
        let ours = probability_of_improvement(&x, &y, 3);
        let mirrored = probability_of_improvement(&y, &x, 3);
        assert!(close(ours.probability + mirrored.probability, 1.0, 1e-12));
        assert!(ours.interval.unwrap().contains(ours.probability));
    }
}

#[test]
fn a_single_score_in_a_stratum_leaves_no_interval() {
    let scores = Strata::new(vec![vec![0.5, 0.6], vec![0.7]]).unwrap();
    let mean = |scores: &Strata| Statistic::Mean.of(scores);
    for method in METHODS {
        assert_eq!(bootstrap_interval(&scores, mean, method, 0), None);
    }
    assert_eq!(Strata::new(vec![]), None);
    assert_eq!(Strata::new(vec![vec![0.1], vec![]]), None);
}

#[test]
fn a_cell_with_one_score_leaves_no_interval_and_neither_does_one_common_seed() {
    let cells = [vec![Some(0.5), Some(0.6)], vec![Some(0.7), None]];
    let other = sample(&[vec![0.1, 0.2]]);
    let interval = |cells: &[Vec<Option<f64>>], common_seeds| {
        let sample = Sample::of_cells(cells, common_seeds).unwrap();
        probability_of_improvement(&sample, &other, 0).interval
    };
    assert_eq!(interval(&cells, false), None);
    assert!(interval(&cells, true).is_some());
    let single = cells.map(|cell| vec![cell[0]]);
    assert_eq!(interval(&single, true), None);
    assert_eq!(Sample::of_cells(&[vec![None], vec![]], true), None);
}

const METHODS: [IntervalMethod; 2] = [IntervalMethod::Percentile, IntervalMethod::Expanded];
const STATISTICS: [Statistic; 4] = [
    Statistic::Mean,
    Statistic::MedianOfMeans,
    Statistic::Median,
    Statistic::InterquartileMean,
];

fn any_strata() -> impl Strategy<Value = Vec<Vec<f64>>> {
    let stratum = prop::collection::vec(0.0..1.0_f64, 2..8);
    prop::collection::vec(stratum, 1..4)
}

fn mapped(strata: &[Vec<f64>], map: impl Fn(f64) -> f64) -> Strata {
    let map = |stratum: &Vec<f64>| stratum.iter().map(|&score| map(score)).collect();
    Strata::new(strata.iter().map(map).collect()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_order_of_scores_changes_no_bit(strata in any_strata(), seed: u64) {
        let reversed = strata.iter().map(|stratum| stratum.iter().rev().copied().collect());
        let reversed = Strata::new(reversed.collect()).unwrap();
        let scores = Strata::new(strata).unwrap();
        for method in METHODS {
            let interval = |scores| bootstrap_interval(scores, |s| Statistic::Mean.of(s), method, seed);
            prop_assert_eq!(interval(&scores), interval(&reversed));
        }
    }

    #[test]
    fn moving_and_stretching_the_scores_does_the_same_to_every_interval(
        strata in any_strata(), seed: u64, shift in -5.0..5.0_f64, scale in 0.1..10.0_f64,
    ) {
        let scores = mapped(&strata, |score| score);
        let moved = mapped(&strata, |score| shift + scale * score);
        for (statistic, method) in STATISTICS.into_iter().zip(METHODS.into_iter().cycle()) {
            let interval = |scores| {
                bootstrap_interval(scores, |s| statistic.of(s), method, seed).unwrap()
            };
            let (before, after) = (interval(&scores), interval(&moved));
            prop_assert!(close(after.lower, shift + scale * before.lower, 1e-9));
            prop_assert!(close(after.upper, shift + scale * before.upper, 1e-9));
        }
    }

    #[test]
    fn an_interval_stays_within_the_scores_and_expanding_never_narrows_it(
        strata in any_strata(), seed: u64,
    ) {
        let scores = Strata::new(strata).unwrap();
        let all = || scores.as_slice().iter().flatten().copied();
        let lowest = all().fold(f64::INFINITY, f64::min);
        let highest = all().fold(f64::NEG_INFINITY, f64::max);
        for statistic in STATISTICS {
            let [percentile, expanded] = METHODS.map(|method| {
                bootstrap_interval(&scores, |s| statistic.of(s), method, seed).unwrap()
            });
            for Interval { lower, upper } in [percentile, expanded] {
                prop_assert!(lowest <= lower && lower <= upper && upper <= highest);
            }
            prop_assert!(expanded.lower <= percentile.lower && percentile.upper <= expanded.upper);
        }
    }

    #[test]
    fn a_profile_falls_from_one_to_zero(strata in any_strata()) {
        let profile = performance_profile(&sample(&strata), &[-0.1, 0.2, 0.5, 0.8, 1.0], 0);
        prop_assert_eq!((profile[0].share, profile[4].share), (1.0, 0.0));
        prop_assert!(profile.is_sorted_by(|a, b| a.share >= b.share));
    }
}
