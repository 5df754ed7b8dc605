//! The sensitivity tables of one sweep as a document.

use super::{Block, Document, Section, Table, completeness_line};
use crate::{
    report::{
        Report,
        estimate::{Estimate, Sensitivity},
        field::{Field, ShownShare},
        figure::quantity,
        number::{label, labels, significant},
    },
    statistics::FEW,
};

/// The heading of what a report comes to.
pub(super) const CONCLUSION: &str = "Conclusion";

/// Rows by kind of sample that are shown on a terminal.
const MOST_DIFFICULTIES: usize = 40;

/// Columns that only some reports need.
struct Columns {
    /// What the headline measures, in a word or two.
    quantity: String,
    solved: bool,
    /// Of a user's program: the metrics besides the headline, with their places.
    others: Vec<(usize, String)>,
    ponder_steps: Option<usize>,
    extrapolation: Option<usize>,
    infeasible: bool,
    failed: bool,
}

/// What the terminal and Markdown say about one sweep.
#[must_use]
pub(in crate::report) fn sensitivity(report: &Report) -> Document {
    let mut tables = Vec::new();
    if report.parameters.len() > 1 {
        tables.extend(parameter_tables(report));
    }
    tables.extend(cell_table(report));
    tables.extend(difficulty_table(report).filter(|table| table.rows.len() <= MOST_DIFFICULTIES));
    Document {
        title: format!("Sensitivity of {}", report.sweep.name),
        warnings: report.warnings.iter().map(ToString::to_string).collect(),
        summary: vec![completeness_line(&report.completeness)],
        sections: vec![
            Section::new(1, CONCLUSION)
                .with(report.conclusion.iter().cloned().map(Block::Paragraph)),
            Section::default().with(tables.into_iter().map(Block::Table)),
        ],
        notes: notes(report),
    }
}

/// How to read the numbers of a sweep.
fn notes(report: &Report) -> Vec<String> {
    let mut notes = conventions(report);
    let constants = report.constants();
    if !constants.is_empty() {
        let constants = constants
            .iter()
            .map(|(name, value)| format!("{name} = {}", label(value)));
        notes.push(format!(
            "Not varied: {}.",
            constants.collect::<Vec<_>>().join(", ")
        ));
    }
    notes.push(format!("Sweep {}.", report.sweep.sweep_id));
    notes
}

/// What every number of a sensitivity table means.
pub(super) fn conventions(report: &Report) -> Vec<String> {
    let sweep = &report.sweep;
    let percent = significant(100.0 * sweep.confidence, 6);
    let share = match sweep.initial_replicates {
        None => format!("Wilson {percent} % interval"),
        Some(_) => format!("{percent} % confidence sequence"),
    };
    let solved = if sweep.solved_threshold.is_finite() {
        format!(
            "solved: {} of at {} {}; share [{share}]. ",
            sweep.solved_metric,
            if sweep.solved_when == "lower" {
                "most"
            } else {
                "least"
            },
            significant(sweep.solved_threshold, 6),
        )
    } else {
        String::new()
    };
    let mut conventions = vec![
        format!(
            "{solved}{}: median, and mean [{percent} % percentile bootstrap over the trials of the row, seed {}{}].{}",
            quantity_of(report),
            sweep.bootstrap_seed,
            if has_few(report) {
                "; of fewer than 5 trials Student's t, a share on the logit scale, and none where they are equal"
            } else {
                ""
            },
            if sweep.ponder_steps.is_some() {
                " steps: mean ponder steps over trials, sampled halting."
            } else {
                ""
            },
        ),
        format!(
            "n: trials with a result. An infeasible trial ({}) is a result: it counts in n as not \
             solved and has no {}. A failed trial (machinery) is not in n.",
            sweep.infeasible_is,
            quantity_of(report)
        ),
    ];
    if sweep.common_seeds && report.swept_axes().len() > 1 {
        conventions.push(
            "Configurations share their seeds, so in rows over several of them a replicate is one draw, however \
             many trials it has: means have Student's interval over replicates, shares Wilson's with as many \
             trials as would say as much if they were independent."
                .to_owned(),
        );
    }
    if let Some(initial) = sweep.initial_replicates {
        conventions.extend(conventions_of_added(report, initial));
    }
    conventions
}

