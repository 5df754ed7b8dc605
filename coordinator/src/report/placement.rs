//! Where trials stand in the search space. Everything downstream works with positions on axes, in
//! one order that does not depend on the order in which trials ended.

use std::{collections::HashMap, sync::Arc};

use pondersweep_proto::setting::ParameterValue;

use super::input::{ReportInput, TrialRow};
use crate::{scheduler::TrialState, sweep::Axis};

/// A trial that has ended, and its position on every axis.
#[derive(Clone, Debug)]
pub(super) struct PlacedTrial<'a> {
    /// Shared by the replicates of a configuration.
    pub(super) positions: Arc<[usize]>,
    pub(super) row: &'a TrialRow,
}

/// The trials that have ended, in the order of the search space, replicates last.
///
/// # Panics
/// If a trial's values are not on the sweep's axes: then it is a trial of another sweep.
pub(super) fn place(input: &ReportInput) -> Vec<PlacedTrial<'_>> {
    let lookups: Vec<_> = input.terms.axes.iter().map(position_by_value).collect();
    // A configuration is looked up once, not with each of its replicates.
    let mut known: HashMap<*const ParameterValue, Arc<[usize]>> = HashMap::new();
    let ended = input.trials.iter().filter(|row| has_ended(row.outcome));
    let mut placed: Vec<PlacedTrial<'_>> = ended
        .map(|row| PlacedTrial {
            positions: Arc::clone(
                known
                    .entry(row.values.as_ptr())
                    .or_insert_with(|| positions(&lookups, &row.values)),
            ),
            row,
        })
        .collect();
    placed.sort_by_cached_key(|trial| (cell(&input.terms.axes, trial), trial.row.replicate));
    placed
}

/// The number of a trial's cell in the order of the search space: its positions in mixed radix, the
/// last axis fastest.
fn cell(axes: &[Axis], trial: &PlacedTrial<'_>) -> usize {
    let places = axes.iter().zip(&*trial.positions);
    places.fold(0, |number, (axis, position)| {
        number * axis.values.len() + position
    })
}

/// A cancelled trial has no result and is no failure: it is only counted as missing.
const fn has_ended(outcome: TrialState) -> bool {
    match outcome {
        TrialState::Succeeded | TrialState::Infeasible | TrialState::Failed => true,
        TrialState::Pending | TrialState::Leased | TrialState::Cancelled | TrialState::Withheld => {
            false
        }
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

fn positions(lookups: &[HashMap<String, usize>], values: &[ParameterValue]) -> Arc<[usize]> {
    assert_eq!(values.len(), lookups.len(), "a value for every axis");
    let pairs = lookups.iter().zip(values);
    pairs
        .map(|(lookup, value)| {
            let found = lookup.get(&value.to_string());
            *found.expect("a trial's values are values of its sweep's axes")
        })
        .collect()
}
