//! Says in the log what was committed, each with its sweep, trial, attempt and worker as fields of
//! their own, so that a log in JSON can be searched by them. Nothing is said that is not durable.

use pondersweep_proto::{
    failure::Cause,
    id::{LeaseToken, TrialId},
};
use tracing::Level;

use super::sweeps::Sweeps;
use crate::scheduler::{Change, Ending};

/// Logs the changes of one commit.
pub(super) fn committed(changes: &[Change], sweeps: &Sweeps) {
    // A million trials may change at once, and most often nobody listens.
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
    let (outcome, reason) = (ending.name(), ending.message());
    let cause = ending.cause().map(Cause::name);
    if matches!(ending, Ending::Succeeded | Ending::Returned) {
        tracing::debug!(sweep, trial, attempt, outcome, "ended");
    } else {
        tracing::info!(sweep, trial, attempt, outcome, cause, reason, "ended");
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
