//! The analysis of variance against statsmodels, by hand, and its laws.

use proptest::prelude::*;
use serde::Deserialize;

use super::{close, fixture};
use crate::statistics::{Anova, AnovaError};

#[derive(Deserialize)]
struct Case {
    name: String,
    levels: Vec<usize>,
    replicates: usize,
    values: Vec<f64>,
    effects: Vec<EffectCase>,
    residual: ResidualCase,
    total_sum_of_squares: f64,
}

#[derive(Deserialize)]
struct EffectCase {
    factors: Vec<usize>,
    sum_of_squares: f64,
    degrees_of_freedom: f64,
    f: f64,
    p: f64,
    eta_squared: f64,
    partial_eta_squared: f64,
    omega_squared: f64,
    partial_omega_squared: f64,
}

#[derive(Deserialize)]
struct ResidualCase {
    sum_of_squares: f64,
    degrees_of_freedom: f64,
}

fn relative(ours: f64, theirs: f64) -> bool {
    (ours - theirs).abs() <= 1e-9 * theirs.abs().max(1e-12)
}

#[test]
fn every_figure_is_that_of_statsmodels() {
    let cases: Vec<Case> = fixture!("anova.json");
    assert_eq!(cases.len(), 3);
    for case in cases {
        let cells: Vec<Vec<f64>> = case.values.chunks(case.replicates).map(Vec::from).collect();
        let anova = Anova::of(&case.levels, &cells).unwrap();
        assert!(relative(
            anova.total_sum_of_squares,
            case.total_sum_of_squares
        ));
        assert!(relative(
            anova.residual.sum_of_squares,
            case.residual.sum_of_squares
        ));
        let freedom = anova.residual.degrees_of_freedom as f64;
        assert_eq!(freedom, case.residual.degrees_of_freedom);
        assert_eq!(anova.effects.len(), case.effects.len());
        for (ours, theirs) in anova.effects.iter().zip(&case.effects) {
            assert_eq!(ours.factors, theirs.factors);
            assert_eq!(ours.degrees_of_freedom as f64, theirs.degrees_of_freedom);
            for (name, ours, theirs) in [
                ("sum of squares", ours.sum_of_squares, theirs.sum_of_squares),
                ("f", ours.f.unwrap(), theirs.f),
                ("p", ours.p.unwrap(), theirs.p),
                ("eta", ours.eta_squared.unwrap(), theirs.eta_squared),
                (
                    "partial eta",
                    ours.partial_eta_squared.unwrap(),
                    theirs.partial_eta_squared,
                ),
                ("omega", ours.omega_squared.unwrap(), theirs.omega_squared),
                (
                    "partial omega",
                    ours.partial_omega_squared.unwrap(),
                    theirs.partial_omega_squared,
                ),
            ] {
                assert!(
                    relative(ours, theirs),
                    "{} {name}: {ours} {theirs}",
                    case.name
                );
            }
        }
    }
}

#[test]
fn a_pure_interaction_is_found_and_nothing_else() {
    // Each factor alone makes no difference; together they make all of it.
    let cells = [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0], [1.0, 1.0]].map(Vec::from);
    let anova = Anova::of(&[2, 2], &cells).unwrap();
    let shares: Vec<_> = anova
        .effects
        .iter()
        .map(|effect| effect.eta_squared)
        .collect();
    assert_eq!(shares, [Some(0.0), Some(0.0), Some(1.0)]);
    // No seed makes a difference either, so there is nothing to compare with.
    assert!(anova.effects.iter().all(|effect| effect.f.is_none()));
}

#[test]
fn equal_numbers_have_no_shares() {
    let anova = Anova::of(&[2], &[vec![0.5; 3], vec![0.5; 3]]).unwrap();
    let effect = &anova.effects[0];
    assert_eq!((effect.eta_squared, effect.f, effect.p), (None, None, None));
}

