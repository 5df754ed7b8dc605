//! `pondersweep bench`: how fast this machine is at what sweeps are made of, beside the floor that
//! the same machine sets in the same run, and how well a sweep keeps its promises under faults.
//! Touches no database but its own temporary ones.

mod chaos;
mod load;
mod machine;
mod network;
mod null;
mod scale;
mod serve;
mod spread;
mod sweep;
mod train;
mod usage;

use std::process::ExitCode;

use clap::Subcommand;

/// Measure what this machine achieves
#[derive(Debug, Subcommand)]
pub(super) enum BenchCommand {
    Chaos(chaos::ChaosArgs),
    Network(network::NetworkArgs),
    Train(train::TrainArgs),
    Null(null::NullArgs),
    Scale(scale::ScaleArgs),
}

pub(super) async fn run(command: BenchCommand) -> anyhow::Result<ExitCode> {
    match command {
        BenchCommand::Chaos(args) => chaos::run(args).await,
        BenchCommand::Network(args) => network::run(args).await,
        BenchCommand::Train(args) => train::run(&args),
        BenchCommand::Null(args) => null::run(args).await,
        BenchCommand::Scale(args) => scale::run(args).await,
    }
}
