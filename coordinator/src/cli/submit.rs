//! `pondersweep submit`: hands a sweep file to a coordinator. Submitting a file again finds the
//! sweep that is there.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use pondersweep_worker::say;
use serde_json::json;

use super::{
    connect::Control,
    output::{Format, OutputArgs, print_json, print_text},
    place::PlaceArgs,
    sweep_file,
};

/// Submit a sweep file to a coordinator
#[derive(Debug, Args)]
pub(super) struct SubmitArgs {
    /// The sweep file
    file: PathBuf,
    #[command(flatten)]
    place: PlaceArgs,
    /// Accept more than a million trials
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: SubmitArgs) -> anyhow::Result<ExitCode> {
    let spec = sweep_file::read(&args.file)?;
    sweep_file::confirm_size(&spec, &args.file, args.yes)?;
    let mut control = Control::open_or_make(&args.place).await?;
    let place = control.place.clone();
    let answer = control.sweeps.create(&spec, args.yes).await;
    control.close().await?;
    let created = answer?.created;
    let sweep_id = spec.id().to_string();
    if created {
        let withheld = match spec.trials() - spec.initial_trials() {
            0 => String::new(),
            withheld => format!(" and {withheld} more that are withheld"),
        };
        say!(
            "submitted {} with {} trials{withheld} to {place}",
            spec.terms().name,
            spec.initial_trials()
        );
    } else {
        say!(
            "{} was submitted before; nothing changed at {place}",
            spec.terms().name
        );
    }
    match args.output.output {
        Format::Json => print_json(&json!({ "sweep_id": sweep_id, "created": created }))?,
        Format::Table | Format::Csv => print_text(&sweep_id)?,
    }
    Ok(ExitCode::SUCCESS)
}
