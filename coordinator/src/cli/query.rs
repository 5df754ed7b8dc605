//! `pondersweep query`: read-only SQL over the results database, printed as it comes. Only a table must be
//! held whole, since its columns are as wide as their widest cell; so it is bounded.

use std::{
    collections::HashMap,
    io::{self, BufWriter, Write as _},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::Args;
use pondersweep_proto::foreign;
use pondersweep_worker::{say, small_file, streams::Data};
use serde_json::{Map, Value};

use super::{
    at_hand::AtHand,
    output::{Format, OutputArgs, Rows, json_of, write_csv},
    place::PlaceArgs,
};
use crate::store;

/// Rows of a table, unless --limit says otherwise: more than anybody reads.
const MAX_TABLE_ROWS: u64 = 1_000;

/// Query the results database with SQL, read-only
#[derive(Debug, Args)]
pub(super) struct QueryArgs {
    /// The SQL text, or `-` to read it from standard input
    #[arg(allow_hyphen_values = true, value_parser = sql)]
    sql: String,
    #[command(flatten)]
    place: PlaceArgs,
    /// Make one table, `trials`, of this sweep's ended trials, with its own settings and metrics as
    /// columns; name it by its id, a prefix of it, its name, or `last`
    #[arg(long)]
    sweep: Option<String>,
    /// Print at most this many rows [default: 1000 in a table, else all]
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    output: OutputArgs,
}

/// A text may begin with a comment, `-- ...`; a single word that begins so was meant as a flag.
fn sql(text: &str) -> Result<String, String> {
    if text.len() > 1 && text.starts_with('-') && !text.contains(char::is_whitespace) {
        return Err("there is no such flag".into());
    }
    Ok(text.to_owned())
}

pub(super) async fn run(args: QueryArgs) -> anyhow::Result<ExitCode> {
    let mut sql = args.sql;
    if sql == "-" {
        sql = small_file::text_of(io::stdin()).context("cannot read standard input")?;
    }
    let format = args.output.output;
    let limit = match format {
        Format::Table => Some(args.limit.unwrap_or(MAX_TABLE_ROWS)),
        Format::Json | Format::Csv => args.limit,
    };
    let database = AtHand::of(&args.place).await?;
    let mut reader = database.reader().await?;
    if let Some(sweep) = &args.sweep {
        let sweep_id = reader.find_sweep(sweep).await?;
        reader.offer_flat_table(sweep_id).await?;
    }
    let mut rows = reader.query(&sql, limit).await?;
    match format {
        Format::Table => print_table(&mut rows).await?,
        Format::Json => print_json(&mut rows).await?,
        Format::Csv => write_csv(&mut rows, Data::default(), |_, value| value).await?,
    }
    if rows.truncated() {
        match args.limit {
            Some(_) => say!("more rows were left out by --limit"),
            None => say!(
                "more rows were left out of the table\nhint: --limit N shows more, --output csv and json show all"
            ),
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn print_table(found: &mut store::Rows) -> anyhow::Result<()> {
    let mut table = Rows {
        columns: found.columns().to_vec(),
        rows: Vec::new(),
    };
    while let Some(row) = found.next().await? {
        table.rows.push(row.iter().map(json_of).collect());
    }
    Ok(table.print(Format::Table)?)
}

/// Prints an array of objects, one a line.
async fn print_json(rows: &mut store::Rows) -> anyhow::Result<()> {
    let mut output = BufWriter::new(Data::default());
    let columns = unique(rows.columns());
    let mut before = "[";
    while let Some(row) = rows.next().await? {
        let values = columns.iter().cloned().zip(row.iter().map(json_of));
        let object: Map<String, Value> = values.collect();
        output.write_all(before.as_bytes())?;
        output.write_all(b"\n  ")?;
        output.write_all(foreign::json(&serde_json::to_string(&object)?).as_bytes())?;
        before = ",";
    }
    output.write_all(if before == "[" { b"[]\n" } else { b"\n]\n" })?;
    Ok(output.flush()?)
}

/// The names of columns, of which an object can have each once only: a name that comes again is numbered.
fn unique(columns: &[String]) -> Vec<String> {
    let mut seen: HashMap<String, u32> = HashMap::new();
    let mut names = Vec::new();
    for column in columns {
        let mut name = column.clone();
        while seen.contains_key(&name) {
            let count = seen.entry(column.clone()).or_insert(1);
            *count += 1;
            name = format!("{column}:{count}");
        }
        seen.insert(name.clone(), 1);
        names.push(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_one_name_are_told_apart() {
        let names = ["a", "b", "a", "a:2", "a"].map(str::to_owned);
        assert_eq!(unique(&names), ["a", "b", "a:2", "a:2:2", "a:3"]);
    }
}
