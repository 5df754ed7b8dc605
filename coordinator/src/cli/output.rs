//! How commands print data: a table for people, JSON or CSV for programs; and where progress is drawn.

use std::io::{self, Write as _};

use clap::{Args, ValueEnum};
use console::Term;
use indicatif::ProgressDrawTarget;
use pondersweep_proto::{foreign, id::hexadecimal};
use pondersweep_worker::streams::{Data, Talk, is_data_at_terminal};
use serde_json::{Value, json};

use super::table;
use crate::store;

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
    /// Standard output cannot be written.
    pub fn print(&self, format: Format) -> io::Result<()> {
        match format {
            Format::Table => print_text(&table::render(self, data_width())),
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
        let mut writer = csv::Writer::from_writer(Data::default());
        writer.write_record(&self.columns).map_err(io_error)?;
        for row in &self.rows {
            writer
                .write_record(row.iter().map(text))
                .map_err(io_error)?;
        }
        writer.flush()
    }
}

/// Writes the rows of a query as CSV with a header, as they come, each value as `typed` has it.
///
/// # Errors
/// The output cannot be written, or the database cannot be read.
pub(super) async fn write_csv(
    rows: &mut store::Rows,
    output: impl io::Write,
    typed: impl Fn(&str, store::Value) -> store::Value,
) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(output);
    let columns = rows.columns().to_vec();
    writer.write_record(&columns).map_err(io_error)?;
    while let Some(row) = rows.next().await? {
        let values = columns.iter().zip(row);
        let values = values.map(|(name, value)| typed(name, value));
        let record = writer.write_record(values.map(|value| text(&json_of(&value))));
        record.map_err(io_error)?;
    }
    Ok(writer.flush()?)
}

/// How writing failed, which the library hides inside its own error.
fn io_error(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
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

/// Prints a text for people and a line end.
///
/// # Errors
/// Standard output cannot be written.
pub fn print_text(text: &str) -> io::Result<()> {
    Data::default().write_all(foreign::lines(&format!("{}\n", text.trim_end())).as_bytes())
}

/// Prints a text for programs, such as CSV, as it is, and a line end.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn print_data(text: &str) -> io::Result<()> {
    Data::default().write_all(format!("{}\n", text.trim_end()).as_bytes())
}

/// Prints one JSON value.
///
/// # Errors
/// Standard output cannot be written.
pub fn print_json(value: &Value) -> io::Result<()> {
    Data::default().write_all(foreign::json(&format!("{value:#}\n")).as_bytes())
}

/// The width of the terminal on standard output, if that is one.
pub(super) fn data_width() -> Option<usize> {
    let width = comfy_table::Table::new().width();
    width.filter(|_| is_data_at_terminal()).map(usize::from)
}

/// Prints a text that others may have written after its label, in lines that fit.
pub(super) fn print_labelled(label: &str, text: &str) -> io::Result<()> {
    let text = foreign::line(text);
    match data_width() {
        Some(width) => print_text(&table::labelled(label, &text, width)),
        None => print_text(&format!("{label}{text}")),
    }
}

/// Where progress is drawn: a terminal on standard error, else nowhere.
pub(super) fn progress_target() -> ProgressDrawTarget {
    /// Times a second.
    const REFRESH_RATE: u8 = 20;
    let terminal = Term::read_write_pair(io::stdin(), Talk::Drawing);
    ProgressDrawTarget::term(terminal, REFRESH_RATE)
}

/// A point in time as ISO 8601 in UTC.
pub(super) fn iso_time(at_ms: i64) -> Value {
    jiff::Timestamp::from_millisecond(at_ms).map_or(Value::Null, |time| json!(time.to_string()))
}
