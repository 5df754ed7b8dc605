//! What trials measured on samples of one difficulty, where difficulties are a few kinds with names of
//! their own, such as tasks; where they are a scale, a figure shows them.

use std::collections::BTreeMap;

use pondersweep_proto::setting::ParameterValue;
use serde::Serialize;

use super::{
    estimate::Estimate,
    input::{DifficultyPoint, ReportInput},
    placement::PlacedTrial,
};
use crate::{
    scheduler::TrialState,
    statistics::{Scale, Summary},
};

/// The trials of one configuration on samples of one difficulty.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DifficultyRow {
    /// The configuration's value on every axis of the space, in the order of the axes.
    pub values: Vec<ParameterValue>,
    /// The difficulty.
    pub difficulty: u32,
    /// Trials that measured it.
    pub n: u64,
    /// Share of correct answers.
    pub accuracy: Estimate,
    /// Ponder steps, the mean over trials of each one's mean.
    pub ponder_steps: f64,
}

/// A row for every configuration and difficulty; none of a task whose difficulties are a scale.
pub(super) fn rows(
    input: &ReportInput,
    trials: &[PlacedTrial<'_>],
    bootstrap_seed: u64,
) -> Vec<DifficultyRow> {
    if input.task().is_none_or(|task| task.kind.is_none()) {
        return Vec::new();
    }
    let cells = trials.chunk_by(|a, b| a.positions == b.positions);
    cells
        .flat_map(|cell| of_cell(cell, bootstrap_seed))
        .collect()
}

fn of_cell(cell: &[PlacedTrial<'_>], bootstrap_seed: u64) -> Vec<DifficultyRow> {
    let mut points: BTreeMap<u32, Vec<&DifficultyPoint>> = BTreeMap::new();
    let rows = cell.iter().map(|trial| trial.row);
    for row in rows.filter(|row| row.outcome == TrialState::Succeeded) {
        for point in &row.difficulty {
            points.entry(point.first_nonzeros).or_default().push(point);
        }
    }
    let rows = points.into_iter().filter_map(|(difficulty, points)| {
        let list = |measure: fn(&DifficultyPoint) -> f64| -> Vec<f64> {
            points.iter().map(|point| measure(point)).collect()
        };
        let accuracy = list(|point| point.accuracy);
        Some(DifficultyRow {
            values: cell[0].row.values.to_vec(),
            difficulty,
            n: points.len() as u64,
            accuracy: Estimate::of(accuracy, Scale::Logit, bootstrap_seed)?,
            ponder_steps: Summary::of(&list(|point| point.ponder_steps))?.mean,
        })
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::{setting::Setting, spec::ConfigurationSpec};

    use super::*;
    use crate::report::{Report, simulated::SimulatedSweep};

    /// Two configurations with two trials each on two distances.
    fn on_two_distances() -> ReportInput {
        let mut input = SimulatedSweep::new(2)
            .numbers(Setting::LAMBDA_P, &[0.1, 0.9])
            .input();
        for (index, trial) in input.trials.iter_mut().enumerate() {
            let point = |distance: u32| DifficultyPoint {
                first_nonzeros: distance,
                last_nonzeros: distance,
                accuracy: 1.0 - 0.1 * f64::from(distance) - 0.01 * index as f64,
                ponder_steps: f64::from(distance) + index as f64,
            };
            trial.difficulty = vec![point(1), point(2)];
        }
        input
    }

    #[test]
    fn each_configuration_has_a_row_for_each_kind_of_sample() {
        let mut input = on_two_distances();
        input.terms.template = ConfigurationSpec::from_json(serde_json::json!({
            "task": { "kind": "paired_associates" },
            "model": { "kind": "ponder_net", "step_function": "transformer", "lambda_p": 0.3 },
            "training": { "updates": 5000 },
        }))
        .unwrap();
        let report = Report::new(&input, 0);
        let rows = &report.difficulties;
        let places: Vec<(String, u32, u64)> = rows
            .iter()
            .map(|row| (row.values[0].to_string(), row.difficulty, row.n))
            .collect();
        let expected = [("0.1", 1, 2), ("0.1", 2, 2), ("0.9", 1, 2), ("0.9", 2, 2)];
        let expected = expected.map(|(value, kind, n)| (value.to_owned(), kind, n));
        assert_eq!(places, expected);
        assert!((rows[1].accuracy.summary.mean - 0.795).abs() < 1e-12);
        assert!((rows[1].ponder_steps - 2.5).abs() < 1e-12);
        let text = crate::report::terminal::render(&report.document(), 120);
        assert!(text.contains("By cell and distance"), "{text}");
    }

    #[test]
    fn difficulties_that_are_a_scale_have_no_rows() {
        assert_eq!(Report::new(&on_two_distances(), 0).difficulties, []);
    }
}
