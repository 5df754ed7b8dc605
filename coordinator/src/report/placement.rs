//! Where trials stand in the search space. Everything downstream works with positions on axes, in
//! one order that does not depend on the order in which trials ended.

use std::collections::HashMap;

use super::input::{ReportInput, TrialRow};
use crate::{scheduler::TrialState, sweep::Axis};

/// A trial that has ended, and its position on every axis.
#[derive(Clone, Debug)]
pub(super) struct PlacedTrial<'a> {
    pub(super) positions: Vec<usize>,
    pub(super) row: &'a TrialRow,
}

/// The trials that have ended, in the order of the search space, replicates last.
///
/// # Panics
/// If a trial's values are not on the sweep's axes: then it is a trial of another sweep.
pub(super) fn place(input: &ReportInput) -> Vec<PlacedTrial<'_>> {
    let lookups: Vec<_> = input.terms.axes.iter().map(position_by_value).collect();
    let ended = input.trials.iter().filter(|row| has_ended(row.outcome));
    let mut placed: Vec<PlacedTrial<'_>> = ended
        .map(|row| PlacedTrial {
            positions: positions(&lookups, row),
            row,
        })
        .collect();
    placed.sort_by(|a, b| {
        let by_place = a.positions.cmp(&b.positions);
        by_place.then(a.row.replicate.cmp(&b.row.replicate))
    });
    placed
}

/// A cancelled trial has no result and is nobody's failure: it is only counted as missing.
const fn has_ended(outcome: TrialState) -> bool {
    match outcome {
        TrialState::Succeeded | TrialState::Infeasible | TrialState::Failed => true,
        TrialState::Pending | TrialState::Leased | TrialState::Cancelled => false,
    }
}

/// Values are compared by their text, as the sweep does when it refuses duplicates.
fn position_by_value(axis: &Axis) -> HashMap<String, usize> {
    let texts = axis.values.iter().map(ToString::to_string);
    texts
        .enumerate()
        .map(|(index, text)| (text, index))
        .collect()
}

fn positions(lookups: &[HashMap<String, usize>], row: &TrialRow) -> Vec<usize> {
    assert_eq!(row.values.len(), lookups.len(), "a value for every axis");
    let pairs = lookups.iter().zip(&row.values);
    pairs
        .map(|(lookup, value)| {
            let found = lookup.get(&value.to_string());
            *found.expect("a trial's values are values of its sweep's axes")
        })
        .collect()
}
