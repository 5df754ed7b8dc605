//! `pondersweep-bench train`: updates a second of real trials, as a fraction of what plain matrix
//! multiplications reach on the same cores in the same run. Flags only parse; `measure` times,
//! `summary` computes, `table` shows.

mod case;
mod dump;
mod floor;
mod footprint;
mod measure;
mod replay;
mod shape;
mod summary;
mod table;
mod updates;

use std::{process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::{Args, value_parser};
use pondersweep::cli::output::{Format, OutputArgs, print_json, print_text};
use pondersweep_proto::{
    limit::{MAX_BATCH, MAX_ELEMENTS, MAX_HIDDEN, MAX_LANES, MAX_PONDER_STEPS},
    spec::{Choice as _, StepFunction, Unroll},
};

use self::{case::Case, measure::Effort, shape::Shape};
use crate::machine::Machine;

/// Time training on this machine, as a fraction of its matrix multiplications in the same run
///
/// A case is one bundle: a number of lanes (trials of one shape), spread over threads. A lane
/// is not split, so combinations with more threads than lanes are left out.
#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// Step functions: rnn, gru
    #[arg(long, value_name = "NAMES", value_delimiter = ',', default_value = "rnn,gru", value_parser = step_function)]
    kind: Vec<StepFunction>,
    /// Units of the hidden state
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "64,128", value_parser = value_parser!(u32).range(1..=i64::from(MAX_HIDDEN)))]
    hidden: Vec<u32>,
    /// Trials in a bundle
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "1,2", value_parser = value_parser!(u32).range(1..=i64::from(MAX_LANES)))]
    lanes: Vec<u32>,
    /// Threads that share a bundle's lanes
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "1,2", value_parser = value_parser!(u32).range(1..=i64::from(MAX_LANES)))]
    threads: Vec<u32>,
    /// Length of the input vector
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = value_parser!(u32).range(1..=i64::from(MAX_ELEMENTS)))]
    elements: u32,
    /// Samples of one update
    #[arg(long, value_name = "N", default_value_t = 128, value_parser = value_parser!(u32).range(1..=i64::from(MAX_BATCH)))]
    batch: u32,
    /// Ponder steps
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = value_parser!(u32).range(1..=i64::from(MAX_PONDER_STEPS)))]
    max_steps: u32,
    /// How many of them training computes: fixed, cumulative. GFLOP/s and fractions count all
    #[arg(long, value_name = "NAME", default_value = "fixed", value_parser = unroll)]
    unroll: Unroll,
    /// Rounds; each times every case once, with the floor before it [default: 5]
    #[arg(long, value_name = "N", value_parser = value_parser!(u32).range(1..=10_000))]
    rounds: Option<u32>,
    /// How long a case is timed in a round, in seconds [default: 0.8]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    seconds: Option<f64>,
    /// A look only: two short rounds
    #[arg(long, conflicts_with_all = ["rounds", "seconds"])]
    quick: bool,
    /// Implies --output json
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    output: OutputArgs,
    /// Only train the first case a little and print the most memory it took, in bytes
    #[arg(long, hide = true)]
    footprint: bool,
    /// Only print this many updates of the first shape in full, for other programs to repeat
    #[arg(long, hide = true, value_name = "UPDATES", value_parser = value_parser!(u64).range(1..=100))]
    dump: Option<u64>,
}

/// Rounds of a figure that is to be believed.
const ROUNDS: u32 = 5;
/// A case's time in a round: dozens of updates of the paper's size, and a run of all cases within
/// two minutes.
const SECONDS: f64 = 0.8;
/// The same when only a look is wanted.
const QUICK: (u32, f64) = (2, 0.05);

pub(super) fn run(args: &TrainArgs) -> anyhow::Result<ExitCode> {
    if let Some(updates) = args.dump {
        print_json(&dump::replay(&args.shapes()[0], updates)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.footprint {
        print_text(&footprint::take(&args.shapes()[0], args.lanes[0])?.to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let cases = case::combine(&args.shapes(), &args.lanes, &args.threads);
    anyhow::ensure!(
        !cases.is_empty(),
        "every combination has more threads than lanes\nhint: a lane is not split: give more --lanes"
    );
    report(args, &cases)?;
    Ok(ExitCode::SUCCESS)
}

fn report(args: &TrainArgs, cases: &[Case]) -> anyhow::Result<()> {
    let machine = Machine::look();
    let bytes_per_lane = footprint::of_cases(cases)?;
    let rounds = measure::rounds(cases, args.effort()).context("cannot time these trials")?;
    let results = summary::summarise(cases, &rounds, &bytes_per_lane)?;
    let floors = summary::floors(cases, &rounds);
    match args.format() {
        Format::Json => print_json(&table::json(&machine, rounds.len(), &floors, &results))?,
        Format::Csv => table::rows(&results).print(Format::Csv)?,
        Format::Table => {
            print_text(&table::heading(&machine, rounds.len(), &floors))?;
            table::rows(&results).print(Format::Table)?;
        }
    }
    Ok(())
}

impl TrainArgs {
    fn shapes(&self) -> Vec<Shape> {
        let shape = |step_function, hidden| Shape {
            step_function,
            hidden,
            elements: self.elements,
            batch: self.batch,
            max_steps: self.max_steps,
            unroll: self.unroll,
        };
        let kinds = self.kind.iter();
        kinds
            .flat_map(|&kind| self.hidden.iter().map(move |&hidden| shape(kind, hidden)))
            .collect()
    }

    fn effort(&self) -> Effort {
        let (rounds, seconds) = if self.quick { QUICK } else { (ROUNDS, SECONDS) };
        Effort {
            rounds: self.rounds.unwrap_or(rounds),
            window: Duration::from_secs_f64(self.seconds.unwrap_or(seconds)),
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

fn step_function(text: &str) -> Result<StepFunction, String> {
    StepFunction::from_name(text).ok_or_else(|| one_of(StepFunction::NAMES))
}

fn unroll(text: &str) -> Result<Unroll, String> {
    Unroll::from_name(text).ok_or_else(|| one_of(Unroll::NAMES))
}

fn one_of(names: &[&str]) -> String {
    format!("expected one of {}", names.join(", "))
}

fn seconds(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    // A longer window only waits longer; an hour is surely a mistake.
    let sensible = (0.001..=3600.0).contains(&number);
    sensible
        .then_some(number)
        .ok_or_else(|| "expected 0.001 to 3600".to_owned())
}
