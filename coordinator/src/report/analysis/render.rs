//! An analysis for a terminal, as Markdown, CSV and JSON.

use std::fmt::Write;

use ::csv::Writer;
use serde_json::{Map, Value, json};

use super::{Analysis, Field};
use crate::report::{
    markdown as markdown_report, terminal as terminal_report,
    text::{TextTable, completeness_line},
};

/// The version of the JSON below; a change that would break a reader makes a new one.
const SCHEMA: &str = "pondersweep.analysis/1";

/// The analysis as lines of at most `width` columns (words that are longer stay whole).
#[must_use]
pub fn terminal(analysis: &Analysis, width: u16) -> String {
    let width = width.max(terminal_report::MIN_WIDTH);
    let mut text = String::new();
    let mut paragraph = |words: &str| terminal_report::push_wrapped(&mut text, words, width.into());
    paragraph(&analysis.title);
    for warning in &analysis.warnings {
        paragraph(&format!("! {warning}"));
    }
    paragraph(&completeness_line(&analysis.completeness));
    terminal_report::push_table(&mut text, &table(analysis, ""), width);
    text.push('\n');
    for note in &analysis.notes {
        terminal_report::push_wrapped(&mut text, note, width.into());
    }
    text
}

/// The analysis as GitHub-flavoured Markdown.
#[must_use]
pub fn markdown(analysis: &Analysis) -> String {
    let mut text = String::new();
    for warning in &analysis.warnings {
        let _ = write!(text, "> **{warning}**\n\n");
    }
    let completeness = completeness_line(&analysis.completeness);
    let _ = writeln!(text, "{}", markdown_report::escaped(&completeness));
    markdown_report::push_table(&mut text, &table(analysis, &analysis.title));
    text.push('\n');
    for note in &analysis.notes {
        let _ = writeln!(text, "- {}", markdown_report::escaped(note));
    }
    text
}

fn table(analysis: &Analysis, title: &str) -> TextTable {
    let rows = analysis.rows.iter();
    TextTable {
        title: title.to_owned(),
        header: analysis.columns.clone(),
        rows: rows
            .map(|row| row.iter().map(Field::shown).collect())
            .collect(),
    }
}

/// The rows in full precision.
#[must_use]
pub fn csv(analysis: &Analysis) -> String {
    const IN_MEMORY: &str = "writing to memory cannot fail";
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(&analysis.columns).expect(IN_MEMORY);
    for row in &analysis.rows {
        let fields = row.iter().map(Field::exact);
        writer.write_record(fields).expect(IN_MEMORY);
    }
    let bytes = writer.into_inner().expect(IN_MEMORY);
    String::from_utf8(bytes).expect("every field is text")
}

/// Everything as a JSON object; rows are objects by column, and absent numbers `null`.
#[must_use]
pub fn json(analysis: &Analysis) -> String {
    let rows = analysis.rows.iter().map(|row| {
        let fields = analysis.columns.iter().cloned().zip(row);
        let object: Map<String, Value> = fields.map(|(name, field)| (name, json!(field))).collect();
        object
    });
    let document = json!({
        "schema": SCHEMA,
        "title": analysis.title,
        "completeness": analysis.completeness,
        "warnings": analysis.warnings,
        "rows": rows.collect::<Vec<_>>(),
        "notes": analysis.notes,
    });
    format!("{document:#}\n")
}
