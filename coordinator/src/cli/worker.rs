//! `pondersweep worker`: the same program as a worker. With `run.rs` the only place that knows the
//! worker crate.

use std::process::ExitCode;

use pondersweep_worker::cli::WorkerArgs;

pub(super) async fn run(args: WorkerArgs) -> anyhow::Result<ExitCode> {
    Ok(args.run().await)
}
