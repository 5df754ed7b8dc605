//! How often the intervals of this room hold what they promise, by simulation. The whole study
//! takes minutes, so the usual tests run a small one; `coverage.md` is what the whole one measured:
//!
//! ```sh
//! cargo test -p pondersweep --lib coverage -- --ignored --nocapture
//! ```

mod adaptive;
mod few;
mod grid;
mod population;
mod table;

use std::ops::RangeInclusive;

use self::{
    adaptive::{Adaptive, of_adaptive},
    few::{Few, of_few},
    grid::{Judged, of_grid},
    population::{ACCURACY, EXPONENTIAL, NORMAL, Population, SOLVED},
};
use crate::statistics::{
    BestSet, GridAxis, Pairing, Robustness, SplitMix64, Verdict,
    bootstrap::{IntervalMethod, Strata, bootstrap_interval},
    tests::statistic::Statistic,
    wilson_interval,
};

/// Replicates studied: few, as in the paper, and enough.
const SIZES: [usize; 3] = [5, 10, 30];
const METHODS: [(IntervalMethod, &str); 2] = [
    (IntervalMethod::Percentile, "percentile"),
    (IntervalMethod::Expanded, "expanded"),
];

/// The share of simulations in which something held.
fn share_of(simulations: u64, held: impl Fn(&mut SplitMix64, u64) -> bool) -> f64 {
    let numbered = streams(simulations).zip(0..);
    let holding = numbered.filter_map(|(mut stream, seed)| held(&mut stream, seed).then_some(seed));
    holding.count() as f64 / simulations as f64
}

/// A stream of its own for each simulation.
fn streams(simulations: u64) -> impl Iterator<Item = SplitMix64> {
    let mut seeds = SplitMix64::new(20_260_103);
    (0..simulations).map(move |_| SplitMix64::new(seeds.next_u64()))
}

/// How often the interval of a statistic of one group covers the population's.
fn of_statistic(
    simulations: u64,
    population: &Population,
    statistic: Statistic,
    method: IntervalMethod,
    size: usize,
) -> f64 {
    let truth = population.truth(statistic);
    share_of(simulations, |generator, seed| {
        let scores = Strata::single(&population.sample(generator, size)).unwrap();
        let interval = bootstrap_interval(&scores, |s| statistic.of(s), method, seed);
        interval.unwrap().contains(truth)
    })
}

/// How often the interval of a mean over four strata of different levels and spreads covers it.
fn of_stratified_mean(simulations: u64, method: IntervalMethod, size: usize) -> f64 {
    share_of(simulations, |generator, seed| {
        let stratum = |level: usize| {
            let sample = NORMAL.sample(generator, size).into_iter();
            sample.map(|z| level as f64 * (1.0 + z)).collect()
        };
        let scores = Strata::new((1..5).map(stratum).collect()).unwrap();
        let interval = bootstrap_interval(&scores, |s| Statistic::Mean.of(s), method, seed);
        interval.unwrap().contains(2.5)
    })
}

/// Wilson's coverage needs no simulation: the probabilities of the outcomes it covers.
fn of_wilson(share: f64, size: usize) -> f64 {
    let mut probability = (1.0 - share).powi(i32::try_from(size).unwrap());
    let mut covered = 0.0;
    for successes in 0..=size {
        if wilson_interval(successes as u64, size as u64)
            .unwrap()
            .contains(share)
        {
            covered += probability;
        }
        let left = (size - successes) as f64;
        probability *= left / (successes + 1) as f64 * share / (1.0 - share);
    }
    covered
}

/// A row of nine settings: how far each lies below the best, the spread over seeds, and epsilon.
/// Four of them are within it.
const DROPS: [f64; 9] = [0.03, 0.01, 0.0, 0.005, 0.015, 0.025, 0.05, 0.1, 0.2];
const SPREAD: f64 = 0.02;
const EPSILON: f64 = 0.02;

fn grid(generator: &mut SplitMix64, size: usize) -> Vec<Vec<f64>> {
    let cell = |drop: &f64| {
        let sample = NORMAL.sample(generator, size).into_iter();
        sample.map(|z| 0.95 - drop + SPREAD * z).collect()
    };
    DROPS.iter().map(cell).collect()
}

fn robustness(generator: &mut SplitMix64, size: usize, seed: u64) -> Robustness {
    let axis = GridAxis {
        levels: DROPS.len(),
        ordered: true,
    };
    Robustness::of(&[axis], &grid(generator, size), EPSILON, seed).unwrap()
}

/// How often the interval of the robustness index covers 4/9.
fn of_robustness_index(simulations: u64, size: usize) -> f64 {
    share_of(simulations, |generator, seed| {
        let interval = robustness(generator, size, seed).share_interval;
        interval.unwrap().contains(4.0 / 9.0)
    })
}

/// The mean of the robustness index, whose true value is 4/9.
fn mean_robustness_index(simulations: u64, size: usize) -> f64 {
    let indices = streams(simulations).zip(0..);
    let shares =
        indices.map(|(mut generator, seed)| robustness(&mut generator, size, seed).share_within);
    shares.sum::<f64>() / simulations as f64
}

