//! How commands print data: a table for people, JSON or CSV for programs. Only standard output;
//! only data.

use std::io::{self, IsTerminal as _, Write as _};

use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, ContentArrangement, Table};
use pondersweep_proto::id::hexadecimal;
use serde_json::{Value, json};

use crate::{report::terminal::TABLE_STYLE, store};

/// The form of a command's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON value.
    Json,
    /// Comma-separated, with a header.
    Csv,
}

/// Chooses the form of a command's data.
#[derive(Clone, Debug, Args)]
pub struct OutputArgs {
    /// Format of the data on standard output
    #[arg(
        long,
        short,
        env = "PONDERSWEEP_OUTPUT",
        value_enum,
        default_value = "table"
    )]
    pub output: Format,
}

/// Rows with named columns.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Their names.
    pub columns: Vec<String>,
    /// Each with a value for every column.
    pub rows: Vec<Vec<Value>>,
}

impl Rows {
    /// Rows with these columns.
    #[must_use]
    pub fn of(columns: &[&str], rows: impl Iterator<Item = Vec<Value>>) -> Self {
        let columns = columns.iter().map(ToString::to_string).collect();
        Self {
            columns,
            rows: rows.collect(),
        }
    }

    /// Prints the rows.
    ///
    /// # Errors
    /// Standard output is closed.
    pub fn print(&self, format: Format) -> io::Result<()> {
        match format {
            Format::Table => print_text(&self.to_table()),
            Format::Json => print_json(&self.to_json()),
            Format::Csv => self.print_csv(),
        }
    }

    /// The rows as an array of objects.
    pub(super) fn to_json(&self) -> Value {
        let object = |row: &Vec<Value>| -> Value {
            self.columns
                .iter()
                .cloned()
                .zip(row.iter().cloned())
                .collect()
        };
        self.rows.iter().map(object).collect()
    }

    fn print_csv(&self) -> io::Result<()> {
        let mut writer = csv::Writer::from_writer(io::stdout().lock());
        writer.write_record(&self.columns)?;
        for row in &self.rows {
            writer.write_record(row.iter().map(text))?;
        }
        writer.flush()
    }

    fn to_table(&self) -> String {
        let mut table = Table::new();
        table.load_style(TABLE_STYLE);
        if io::stdout().is_terminal() {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        }
        table.set_header(&self.columns);
        for row in &self.rows {
            table.add_row(row.iter().map(text));
        }
        for (index, column) in table.column_iter_mut().enumerate() {
            let numeric = |row: &Vec<Value>| row[index].is_number() || row[index].is_null();
            if !self.rows.is_empty() && self.rows.iter().all(numeric) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.to_string()
    }
}

/// Writes the rows of a query as CSV with a header, as they come, each value as `typed` has it.
///
/// # Errors
/// The output is closed or its disk full, or the database cannot be read.
pub(super) async fn write_csv(
    rows: &mut store::Rows,
    output: impl io::Write,
    typed: impl Fn(&str, store::Value) -> store::Value,
) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(output);
    let columns = rows.columns().to_vec();
    writer.write_record(&columns)?;
    while let Some(row) = rows.next().await? {
        let values = columns.iter().zip(row);
        let values = values.map(|(name, value)| typed(name, value));
        writer.write_record(values.map(|value| text(&json_of(&value))))?;
    }
    Ok(writer.flush()?)
}

/// A value as a cell: text without quotes, nothing for null.
#[must_use]
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A stored value as JSON; bytes as hexadecimal digits.
#[must_use]
pub fn json_of(value: &store::Value) -> Value {
    match value {
        store::Value::Null => Value::Null,
        store::Value::Integer(whole) => json!(whole),
        store::Value::Real(number) => json!(number),
        store::Value::Text(text) => json!(text),
        store::Value::Blob(bytes) => json!(hexadecimal(bytes)),
    }
}

/// Prints a text and a line end.
///
/// # Errors
/// Standard output is closed.
pub fn print_text(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{}", text.trim_end())
}

/// Prints one JSON value.
///
/// # Errors
/// Standard output is closed.
pub fn print_json(value: &Value) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{value:#}")
}

/// A point in time as ISO 8601 in UTC.
pub(super) fn iso_time(at_ms: i64) -> Value {
    jiff::Timestamp::from_millisecond(at_ms).map_or(Value::Null, |time| json!(time.to_string()))
}
