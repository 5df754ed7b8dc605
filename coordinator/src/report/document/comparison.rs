//! The methods beside each other and beside the paper: its Figure 1.

use pondersweep_proto::spec::ModelKind;

use super::{
    Table,
    paper::{PAPER_ROWS, PAPER_RULE},
    sensitivity::{mean, mean_of, solved},
};
use crate::report::{
    CellRow, Report,
    estimate::Sensitivity,
    field::Field,
    input::{ReportInput, TrialRow},
    number::label,
    placement::place,
};

/// One sweep, and what was made of it.
pub(super) struct Reported<'a> {
    pub(super) input: &'a ReportInput,
    pub(super) report: &'a Report,
}

impl Reported<'_> {
    /// The method that was swept, as the paper calls it.
    pub(super) fn method(&self) -> String {
        let model = &self.input.terms.template.model;
        match model.kind {
            ModelKind::PonderNet => "PonderNet".to_owned(),
            ModelKind::Act => "ACT".to_owned(),
            ModelKind::Fixed if model.max_steps == 1 => "RNN".to_owned(),
            ModelKind::Fixed => "fixed steps".to_owned(),
        }
    }

    /// The cell with the highest mean accuracy, the first of several.
    pub(super) fn best(&self) -> Option<&CellRow> {
        let accuracy = |cell: &CellRow| Some(cell.sensitivity.accuracy_interpolation?.summary.mean);
        let scored = self
            .report
            .cells
            .iter()
            .filter_map(|cell| Some((accuracy(cell)?, cell)));
        let best = scored.rev().max_by(|a, b| a.0.total_cmp(&b.0));
        best.map(|(_, cell)| cell)
    }

    /// The trials of a cell.
    pub(super) fn trials_of<'a>(&'a self, cell: &'a CellRow) -> impl Iterator<Item = &'a TrialRow> {
        let trials = self.input.trials.iter();
        trials.filter(|trial| *trial.values == *cell.values)
    }

    /// `lambda_p = 0.3 (best of 9)`.
    pub(super) fn setting(&self, cell: &CellRow) -> String {
        let named = self.report.swept_axes().into_iter().map(|axis| {
            let parameter = self.report.sweep.axes[axis].parameter;
            format!("{parameter} = {}", label(&cell.values[axis]))
        });
        let named = named.collect::<Vec<_>>().join(", ");
        match self.report.cells.len() {
            1 => named,
            cells => format!("{named} (best of {cells})"),
        }
    }
}

/// The paper's Figure 1 with the sweeps' own numbers above the paper's; `None` while there are none.
pub(super) fn figure_1(sweeps: &[Reported<'_>], bootstrap_seed: u64) -> Option<Table> {
    let measured = sweeps
        .iter()
        .flat_map(|sweep| measured_rows(sweep, bootstrap_seed));
    let mut rows: Vec<Vec<Field>> = measured.collect();
    if rows.is_empty() {
        return None;
    }
    rows.extend(PAPER_ROWS.iter().map(|row| {
        let mut fields = ["paper", row.method, "not stated"]
            .map(Field::text)
            .to_vec();
        fields.extend([Field::Number(None), Field::Number(None)]);
        fields.extend(row.fields());
        fields
    }));
    Some(Table {
        title: "Figure 1: the methods, beside the paper's numbers".to_owned(),
        file: "figure_1".to_owned(),
        columns: columns(),
        rows,
        left_out: 0,
        rules: rules(sweeps),
    })
}

fn columns() -> Vec<String> {
    [
        "source",
        "method",
        "setting",
        "n",
        "solved",
        "accuracy interpolation",
        "steps interpolation",
        "accuracy extrapolation",
        "steps extrapolation",
    ]
    .map(String::from)
    .into()
}

fn rules(sweeps: &[Reported<'_>]) -> Vec<String> {
    let mut rules = vec![
        "measured: mean over trials [95 % percentile bootstrap], sampled halting; solved [95 % Wilson]. best: the \
         configuration with the highest mean accuracy in interpolation, chosen by the same results and so too \
         high by luck; all: every trial of the sweep."
            .to_owned(),
        PAPER_RULE.to_owned(),
    ];
    let elements: Vec<u32> = sweeps
        .iter()
        .map(|sweep| sweep.input.terms.template.task.elements)
        .filter(|&elements| elements != 64)
        .collect();
    if let Some(elements) = elements.first() {
        rules.push(format!(
            "Measured on parity of {elements} elements, not the paper's 64: compare the pattern, not the numbers."
        ));
    }
    rules
}

fn measured_rows(sweep: &Reported<'_>, bootstrap_seed: u64) -> Vec<Vec<Field>> {
    let Some(best) = sweep.best() else {
        return Vec::new();
    };
    let mut rows = vec![row(sweep, sweep.setting(best), &best.sensitivity)];
    let cells = sweep.report.cells.len();
    if cells > 1 {
        let trials = place(sweep.input);
        let all: Vec<_> = trials.iter().collect();
        let threshold = sweep.input.terms.solved_threshold;
        let pooled = Sensitivity::of(&all, threshold, Some(bootstrap_seed));
        rows.push(row(sweep, format!("all {cells}"), &pooled));
    }
    rows
}

fn row(sweep: &Reported<'_>, setting: String, numbers: &Sensitivity) -> Vec<Field> {
    vec![
        Field::text("measured"),
        Field::Text(sweep.method()),
        Field::Text(setting),
        Field::Count(numbers.n),
        solved(numbers),
        mean(numbers.accuracy_interpolation.as_ref()),
        mean_of(numbers.ponder_steps_interpolation.as_ref(), 2),
        mean(numbers.accuracy_extrapolation.as_ref()),
        mean_of(numbers.ponder_steps_extrapolation.as_ref(), 2),
    ]
}
