//! `pondersweep trial show`: everything that is known about one trial; and the way to `trial replay`.

use std::{fs::File, io, path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use pondersweep_proto::failure::Cause;
use pondersweep_worker::{cli::default_work_dir, program::log_of, streams::Data};
use serde_json::{Value, json};

use super::{
    at_hand::AtHand,
    output::{self, Format, OutputArgs, Rows, iso_time, print_json, print_labelled, print_text},
    place::PlaceArgs,
    replay::{self, ReplayArgs},
};
use crate::{
    scheduler::Ending,
    store::{AttemptDetail, Event, TrialDetail},
};

/// Show, replay or read the logs of single trials
#[derive(Debug, Subcommand)]
pub(super) enum TrialCommand {
    Show(ShowArgs),
    Replay(ReplayArgs),
    Logs(LogsArgs),
}

/// Show a trial: its settings, attempts, observations and events
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The trial: its number, or a prefix of its key
    trial: String,
    #[command(flatten)]
    place: PlaceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(command: TrialCommand) -> anyhow::Result<ExitCode> {
    match command {
        TrialCommand::Show(args) => show(args).await,
        TrialCommand::Replay(args) => replay::run(args).await,
        TrialCommand::Logs(args) => logs(args).await,
    }
}

/// Print what a trial's program wrote, from the folder where it ran
#[derive(Debug, Args)]
pub(super) struct LogsArgs {
    /// The trial: its number, or a prefix of its key
    trial: String,
    #[command(flatten)]
    place: PlaceArgs,
    /// Of which attempt [default: the last]
    #[arg(long, value_name = "N")]
    attempt: Option<u32>,
    /// Where the worker's programs have their folders [default: next to the results, as results.work; then the
    /// folder of this user's workers]
    #[arg(long, env = "PONDERSWEEP_WORK_DIR", value_name = "DIR")]
    work_dir: Option<PathBuf>,
}

async fn logs(args: LogsArgs) -> anyhow::Result<ExitCode> {
    let database = AtHand::of(&args.place).await?;
    let trial = database.reader().await?.trial(&args.trial).await?;
    let wanted = |attempt: &&AttemptDetail| {
        args.attempt
            .is_none_or(|number| attempt.attempt.0 == number)
    };
    let Some(attempt) = trial.attempts.iter().rfind(wanted) else {
        anyhow::bail!("trial {} has no such attempt", trial.trial_id);
    };
    let folders = match args.work_dir {
        Some(folder) => vec![folder],
        None => vec![database.path().with_extension("work"), default_work_dir()],
    };
    let name = format!("{}-{}", trial.trial_key, attempt.attempt);
    let logs = folders
        .iter()
        .filter_map(|folder| log_of(folder, trial.trial_key, attempt.attempt));
    let Some(mut log) = logs.filter_map(|path| File::open(path).ok()).next() else {
        anyhow::bail!(
            "attempt {} of trial {} left no log here: it ran on {}, or wrote nothing\n\
             hint: on that machine it is {name}/output.log in the worker's --work-dir, which is {} unless said \
             otherwise",
            attempt.attempt,
            trial.trial_id,
            attempt.host,
            default_work_dir().display()
        );
    };
    io::copy(&mut log, &mut Data::default())?;
    Ok(ExitCode::SUCCESS)
}

async fn show(args: ShowArgs) -> anyhow::Result<ExitCode> {
    let database = AtHand::of(&args.place).await?;
    let trial = database.reader().await?.trial(&args.trial).await?;
    let parts = [
        ("attempts", attempts(&trial)),
        ("observations", observations(&trial)),
        ("events", events(&trial)),
    ];
    match args.output.output {
        Format::Json => print_json(&whole(&trial, &parts))?,
        Format::Csv => observations(&trial).print(Format::Csv)?,
        Format::Table => {
            for (name, value) in summary(&trial) {
                print_labelled(&format!("{name:<14} "), &output::text(&value))?;
            }
            for (name, rows) in parts.iter().filter(|(_, rows)| !rows.rows.is_empty()) {
                print_text(&format!("\n{name}"))?;
                rows.print(Format::Table)?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What identifies the trial and how it stands, by name.
fn summary(trial: &TrialDetail) -> Vec<(String, Value)> {
    let mut summary = vec![
        ("trial_id".into(), json!(trial.trial_id.0)),
        ("trial_key".into(), json!(trial.trial_key.to_string())),
        ("sweep_id".into(), json!(trial.sweep_id.to_string())),
        ("state".into(), json!(trial.state.name())),
        ("replicate".into(), json!(trial.replicate)),
        ("failures".into(), json!(trial.record.failures)),
        ("out_of_memory".into(), json!(trial.record.out_of_memory)),
        ("worker_losses".into(), json!(trial.record.worker_losses)),
        ("suspicion".into(), json!(trial.record.suspicion.name())),
    ];
    let spec = &trial.configuration.spec;
    let parameters = spec
        .table()
        .parameters()
        .map(|parameter| (parameter.0.name.to_owned(), json!(spec.get(parameter))));
    summary.extend(parameters);
    summary
}

fn whole(trial: &TrialDetail, parts: &[(&str, Rows)]) -> Value {
    let mut whole: serde_json::Map<String, Value> = summary(trial).into_iter().collect();
    for (name, rows) in parts {
        whole.insert((*name).to_owned(), rows.to_json());
    }
    Value::Object(whole)
}

fn attempts(trial: &TrialDetail) -> Rows {
    let columns = [
        "attempt",
        "worker_id",
        "host",
        "device",
        "backend",
        "started_at",
        "ended_at",
        "ending",
        "cause",
        "blamed",
        "message",
        "seconds",
    ];
    let row = |attempt: &AttemptDetail| {
        let (at_ms, ending) = attempt
            .ended
            .as_ref()
            .map(|(at_ms, how)| (at_ms, how))
            .unzip();
        let cause = ending.and_then(|ending| ending.cause());
        vec![
            json!(attempt.attempt.0),
            json!(attempt.worker_id),
            json!(attempt.host),
            json!(attempt.device),
            json!(attempt.backend),
            iso_time(attempt.started_at_ms),
            at_ms.map_or(Value::Null, |at_ms| iso_time(*at_ms)),
            json!(ending.map(Ending::name)),
            json!(cause.map(Cause::name)),
            json!(cause.map(|_| attempt.blamed)),
            json!(ending.map(Ending::message)),
            json!(attempt.seconds),
        ]
    };
    Rows::of(&columns, trial.attempts.iter().map(row))
}

fn observations(trial: &TrialDetail) -> Rows {
    let rows = trial.observations.iter().map(|(attempt, observation)| {
        vec![
            json!(attempt.0),
            json!(observation.step),
            json!(observation.metric.as_str()),
            json!(observation.value),
        ]
    });
    Rows::of(&["attempt", "step", "metric", "value"], rows)
}

fn events(trial: &TrialDetail) -> Rows {
    let row = |event: &Event| {
        vec![
            iso_time(event.at_ms),
            json!(event.kind),
            json!(event.attempt.map(|attempt| attempt.0)),
            json!(event.worker_id),
            json!(event.state),
            json!(event.detail),
        ]
    };
    let columns = ["at", "event", "attempt", "worker_id", "state", "detail"];
    Rows::of(&columns, trial.events.iter().map(row))
}
