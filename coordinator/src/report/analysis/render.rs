//! An analysis as a document, as CSV and as JSON.

use serde_json::{Map, Value, json};

use super::Analysis;
use crate::report::{
    csv::table as csv_table,
    document::{Block, Document, Section, Table, completeness_line},
};

/// The version of the JSON below; a change that would break a reader makes a new one.
const SCHEMA: &str = "pondersweep.analysis/1";

/// The analysis as a document of its own.
#[must_use]
pub fn document(analysis: &Analysis) -> Document {
    let table = Table {
        title: String::new(),
        rules: Vec::new(),
        ..analysis.table("analysis")
    };
    Document {
        title: analysis.title.clone(),
        warnings: analysis.warnings.iter().map(ToString::to_string).collect(),
        summary: vec![completeness_line(&analysis.completeness)],
        sections: vec![Section {
            blocks: vec![Block::Table(table)],
            ..Section::default()
        }],
        notes: analysis.notes.clone(),
    }
}

impl Analysis {
    /// The analysis as a table of a larger document, kept in a file of this name.
    pub(in crate::report) fn table(&self, file: &str) -> Table {
        Table {
            title: self.title.clone(),
            file: file.to_owned(),
            columns: self.columns.clone(),
            rows: self.rows.clone(),
            left_out: 0,
            rules: self.notes.clone(),
        }
    }
}

/// The rows in full precision.
#[must_use]
pub fn csv(analysis: &Analysis) -> String {
    csv_table(&analysis.table("analysis"))
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
