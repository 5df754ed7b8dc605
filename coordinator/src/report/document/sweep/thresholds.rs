//! How many trials would be solved at other thresholds: where they differ much, "solved" says more
//! about its threshold than about the settings.

use pondersweep_proto::metric::Better;

use crate::report::{
    document::{Block, Table, comparison::Reported},
    estimate::is_share,
    field::Field,
    input::ReportInput,
    number::{labels, significant},
    placement::PlacedTrial,
};
use crate::scheduler::TrialState;

/// Shares that are tried, next to the sweep's own threshold.
const TRIED: [f64; 5] = [0.8, 0.9, 0.95, 0.98, 0.99];

/// The table; nothing where solved is not about a share.
pub(super) fn thresholds(sweep: &Reported<'_>, trials: &[PlacedTrial<'_>]) -> Vec<Block> {
    let input = sweep.input;
    let metric = input
        .place_of(&input.goal.metric)
        .map(|place| &input.metrics[place]);
    let known = input.goal.threshold.is_finite() && input.goal.better == Better::Higher;
    let Some(metric) = metric.filter(|metric| known && is_share(metric)) else {
        return Vec::new();
    };
    let has_result = |trial: &&PlacedTrial<'_>| {
        let ended = matches!(
            trial.row.outcome,
            TrialState::Succeeded | TrialState::Infeasible
        );
        ended && input.is_fixed(trial.row)
    };
    let trials: Vec<&PlacedTrial<'_>> = trials.iter().filter(has_result).collect();
    if trials.is_empty() {
        return Vec::new();
    }
    let mut tried = TRIED.to_vec();
    tried.push(input.goal.threshold);
    tried.sort_by(f64::total_cmp);
    tried.dedup();
    let mut rows = vec![row(input, ["all", "-"], &trials, &tried)];
    for axis in input.swept_axes() {
        let axis_terms = &input.terms.axes[axis];
        let name = axis_terms.parameter.to_string();
        for (position, label) in labels(&axis_terms.values).iter().enumerate() {
            let of_value = trials
                .iter()
                .filter(|trial| trial.positions[axis] == position);
            let of_value: Vec<_> = of_value.copied().collect();
            rows.push(row(input, [&name, label], &of_value, &tried));
        }
    }
    let header = ["parameter", "value", "n"].map(String::from).into_iter();
    vec![Block::Table(Table {
        title: format!(
            "Trials that would be solved, by the threshold of {}",
            metric.name
        ),
        file: "thresholds".to_owned(),
        columns: header
            .chain(tried.iter().map(|tried| significant(*tried, 6)))
            .collect(),
        rows,
        left_out: 0,
        rules: vec![format!(
            "The sweep's own threshold is {}.",
            significant(input.goal.threshold, 6)
        )],
    })]
}

fn row(
    input: &ReportInput,
    name: [&str; 2],
    trials: &[&PlacedTrial<'_>],
    tried: &[f64],
) -> Vec<Field> {
    let place = input.place_of(&input.goal.metric);
    let values = trials.iter().filter_map(|trial| {
        let succeeded = trial.row.outcome == TrialState::Succeeded;
        place
            .filter(|_| succeeded)
            .and_then(|place| trial.row.metric(place))
    });
    let values: Vec<f64> = values.collect();
    let solved = |threshold: &f64| {
        Field::Count(values.iter().filter(|value| *value >= threshold).count() as u64)
    };
    let mut row: Vec<Field> = name.map(Field::text).into();
    row.push(Field::Count(trials.len() as u64));
    row.extend(tried.iter().map(solved));
    row
}
