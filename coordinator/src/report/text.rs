//! The words and table cells that the terminal and Markdown share.

use super::{
    Report,
    estimate::{Estimate, Sensitivity},
    input::Completeness,
    number::{label, labels, significant},
};
use crate::statistics::{Interval, MAX_RESAMPLED};

/// A table as text, not yet laid out.
pub(super) struct TextTable {
    pub(super) title: String,
    pub(super) header: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
}

/// Columns that only some reports need.
#[derive(Clone, Copy)]
struct Columns {
    extrapolation: bool,
    infeasible: bool,
    failed: bool,
}

/// What the report is about.
pub(super) fn title(report: &Report) -> String {
    format!("Sensitivity of {}", report.sweep.name)
}

/// What became of the trials.
pub(super) fn completeness_line(counts: &Completeness) -> String {
    format!(
        "{} trials expected: {} accepted (of them {} infeasible), {} failed, {} cancelled, \
         {} running, {} pending; {} retried, {} refused; \
         {} and {}.",
        counts.expected,
        counts.accepted,
        counts.infeasible,
        counts.failed,
        counts.cancelled,
        counts.leased,
        counts.pending,
        counted(counts.retried, "attempt", "attempts"),
        counted(counts.refused_stale, "stale message", "stale messages"),
        counted(counts.distinct_binaries, "binary", "binaries"),
        counted(counts.distinct_devices, "device", "devices"),
    )
}

/// How to read the numbers.
pub(super) fn notes(report: &Report) -> Vec<String> {
    let sweep = &report.sweep;
    let mut notes = vec![
        format!(
            "solved: accuracy_interpolation of at least {}; share [Wilson {} % interval]. \
             accuracy: median, and mean [{} % percentile bootstrap over the trials of the row, seed {}]. \
             steps: mean ponder steps over trials, sampled halting.",
            significant(sweep.solved_threshold, 6),
            significant(100.0 * sweep.confidence, 6),
            significant(100.0 * sweep.confidence, 6),
            sweep.bootstrap_seed,
        ),
        "n: trials with a result. An infeasible trial (training diverged) is a result: it counts in \
         n as not solved and has no accuracy. A failed trial (machinery) is not in n."
            .to_owned(),
    ];
    let rows = report.parameters.iter().flat_map(|table| &table.rows);
    if rows
        .clone()
        .any(|row| row.sensitivity.n > MAX_RESAMPLED as u64)
    {
        notes.push(format!(
            "Over more than {MAX_RESAMPLED} trials the interval of a mean is the bootstrap's limit: \
             the normal quantiles, corrected for skewness (Cornish and Fisher)."
        ));
    }
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
    notes
}

/// One table for every swept parameter.
pub(super) fn parameter_tables(report: &Report) -> Vec<TextTable> {
    let columns = Columns::of(report);
    let tables = report.parameters.iter().map(|table| {
        let values: Vec<_> = table.rows.iter().map(|row| row.value.clone()).collect();
        let rows = labels(&values).into_iter().zip(&table.rows);
        TextTable {
            title: format!("By {}, over everything else", table.parameter),
            header: columns.header(vec![table.parameter.to_string()]),
            rows: rows
                .map(|(label, row)| columns.cells(vec![label], &row.sensitivity))
                .collect(),
        }
    });
    tables.collect()
}

/// The table of the first cells, and how many more there are.
pub(super) fn cell_table(report: &Report, limit: usize) -> (TextTable, usize) {
    let columns = Columns::of(report);
    let swept = report.swept_axes();
    let names = swept
        .iter()
        .map(|&axis| report.sweep.axes[axis].parameter.to_string());
    let shown = &report.cells[..report.cells.len().min(limit)];
    let rows = shown.iter().map(|cell| {
        let values = swept.iter().map(|&axis| label(&cell.values[axis]));
        columns.cells(values.collect(), &cell.sensitivity)
    });
    let table = TextTable {
        title: "By cell".to_owned(),
        header: columns.header(names.collect()),
        rows: rows.collect(),
    };
    let omitted = report.cells.len() - shown.len() + report.cells_left_out;
    (table, omitted)
}

impl Columns {
    fn of(report: &Report) -> Self {
        // Of all trials, also where the cells are only the first ones.
        let by_value = report.parameters.iter().flat_map(|table| &table.rows);
        let by_value = by_value.map(|row| &row.sensitivity);
        let rows = by_value.chain(report.cells.iter().map(|cell| &cell.sensitivity));
        let any = |test: fn(&Sensitivity) -> bool| rows.clone().any(test);
        Self {
            extrapolation: any(|cell| cell.accuracy_extrapolation.is_some()),
            infeasible: any(|cell| cell.infeasible > 0),
            failed: any(|cell| cell.failed > 0),
        }
    }

    fn header(self, mut names: Vec<String>) -> Vec<String> {
        names.extend(["n", "solved", "median", "mean accuracy", "steps"].map(String::from));
        let optional = [
            (self.extrapolation, "extrapolation"),
            (self.infeasible, "infeasible"),
            (self.failed, "failed"),
        ];
        names.extend(
            optional
                .iter()
                .filter(|(shown, _)| *shown)
                .map(|(_, name)| (*name).into()),
        );
        names
    }

    fn cells(self, mut cells: Vec<String>, row: &Sensitivity) -> Vec<String> {
        cells.push(row.n.to_string());
        cells.push(solved(row));
        let accuracy = row.accuracy_interpolation.as_ref();
        cells.push(shown(accuracy, |estimate| {
            format!("{:.3}", estimate.summary.median)
        }));
        cells.push(shown(accuracy, mean));
        let steps = row.ponder_steps_interpolation.as_ref();
        cells.push(shown(steps, |estimate| {
            format!("{:.2}", estimate.summary.mean)
        }));
        if self.extrapolation {
            cells.push(shown(row.accuracy_extrapolation.as_ref(), mean));
        }
        if self.infeasible {
            cells.push(row.infeasible.to_string());
        }
        if self.failed {
            cells.push(row.failed.to_string());
        }
        cells
    }
}

/// `9/10 = 0.90 [0.60, 0.98]`.
fn solved(row: &Sensitivity) -> String {
    match (row.share_solved, row.share_solved_interval) {
        (Some(share), Some(interval)) => format!(
            "{}/{} = {share:.2} {}",
            row.solved,
            row.n,
            bracketed(interval, 2)
        ),
        _ => NOTHING.to_owned(),
    }
}

fn mean(estimate: &Estimate) -> String {
    let interval = estimate
        .mean_interval
        .map(|interval| bracketed(interval, 3));
    match interval {
        Some(interval) => format!("{:.3} {interval}", estimate.summary.mean),
        None => format!("{:.3}", estimate.summary.mean),
    }
}

/// What stands where there is no number.
const NOTHING: &str = "-";

fn shown(estimate: Option<&Estimate>, show: fn(&Estimate) -> String) -> String {
    estimate.map_or_else(|| NOTHING.to_owned(), show)
}

fn bracketed(interval: Interval, decimals: usize) -> String {
    let Interval { lower, upper } = interval;
    format!("[{lower:.decimals$}, {upper:.decimals$}]")
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