/// Whether a row has so few trials that none was resampled.
fn has_few(report: &Report) -> bool {
    let by_value = report.parameters.iter().flat_map(|table| &table.rows);
    let rows = by_value.map(|row| &row.sensitivity);
    let mut rows = rows.chain(report.cells.iter().map(|cell| &cell.sensitivity));
    rows.any(|row| (2..FEW as u64).contains(&(row.n - row.infeasible)))
}

fn quantity_of(report: &Report) -> &str {
    quantity(&report.sweep.headline)
}

/// What the numbers mean where replicates are added after looking at results.
fn conventions_of_added(report: &Report, initial: u32) -> Vec<String> {
    let mut conventions = vec![format!(
        "Every configuration has {initial} replicates, and up to {} where its share solved was not known well \
         enough. The confidence sequence of that share is valid although replicates were added after looking: it \
         holds at every number of them at once, for each configuration by itself. The intervals of means, and \
         figures, take all replicates of a configuration and are not corrected for the looking.",
        report.sweep.replicates
    )];
    if report.swept_axes().len() > 1 {
        conventions.push(format!(
            "Rows over several configurations, and analyses, take the first {initial} replicates of each, which \
             were run whatever they showed; the interval of such a row's share is Wilson's."
        ));
    }
    conventions
}

/// One table for every swept parameter.
pub(super) fn parameter_tables(report: &Report) -> Vec<Table> {
    let columns = Columns::of(report);
    let tables = report.parameters.iter().map(|table| {
        let values: Vec<_> = table.rows.iter().map(|row| row.value.clone()).collect();
        let rows = labels(&values).into_iter().zip(&table.rows);
        Table {
            title: format!("By {}, over everything else", table.parameter),
            file: "parameters".to_owned(),
            columns: columns.header(vec![table.parameter.to_string()]),
            rows: rows
                .map(|(label, row)| columns.fields(vec![Field::Text(label)], &row.sensitivity))
                .collect(),
            left_out: 0,
            rules: Vec::new(),
        }
    });
    tables.collect()
}

/// The table of all cells; `None` while no trial has ended.
pub(super) fn cell_table(report: &Report) -> Option<Table> {
    let columns = Columns::of(report);
    let swept = report.swept_axes();
    let names = swept
        .iter()
        .map(|&axis| report.sweep.axes[axis].parameter.to_string());
    let rows = report.cells.iter().map(|cell| {
        let values = swept
            .iter()
            .map(|&axis| Field::Text(report.label(axis, &cell.values)));
        columns.fields(values.collect(), &cell.sensitivity)
    });
    let table = Table {
        title: "By cell".to_owned(),
        file: "cells".to_owned(),
        columns: columns.header(names.collect()),
        rows: rows.collect(),
        left_out: report.cells_left_out,
        rules: Vec::new(),
    };
    (!table.rows.is_empty()).then_some(table)
}

/// The table of every configuration on every kind of sample, if the task has kinds of them.
pub(super) fn difficulty_table(report: &Report) -> Option<Table> {
    let kind = report.sweep.kind_of_sample?;
    let swept = report.swept_axes();
    let names = swept
        .iter()
        .map(|&axis| report.sweep.axes[axis].parameter.to_string());
    let measured = [kind, "n", "mean accuracy", "steps"];
    let rows = report.difficulties.iter().map(|row| {
        let values = swept
            .iter()
            .map(|&axis| Field::Text(report.label(axis, &row.values)));
        let measured = [
            Field::Text(row.difficulty.to_string()),
            Field::Count(row.n),
            mean(Some(&row.accuracy)),
            Field::estimate(Some(row.ponder_steps), None, 2),
        ];
        values.chain(measured).collect()
    });
    let table = Table {
        title: format!("By cell and {kind}"),
        file: "difficulties".to_owned(),
        columns: names.chain(measured.map(str::to_owned)).collect(),
        rows: rows.collect(),
        left_out: 0,
        rules: Vec::new(),
    };
    (!table.rows.is_empty()).then_some(table)
}

