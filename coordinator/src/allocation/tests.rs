//! The rule: examples of each of its sentences, laws that hold whatever the results, and by
//! simulation how often the intervals hold that it leaves behind.

use proptest::prelude::*;

use super::*;
use crate::statistics::SplitMix64;

const PRECISION: Precision = Precision {
    half_width: 0.15,
    threshold: None,
    most: 24,
};

fn cell(solved: u64, results: u64) -> Replicates {
    Replicates {
        results,
        solved,
        waiting: 0,
        given: u32::try_from(results).unwrap(),
    }
}

/// What each configuration is to have after a round; as many as before where nothing is allocated.
fn after(precision: Precision, cells: &[Replicates], budget: Option<u64>) -> Vec<u32> {
    let mut replicates: Vec<u32> = cells.iter().map(|cell| cell.given).collect();
    for allocation in precision.allocate(cells, budget) {
        replicates[usize::try_from(allocation.position).unwrap()] = allocation.replicates;
    }
    replicates
}

#[test]
fn what_is_wide_gets_half_as_many_again_until_it_is_narrow_or_used_up() {
    for (given, next) in [(1, 2), (2, 3), (4, 6), (6, 9), (9, 14), (14, 21), (21, 24)] {
        assert_eq!(after(PRECISION, &[cell(given / 2, given)], None), [next]);
    }
    assert_eq!(after(PRECISION, &[cell(12, 24)], None), [24]);
    // All of fourteen are within 0.148, all of thirteen within 0.158.
    assert_eq!(
        after(PRECISION, &[cell(13, 13), cell(14, 14)], None),
        [20, 14]
    );
    let standing = |cell| PRECISION.assess(&cell).standing;
    assert_eq!(standing(cell(14, 14)), Standing::Narrow);
    assert_eq!(standing(cell(12, 24)), Standing::UsedUp);
    assert_eq!(standing(cell(13, 13)), Standing::Open);
}

#[test]
fn nothing_is_added_while_trials_are_under_way() {
    let waiting = Replicates {
        waiting: 1,
        given: 5,
        ..cell(2, 4)
    };
    assert_eq!(PRECISION.assess(&waiting).standing, Standing::Waiting);
    assert_eq!(after(PRECISION, &[waiting], None), [5]);
}

#[test]
fn failed_trials_tell_nothing_and_are_not_made_up_for_at_once() {
    let failed = Replicates {
        given: 6,
        ..cell(4, 4)
    };
    assert_eq!(
        after(PRECISION, &[failed, Replicates::default()], None),
        [9, 1]
    );
}

#[test]
fn a_threshold_closes_what_is_decided_and_puts_the_nearest_first() {
    let precision = Precision {
        threshold: Some(0.9),
        ..PRECISION
    };
    // None of four: at most 0.66; three of ten: at most 0.75; half of eight: at most 0.91.
    let cells = [cell(0, 4), cell(3, 10), cell(5, 8), cell(7, 8), cell(4, 8)];
    let standings = cells.map(|cell| precision.assess(&cell).standing);
    assert_eq!(
        standings,
        [
            Standing::Decided,
            Standing::Decided,
            Standing::Open,
            Standing::Open,
            Standing::Open,
        ]
    );
    assert_eq!(after(precision, &cells, None), [4, 10, 12, 12, 12]);
    // 7 of 8 is the nearest to 0.9, then 5 of 8.
    assert_eq!(after(precision, &cells, Some(4)), [4, 10, 8, 12, 8]);
    assert_eq!(after(precision, &cells, Some(5)), [4, 10, 9, 12, 8]);
}

#[test]
fn without_a_threshold_the_widest_come_first_and_equal_ones_in_their_order() {
    let cells = [cell(8, 8), cell(4, 8), cell(7, 8), cell(4, 8)];
    assert_eq!(after(PRECISION, &cells, Some(4)), [8, 12, 8, 8]);
    assert_eq!(after(PRECISION, &cells, Some(8)), [8, 12, 8, 12]);
    assert_eq!(after(PRECISION, &cells, Some(11)), [8, 12, 11, 12]);
    assert_eq!(after(PRECISION, &cells, Some(0)), [8, 8, 8, 8]);
}

#[test]
fn calls_are_small_enough_to_be_durable_at_once() {
    let cells = vec![cell(0, 2_000); 5];
    let precision = Precision {
        half_width: 0.001,
        most: 20_000,
        ..PRECISION
    };
    let allocations = precision.allocate(&cells, None);
    assert_eq!(trials_added(&allocations, &cells), 5_000);
    let calls = calls(&allocations, &cells);
    let sizes: Vec<usize> = calls.iter().map(Vec::len).collect();
    assert_eq!(sizes, [4, 1]);
    assert_eq!(calls.concat(), allocations);
    // A single step beyond that goes alone.
    let large = [cell(5_000, 10_000); 2];
    let allocations = precision.allocate(&large, None);
    assert_eq!(super::calls(&allocations, &large).len(), 2);
}

