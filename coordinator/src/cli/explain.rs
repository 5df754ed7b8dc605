//! `pondersweep explain`: why a trial stands as it does, attempt by attempt, and why a sweep is
//! pending, paused or losing attempts. It says what the database knows and guesses nothing.

use std::process::ExitCode;

use clap::Args;
use pondersweep_proto::error::SweepError;
use serde_json::json;

use super::{
    connect::DatabaseArgs,
    output::{Format, OutputArgs, print_json, print_text, text},
};
use crate::{
    scheduler::{Suspicion, SweepState, TrialState},
    store::{AttemptDetail, Deaths, ReadError, Reader, SweepSummary, TrialDetail, Troubles},
    sweep::SweepTerms,
};

/// Explain how a trial or a sweep stands: attempts, causes and what it waits for
#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// A trial, by its number or a prefix of its key; or a sweep, by its id, a prefix of it, its name
    /// or `last`
    #[arg(default_value = "last")]
    name: String,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: ExplainArgs) -> anyhow::Result<ExitCode> {
    let mut reader = Reader::open(&args.database.db).await?;
    let (subject, findings) = explain(&mut reader, &args.name).await?;
    match args.output.output {
        Format::Json => print_json(&json!({ "subject": subject, "findings": findings }))?,
        Format::Table | Format::Csv => {
            print_text(&subject)?;
            for finding in findings {
                print_text(&format!("- {finding}"))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What is named, and what there is to say about it. A small number is a trial before it is the
/// beginning of a sweep's id.
async fn explain(reader: &mut Reader, name: &str) -> anyhow::Result<(String, Vec<String>)> {
    if name.parse::<u32>().is_ok()
        && let Some(found) = explain_trial(reader, name).await?
    {
        return Ok(found);
    }
    match reader.find_sweep(name).await {
        Ok(sweep_id) => {
            let sweeps = reader.sweeps().await?;
            let found = sweeps.into_iter().find(|sweep| sweep.sweep_id == sweep_id);
            let sweep = found.expect("a sweep is never deleted");
            let troubles = reader.troubles(sweep_id).await?;
            Ok((subject_of_sweep(&sweep), of_sweep(&sweep, &troubles)))
        }
        Err(unknown @ ReadError::Sweep(SweepError::NotFound(_))) => {
            let trial = explain_trial(reader, name).await?;
            trial.ok_or_else(|| unknown.into())
        }
        Err(error) => Err(error.into()),
    }
}

async fn explain_trial(
    reader: &mut Reader,
    name: &str,
) -> anyhow::Result<Option<(String, Vec<String>)>> {
    let trial = match reader.trial(name).await {
        Ok(trial) => trial,
        Err(ReadError::UnknownTrial { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let spec = reader.spec(trial.sweep_id).await?;
    let subject = format!(
        "trial {} of sweep {} is {}",
        trial.trial_id,
        trial.sweep_id,
        trial.state.name()
    );
    Ok(Some((subject, of_trial(&trial, spec.terms()))))
}

fn of_trial(trial: &TrialDetail, terms: &SweepTerms) -> Vec<String> {
    let mut findings: Vec<String> = trial.attempts.iter().map(of_attempt).collect();
    let record = trial.record;
    let counts = [
        ("failures", record.failures, terms.max_failures),
        (
            "out of memory",
            record.out_of_memory,
            terms.max_out_of_memory,
        ),
        (
            "worker losses",
            record.worker_losses,
            terms.max_worker_losses,
        ),
    ];
    let against = counts.iter().filter(|(_, count, _)| *count > 0);
    findings.extend(against.map(|(what, count, most)| {
        format!("against it: {what} {count} of {most}, at which it has failed")
    }));
    if trial.state == TrialState::Pending {
        findings.push(waits_for(record.suspicion).into());
    }
    let refused = trial.events.iter().filter(|event| event.kind == "refused");
    findings.extend(refused.map(|event| {
        format!(
            "refused at {}: {} of attempt {} by {}, which was no longer its lease",
            text(&super::output::iso_time(event.at_ms)),
            event.detail,
            event
                .attempt
                .map_or_else(|| "?".into(), |attempt| attempt.to_string()),
            event.worker_id.as_deref().unwrap_or("somebody")
        )
    }));
    findings
}

const fn waits_for(suspicion: Suspicion) -> &'static str {
    match suspicion {
        Suspicion::None | Suspicion::LostOnce => "it waits for a worker",
        Suspicion::Suspect => {
            "it is a suspect, because workers died while they ran it: it waits until nothing else of \
             its sweep is pending, and then for a worker that runs nothing else"
        }
    }
}

fn of_attempt(attempt: &AttemptDetail) -> String {
    let AttemptDetail {
        attempt: number,
        worker_id,
        host,
        device,
        ..
    } = attempt;
    let how = match &attempt.ended {
        None => "runs".to_owned(),
        Some((_, ending)) => {
            let mut how = ending.name().to_owned();
            if let Some(cause) = ending.cause() {
                how += &format!(" ({cause}, {})", verdict(attempt.blamed));
            }
            match ending.message() {
                "" => how,
                message => format!("{how}: {message}"),
            }
        }
    };
    format!("attempt {number} on {worker_id} ({host}, {device}): {how}")
}

const fn verdict(blamed: bool) -> &'static str {
    if blamed {
        "counted against the trial"
    } else {
        "not counted: its worker ran others, too"
    }
}

fn subject_of_sweep(sweep: &SweepSummary) -> String {
    format!(
        "sweep {} ({}) is {}",
        sweep.sweep_id,
        sweep.name,
        sweep.state.name()
    )
}

fn of_sweep(sweep: &SweepSummary, troubles: &Troubles) -> Vec<String> {
    let counts = &sweep.trials;
    let mut findings = Vec::new();
    if !sweep.state_reason.is_empty() {
        findings.push(format!("why: {}", sweep.state_reason));
    }
    findings.push(format!(
        "{} of {} trials have ended, {} of them failed; {} run on {} workers",
        counts.ended(),
        counts.total(),
        counts.failed,
        troubles.running,
        troubles.workers
    ));
    findings.extend(why_pending(sweep, troubles));
    findings.extend(troubles.deaths.iter().map(of_deaths));
    findings
}

fn why_pending(sweep: &SweepSummary, troubles: &Troubles) -> Option<String> {
    let pending = sweep.trials.pending;
    let id = sweep.sweep_id;
    match (sweep.state, pending) {
        (_, 0) | (SweepState::Finished | SweepState::Cancelled, _) => None,
        (SweepState::Paused, _) => Some(format!(
            "{pending} trials are pending until `pondersweep resume {id}`"
        )),
        (SweepState::Active, _) if troubles.suspects == pending => Some(format!(
            "the {pending} pending trials are suspects: each runs alone on a worker that runs nothing \
             else"
        )),
        (SweepState::Active, _) if troubles.running == 0 => Some(format!(
            "{pending} trials are pending and no worker holds any: none is there, or none is free"
        )),
        (SweepState::Active, _) => Some(format!("{pending} trials wait for a free worker")),
    }
}

fn of_deaths(deaths: &Deaths) -> String {
    let Deaths {
        cause,
        blamed,
        attempts,
        trials,
        last_message,
    } = deaths;
    let mut text = format!(
        "{attempts} attempts of {trials} trials died of {cause}, {}",
        verdict(*blamed)
    );
    if !last_message.is_empty() {
        text += &format!("; the last: {last_message}");
    }
    text
}
