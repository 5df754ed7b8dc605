//! Answers as wire messages.

use pondersweep_proto::{metric::Observation, wire};

use crate::{
    driver::{SweepProgress, SweepView},
    scheduler::{SweepState, TrialCounts, TrialState},
    store::TrialResult,
};

pub(super) fn sweep(view: &SweepView) -> wire::Sweep {
    wire::Sweep {
        sweep_id: view.sweep_id.to_string(),
        spec: Some((&*view.spec).into()),
        state: sweep_state(view.state).into(),
        trials: Some(trial_counts(&view.counts)),
        created_at_ms: view.created_at_ms,
    }
}

pub(super) fn progress(progress: &SweepProgress) -> wire::SweepProgress {
    wire::SweepProgress {
        sweep: Some(sweep(&progress.sweep)),
        workers: progress.workers,
        updates_done: progress.updates_done,
        updates_total: progress.updates_total,
    }
}

pub(super) fn result(result: &TrialResult, seed: u64) -> wire::TrialResult {
    let step = result.step.unwrap_or_default();
    let metrics = result.metrics.iter();
    wire::TrialResult {
        trial_id: result.trial_id.0,
        trial_key: result.trial_key.to_string(),
        spec: Some((&result.spec(seed)).into()),
        state: trial_state(result.outcome).into(),
        attempt: result.attempts.0,
        metrics: metrics
            .map(|(metric, value)| {
                Observation {
                    step,
                    metric,
                    value,
                }
                .into()
            })
            .collect(),
        seconds: result.seconds.unwrap_or_default(),
        worker_id: result.worker_id.clone(),
    }
}

fn trial_counts(counts: &TrialCounts) -> wire::TrialCounts {
    let &TrialCounts {
        pending,
        leased,
        succeeded,
        infeasible,
        failed,
        cancelled,
    } = counts;
    wire::TrialCounts {
        pending,
        leased,
        succeeded,
        infeasible,
        failed,
        cancelled,
    }
}

const fn sweep_state(state: SweepState) -> wire::SweepState {
    match state {
        SweepState::Active => wire::SweepState::Active,
        SweepState::Paused => wire::SweepState::Paused,
        SweepState::Cancelled => wire::SweepState::Cancelled,
        SweepState::Finished => wire::SweepState::Finished,
    }
}

const fn trial_state(state: TrialState) -> wire::TrialState {
    match state {
        TrialState::Pending => wire::TrialState::Pending,
        TrialState::Leased => wire::TrialState::Leased,
        TrialState::Succeeded => wire::TrialState::Succeeded,
        TrialState::Infeasible => wire::TrialState::Infeasible,
        TrialState::Failed => wire::TrialState::Failed,
        TrialState::Cancelled => wire::TrialState::Cancelled,
    }
}

/// The domain state a wire state stands for; `None` for the unspecified one.
pub(super) const fn trial_state_of(state: wire::TrialState) -> Option<TrialState> {
    Some(match state {
        wire::TrialState::Unspecified => return None,
        wire::TrialState::Pending => TrialState::Pending,
        wire::TrialState::Leased => TrialState::Leased,
        wire::TrialState::Succeeded => TrialState::Succeeded,
        wire::TrialState::Infeasible => TrialState::Infeasible,
        wire::TrialState::Failed => TrialState::Failed,
        wire::TrialState::Cancelled => TrialState::Cancelled,
    })
}
