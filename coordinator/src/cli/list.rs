//! `pondersweep ls` and `pondersweep status`: the sweeps, and one of them.

use std::process::ExitCode;

use clap::Args;

use super::{
    output::OutputArgs,
    results::{SourceArgs, rows},
};

/// List the sweeps
#[derive(Debug, Args)]
pub(super) struct LsArgs {
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Show how a sweep stands
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// The sweep: its id, a prefix of it, or `last`
    #[arg(default_value = "last")]
    sweep: String,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn ls(args: LsArgs) -> anyhow::Result<ExitCode> {
    let sweeps = args.source.open().await?.sweeps().await?;
    rows(&sweeps).print(args.output.output)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn status(args: StatusArgs) -> anyhow::Result<ExitCode> {
    let sweep = args.source.open().await?.sweep(&args.sweep).await?;
    rows(&[sweep]).print(args.output.output)?;
    Ok(ExitCode::SUCCESS)
}
