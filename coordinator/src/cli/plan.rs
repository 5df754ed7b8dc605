//! `pondersweep plan`: what a sweep file would run, and what that costs: each shape is trained for
//! a moment to see. It runs nothing else.

use std::{
    num::NonZeroU32,
    path::PathBuf,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use pondersweep_proto::spec::TrialSpec;
use pondersweep_worker::{cli::a_count, device::DeviceName, pace};
use serde_json::json;

use super::{
    output::{Format, OutputArgs, Rows, print_json, print_text},
    run::cores,
    sweep_file,
};
use crate::{
    clock,
    explain::lasting,
    sweep::{Plan, ShapePlan, Speed, SweepSpec},
};

/// Show what a sweep file would run, and its estimated cost
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// The sweep file
    file: PathBuf,
    /// Workers on this machine's processor, as of `run` [default: one per core]
    #[arg(long, env = "PONDERSWEEP_WORKERS", value_name = "N", value_parser = a_count::<NonZeroU32>)]
    workers: Option<NonZeroU32>,
    /// The most trials of one shape that are trained together
    #[arg(long, env = "PONDERSWEEP_LANES", default_value = "1", value_name = "N", value_parser = a_count::<NonZeroU32>)]
    lanes: NonZeroU32,
    #[command(flatten)]
    output: OutputArgs,
}

/// How long the updates of a shape are timed.
const WINDOW: Duration = Duration::from_millis(200);
/// How long all timing may take; shapes that it does not reach are told by their operations.
const ALL_TIMING: Duration = Duration::from_secs(8);

