//! `pondersweep plan`: what a sweep file would run, and what that costs. It runs nothing.

use std::{num::NonZeroU32, path::PathBuf, process::ExitCode};

use clap::Args;
use serde_json::json;

use super::{
    output::{Format, OutputArgs, Rows, print_json, print_text},
    sweep_file,
};
use crate::sweep::{Cost, Plan, ShapePlan, SweepSpec};

/// Show what a sweep file would run, and its estimated cost
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// The sweep file
    file: PathBuf,
    /// What one core achieves in training, in 10^9 floating-point operations a second
    #[arg(long, default_value_t = DEFAULT_GIGAFLOPS, value_name = "GFLOPS")]
    gigaflops_per_core: f64,
    /// The most trials of one shape that are trained together
    #[arg(long, env = "PONDERSWEEP_LANES", default_value = "1", value_name = "N")]
    lanes: NonZeroU32,
    #[command(flatten)]
    output: OutputArgs,
}

/// What the fused kernels achieve on one server core of 2023 with AVX-512, rounded down.
const DEFAULT_GIGAFLOPS: f64 = 80.0;

pub(super) fn run(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        args.gigaflops_per_core > 0.0 && args.gigaflops_per_core.is_finite(),
        "--gigaflops-per-core is a finite number above 0"
    );
    let spec = sweep_file::read(&args.file)?;
    let is_program = spec.terms().program.is_some();
    let cost = Cost {
        gigaflops_per_core: args.gigaflops_per_core,
        lanes: args.lanes.get(),
    };
    let plan = Plan::of(&spec, &cost);
    match args.output.output {
        Format::Json => print_json(&serde_json::to_value(&plan)?)?,
        Format::Csv => shapes(&spec, &plan).print(Format::Csv)?,
        Format::Table if is_program => {
            print_text(&of_program(&spec, &plan))?;
            shapes(&spec, &plan).print(Format::Table)?;
        }
        Format::Table => {
            print_text(&summary(&spec, &plan, &cost))?;
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

fn summary(spec: &SweepSpec, plan: &Plan, cost: &Cost) -> String {
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
         {first_of_them}{} updates, {} {:.2} core-hours at {} GFLOP/s a core",
        spec.terms().name,
        spec.id(),
        plan.configurations,
        plan.trials,
        plan.bundles,
        plan.updates,
        if plan.is_upper_bound {
            "at most"
        } else {
            "about"
        },
        plan.core_hours,
        cost.gigaflops_per_core
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
            json!((shape.core_hours * 1e3).round() / 1e3),
        ];
        values.chain(counts).take(columns.len()).collect()
    };
    Rows::of(&columns, plan.shapes.iter().map(row))
}
