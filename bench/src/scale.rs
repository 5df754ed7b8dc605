//! `pondersweep-bench scale`: does it stay usable when a sweep is large and workers are many?
//! Creates a large sweep, kills the coordinator, restores it, lets many workers hold leases, and
//! compares what a trial costs with a small sweep. Flags only parse; `measure` does it, `table`
//! shows.

mod measure;
mod table;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::{Args, value_parser};
use pondersweep::cli::output::{Format, OutputArgs, print_json};

use self::measure::Size;
use crate::machine::Machine;

/// Time a large sweep and many workers: creation, restart, heartbeats, memory, cost of a trial
#[derive(Debug, Args)]
pub(crate) struct ScaleArgs {
    /// Trials of the large sweep; the small one has a thousand
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = value_parser!(u32).range(1_000..=10_000_000))]
    trials: u32,
    /// Workers that hold a lease each and renew it every second
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = value_parser!(u32).range(1..=1_000))]
    workers: u32,
    /// How long they do, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = value_parser!(u64).range(1..=3_600))]
    seconds: u64,
    /// Where the temporary databases go
    #[arg(long, value_name = "PATH", default_value = ".")]
    folder: PathBuf,
    /// Implies --output json
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(crate) async fn run(args: ScaleArgs) -> anyhow::Result<ExitCode> {
    let machine = Machine::look();
    let size = Size {
        trials: args.trials,
        workers: args.workers,
        window: Duration::from_secs(args.seconds),
    };
    let found = measure::measure(&size, &args.folder).await?;
    match (args.json, args.output.output) {
        (true, _) | (_, Format::Json) => print_json(&table::json(&machine, &size, &found))?,
        (_, format) => table::rows(&size, &found).print(format)?,
    }
    Ok(ExitCode::SUCCESS)
}
