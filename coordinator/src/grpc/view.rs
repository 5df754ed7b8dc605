//! Answers as wire messages, and the states and counts in them back.

use pondersweep_proto::wire;

use crate::{
    driver::{SweepProgress, SweepView},
    scheduler::{Checkpoint, SweepState, TrialCounts, TrialState},
    store::{CellTally, WorkerStanding, WorkerStatus},
};

pub(super) fn sweep(view: &SweepView) -> wire::Sweep {
    wire::Sweep {
        sweep_id: view.sweep_id.to_string(),
        spec: view.spec.json().into(),
        name: view.spec.terms().name.clone(),
        state: wire::SweepState::from(view.state).into(),
        trials: Some(view.counts.into()),
        created_at_ms: view.created_at_ms,
        state_reason: view.state_reason.clone(),
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

/// A worker as it stands at a moment, in milliseconds since 1970-01-01 UTC.
pub(crate) fn worker(status: &WorkerStatus, now_ms: i64) -> wire::WorkerStatus {
    let worker = &status.worker;
    let machine = &worker.machine;
    wire::WorkerStatus {
        worker: Some(wire::WorkerInfo {
            worker_id: worker.worker_id.to_string(),
            host: worker.host.clone(),
            process_id: worker.process_id,
            device: worker.device.clone(),
            backend: worker.backend.clone(),
            version: worker.version.clone(),
            binary_sha256: worker.binary_sha256.clone(),
            slots: worker.slots,
            cpu: machine.cpu.clone(),
            cpu_features: machine.cpu_features.clone(),
            instructions: machine.instructions.clone(),
            gpu: machine.gpu.clone(),
        }),
        standing: wire::WorkerStanding::from(status.standing(now_ms)).into(),
        registered_at_ms: status.registered_at_ms,
        last_heard_at_ms: status.last_heard_at_ms,
        holds: status.holds,
        done: status.done,
        failed: status.failed,
        lapsed: status.lapsed,
    }
}

pub(super) const fn cell(tally: &CellTally) -> wire::Cell {
    wire::Cell {
        position: tally.position,
        results: tally.results,
        solved: tally.solved,
        waiting: tally.waiting,
        without_result: tally.without_result,
        withheld: tally.withheld,
    }
}

pub(super) const fn checkpoint(checkpoint: &Checkpoint) -> wire::Checkpoint {
    wire::Checkpoint {
        attempt: checkpoint.attempt.0,
        updates_done: checkpoint.updates_done,
        bytes: checkpoint.bytes,
    }
}

impl From<TrialCounts> for wire::TrialCounts {
    fn from(counts: TrialCounts) -> Self {
        let TrialCounts {
            pending,
            leased,
            succeeded,
            infeasible,
            failed,
            cancelled,
            withheld,
        } = counts;
        Self {
            pending,
            leased,
            succeeded,
            infeasible,
            failed,
            cancelled,
            withheld,
        }
    }
}

impl From<wire::TrialCounts> for TrialCounts {
    fn from(counts: wire::TrialCounts) -> Self {
        let wire::TrialCounts {
            pending,
            leased,
            succeeded,
            infeasible,
            failed,
            cancelled,
            withheld,
        } = counts;
        Self {
            pending,
            leased,
            succeeded,
            infeasible,
            failed,
            cancelled,
            withheld,
        }
    }
}

/// A state that a peer left out, or that this program does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state is not specified")]
pub struct UnspecifiedState;

impl From<SweepState> for wire::SweepState {
    fn from(state: SweepState) -> Self {
        match state {
            SweepState::Active => Self::Active,
            SweepState::Paused => Self::Paused,
            SweepState::Cancelled => Self::Cancelled,
            SweepState::Finished => Self::Finished,
        }
    }
}

impl TryFrom<wire::SweepState> for SweepState {
    type Error = UnspecifiedState;

    fn try_from(state: wire::SweepState) -> Result<Self, UnspecifiedState> {
        Ok(match state {
            wire::SweepState::Unspecified => return Err(UnspecifiedState),
            wire::SweepState::Active => Self::Active,
            wire::SweepState::Paused => Self::Paused,
            wire::SweepState::Cancelled => Self::Cancelled,
            wire::SweepState::Finished => Self::Finished,
        })
    }
}

impl From<WorkerStanding> for wire::WorkerStanding {
    fn from(standing: WorkerStanding) -> Self {
        match standing {
            WorkerStanding::Working => Self::Working,
            WorkerStanding::Draining => Self::Draining,
            WorkerStanding::Left => Self::Left,
            WorkerStanding::Silent => Self::Silent,
        }
    }
}

impl TryFrom<wire::WorkerStanding> for WorkerStanding {
    type Error = UnspecifiedState;

    fn try_from(standing: wire::WorkerStanding) -> Result<Self, UnspecifiedState> {
        Ok(match standing {
            wire::WorkerStanding::Unspecified => return Err(UnspecifiedState),
            wire::WorkerStanding::Working => Self::Working,
            wire::WorkerStanding::Draining => Self::Draining,
            wire::WorkerStanding::Left => Self::Left,
            wire::WorkerStanding::Silent => Self::Silent,
        })
    }
}

impl From<TrialState> for wire::TrialState {
    fn from(state: TrialState) -> Self {
        match state {
            TrialState::Pending => Self::Pending,
            TrialState::Leased => Self::Leased,
            TrialState::Succeeded => Self::Succeeded,
            TrialState::Infeasible => Self::Infeasible,
            TrialState::Failed => Self::Failed,
            TrialState::Cancelled => Self::Cancelled,
            TrialState::Withheld => Self::Withheld,
        }
    }
}

impl TryFrom<wire::TrialState> for TrialState {
    type Error = UnspecifiedState;

    fn try_from(state: wire::TrialState) -> Result<Self, UnspecifiedState> {
        Ok(match state {
            wire::TrialState::Unspecified => return Err(UnspecifiedState),
            wire::TrialState::Pending => Self::Pending,
            wire::TrialState::Leased => Self::Leased,
            wire::TrialState::Succeeded => Self::Succeeded,
            wire::TrialState::Infeasible => Self::Infeasible,
            wire::TrialState::Failed => Self::Failed,
            wire::TrialState::Cancelled => Self::Cancelled,
            wire::TrialState::Withheld => Self::Withheld,
        })
    }
}
