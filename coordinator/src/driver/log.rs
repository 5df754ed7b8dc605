//! Says in the log what was committed, each with its sweep, trial, attempt and worker as fields of
//! their own, so that a log in JSON can be searched by them. Nothing is said that is not durable.

use pondersweep_proto::{
    failure::Cause,
    id::{LeaseToken, TrialId, WorkerId},
};
use tracing::{Level, Span, field::Empty};

use super::{command::LeaseRequest, sweeps::Sweeps};
use crate::scheduler::{Change, Ending};

/// The span of a worker's call. Its sweep is known once the driver has it, see [`served`].
pub(super) fn call(worker_id: &WorkerId, request: &LeaseRequest) -> Span {
    let token = request.token();
    tracing::info_span!(
        "call",
        call = request.name(),
        worker = %worker_id,
        sweep = Empty,
        trial = token.map(|token| token.trial_id.0),
        attempt = token.map(|token| token.attempt.0),
    )
}

/// Says in the span of a call that it was served, and of which sweep it was. Nothing is durable
/// yet.
pub(super) fn served(span: &Span, token: Option<LeaseToken>, accepted: bool, sweeps: &Sweeps) {
    if span.is_disabled() {
        return;
    }
    if let Some(sweep) = token.and_then(|token| sweep_of(token.trial_id, sweeps)) {
        span.record("sweep", sweep);
    }
    span.in_scope(|| tracing::debug!(accepted, "served"));
}

/// The span of a commit and of what is said about it.
pub(super) fn commit(changes: usize) -> Span {
    tracing::info_span!("commit", changes)
}

/// Logs the changes of one commit.
pub(super) fn committed(changes: &[Change], sweeps: &Sweeps) {
    // A million trials may change at once, and most often the log is off.
    if !tracing::enabled!(Level::INFO) {
        return;
    }
    for change in changes {
        match change {
            Change::Sweep {
                sweep_id,
                state,
                reason,
                ..
            } => tracing::info!(sweep = %sweep_id, state = state.name(), reason, "sweep"),
            Change::Leased {
                token, worker_id, ..
            } => {
                let (sweep, trial, attempt) = fields(*token, sweeps);
                tracing::debug!(sweep, trial, attempt, worker = %worker_id, "leased");
            }
            Change::Ended { token, ending, .. } => ended(*token, ending, sweeps),
            Change::Refused {
                token,
                worker_id,
                call,
            } => {
                let (sweep, trial, attempt) = fields(*token, sweeps);
                tracing::info!(sweep, trial, attempt, worker = %worker_id, call, "refused");
            }
            Change::StartedFromCheckpoint {
                token,
                updates_done,
                ..
            } => {
                let (sweep, trial, attempt) = fields(*token, sweeps);
                tracing::info!(
                    sweep,
                    trial,
                    attempt,
                    updates_done,
                    "started from a checkpoint"
                );
            }
            // They come and go, and no result depends on one.
            Change::CheckpointSaved { .. } | Change::CheckpointDropped { .. } => {}
            Change::Trial { trial_id, state } => {
                let sweep = sweep_of(*trial_id, sweeps);
                tracing::debug!(sweep, trial = trial_id.0, state = state.name(), "trial");
            }
        }
    }
}

fn ended(token: LeaseToken, ending: &Ending, sweeps: &Sweeps) {
    let (sweep, trial, attempt) = fields(token, sweeps);
    let (name, reason) = (ending.name(), ending.message());
    let cause = ending.cause().map(Cause::name);
    if matches!(ending, Ending::Succeeded | Ending::Returned) {
        tracing::debug!(sweep, trial, attempt, ending = name, "ended");
    } else {
        tracing::info!(sweep, trial, attempt, ending = name, cause, reason, "ended");
    }
}

/// Sweep, trial and attempt. A refused token may name a trial that never was.
fn fields(token: LeaseToken, sweeps: &Sweeps) -> (Option<String>, u64, u32) {
    let sweep = sweep_of(token.trial_id, sweeps);
    (sweep, token.trial_id.0, token.attempt.0)
}

fn sweep_of(trial_id: TrialId, sweeps: &Sweeps) -> Option<String> {
    let entry = sweeps.of_trial(trial_id)?;
    Some(entry.sweep_id.to_string())
}