/// Cells, as the rule may find them.
fn any_cell() -> impl Strategy<Value = Replicates> {
    (0_u64..40, 0_u64..40, 0_u64..3, 0_u32..4).prop_map(|(results, solved, waiting, failed)| {
        Replicates {
            results,
            solved: solved.min(results),
            waiting,
            given: u32::try_from(results + waiting).unwrap() + failed,
        }
    })
}

fn any_precision() -> impl Strategy<Value = Precision> {
    let threshold = prop::option::of(0.01..0.99_f64);
    (0.01..0.49_f64, threshold, 1_u32..60).prop_map(|(half_width, threshold, most)| Precision {
        half_width,
        threshold,
        most,
    })
}

proptest! {
    #[test]
    fn a_round_is_within_what_there_is_and_within_its_budget(
        cells in prop::collection::vec(any_cell(), 0..20),
        precision in any_precision(),
        budget in prop::option::of(0_u64..50),
    ) {
        let allocations = precision.allocate(&cells, budget);
        prop_assert_eq!(&precision.allocate(&cells, budget), &allocations);
        for (one, other) in allocations.iter().zip(allocations.iter().skip(1)) {
            prop_assert!(one.position < other.position);
        }
        for allocation in &allocations {
            let cell = &cells[usize::try_from(allocation.position).unwrap()];
            prop_assert_eq!(precision.assess(cell).standing, Standing::Open);
            prop_assert!(cell.given < allocation.replicates);
            prop_assert!(allocation.replicates <= precision.most);
        }
        let added = trials_added(&allocations, &cells);
        prop_assert!(budget.is_none_or(|budget| added <= budget));
        let is_open = |cell: &Replicates| precision.assess(cell).standing == Standing::Open;
        let refused = budget == Some(0) || !cells.iter().any(is_open);
        prop_assert_eq!(allocations.is_empty(), refused);
    }

    #[test]
    fn the_rounds_come_to_an_end_with_nothing_open(
        shares in prop::collection::vec(0.0..=1.0_f64, 1..8),
        precision in any_precision(),
        first in 1_u32..6,
        budget in prop::option::of(1_u64..20),
        seed in any::<u64>(),
    ) {
        let most = precision.most.max(first);
        let precision = Precision { most, ..precision };
        let (cells, rounds) = played(&shares, precision, first, budget, seed);
        for cell in &cells {
            prop_assert!((first..=most).contains(&cell.given));
            prop_assert_ne!(precision.assess(cell).standing, Standing::Open);
        }
        let trials = u64::from(most) * shares.len() as u64;
        prop_assert!(rounds <= trials, "{} rounds", rounds);
    }

    #[test]
    fn without_a_budget_a_configuration_gets_what_it_would_get_alone(
        shares in prop::collection::vec(0.0..=1.0_f64, 2..6), precision in any_precision(), seed in any::<u64>(),
    ) {
        let most = precision.most.max(2);
        let precision = Precision { most, ..precision };
        let (together, _) = played(&shares, precision, 2, None, seed);
        for (index, cell) in together.iter().enumerate() {
            let mut alone = shares.clone();
            // The others solve nothing.
            let others = alone.iter_mut().enumerate().filter(|(other, _)| *other != index);
            others.for_each(|(_, share)| *share = 0.0);
            let (cells, _) = played(&alone, precision, 2, None, seed);
            prop_assert_eq!(&cells[index], cell);
        }
    }
}

/// Round after round until nothing is open. A replicate's result depends on the seed, its
/// configuration and its index alone, as in a sweep.
fn played(
    shares: &[f64],
    precision: Precision,
    first: u32,
    budget: Option<u64>,
    seed: u64,
) -> (Vec<Replicates>, u64) {
    let solves = |cell: usize, replicate: u32| {
        let key = seed ^ ((cell as u64) << 48) ^ (u64::from(replicate) << 24);
        SplitMix64::new(key).unit() < shares[cell]
    };
    let run = |cell: usize, given: u32| {
        let solved = (0..given).filter(|&replicate| solves(cell, replicate));
        self::cell(solved.count() as u64, given.into())
    };
    let mut cells: Vec<Replicates> = (0..shares.len()).map(|cell| run(cell, first)).collect();
    let mut rounds = 0;
    loop {
        let allocations = precision.allocate(&cells, budget);
        if allocations.is_empty() {
            return (cells, rounds);
        }
        for allocation in allocations {
            let place = usize::try_from(allocation.position).unwrap();
            cells[place] = run(place, allocation.replicates);
        }
        rounds += 1;
    }
}
