//! `pondersweep ls` and `pondersweep status`: the sweeps, one of them, and the workers.

use std::process::ExitCode;

use clap::Args;
use pondersweep_worker::say;

use super::{
    output::OutputArgs,
    place::PlaceArgs,
    results::{Lookout, Source, rows},
    workers,
};

/// List the sweeps
#[derive(Debug, Args)]
pub(super) struct LsArgs {
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Show the state of a sweep, or its workers
#[derive(Debug, Args)]
pub(super) struct StatusArgs {
    /// The sweep: its id, a prefix of it, or `last`
    #[arg(default_value = "last", conflicts_with = "workers")]
    sweep: String,
    /// Show the workers instead: where each is, on which device, what it holds and has done
    #[arg(long)]
    workers: bool,
    /// Show workers that have left, too
    #[arg(long, requires = "workers")]
    all: bool,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn ls(args: LsArgs) -> anyhow::Result<ExitCode> {
    let sweeps = Source::open(&args.place).await?.sweeps().await?;
    rows(&sweeps).print(args.output.output)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) async fn status(args: StatusArgs) -> anyhow::Result<ExitCode> {
    let mut source = Source::open(&args.place).await?;
    if args.workers {
        let workers = source.workers().await?;
        let format = args.output.output;
        workers::rows(&workers, args.all, format).print(format)?;
        return Ok(ExitCode::SUCCESS);
    }
    let sweep = source.sweep(&args.sweep).await?;
    rows(std::slice::from_ref(&sweep)).print(args.output.output)?;
    if let Some(why) = Lookout::default().look(&mut source, &sweep).await? {
        say!("{why}");
    }
    Ok(ExitCode::SUCCESS)
}
