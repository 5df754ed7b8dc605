//! When trials learn: updates until the headline reaches a value, by Kaplan and Meier, and whether
//! settings differ in it, by the log-rank test.

use std::collections::BTreeMap;

use super::{Analysis, AnalysisError, Field, columns};
use crate::{
    report::{
        input::{HEADLINE, ReportInput, TrialRow},
        number::{labels, significant},
        placement::{PlacedTrial, place},
    },
    scheduler::TrialState,
    statistics::{Counting, KaplanMeier, LogRank, Subject},
};

/// Updates until the headline reaches the value, by each swept parameter.
///
/// # Errors
/// No trial has an evaluation.
pub fn time_to(
    input: &ReportInput,
    value: f64,
    counting: &Counting,
) -> Result<Analysis, AnalysisError> {
    let mut trials = place(input);
    trials.retain(|trial| input.is_fixed(trial.row));
    let budget = trials.iter().filter_map(|trial| last_step(trial.row)).max();
    let budget = budget.ok_or(AnalysisError::NoCurve)?;
    let watched: Vec<Watched<'_>> = trials
        .iter()
        .filter_map(|trial| Some((trial, subject(input, trial.row, value, budget)?)))
        .collect();
    let mut rows = vec![row(
        "all",
        "-",
        &watched
            .iter()
            .map(|(_, subject)| *subject)
            .collect::<Vec<_>>(),
    )];
    for axis in input.swept_axes() {
        rows.extend(rows_of(input, &watched, axis));
    }
    let header = columns(&[
        "parameter",
        "value",
        "n",
        "reached",
        "share_reached",
        "median_updates",
        "lower",
        "upper",
        "chi2",
        "df",
        "p",
    ]);
    let headline = input.headline();
    Ok(Analysis::new(input, "Updates until learnt", header, counting)
        .with_rows(rows)
        .with_note_on_common_seeds(input)
        .with_note(format!(
            "reached: trials whose {} was {} or better at an evaluation; updates are those of the first such \
             evaluation, so they are known no better than to one. A trial that did not is censored at its last \
             evaluation, and one that diverged at the largest budget, {budget} updates: it never will.",
            headline.name,
            significant(value, 6)
        ))
        .with_note(
            "share_reached and median_updates by Kaplan and Meier, [lower, upper] on the scale log(-log); none \
             where fewer than half reached it, or where an end of the interval lies beyond the budget. chi2, df, p: \
             log-rank test of all values of the parameter, stratified by the values of all others.",
        ))
}

/// A trial with when it learnt.
type Watched<'a> = (&'a PlacedTrial<'a>, Subject);

fn last_step(trial: &TrialRow) -> Option<u64> {
    trial.curve.last().map(|point| point.step)
}

/// When a trial learnt, or until when it was watched; `None` for one that was not.
fn subject(input: &ReportInput, trial: &TrialRow, value: f64, budget: u64) -> Option<Subject> {
    let better = input.headline().better;
    let censored = |step: u64| Subject {
        time: step as f64,
        happened: false,
    };
    match trial.outcome {
        TrialState::Infeasible => Some(censored(budget)),
        TrialState::Succeeded => {
            let mut points = trial.curve.iter();
            let reached = points.find(|point| {
                point.values[HEADLINE].is_some_and(|found| better.reaches(found, value))
            });
            let happened = reached.map(|point| Subject {
                time: point.step as f64,
                happened: true,
            });
            happened.or_else(|| last_step(trial).map(censored))
        }
        _ => None,
    }
}

/// A row for each value of an axis, the first of them with the test.
fn rows_of(input: &ReportInput, watched: &[Watched<'_>], axis: usize) -> Vec<Vec<Field>> {
    let values = &input.terms.axes[axis].values;
    let mut groups: Vec<Vec<Subject>> = vec![Vec::new(); values.len()];
    let mut strata: BTreeMap<Vec<usize>, Vec<Vec<Subject>>> = BTreeMap::new();
    for (trial, subject) in watched {
        let mut others = trial.positions.to_vec();
        let value = others.remove(axis);
        groups[value].push(*subject);
        let stratum = strata
            .entry(others)
            .or_insert_with(|| vec![Vec::new(); values.len()]);
        stratum[value].push(*subject);
    }
    let strata: Vec<_> = strata.into_values().collect();
    let name = input.terms.axes[axis].parameter.to_string();
    let named = labels(values).into_iter().zip(&groups);
    let mut rows: Vec<Vec<Field>> = named
        .map(|(label, group)| row(&name, &label, group))
        .collect();
    if let (Some(first), Some(test)) = (rows.first_mut(), LogRank::of(&strata)) {
        first.truncate(first.len() - 3);
        first.extend([
            Field::number(test.statistic),
            Field::Count(test.degrees_of_freedom),
            Field::number(test.p),
        ]);
    }
    rows
}

fn row(parameter: &str, value: &str, group: &[Subject]) -> Vec<Field> {
    let estimate = KaplanMeier::of(group);
    let [lower, upper] = estimate.median_interval();
    let reached = group.iter().filter(|subject| subject.happened).count() as u64;
    let share = (!group.is_empty()).then(|| estimate.happened());
    let updates =
        |time: Option<f64>| time.map_or(Field::Number(None), |time| Field::Count(time as u64));
    let mut row = vec![
        Field::text(parameter),
        Field::text(value),
        Field::Count(group.len() as u64),
        Field::Count(reached),
        Field::Number(share),
        updates(estimate.median()),
        updates(lower),
        updates(upper),
    ];
    row.resize(row.len() + 3, Field::Number(None));
    row
}
