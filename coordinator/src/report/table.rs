//! The sensitivity table: one row per value of each swept parameter, and one per cell.

use pondersweep_proto::setting::{ParameterValue, Setting};
use serde::Serialize;

use super::{
    estimate::{Drawn, Sensitivity},
    input::ReportInput,
    placement::PlacedTrial,
};

/// How the outcome depends on one parameter, over all values of the others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ParameterTable {
    /// Which parameter.
    pub parameter: Setting,
    /// A row for each of its values, in the order of the space.
    pub rows: Vec<ParameterRow>,
}

/// The trials with one value of a parameter. Where they are of several configurations, some of
/// which were given more replicates for what they showed, only those that all of them were given
/// anyway: more of one configuration would be no more of the others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ParameterRow {
    /// The value.
    pub value: ParameterValue,
    /// What came out.
    pub sensitivity: Sensitivity,
}

/// The trials of one configuration.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CellRow {
    /// Its value on every axis of the space, in the order of the axes.
    pub values: Vec<ParameterValue>,
    /// What came out.
    pub sensitivity: Sensitivity,
}

/// The table of every swept parameter, in the order of the space. Only a number of first rows have
/// intervals.
pub(super) fn parameter_tables(
    input: &ReportInput,
    trials: &[PlacedTrial<'_>],
    bootstrap_seed: u64,
    most: usize,
) -> Vec<ParameterTable> {
    let axes = input.swept_axes().into_iter();
    axes.map(|axis| parameter_table(input, trials, axis, bootstrap_seed, most))
        .collect()
}

fn parameter_table(
    input: &ReportInput,
    trials: &[PlacedTrial<'_>],
    axis: usize,
    bootstrap_seed: u64,
    most: usize,
) -> ParameterTable {
    let values = &input.terms.axes[axis].values;
    let of_one_cell = input.swept_axes().len() <= 1;
    let (replicates, drawn) = if of_one_cell {
        (input.terms.replicates, Drawn::in_cell(input))
    } else {
        (input.fixed_replicates(), Drawn::over_cells(input))
    };
    let mut groups: Vec<Vec<&PlacedTrial<'_>>> = vec![Vec::new(); values.len()];
    for trial in trials
        .iter()
        .filter(|trial| trial.row.replicate < replicates)
    {
        groups[trial.positions[axis]].push(trial);
    }
    let rows = values.iter().zip(groups).enumerate();
    let rows = rows.map(|(index, (value, group))| {
        let seed = (index < most).then_some(bootstrap_seed);
        ParameterRow {
            value: value.clone(),
            sensitivity: Sensitivity::of(&group, input, seed, drawn),
        }
    });
    ParameterTable {
        parameter: input.terms.axes[axis].parameter,
        rows: rows.collect(),
    }
}

/// A row for each of the first cells in which a trial has ended, in the order of the space, and how
/// many more there are.
pub(super) fn cell_rows(
    input: &ReportInput,
    trials: &[PlacedTrial<'_>],
    bootstrap_seed: u64,
    most: usize,
) -> (Vec<CellRow>, usize) {
    let mut cells = trials.chunk_by(|a, b| a.positions == b.positions);
    let rows = cells
        .by_ref()
        .take(most)
        .map(|cell| {
            let group: Vec<&PlacedTrial<'_>> = cell.iter().collect();
            CellRow {
                values: cell[0].row.values.to_vec(),
                sensitivity: Sensitivity::of(
                    &group,
                    input,
                    Some(bootstrap_seed),
                    Drawn::in_cell(input),
                ),
            }
        })
        .collect();
    (rows, cells.count())
}
