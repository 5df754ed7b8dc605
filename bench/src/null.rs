//! `pondersweep-bench null`: durable trials a second, where a trial is nothing: it is leased and
//! ended, and both are on the disk before they are answered. A real coordinator in a process of its
//! own, real workers' calls over a loopback socket, a real database. Flags only parse; `measure`
//! times, `summary` computes, `table` shows.

mod bulk;
mod calls;
mod commits;
mod measure;
mod summary;
mod table;

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use clap::{Args, value_parser};
use pondersweep::cli::output::{Format, OutputArgs, print_json, print_text};
use pondersweep_proto::limit::MAX_LANES;

use self::measure::Effort;
use crate::machine::Machine;

/// Time what a coordinator costs: trials that return at once, as a fraction of what the same disk
/// commits in the same run
///
/// Every round measures the floors first: a flush of the disk, the same rows written by bulk SQL,
/// the same commits as the coordinator makes them but with nothing sent and nothing decided, calls
/// that the server answers without doing anything. Then it leases and ends trials through a
/// `pondersweep serve` of its own, whose database is thrown away at the end.
#[derive(Debug, Args)]
pub(crate) struct NullArgs {
    /// Trials of a round [default: 10000]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=10_000_000))]
    trials: Option<u32>,
    /// Observations of a trial, delivered with its end; a success has one at least
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=4_096))]
    observations: u32,
    /// Workers, each with a connection of its own
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = value_parser!(u32).range(1..=1_024))]
    workers: u32,
    /// Trials a worker leases at once, and then ends by one call that also leases the next
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = value_parser!(u32).range(1..=i64::from(MAX_LANES)))]
    lanes: u32,
    /// Rounds [default: 5]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=1_000))]
    rounds: Option<u32>,
    /// Trials of the sweep that the rounds take theirs from; at least theirs
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = value_parser!(u32).range(0..=10_000_000))]
    sweep_trials: u32,
    /// Where the temporary databases go: the disk that is measured
    #[arg(long, value_name = "PATH", default_value = ".")]
    folder: PathBuf,
    /// A look only: two rounds of 500 trials
    #[arg(long, conflicts_with_all = ["rounds", "trials"])]
    quick: bool,
    /// Implies --output json
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    output: OutputArgs,
}

/// Rounds and trials of a figure that is to be believed.
const FULL: (u32, u32) = (5, 10_000);
/// The same when only a look is wanted.
const QUICK: (u32, u32) = (2, 500);

pub(crate) async fn run(args: NullArgs) -> anyhow::Result<ExitCode> {
    let machine = Machine::look();
    let effort = args.effort();
    let rounds = measure::rounds(&effort, &args.folder)
        .await
        .context("cannot measure the coordinator")?;
    let result = summary::summarise(&effort, &rounds);
    match args.format() {
        Format::Json => print_json(&table::json(&machine, &effort, &result))?,
        Format::Csv => table::rows(&result).print(Format::Csv)?,
        Format::Table => {
            print_text(&table::heading(&machine, &effort, &result))?;
            table::rows(&result).print(Format::Table)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl NullArgs {
    fn effort(&self) -> Effort {
        let (rounds, trials) = if self.quick { QUICK } else { FULL };
        Effort {
            rounds: self.rounds.unwrap_or(rounds),
            trials: self.trials.unwrap_or(trials),
            sweep_trials: self.sweep_trials,
            observations: self.observations,
            workers: self.workers,
            lanes: self.lanes,
        }
    }

    const fn format(&self) -> Format {
        if self.json {
            Format::Json
        } else {
            self.output.output
        }
    }
}
