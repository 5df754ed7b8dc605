//! `pondersweep bench`: how fast this machine is at what sweeps are made of, beside the floor that
//! the same machine sets in the same run. Touches no database.

mod train;

use std::process::ExitCode;

use clap::Subcommand;

/// Measure what this machine achieves
#[derive(Debug, Subcommand)]
pub(super) enum BenchCommand {
    Train(train::TrainArgs),
}

pub(super) fn run(command: &BenchCommand) -> anyhow::Result<ExitCode> {
    match command {
        BenchCommand::Train(args) => train::run(args),
    }
}
