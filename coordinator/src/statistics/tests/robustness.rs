//! Laws of the robustness index; its values are checked by hand where it is defined.

use proptest::prelude::*;

use super::close;
use crate::statistics::{GridAxis, Robustness};

const fn axis(levels: usize) -> GridAxis {
    GridAxis {
        levels,
        ordered: true,
    }
}

fn any_cells() -> impl Strategy<Value = Vec<Vec<f64>>> {
    let cell = prop::collection::vec(0.0..1.0_f64, 2..5);
    prop::collection::vec(cell, 6)
}

fn robustness(axes: &[GridAxis], cells: &[Vec<f64>], epsilon: f64) -> Robustness {
    Robustness::of(axes, cells, epsilon, 0).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_index_grows_with_epsilon_up_to_the_whole_grid(cells in any_cells()) {
        let share = |epsilon| robustness(&[axis(2), axis(3)], &cells, epsilon).share_within;
        let shares = [0.0, 0.1, 0.3, 1.0].map(share);
        prop_assert!(shares.is_sorted() && shares[0] > 0.0);
        prop_assert_eq!(shares[3], 1.0);
    }

    #[test]
    fn turning_the_grid_around_changes_neither_index_nor_drop(cells in any_cells()) {
        let turned: Vec<Vec<f64>> = cells.iter().rev().cloned().collect();
        let before = robustness(&[axis(2), axis(3)], &cells, 0.2);
        let after = robustness(&[axis(2), axis(3)], &turned, 0.2);
        prop_assert_eq!(before.best, 5 - after.best);
        prop_assert_eq!(before.share_within, after.share_within);
        let drops = (before.worst_step.unwrap().drop, after.worst_step.unwrap().drop);
        prop_assert!(close(drops.0, drops.1, 1e-12));
    }

    #[test]
    fn the_index_is_in_units_of_the_scores(cells in any_cells(), scale in 0.1..10.0_f64) {
        let scaled: Vec<Vec<f64>> = cells
            .iter()
            .map(|cell| cell.iter().map(|score| scale * score - 3.0).collect())
            .collect();
        let before = robustness(&[axis(6)], &cells, 0.25);
        let after = robustness(&[axis(6)], &scaled, 0.25 * scale);
        prop_assert_eq!(before.best, after.best);
        prop_assert!(close(before.share_within, after.share_within, 1e-12));
        let (before, after) = (before.worst_step.unwrap(), after.worst_step.unwrap());
        prop_assert!(close(scale * before.drop, after.drop, 1e-9));
    }
}