/// How often the interval of the worst drop covers the true one between the two cells it names.
fn of_worst_step(simulations: u64, size: usize) -> f64 {
    share_of(simulations, |generator, seed| {
        let robustness = robustness(generator, size, seed);
        let step = robustness.worst_step.unwrap();
        let truth = DROPS[step.cell] - DROPS[robustness.best];
        step.interval.unwrap().contains(truth)
    })
}

/// How often the set leaves out the truly best of nine cells, the others lying `drop` deviations
/// below.
fn best_left_out(simulations: u64, pairing: Pairing, drop: f64, size: usize) -> f64 {
    share_of(simulations, |generator, seed| {
        let cells = (0..9).map(|cell| {
            let mean = if cell == 4 { 0.0 } else { -drop };
            let sample = NORMAL.sample(generator, size).into_iter();
            sample.map(|z| Some(mean + z)).collect()
        });
        let set = BestSet::of(&cells.collect::<Vec<_>>(), pairing, 0.05, seed).unwrap();
        let worse = |cell: usize| {
            let mut comparisons = set.comparisons.iter();
            comparisons.any(|other| other.cell == cell && other.verdict == Verdict::Worse)
        };
        worse(4)
    })
}

fn assert_within(coverage: f64, expected: RangeInclusive<f64>, what: &str) {
    assert!(expected.contains(&coverage), "{what}: {coverage}");
}

/// Simulations of the usual tests: the bounds leave four standard errors.
const FEW: u64 = 400;

#[test]
fn the_expanded_interval_of_a_normal_mean_covers_it_even_with_five_seeds() {
    let mean = |method, size| of_statistic(FEW, &NORMAL, Statistic::Mean, method, size);
    // What the whole study measured is in coverage.md.
    assert_within(
        mean(IntervalMethod::Expanded, 5),
        0.90..=0.99,
        "expanded, 5",
    );
    assert_within(
        mean(IntervalMethod::Percentile, 5),
        0.75..=0.90,
        "percentile, 5",
    );
}

#[test]
fn stratified_intervals_cover_too() {
    let expanded = of_stratified_mean(FEW, IntervalMethod::Expanded, 5);
    assert_within(expanded, 0.89..=0.99, "stratified");
    assert_within(of_worst_step(FEW, 5), 0.84..=0.99, "worst step");
}

#[test]
fn below_five_replicates_what_is_said_holds_and_resampling_would_not() {
    for size in few::SIZES {
        let of = |few| of_few(FEW, few, &NORMAL, size);
        assert_within(of(Few::Student), 0.91..=0.99, "Student");
        assert_within(of(Few::Welch), 0.92..=1.0, "Welch");
        assert_within(of(Few::Percentile), 0.4..=0.87, "percentile");
        let solved = of_few(FEW, Few::Logit, &SOLVED, size);
        assert_within(solved, 0.88..=1.0, "Student on the logit scale");
    }
}

#[test]
fn replicates_with_common_seeds_count_once_and_cells_are_strata() {
    let of = |judged, common_seeds| of_grid(FEW, judged, common_seeds, 5);
    for (judged, expected) in [
        (Judged::Mean, 0.89..=0.99),
        (Judged::Share, 0.91..=1.0),
        (Judged::Profile, 0.84..=0.99),
        (Judged::Improvement, 0.88..=0.99),
    ] {
        assert_within(of(judged, true), expected, "common seeds");
    }
    assert_within(
        of(Judged::MeanOfTrials, true),
        0.4..=0.75,
        "as if independent",
    );
    assert_within(of(Judged::Improvement, false), 0.89..=0.99, "within cells");
    assert_within(of(Judged::Profile, false), 0.89..=1.0, "within cells");
}

#[test]
fn the_truly_best_cell_is_seldom_left_out() {
    for pairing in [Pairing::Independent, Pairing::CommonSeeds] {
        let missed = best_left_out(FEW / 4, pairing, 0.0, 10);
        assert_within(missed, 0.0..=0.08, "best left out");
    }
}

#[test]
fn wilsons_interval_covers_even_where_every_seed_succeeds() {
    for share in [0.5, 0.8, 0.95] {
        for size in SIZES {
            assert_within(of_wilson(share, size), 0.90..=1.0, "Wilson");
        }
    }
}

#[test]
fn a_confidence_sequence_covers_where_the_results_decided_on_their_number() {
    for share in adaptive::SHARES {
        for threshold in adaptive::THRESHOLDS {
            let Adaptive { sequence, .. } = of_adaptive(FEW, share, threshold);
            assert_within(sequence, 0.93..=1.0, "confidence sequence");
        }
    }
}

#[test]
#[ignore = "takes minutes: run it when an interval or the study changes"]
fn coverage_is_as_documented() {
    let measured = table::render(2_000);
    println!("{measured}");
    assert_eq!(measured, include_str!("../coverage.md"));
}
