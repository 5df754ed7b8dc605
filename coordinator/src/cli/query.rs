//! `pondersweep query`: read-only SQL over the results database.

use std::{io::Read as _, process::ExitCode};

use clap::Args;

use super::{
    connect::DatabaseArgs,
    output::{OutputArgs, Rows, json_of},
};
use crate::store::Reader;

/// Query the results database with SQL, read-only
#[derive(Debug, Args)]
pub(super) struct QueryArgs {
    /// The SQL text, or `-` to read it from standard input
    sql: String,
    #[command(flatten)]
    database: DatabaseArgs,
    /// Offer the trials of this sweep that have ended as one table, `trials`, with the sweep's own settings and
    /// metrics as columns: its id, a prefix of it, its name, or `last`
    #[arg(long)]
    sweep: Option<String>,
    /// Print at most so many rows
    #[arg(long, value_name = "N")]
    limit: Option<u64>,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: QueryArgs) -> anyhow::Result<ExitCode> {
    let mut sql = args.sql;
    if sql == "-" {
        sql.clear();
        std::io::stdin().read_to_string(&mut sql)?;
    }
    let mut reader = Reader::open(&args.database.db).await?;
    if let Some(sweep) = &args.sweep {
        let sweep_id = reader.find_sweep(sweep).await?;
        reader.offer_flat_table(sweep_id).await?;
    }
    let mut found = reader.query(&sql, args.limit).await?;
    let mut rows = Rows {
        columns: found.columns().to_vec(),
        rows: Vec::new(),
    };
    while let Some(row) = found.next().await? {
        rows.rows.push(row.iter().map(json_of).collect());
    }
    rows.print(args.output.output)?;
    if found.truncated() {
        eprintln!("more rows were left out by --limit");
    }
    Ok(ExitCode::SUCCESS)
}
