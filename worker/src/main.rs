//! The lean binary `pondersweep-worker`, for machines that only train.

use std::process::ExitCode;

use clap::Parser;
use pondersweep_worker::{
    cli::WorkerArgs,
    program::keep_guard,
    streams::{self, Talk},
    trust::choose_cryptography,
};
use tracing_subscriber::EnvFilter;

/// Train trials for a pondersweep coordinator.
#[derive(Debug, Parser)]
#[command(name = "pondersweep-worker", version)]
struct Cli {
    #[command(flatten)]
    worker: WorkerArgs,
}

fn main() -> ExitCode {
    keep_guard().unwrap_or_else(work)
}

#[tokio::main]
async fn work() -> ExitCode {
    let cli: Cli = match streams::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let filter = EnvFilter::try_from_env("PONDERSWEEP_LOG").unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| Talk::Event)
        .with_ansi(false)
        .init();
    choose_cryptography();
    cli.worker.run().await
}
