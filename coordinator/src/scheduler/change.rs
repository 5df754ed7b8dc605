//! What the scheduler decided, in the order it decided it: the only thing the store writes and the
//! only thing a restart reads back.

use pondersweep_proto::{
    failure::{Cause, Failure},
    id::{Attempt, LeaseToken, SweepId, TrialId, WorkerId},
};

use super::{blame::Record, checkpoint::Checkpoint, pace::Baseline};

/// The state of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SweepState {
    /// Its pending trials are dispatched.
    Active,
    /// Leased trials go on, no new ones are dispatched.
    Paused,
    /// Ended by a person.
    Cancelled,
    /// Every trial has ended, but for those that are withheld.
    Finished,
}

/// The state of a trial, as the database names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrialState {
    /// Waits for a worker.
    Pending,
    /// A worker runs it.
    Leased,
    /// Trained and measured.
    Succeeded,
    /// Training diverged: a result.
    Infeasible,
    /// The machinery failed more often than allowed.
    Failed,
    /// A person ended it.
    Cancelled,
    /// Not to be run unless its configuration is allocated more replicates.
    Withheld,
}

impl SweepState {
    /// The state's name in SQL and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
            Self::Finished => "finished",
        }
    }
}

impl TrialState {
    /// Every state.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Leased,
        Self::Succeeded,
        Self::Infeasible,
        Self::Failed,
        Self::Cancelled,
        Self::Withheld,
    ];

    /// The state's name in SQL and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Leased => "leased",
            Self::Succeeded => "succeeded",
            Self::Infeasible => "infeasible",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Withheld => "withheld",
        }
    }
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The trial was trained and measured.
    Succeeded,
    /// Training diverged; the text says at which update.
    Infeasible(String),
    /// The attempt gave no result, and somebody said why.
    Failed(Failure),
    /// The lease was not renewed in time: the worker is lost or cut off.
    Lapsed,
    /// The worker handed the lease back.
    Returned,
    /// A person cancelled the sweep.
    Cancelled,
}

impl Ending {
    /// The name of every ending.
    pub const NAMES: [&'static str; 6] = [
        "succeeded",
        "infeasible",
        "failed",
        "lapsed",
        "returned",
        "cancelled",
    ];

    /// The ending's name in SQL and in tables.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Infeasible(_) => "infeasible",
            Self::Failed(_) => "failed",
            Self::Lapsed => "lapsed",
            Self::Returned => "returned",
            Self::Cancelled => "cancelled",
        }
    }

    /// Why, for people; empty where the name says it all.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::Infeasible(why) => why,
            Self::Failed(failure) => &failure.message,
            Self::Succeeded | Self::Lapsed | Self::Returned | Self::Cancelled => "",
        }
    }

    /// What the attempt died of, if it did.
    #[must_use]
    pub const fn cause(&self) -> Option<Cause> {
        match self {
            Self::Failed(failure) => Some(failure.cause),
            Self::Lapsed => Some(Cause::WorkerLost),
            Self::Succeeded | Self::Infeasible(_) | Self::Returned | Self::Cancelled => None,
        }
    }
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A sweep changed state; the reason is for people.
    Sweep {
        /// Which sweep.
        sweep_id: SweepId,
        /// Its state now.
        state: SweepState,
        /// Why, for people.
        reason: String,
        /// Since when its failure rate is counted.
        baseline: Baseline,
    },
    /// An attempt began: the trial is `Leased`.
    Leased {
        /// The trial and its new attempt.
        token: LeaseToken,
        /// Who runs it.
        worker_id: WorkerId,
        /// The acquisition it was granted to, so that a repeated one gets the same leases.
        request_id: String,
    },
    /// An attempt ended and left its trial in a state.
    Ended {
        /// The trial and the attempt that ended.
        token: LeaseToken,
        /// How the attempt ended.
        ending: Ending,
        /// The trial's state now.
        state: TrialState,
        /// Whether the end was counted against the trial.
        blamed: bool,
        /// What stands against the trial now.
        record: Record,
    },
    /// A trial without a live attempt changed state: it was cancelled, made pending again, or
    /// allocated.
    Trial {
        /// Which trial.
        trial_id: TrialId,
        /// Its state now.
        state: TrialState,
    },
    /// A trial can go on from where it could not before.
    CheckpointSaved {
        /// Which trial.
        trial_id: TrialId,
        /// Its newest checkpoint.
        checkpoint: Checkpoint,
        /// The checkpoint it takes the place of, which is no longer needed.
        replaced: Option<Checkpoint>,
    },
    /// A trial has ended, so its checkpoint is no longer needed.
    CheckpointDropped {
        /// Which trial.
        trial_id: TrialId,
        /// What it was.
        checkpoint: Checkpoint,
    },
    /// An attempt starts from a checkpoint instead of update 0.
    StartedFromCheckpoint {
        /// The trial and the attempt that starts.
        token: LeaseToken,
        /// The attempt that wrote the checkpoint.
        from: Attempt,
        /// Parameter updates done by then.
        updates_done: u64,
    },
    /// A worker spoke for an attempt that is not current; nothing was changed by it.
    Refused {
        /// What it spoke for.
        token: LeaseToken,
        /// Who spoke.
        worker_id: WorkerId,
        /// The call, such as "finish".
        call: &'static str,
    },
}

impl Change {
    /// The checkpoint that is not needed once this change is durable.
    #[must_use]
    pub const fn unneeded(&self) -> Option<&Checkpoint> {
        match self {
            Self::CheckpointSaved { replaced, .. } => replaced.as_ref(),
            Self::CheckpointDropped { checkpoint, .. } => Some(checkpoint),
            _ => None,
        }
    }
}
