//! `pondersweep export`: a view of the database as CSV, JSON lines or Parquet, row by row or in groups
//! of rows, so that a million trials need little memory.

mod parquet;

use std::{
    io::{self, BufWriter, IsTerminal as _, Write as _},
    process::ExitCode,
};

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use super::{connect::DatabaseArgs, output};
use crate::store::{ColumnType, Reader, Rows, Value as Cell, column_type};

/// Write results as CSV, JSON lines or Parquet to standard output
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The sweep: its id, a prefix of it, its name, or `last`
    #[arg(default_value = "last")]
    sweep: String,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Form of the rows
    #[arg(long, value_enum, default_value = "csv")]
    format: ExportFormat,
    /// What a row is
    #[arg(long, value_enum, default_value = "trials")]
    rows: ExportRows,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ExportFormat {
    Csv,
    Jsonl,
    /// Typed columns in a binary file, for pandas, polars, DuckDB and R
    Parquet,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ExportRows {
    /// A finished trial with its last evaluation (view trial_result)
    Trials,
    /// A configuration over its replicates (view cell_result)
    Cells,
    /// One measured number (table observation)
    Observations,
}

impl ExportRows {
    /// The rows of one sweep. The id is sixteen hexadecimal digits: nothing to escape.
    fn sql(self, sweep_id: &str) -> String {
        match self {
            Self::Trials => format!(
                "select * from trial_result where sweep_id = '{sweep_id}' order by trial_id"
            ),
            Self::Cells => {
                format!("select * from cell_result where sweep_id = '{sweep_id}' order by position")
            }
            Self::Observations => format!(
                "select trial.sweep_id, sweep.name as sweep, observation.trial_id, trial.trial_key,
                     observation.attempt, step, metric, value
                 from observation
                 join trial on trial.trial_id = observation.trial_id
                 join sweep on sweep.sweep_id = trial.sweep_id
                 where trial.sweep_id = '{sweep_id}'
                 order by observation.trial_id, observation.attempt, step, metric"
            ),
        }
    }
}

pub(super) async fn run(args: ExportArgs) -> anyhow::Result<ExitCode> {
    let mut reader = Reader::open(&args.database.db).await?;
    let sweep_id = reader.find_sweep(&args.sweep).await?;
    let sql = args.rows.sql(&sweep_id.to_string());
    match args.format {
        ExportFormat::Csv => write_csv(reader.query(&sql, None).await?).await?,
        ExportFormat::Jsonl => write_json_lines(reader.query(&sql, None).await?).await?,
        ExportFormat::Parquet => {
            anyhow::ensure!(
                !io::stdout().is_terminal(),
                "a Parquet file is nothing for a terminal\nhint: add `> results.parquet`"
            );
            parquet::write(&mut reader, &sql, io::stdout()).await?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn write_csv(mut rows: Rows<'_>) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_writer(io::stdout().lock());
    writer.write_record(rows.columns())?;
    let columns = rows.columns().to_vec();
    while let Some(row) = rows.next().await? {
        let values = columns
            .iter()
            .zip(row)
            .map(|(name, value)| typed(name, value));
        writer.write_record(values.map(|value| output::text(&output::json_of(&value))))?;
    }
    Ok(writer.flush()?)
}

async fn write_json_lines(mut rows: Rows<'_>) -> anyhow::Result<()> {
    let mut writer = BufWriter::new(io::stdout().lock());
    let columns = rows.columns().to_vec();
    while let Some(row) = rows.next().await? {
        let values = columns
            .iter()
            .zip(row)
            .map(|(name, value)| typed(name, value));
        let values = values.map(|value| output::json_of(&value));
        let object: Map<String, Value> = columns.iter().cloned().zip(values).collect();
        serde_json::to_writer(&mut writer, &object)?;
        writer.write_all(b"\n")?;
    }
    Ok(writer.flush()?)
}

/// A value as its column's type has it, which is the same in every export: a whole number in a column of
/// numbers is one of them.
#[expect(
    clippy::cast_precision_loss,
    reason = "a column of numbers holds settings and metrics, far below 2^53"
)]
fn typed(column: &str, value: Cell) -> Cell {
    match (column_type(column), value) {
        (ColumnType::Real, Cell::Integer(whole)) => Cell::Real(whole as f64),
        (_, value) => value,
    }
}
