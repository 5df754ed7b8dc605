//! The scores of a sweep on the full grid of its swept axes.

use pondersweep_proto::setting::{ParameterValue, Setting};

use super::AnalysisError;
use crate::{
    report::{input::ReportInput, number::labels, placement::place},
    statistics::{Counting, GridAxis, Replicate},
};

/// The score of every replicate of every point of the grid, the last axis varying fastest.
pub(super) struct ScoredGrid<'a> {
    pub(super) axes: Vec<ScoredAxis<'a>>,
    /// By cell, then by replicate; `None` where there is no score to count.
    pub(super) cells: Vec<Vec<Option<f64>>>,
    /// By cell, whether any replicate was measured.
    measured: Vec<bool>,
}

/// A swept axis. The values of a numeric one ascend, whatever the order of the sweep file, so that
/// neighbours are neighbours.
pub(super) struct ScoredAxis<'a> {
    pub(super) parameter: Setting,
    pub(super) values: Vec<&'a ParameterValue>,
    /// What they are called.
    labels: Vec<String>,
    /// Where each value of the sweep file stands among them.
    ranks: Vec<usize>,
}

impl<'a> ScoredGrid<'a> {
    pub(super) fn new(input: &'a ReportInput, counting: &Counting) -> Result<Self, AnalysisError> {
        let swept = input.swept_axes();
        let axes: Vec<ScoredAxis<'_>> = swept
            .iter()
            .map(|&axis| ScoredAxis::new(input, axis))
            .collect();
        let size = axes.iter().map(|axis| axis.values.len()).product();
        // Those that were added for what the others showed would favour what they showed by luck.
        let replicates = input.fixed_replicates() as usize;
        let missing = counting.score(Replicate::Missing);
        let mut cells = vec![vec![missing; replicates]; size];
        let (mut measured, mut any_diverged) = (vec![false; size], false);
        let trials = place(input).into_iter();
        for trial in trials.filter(|trial| (trial.row.replicate as usize) < replicates) {
            let ranks = axes.iter().zip(&swept);
            let cell = ranks.fold(0, |cell, (axis, &position)| {
                cell * axis.values.len() + axis.ranks[trial.positions[position]]
            });
            let score = input.score(trial.row);
            measured[cell] |= matches!(score, Replicate::Measured(_));
            any_diverged |= score == Replicate::Infeasible;
            cells[cell][trial.row.replicate as usize] = counting.score(score);
        }
        if !measured.contains(&true) {
            return Err(if any_diverged {
                AnalysisError::AllDiverged
            } else {
                AnalysisError::NoScore
            });
        }
        Ok(Self {
            axes,
            cells,
            measured,
        })
    }

    /// Whether any replicate of a cell was measured.
    pub(super) fn is_measured(&self, cell: usize) -> bool {
        self.measured[cell]
    }

    /// The scores of each cell of which any was measured: what diverged everywhere does not vary.
    pub(super) fn measured_scores(&self) -> Vec<Vec<f64>> {
        let scores = self.scores().into_iter().zip(&self.measured);
        scores
            .filter_map(|(scores, measured)| measured.then_some(scores))
            .collect()
    }

    /// The scores of each cell, without those that are missing.
    pub(super) fn scores(&self) -> Vec<Vec<f64>> {
        let cells = self.cells.iter();
        cells
            .map(|cell| cell.iter().flatten().copied().collect())
            .collect()
    }

    /// The scores of the replicates that every cell has.
    pub(super) fn complete_replicates(&self) -> Vec<Vec<f64>> {
        let replicates = 0..self.cells[0].len();
        let complete: Vec<usize> = replicates
            .filter(|&replicate| self.cells.iter().all(|cell| cell[replicate].is_some()))
            .collect();
        let scores = |cell: &Vec<Option<f64>>| {
            let scores = complete.iter().filter_map(|&replicate| cell[replicate]);
            scores.collect()
        };
        self.cells.iter().map(scores).collect()
    }

    /// The axes as the statistics want them.
    pub(super) fn shape(&self) -> Vec<GridAxis> {
        let axes = self.axes.iter().map(|axis| GridAxis {
            levels: axis.values.len(),
            ordered: is_ordered(axis.parameter),
        });
        axes.collect()
    }

    /// The value of each axis at a cell.
    pub(super) fn labels(&self, cell: usize) -> Vec<String> {
        let mut rest = cell;
        let mut labels: Vec<String> = Vec::new();
        for axis in self.axes.iter().rev() {
            labels.push(axis.labels[rest % axis.values.len()].clone());
            rest /= axis.values.len();
        }
        labels.reverse();
        labels
    }

    /// `lambda_p = 0.1, beta = 0.01`.
    pub(super) fn describe(&self, cell: usize) -> String {
        let named = self.axes.iter().zip(self.labels(cell));
        let settings: Vec<String> = named
            .map(|(axis, label)| format!("{} = {label}", axis.parameter))
            .collect();
        settings.join(", ")
    }
}

impl<'a> ScoredAxis<'a> {
    fn new(input: &'a ReportInput, axis: usize) -> Self {
        let axis = &input.terms.axes[axis];
        let mut order: Vec<usize> = (0..axis.values.len()).collect();
        if is_ordered(axis.parameter) {
            order.sort_by(|&a, &b| size(&axis.values[a]).total_cmp(&size(&axis.values[b])));
        }
        let mut ranks = vec![0; order.len()];
        for (rank, &position) in order.iter().enumerate() {
            ranks[position] = rank;
        }
        let labels = labels(&axis.values);
        Self {
            parameter: axis.parameter,
            labels: order
                .iter()
                .map(|&position| labels[position].clone())
                .collect(),
            values: order
                .iter()
                .map(|&position| &axis.values[position])
                .collect(),
            ranks,
        }
    }
}

fn is_ordered(parameter: Setting) -> bool {
    parameter.is_ordered()
}

fn size(value: &ParameterValue) -> f64 {
    match value {
        ParameterValue::Integer(value) => *value as f64,
        ParameterValue::Negative(value) => *value as f64,
        ParameterValue::Number(value) => *value,
        ParameterValue::Choice(_) | ParameterValue::Flag(_) => f64::NAN,
    }
}
