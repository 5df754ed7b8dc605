//! Rank tests and Holm's correction against scipy and statsmodels, the set of the best, and laws.

use proptest::prelude::*;
use serde::Deserialize;

use super::{close, fixture};
use crate::statistics::{
    BestSet, Pairing, SplitMix64, Verdict,
    holm::holm,
    rank_sum::{rank_sum_p, smallest_rank_sum_p},
    signed_rank::{signed_rank_p, smallest_signed_rank_p},
};

#[derive(Deserialize)]
struct Tests {
    signed_rank: Vec<SignedRankCase>,
    rank_sum: Vec<RankSumCase>,
    holm: Vec<HolmCase>,
}

#[derive(Deserialize)]
struct SignedRankCase {
    name: String,
    differences: Vec<f64>,
    p: f64,
}

#[derive(Deserialize)]
struct RankSumCase {
    name: String,
    x: Vec<f64>,
    y: Vec<f64>,
    p: f64,
}

#[derive(Deserialize)]
struct HolmCase {
    p: Vec<f64>,
    adjusted: Vec<f64>,
}

#[test]
fn p_values_are_those_of_scipy() {
    let tests: Tests = fixture!("tests.json");
    assert_eq!((tests.signed_rank.len(), tests.rank_sum.len()), (6, 6));
    for case in tests.signed_rank {
        let p = signed_rank_p(&case.differences);
        assert!(close(p, case.p, 1e-9), "{}: {p} {}", case.name, case.p);
    }
    for case in tests.rank_sum {
        let p = rank_sum_p(&case.x, &case.y);
        assert!(close(p, case.p, 1e-9), "{}: {p} {}", case.name, case.p);
    }
}

#[test]
fn adjusted_p_values_are_those_of_statsmodels() {
    let tests: Tests = fixture!("tests.json");
    for case in tests.holm {
        for (ours, theirs) in holm(&case.p).into_iter().zip(case.adjusted) {
            assert!(close(ours, theirs, 1e-12));
        }
    }
    assert!(holm(&[]).is_empty());
}

#[test]
fn differences_that_are_all_zero_show_nothing() {
    assert_eq!(signed_rank_p(&[0.0; 6]), 1.0);
    assert_eq!(signed_rank_p(&[]), 1.0);
    assert_eq!(signed_rank_p(&[0.0; 200]), 1.0);
    assert_eq!(rank_sum_p(&[0.9; 100], &[0.9; 100]), 1.0);
    assert_eq!(rank_sum_p(&[], &[0.9]), 1.0);
}

#[test]
fn five_pairs_can_never_be_significant_and_five_against_five_can() {
    assert_eq!(smallest_signed_rank_p(5), 0.0625);
    assert_eq!(signed_rank_p(&[0.1, 0.2, 0.3, 0.4, 0.5]), 0.0625);
    let smallest = smallest_rank_sum_p(5, 5);
    assert!(close(smallest, 2.0 / 252.0, 1e-12));
    assert!(close(
        rank_sum_p(&[1., 2., 3., 4., 5.], &[6., 7., 8., 9., 10.]),
        smallest,
        1e-12
    ));
    assert_eq!(
        (smallest_signed_rank_p(0), smallest_rank_sum_p(0, 3)),
        (1.0, 1.0)
    );
}

/// Normal enough: the sum of twelve uniform numbers, centred.
fn normal(generator: &mut SplitMix64) -> f64 {
    (0..12).map(|_| generator.unit()).sum::<f64>() - 6.0
}

fn cells(means: &[f64], replicates: usize, seed: u64) -> Vec<Vec<Option<f64>>> {
    let mut generator = SplitMix64::new(seed);
    let mut cell = |&mean: &f64| {
        let scores = (0..replicates).map(|_| Some(mean + normal(&mut generator)));
        scores.collect()
    };
    means.iter().map(&mut cell).collect()
}

#[test]
fn a_cell_far_below_the_best_is_worse_and_one_close_to_it_is_not() {
    let cells = cells(&[0.0, 10.0, 9.9, -5.0], 8, 1);
    for pairing in [Pairing::Independent, Pairing::CommonSeeds] {
        let set = BestSet::of(&cells, pairing, 0.05, 0).unwrap();
        assert!([1, 2].contains(&set.best));
        let verdicts: Vec<_> = set.comparisons.iter().map(|other| other.verdict).collect();
        assert_eq!(
            verdicts,
            [Verdict::Worse, Verdict::Indistinguishable, Verdict::Worse]
        );
        let far = set.comparisons.last().unwrap();
        assert!(far.interval.unwrap().contains(far.difference) && far.adjusted_p >= far.p);
    }
}

#[test]
fn too_few_replicates_are_called_so_and_keep_a_cell_in_the_set() {
    let set = BestSet::of(&cells(&[0.0, 100.0], 5, 2), Pairing::CommonSeeds, 0.05, 0).unwrap();
    let verdict = set.comparisons[0].verdict;
    assert_eq!(verdict, Verdict::TooFewReplicates);
    assert!(verdict.is_in_set() && !Verdict::Worse.is_in_set());
}

#[test]
fn only_replicates_that_both_cells_have_are_paired() {
    let best = vec![Some(1.0), None, Some(1.0), Some(1.0)];
    let other = vec![Some(0.5), Some(0.9), None, Some(0.5)];
    let set = BestSet::of(&[best, other], Pairing::CommonSeeds, 0.05, 0).unwrap();
    assert_eq!(set.comparisons[0].smallest_p, 0.5);
    let empty = [vec![None], vec![]];
    assert_eq!(BestSet::of(&empty, Pairing::Independent, 0.05, 0), None);
}

proptest! {
    #[test]
    fn a_rank_test_sees_neither_order_nor_sign_nor_unit(
        differences in prop::collection::vec(-4..5_i32, 1..12), scale in 0.1..10.0_f64,
    ) {
        let values: Vec<f64> = differences.iter().map(|&value| f64::from(value)).collect();
        let other: Vec<f64> = values.iter().rev().map(|value| -scale * value).collect();
        let p = signed_rank_p(&values);
        prop_assert!(close(p, signed_rank_p(&other), 1e-12));
        prop_assert!((smallest_signed_rank_p(values.len())..=1.0).contains(&p));
    }

    #[test]
    fn exchanging_the_groups_changes_nothing(
        x in prop::collection::vec(0..6_i32, 1..9), y in prop::collection::vec(0..6_i32, 1..9),
    ) {
        let [x, y] = [x, y].map(|group| group.into_iter().map(f64::from).collect::<Vec<_>>());
        let p = rank_sum_p(&x, &y);
        prop_assert!(close(p, rank_sum_p(&y, &x), 1e-12));
        // Any order-preserving map will do.
        let mapped = |group: &[f64]| group.iter().map(|value| value.exp()).collect::<Vec<_>>();
        prop_assert!(close(p, rank_sum_p(&mapped(&x), &mapped(&y)), 1e-12));
        prop_assert!(p >= smallest_rank_sum_p(x.len(), y.len()) - 1e-12);
    }

    #[test]
    fn holm_lies_between_no_correction_and_bonferronis(
        p_values in prop::collection::vec(0.0..1.0_f64, 1..10),
    ) {
        let count = p_values.len() as f64;
        for (p, adjusted) in p_values.iter().zip(holm(&p_values)) {
            prop_assert!(*p <= adjusted && adjusted <= (p * count).min(1.0) + 1e-15);
        }
    }
}
