//! What there is to say about a trial: its attempts and the machines that ran them, what stands
//! against it, what it waits for and what was refused. Pure: the trial is an argument.

use super::{
    eta::lasting,
    iso_time,
    sweep::{Scene, verdict},
    waiting::{silence, waiting},
};
use crate::{
    scheduler::{Suspicion, SweepState, TrialState},
    store::{AttemptDetail, Event, TrialDetail, WorkerStanding},
    sweep::SweepTerms,
};

/// Digits of a binary's hash that tell it from others.
const HASH_DIGITS: usize = 12;

pub(crate) fn subject(trial: &TrialDetail) -> String {
    format!(
        "trial {} of sweep {} is {}",
        trial.trial_id,
        trial.sweep_id,
        trial.state.name()
    )
}

pub(crate) fn findings(trial: &TrialDetail, terms: &SweepTerms) -> Vec<String> {
    let mut findings: Vec<String> = trial.attempts.iter().map(attempt).collect();
    if trial.attempts.is_empty() {
        findings.push(match trial.state {
            TrialState::Withheld => {
                "it is withheld: it is run only if its configuration is given more \
                                     replicates, by `pondersweep allocate` or `run --until-ci`"
                    .into()
            }
            _ => "it has never run".into(),
        });
    }
    findings.extend(against(trial, terms));
    let refused = trial.events.iter().filter(|event| event.kind == "refused");
    findings.extend(refused.map(refusal));
    findings
}

fn against<'a>(trial: &'a TrialDetail, terms: &'a SweepTerms) -> impl Iterator<Item = String> + 'a {
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
    let against = counts.into_iter().filter(|(_, count, _)| *count > 0);
    against.map(|(what, count, most)| {
        format!("against it: {what} {count} of {most}, at which it has failed")
    })
}

fn refusal(event: &Event) -> String {
    let attempt = event.attempt.map(|attempt| attempt.to_string());
    format!(
        "refused at {}: {} of attempt {} by {}, which was no longer its lease",
        iso_time(event.at_ms),
        event.detail,
        attempt.as_deref().unwrap_or("?"),
        event.worker_id.as_deref().unwrap_or("somebody")
    )
}

fn attempt(attempt: &AttemptDetail) -> String {
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
    let from = attempt.started_from_updates.map_or_else(String::new, |at| {
        format!(", from the checkpoint at update {at}")
    });
    format!(
        "attempt {} on {} ({}){from}: {how}",
        attempt.attempt,
        attempt.worker_id,
        machine(attempt)
    )
}

/// Where an attempt ran and what computed it.
fn machine(attempt: &AttemptDetail) -> String {
    let binary: String = attempt.binary_sha256.chars().take(HASH_DIGITS).collect();
    let parts = [
        attempt.host.clone(),
        attempt.device.clone(),
        attempt.instructions.clone(),
        attempt.cpu.clone(),
        attempt.gpu.clone(),
        format!("version {}", attempt.version),
        format!("binary {binary}"),
    ];
    let told: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    told.join(", ")
}

/// What has to happen before the trial goes on.
pub(crate) fn waits_for(trial: &TrialDetail, scene: &Scene) -> Vec<String> {
    let mut findings = Vec::new();
    if trial.state == TrialState::Pending {
        findings.push(pending(trial, scene));
        findings.extend(waiting(scene).map(|why| format!("of its sweep, {why}")));
        findings.extend(
            trial
                .checkpoint_updates
                .map(|at| format!("it goes on from its checkpoint at update {at}")),
        );
    } else {
        findings.extend(silent_holder(trial, scene));
    }
    findings
}

fn pending(trial: &TrialDetail, scene: &Scene) -> String {
    let waits = match trial.record.suspicion {
        _ if scene.sweep.state == SweepState::Paused => "it waits until its sweep is resumed",
        Suspicion::None | Suspicion::LostOnce => "it waits for a worker",
        Suspicion::Suspect => {
            "it is a suspect, because workers died while they ran it: it waits until nothing else of \
             its sweep is pending, and then for a worker that runs nothing else"
        }
    };
    waits.into()
}

/// The worker that runs it, if that should have been heard of.
fn silent_holder(trial: &TrialDetail, scene: &Scene) -> Option<String> {
    let running = trial.attempts.last().filter(|last| last.ended.is_none())?;
    let mut workers = scene.workers.iter();
    let (standing, holder) =
        workers.find(|(_, status)| status.worker.worker_id.as_str() == running.worker_id)?;
    let silence = lasting(silence(holder, scene.now_ms));
    (*standing == WorkerStanding::Silent).then(|| {
        format!(
            "its worker has not been heard of for {silence}: its lease lapses, and another worker runs it, \
             as soon as a coordinator notices"
        )
    })
}
