//! The report as one JSON value, in full precision.

use serde::Serialize;

use super::Report;

/// The version of the shape below; a change that would break a reader makes a new one.
pub const SCHEMA: &str = "pondersweep.report/1";

#[derive(Serialize)]
struct Document<'a> {
    schema: &'static str,
    #[serde(flatten)]
    report: &'a Report,
}

/// The report as a JSON object. Absent numbers are `null`; a cell's values stand in the order of
/// `sweep.axes`.
#[must_use]
pub fn render(report: &Report) -> String {
    let document = Document {
        schema: SCHEMA,
        report,
    };
    let mut text =
        serde_json::to_string_pretty(&document).expect("a report has text keys and finite numbers");
    text.push('\n');
    text
}
