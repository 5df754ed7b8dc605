//! The tables as CSV, in full precision, one row per value or cell. A field without a number is
//! empty.

use csv::Writer;
use pondersweep_proto::metric::MetricName;

use super::{
    Report,
    document::Table,
    estimate::{Estimate, Sensitivity},
};
use crate::statistics::Interval;

/// The columns of every estimate, after the name of its metric.
const ESTIMATE_COLUMNS: [&str; 11] = [
    "count",
    "mean",
    "mean_lower",
    "mean_upper",
    "standard_deviation",
    "minimum",
    "lower_quartile",
    "median",
    "upper_quartile",
    "maximum",
    "interquartile_mean",
];

/// A row per cell: its value on every axis, then what came out.
#[must_use]
pub fn cells(report: &Report) -> String {
    let axes = report
        .sweep
        .axes
        .iter()
        .map(|axis| axis.parameter.to_string());
    let rows = report.cells.iter().map(|cell| {
        let values = cell.values.iter().map(ToString::to_string);
        (values.collect(), &cell.sensitivity)
    });
    render(report, axes.collect(), rows)
}

/// A row per value of every swept parameter, over all others.
#[must_use]
pub fn parameters(report: &Report) -> String {
    let rows = report.parameters.iter().flat_map(|table| {
        table.rows.iter().map(|row| {
            let place = vec![table.parameter.to_string(), row.value.to_string()];
            (place, &row.sensitivity)
        })
    });
    render(report, vec!["parameter".into(), "value".into()], rows)
}

/// A row per row of the table; a field that is an interval or a share too has a column for each of
/// its numbers.
#[must_use]
pub fn table(table: &Table) -> String {
    let columns = 0..table.columns.len();
    let parts: Vec<&[&str]> = columns.map(|column| widest_parts(table, column)).collect();
    let header = table.columns.iter().zip(&parts);
    let header =
        header.flat_map(|(name, parts)| parts.iter().map(move |part| spaceless(name, part)));
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(header).expect(IN_MEMORY);
    for row in &table.rows {
        let fields = row.iter().zip(&parts).flat_map(|(field, parts)| {
            let mut texts = field.exact();
            texts.resize(parts.len(), String::new());
            texts
        });
        writer.write_record(fields).expect(IN_MEMORY);
    }
    finished(writer)
}

/// The parts of the field that has the most of them.
fn widest_parts(table: &Table, column: usize) -> &'static [&'static str] {
    let fields = table.rows.iter().map(|row| row[column].parts());
    fields.max_by_key(|parts| parts.len()).unwrap_or(&[""])
}

fn spaceless(name: &str, part: &str) -> String {
    format!("{}{part}", name.replace(' ', "_"))
}

fn finished(writer: Writer<Vec<u8>>) -> String {
    let bytes = writer.into_inner().expect(IN_MEMORY);
    String::from_utf8(bytes).expect("every field is text")
}

const IN_MEMORY: &str = "writing to memory cannot fail";

fn render<'a>(
    report: &Report,
    mut header: Vec<String>,
    rows: impl Iterator<Item = (Vec<String>, &'a Sensitivity)>,
) -> String {
    let mut writer = Writer::from_writer(Vec::new());
    header.extend(columns(&report.sweep.metrics));
    writer.write_record(&header).expect(IN_MEMORY);
    for (mut fields, sensitivity) in rows {
        fields.extend(self::fields(sensitivity));
        writer.write_record(&fields).expect(IN_MEMORY);
    }
    finished(writer)
}

fn columns(metrics: &[MetricName]) -> Vec<String> {
    let counts = [
        "n",
        "solved",
        "share_solved",
        "share_solved_lower",
        "share_solved_upper",
        "infeasible",
        "failed",
    ];
    let mut columns: Vec<String> = counts.map(String::from).into();
    for metric in metrics {
        columns.extend(ESTIMATE_COLUMNS.map(|column| format!("{metric}_{column}")));
    }
    columns
}

fn fields(row: &Sensitivity) -> Vec<String> {
    let [lower, upper] = ends(row.share_solved_interval);
    let mut fields = vec![
        row.n.to_string(),
        row.solved.to_string(),
        number(row.share_solved),
        lower,
        upper,
        row.infeasible.to_string(),
        row.failed.to_string(),
    ];
    for (_, estimate) in row.estimates.iter() {
        fields.extend(estimate_fields(estimate));
    }
    fields
}

fn estimate_fields(estimate: Option<&Estimate>) -> [String; ESTIMATE_COLUMNS.len()] {
    let Some(Estimate {
        summary,
        mean_interval,
    }) = estimate
    else {
        let mut fields = <[String; ESTIMATE_COLUMNS.len()]>::default();
        fields[0] = "0".to_owned();
        return fields;
    };
    let [lower, upper] = ends(*mean_interval);
    [
        summary.count.to_string(),
        summary.mean.to_string(),
        lower,
        upper,
        number(summary.standard_deviation),
        summary.minimum.to_string(),
        summary.lower_quartile.to_string(),
        summary.median.to_string(),
        summary.upper_quartile.to_string(),
        summary.maximum.to_string(),
        summary.interquartile_mean.to_string(),
    ]
}

fn ends(interval: Option<Interval>) -> [String; 2] {
    [
        number(interval.map(|interval| interval.lower)),
        number(interval.map(|interval| interval.upper)),
    ]
}

/// The shortest text that reads back as the same number.
fn number(number: Option<f64>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}