impl Columns {
    fn of(report: &Report) -> Self {
        // Of all trials, also where the cells are only the first ones.
        let by_value = report.parameters.iter().flat_map(|table| &table.rows);
        let by_value = by_value.map(|row| &row.sensitivity);
        let rows = by_value.chain(report.cells.iter().map(|cell| &cell.sensitivity));
        let measured = |place: &usize| {
            let mut rows = rows.clone();
            rows.any(|row| row.estimates.get(*place).is_some())
        };
        Self {
            quantity: quantity_of(report).to_owned(),
            solved: report.sweep.solved_threshold.is_finite(),
            others: report.sweep.others.clone(),
            ponder_steps: report.sweep.ponder_steps,
            extrapolation: report.sweep.extrapolation.filter(measured),
            infeasible: rows.clone().any(|row| row.infeasible > 0),
            failed: rows.clone().any(|row| row.failed > 0),
        }
    }

    fn header(&self, mut names: Vec<String>) -> Vec<String> {
        names.push("n".to_owned());
        names.extend(self.solved.then(|| "solved".to_owned()));
        names.push("median".to_owned());
        names.push(format!("mean {}", self.quantity));
        names.extend(self.others.iter().map(|(_, name)| format!("mean {name}")));
        let optional = [
            (self.ponder_steps.is_some(), "steps"),
            (self.extrapolation.is_some(), "extrapolation"),
            (self.infeasible, "infeasible"),
            (self.failed, "failed"),
        ];
        let shown = optional.iter().filter(|(shown, _)| *shown);
        names.extend(shown.map(|(_, name)| (*name).to_owned()));
        names
    }

    fn fields(&self, mut fields: Vec<Field>, row: &Sensitivity) -> Vec<Field> {
        let headline = row.estimates.headline();
        let median = headline.map(|estimate| estimate.summary.median);
        fields.push(Field::Count(row.n));
        fields.extend(self.solved.then(|| solved(row)));
        fields.extend([Field::estimate(median, None, 3), mean(headline)]);
        let others = self.others.iter();
        fields.extend(others.map(|(place, _)| mean(row.estimates.get(*place))));
        if let Some(place) = self.ponder_steps {
            let steps = row.estimates.get(place);
            let steps = steps.map(|estimate| estimate.summary.mean);
            fields.push(Field::estimate(steps, None, 2));
        }
        let extrapolation = self
            .extrapolation
            .map(|place| mean(row.estimates.get(place)));
        fields.extend(extrapolation);
        let optional = [(self.infeasible, row.infeasible), (self.failed, row.failed)];
        let shown = optional.into_iter().filter(|(shown, _)| *shown);
        fields.extend(shown.map(|(_, count)| Field::Count(count)));
        fields
    }
}

/// The share of the trials with a result that solved the task.
pub(super) const fn solved(row: &Sensitivity) -> Field {
    Field::Share(ShownShare {
        part: row.solved,
        whole: row.n,
        interval: row.share_solved_interval,
    })
}

/// The mean of a metric with its interval.
pub(super) fn mean(estimate: Option<&Estimate>) -> Field {
    mean_of(estimate, 3)
}

/// A mean with its interval, with that many decimals.
pub(super) fn mean_of(estimate: Option<&Estimate>, decimals: usize) -> Field {
    let value = estimate.map(|estimate| estimate.summary.mean);
    let interval = estimate.and_then(|estimate| estimate.mean_interval);
    Field::estimate(value, interval, decimals)
}
