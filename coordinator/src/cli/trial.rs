//! `pondersweep trial show`: everything that is known about one trial.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{
    connect::DatabaseArgs,
    output::{Format, OutputArgs, Rows, print_json, print_text},
};
use crate::store::{Reader, TrialRecord};

/// Look at single trials
#[derive(Debug, Subcommand)]
pub(super) enum TrialCommand {
    Show(ShowArgs),
}

/// Show a trial: its settings, attempts, observations and events
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The trial: its number, or a prefix of its key
    trial: String,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(command: TrialCommand) -> anyhow::Result<ExitCode> {
    let TrialCommand::Show(args) = command;
    let trial = Reader::open(&args.database.db).await?.trial(&args.trial).await?;
    match args.output.output {
        Format::Json => print_json(&serde_json::to_value(&trial)?)?,
        Format::Csv => observations(&trial).print(Format::Csv)?,
        Format::Table => print_tables(&trial)?,
    }
    Ok(ExitCode::SUCCESS)
}