pub(super) fn run(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    let spec = sweep_file::read(&args.file)?;
    let is_program = spec.terms().program.is_some();
    let workers = args.workers.map_or_else(cores, NonZeroU32::get);
    let plan = Plan::of(&spec, args.lanes.get());
    let plan = if is_program {
        // What it takes, it does not say before it has run.
        plan
    } else {
        let speeds = speeds(&spec, &plan, workers);
        plan.timed(&speeds, workers)
    };
    match args.output.output {
        Format::Json => print_json(&serde_json::to_value(&plan)?)?,
        Format::Csv => shapes(&spec, &plan).print(Format::Csv)?,
        Format::Table if is_program => {
            print_text(&of_program(&spec, &plan))?;
            shapes(&spec, &plan).print(Format::Table)?;
        }
        Format::Table => {
            print_text(&summary(&spec, &plan))?;
            shapes(&spec, &plan).print(Format::Table)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What is run, with the command of the first trial as an example; what it costs is not known.
fn of_program(spec: &SweepSpec, plan: &Plan) -> String {
    let terms = spec.terms();
    let program = terms.program.as_deref();
    let command = program.map_or(&[][..], |program| &program.command);
    let command = shlex::try_join(command.iter().map(String::as_str)).unwrap_or_default();
    format!(
        "{} ({}): {} configurations x {} replicates = {} trials of {command}",
        terms.name,
        spec.id(),
        plan.configurations,
        terms.replicates,
        plan.trials
    )
}

/// Trains each shape for a moment, as many at once as there will be, the largest and the smallest
/// first.
fn speeds(spec: &SweepSpec, plan: &Plan, workers: u32) -> Vec<Option<Speed>> {
    let until: Instant = clock::now() + ALL_TIMING;
    let mut speeds = vec![None; plan.shapes.len()];
    for index in from_both_ends(plan) {
        if clock::now() >= until {
            break;
        }
        let trial = TrialSpec {
            configuration: plan.shapes[index].example.clone(),
            seed: spec.terms().seed,
            replicate: 0,
            common_seeds: spec.terms().common_seeds,
            program: None,
        };
        speeds[index] = speed(&trial, workers.min(cores()));
    }
    speeds
}

/// The shapes by their operations, the largest, the smallest, the largest of the rest and so on.
fn from_both_ends(plan: &Plan) -> Vec<usize> {
    let operations = |index: &usize| plan.shapes[*index].operations_per_update;
    let mut sorted: Vec<usize> = (0..plan.shapes.len()).collect();
    sorted.sort_by(|a, b| operations(b).total_cmp(&operations(a)));
    let half = sorted.len().div_ceil(2);
    let (largest, smallest) = sorted.split_at(half);
    let mut order = Vec::with_capacity(sorted.len());
    for (place, &large) in largest.iter().enumerate() {
        order.push(large);
        order.extend(smallest.len().checked_sub(place + 1).map(|at| smallest[at]));
    }
    order
}

/// The speed of a core while `cores` of them train; `None` for what cannot be trained.
fn speed(trial: &TrialSpec, cores: u32) -> Option<Speed> {
    let time = || pace::of_trial(DeviceName::CPU, trial, WINDOW);
    let paces: Vec<pace::Pace> = thread::scope(|scope| {
        let timing: Vec<_> = (0..cores).map(|_| scope.spawn(time)).collect();
        let timed = timing.into_iter().filter_map(|timing| timing.join().ok());
        timed.flatten().collect()
    });
    let mean =
        |part: fn(&pace::Pace) -> f64| paces.iter().map(part).sum::<f64>() / paces.len() as f64;
    (!paces.is_empty()).then(|| Speed {
        seconds_per_update: mean(|pace| pace.seconds_per_update),
        seconds_per_evaluation: mean(|pace| pace.seconds_per_evaluation),
    })
}

fn summary(spec: &SweepSpec, plan: &Plan) -> String {
    let (first, most) = (spec.initial_replicates(), spec.terms().replicates);
    let replicates = if first == most {
        format!("{most} replicates")
    } else {
        format!("{first} to {most} replicates")
    };
    let first_of_them = match plan.initial_trials {
        all if all == plan.trials => String::new(),
        initial => format!(
            "{initial} trials are run anyway, the others where `run --until-ci` or `allocate` adds replicates; \
             for all of them:\n"
        ),
    };
    format!(
        "{} ({}): {} configurations x {replicates} = {} trials in {} bundles\n\
         {first_of_them}{} updates, {}",
        spec.terms().name,
        spec.id(),
        plan.configurations,
        plan.trials,
        plan.bundles,
        plan.updates,
        time(plan)
    )
}

/// What it takes, for people.
fn time(plan: &Plan) -> String {
    let (Some(core_hours), Some(minutes)) = (plan.core_hours, plan.minutes) else {
        return "whose time is not known: nothing of it could be trained for a moment".into();
    };
    let bound = if plan.is_upper_bound {
        "at most"
    } else {
        "about"
    };
    let lasts = Duration::try_from_secs_f64(60.0 * minutes).unwrap_or(Duration::MAX);
    let workers = match plan.workers {
        1 => "1 worker".to_owned(),
        workers => format!("{workers} workers"),
    };
    format!(
        "{bound} {} on this machine with {workers}, {core_hours:.2} core-hours",
        lasting(lasts)
    )
}

fn shapes(spec: &SweepSpec, plan: &Plan) -> Rows {
    let axes = spec.terms().axes.iter().map(|axis| axis.parameter);
    let parameters: Vec<_> = axes.filter(|row| row.per_lane.is_none()).collect();
    let mut columns: Vec<&str> = parameters.iter().map(|row| row.name).collect();
    let counted = [
        "trials",
        "bundles",
        "updates",
        "MFLOP_per_update",
        "core_hours",
    ];
    // Of a program nothing else is known.
    let counted = match spec.terms().program {
        Some(_) => &counted[..1],
        None => &counted[..],
    };
    columns.extend(counted);
    let row = |shape: &ShapePlan| {
        let values = parameters
            .iter()
            .map(|row| json!(shape.parameters.get(row.name)));
        let counts = [
            json!(shape.trials),
            json!(shape.bundles),
            json!(shape.updates_per_trial),
            json!((shape.operations_per_update / 1e5).round() / 10.0),
            json!(shape.core_hours.map(|hours| (hours * 1e3).round() / 1e3)),
        ];
        values.chain(counts).take(columns.len()).collect()
    };
    Rows::of(&columns, plan.shapes.iter().map(row))
}