#[test]
fn a_design_that_is_not_balanced_is_refused_with_the_reason() {
    let full = || {
        vec![
            vec![0.1, 0.2],
            vec![0.3, 0.4],
            vec![0.5, 0.6],
            vec![0.7, 0.8],
        ]
    };
    let mut unbalanced = full();
    unbalanced[2].pop();
    let mut missing = full();
    missing[3].clear();
    let single: Vec<Vec<f64>> = full().iter().map(|cell| vec![cell[0]]).collect();
    let error = Anova::of(&[2, 2], &unbalanced).unwrap_err();
    assert!(error.to_string().contains("unbalanced"), "{error}");
    assert_eq!(
        error,
        AnovaError::Unbalanced {
            cell: 2,
            count: 1,
            expected: 2
        }
    );
    for (levels, cells, expected) in [
        (vec![2, 2], missing, AnovaError::EmptyCell { cell: 3 }),
        (vec![2, 2], single, AnovaError::NoResidual),
        (vec![], vec![vec![0.5]], AnovaError::NoFactor),
        (
            vec![4, 1],
            full(),
            AnovaError::OneLevel {
                factor: 1,
                levels: 1,
            },
        ),
    ] {
        assert_eq!(Anova::of(&levels, &cells).unwrap_err(), expected);
    }
    let many = vec![vec![0.1, 0.2]; 512];
    assert_eq!(
        Anova::of(&[2; 9], &many).unwrap_err(),
        AnovaError::TooManyFactors(9)
    );
}

fn any_factorial() -> impl Strategy<Value = (Vec<usize>, Vec<Vec<f64>>)> {
    (prop::collection::vec(2..4_usize, 1..4), 2..4_usize).prop_flat_map(|(levels, replicates)| {
        let cell = prop::collection::vec(0.0..1.0_f64, replicates);
        let cells = prop::collection::vec(cell, levels.iter().product::<usize>());
        (Just(levels), cells)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_parts_add_up_to_the_whole((levels, cells) in any_factorial()) {
        let anova = Anova::of(&levels, &cells).unwrap();
        let parts: f64 = anova.effects.iter().map(|effect| effect.sum_of_squares).sum();
        let sum = parts + anova.residual.sum_of_squares;
        prop_assert!(close(sum, anova.total_sum_of_squares, 1e-10));
        let freedom: u64 = anova.effects.iter().map(|effect| effect.degrees_of_freedom).sum();
        prop_assert_eq!(freedom + anova.residual.degrees_of_freedom + 1, anova.observations);
    }

    #[test]
    fn neither_order_nor_unit_changes_a_share(
        (levels, cells) in any_factorial(), shift in -100.0..100.0_f64, scale in 0.1..10.0_f64,
    ) {
        let other: Vec<Vec<f64>> = cells
            .iter()
            // Reversing the cells reverses the levels of every factor.
            .rev()
            .map(|cell| cell.iter().rev().map(|value| shift + scale * value).collect())
            .collect();
        let before = Anova::of(&levels, &cells).unwrap();
        let after = Anova::of(&levels, &other).unwrap();
        for (before, after) in before.effects.iter().zip(&after.effects) {
            let pairs = [
                (before.eta_squared, after.eta_squared),
                (before.omega_squared, after.omega_squared),
                (before.p, after.p),
            ];
            for (before, after) in pairs {
                prop_assert!(close(before.unwrap(), after.unwrap(), 1e-7));
            }
        }
    }

    #[test]
    fn an_effect_of_two_levels_is_the_square_of_students_t(
        a in prop::collection::vec(0.0..1.0_f64, 3), b in prop::collection::vec(0.0..1.0_f64, 3),
    ) {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / 3.0;
        let squares = |values: &[f64]| -> f64 {
            values.iter().map(|value| (value - mean(values)).powi(2)).sum()
        };
        let pooled = (squares(&a) + squares(&b)) / 4.0;
        let t = (mean(&a) - mean(&b)) / (pooled * 2.0 / 3.0).sqrt();
        let anova = Anova::of(&[2], &[a, b]).unwrap();
        prop_assert!(close(anova.effects[0].f.unwrap(), t * t, 1e-8));
    }
}
