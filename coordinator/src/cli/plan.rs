//! `pondersweep plan`: what a sweep file would run, and what that costs. It runs nothing.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use serde_json::json;

use super::{
    output::{Format, OutputArgs, Rows, print_json, print_text},
    sweep_file,
};
use crate::sweep::Plan;

/// Show what a sweep file would run, and its estimated cost
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    /// The sweep file
    file: PathBuf,
    /// What one core achieves in training, in 10^9 floating-point operations a second
    #[arg(long, default_value_t = DEFAULT_GFLOPS, value_name = "GFLOPS")]
    gflops_per_core: f64,
    #[command(flatten)]
    output: OutputArgs,
}

/// Measured with `rnn` and `gru` of 64 and 128 units on the Flex backend of a server core of 2023.
const DEFAULT_GFLOPS: f64 = 20.0;

pub(super) fn run(args: &PlanArgs) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        args.gflops_per_core > 0.0 && args.gflops_per_core.is_finite(),
        "--gflops-per-core is a finite number above 0"
    );
    let plan = Plan::of(&sweep_file::read(&args.file)?, args.gflops_per_core);
    match args.output.output {
        Format::Json => print_json(&serde_json::to_value(&plan)?)?,
        Format::Csv => shapes(&plan).print(Format::Csv)?,
        Format::Table => {
            print_text(&summary(&plan))?;
            shapes(&plan).print(Format::Table)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn summary(plan: &Plan) -> String {
    format!(
        "{} ({}): {} configurations x {} replicates = {} trials in {} bundles\n\
         {} updates, about {:.2} core-hours at {} GFLOP/s a core",
        plan.name,
        plan.sweep_id,
        plan.configurations,
        plan.replicates,
        plan.trials,
        plan.bundles,
        plan.updates,
        plan.core_hours,
        plan.gflops_per_core
    )
}

fn shapes(plan: &Plan) -> Rows {
    let columns = [
        "shape",
        "trials",
        "updates",
        "MFLOP_per_update",
        "core_hours",
    ];
    let row = |shape: &crate::sweep::ShapePlan| {
        vec![
            json!(shape.shape),
            json!(shape.trials),
            json!(shape.updates),
            json!((shape.operations_per_update / 1e5).round() / 10.0),
            json!((shape.core_hours * 1e3).round() / 1e3),
        ]
    };
    Rows::of(&columns, plan.shapes.iter().map(row))
}
