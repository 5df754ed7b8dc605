//! `pondersweep export`: a view of the database as CSV, JSON lines or Parquet, row by row or in
//! groups of rows, so that a million trials need little memory.

mod parquet;

use std::{
    io::{self, BufWriter, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use pondersweep_worker::streams::{Data, is_data_at_terminal};
use serde_json::{Map, Value};

use super::{
    at_hand::AtHand,
    output::{json_of, write_csv},
    place::PlaceArgs,
};
use crate::{
    store::{ColumnType, ColumnTypes, Reader, Rows, Value as Cell},
    whole_file,
};

/// Write results as CSV, JSON lines or Parquet to standard output or a file
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The sweep: its id, a prefix of it, its name, or `last`
    #[arg(default_value = "last")]
    sweep: String,
    #[command(flatten)]
    place: PlaceArgs,
    /// Format of the rows
    #[arg(long, value_enum, default_value = "csv")]
    format: ExportFormat,
    /// What a row is
    #[arg(long, value_enum, default_value = "trials")]
    rows: ExportRows,
    /// Write this file, whole or not at all, instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
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
    /// One number that the current attempt of a trial measured (table observation)
    Observations,
}

impl ExportRows {
    /// The rows of one sweep. The id is sixteen hexadecimal digits: nothing to escape. The columns
    /// of a program's trials and cells are those of its own tables, which are offered next to the
    /// views.
    fn sql(self, sweep_id: &str, is_program: bool) -> String {
        match self {
            Self::Trials if is_program => "select * from trials order by trial_id".to_owned(),
            Self::Cells if is_program => "select * from cells order by position".to_owned(),
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
                     and trial.attempt = observation.attempt
                 join sweep on sweep.sweep_id = trial.sweep_id
                 where trial.sweep_id = '{sweep_id}'
                 order by observation.trial_id, step, metric"
            ),
        }
    }
}

pub(super) async fn run(args: ExportArgs) -> anyhow::Result<ExitCode> {
    let database = AtHand::of(&args.place).await?;
    let mut reader = database.reader().await?;
    let sweep_id = reader.find_sweep(&args.sweep).await?;
    let spec = reader.spec(sweep_id).await?;
    let types = ColumnTypes::of(spec.terms());
    let is_program = spec.terms().program.is_some();
    if is_program {
        reader.offer_flat_table(sweep_id).await?;
    }
    let sql = args.rows.sql(&sweep_id.to_string(), is_program);
    let Some(path) = args.out else {
        anyhow::ensure!(
            args.format != ExportFormat::Parquet || !is_data_at_terminal(),
            "a Parquet file is nothing for a terminal\nhint: add `--out results.parquet`"
        );
        write(&mut reader, &sql, &types, args.format, Data::default()).await?;
        return Ok(ExitCode::SUCCESS);
    };
    let cannot = || format!("cannot write {}", path.display());
    let mut file = whole_file::begin(&path).with_context(cannot)?;
    let written = write(&mut reader, &sql, &types, args.format, &mut file).await;
    written.with_context(cannot)?;
    whole_file::finish(file, &path).with_context(cannot)?;
    Ok(ExitCode::SUCCESS)
}

async fn write(
    reader: &mut Reader,
    sql: &str,
    types: &ColumnTypes,
    format: ExportFormat,
    output: impl Write + Send,
) -> anyhow::Result<()> {
    match format {
        ExportFormat::Csv => {
            let mut rows = reader.query(sql, None).await?;
            write_csv(&mut rows, output, |name, value| typed(types, name, value)).await
        }
        ExportFormat::Jsonl => {
            write_json_lines(reader.query(sql, None).await?, types, output).await
        }
        ExportFormat::Parquet => parquet::write(reader, sql, types, output).await,
    }
}

async fn write_json_lines(
    mut rows: Rows,
    types: &ColumnTypes,
    output: impl Write,
) -> anyhow::Result<()> {
    let mut writer = BufWriter::new(output);
    let columns = rows.columns().to_vec();
    while let Some(row) = rows.next().await? {
        let values = columns
            .iter()
            .zip(row)
            .map(|(name, value)| typed(types, name, value));
        let values = values.map(|value| json_of(&value));
        let object: Map<String, Value> = columns.iter().cloned().zip(values).collect();
        serde_json::to_writer(&mut writer, &object).map_err(io::Error::from)?;
        writer.write_all(b"\n")?;
    }
    Ok(writer.flush()?)
}

/// A value as its column's type has it, which is the same in every export: a whole number in a
/// column of numbers is one of them.
#[expect(
    clippy::cast_precision_loss,
    reason = "a column of numbers holds settings and metrics, far below 2^53"
)]
fn typed(types: &ColumnTypes, column: &str, value: Cell) -> Cell {
    match (types.column(column), value) {
        (ColumnType::Real, Cell::Integer(whole)) => Cell::Real(whole as f64),
        (_, value) => value,
    }
}
