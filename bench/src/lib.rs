//! How fast this machine is at what sweeps are made of, next to the floor that the same machine
//! sets in the same run, and how well a sweep keeps its promises under faults. Touches no database
//! but its own temporary ones, and is no part of the product.

mod chaos;
mod load;
mod machine;
mod network;
mod null;
mod product;
mod scale;
mod serve;
mod spread;
mod sweep;
mod train;
mod usage;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use pondersweep::cli::LogArgs;
use pondersweep_worker::streams;

/// Measure what this machine achieves with pondersweep, and torment it
#[derive(Debug, Parser)]
#[command(name = "pondersweep-bench", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    log: LogArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Chaos(chaos::ChaosArgs),
    Network(network::NetworkArgs),
    Train(train::TrainArgs),
    Null(null::NullArgs),
    Scale(scale::ScaleArgs),
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    if product::is_meant() {
        return pondersweep::cli::main();
    }
    match streams::parse::<Cli>() {
        Ok(cli) => pondersweep::cli::run_to_end(&cli.log, dispatch(cli.command)),
        Err(code) => code,
    }
}

/// All commands and what they take.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command()
}

async fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Chaos(args) => chaos::run(args).await,
        Command::Network(args) => network::run(args).await,
        Command::Train(args) => train::run(&args),
        Command::Null(args) => null::run(args).await,
        Command::Scale(args) => scale::run(args).await,
    }
}
