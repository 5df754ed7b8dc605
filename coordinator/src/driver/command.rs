//! What may be asked of the driver, and the answers that wait for a commit.

use std::sync::Arc;

use pondersweep_proto::{
    ending::EndedAttempt,
    error::{LeaseError, SweepError},
    failure::Failure,
    id::{Attempt, LeaseToken, SweepId, TrialId, WorkerId},
    metric::Observation,
    program::ProgramFile,
    wire,
};
use tokio::sync::oneshot;
use tracing::Span;

use crate::{
    allocation::Allocation,
    scheduler::{Checkpoint, Process, Saved, SweepState, TrialCounts, TrialState},
    store::WorkerRecord,
    sweep::SweepSpec,
    trust::TokenId,
};

/// A sweep as it stands.
#[derive(Clone, Debug)]
pub struct SweepView {
    /// Its identity.
    pub sweep_id: SweepId,
    /// What it runs.
    pub spec: Arc<SweepSpec>,
    /// Whether it runs.
    pub state: SweepState,
    /// Why, for people.
    pub state_reason: String,
    /// Its trials by state.
    pub counts: TrialCounts,
    /// When it was submitted, in milliseconds since 1970-01-01 UTC.
    pub created_at_ms: i64,
}

/// How far a sweep is.
#[derive(Clone, Debug)]
pub struct SweepProgress {
    /// The sweep.
    pub sweep: SweepView,
    /// Workers heard of within one lease term.
    pub workers: u32,
    /// Parameter updates of ended trials and, as last reported, of leased ones.
    pub updates_done: u64,
    /// Parameter updates of the whole sweep.
    pub updates_total: u64,
}

/// A change a person makes to a sweep.
#[derive(Clone, Debug)]
pub(super) enum SweepChange {
    /// Look only.
    None,
    Pause,
    Resume,
    Cancel,
    /// Make ended trials of these states pending again.
    Retry(Vec<TrialState>),
    /// Let configurations have more of the replicates that were withheld.
    Allocate(Vec<Allocation>),
}

/// Who speaks: a worker, with the token it showed. A worker's name belongs to the token that
/// registered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Speaker {
    /// The name.
    pub worker_id: WorkerId,
    /// The token; `None` where none is asked for.
    pub token_id: Option<TokenId>,
}

impl From<WorkerId> for Speaker {
    /// Where no token is asked for.
    fn from(worker_id: WorkerId) -> Self {
        let token_id = None;
        Self {
            worker_id,
            token_id,
        }
    }
}

/// What a worker asks.
#[derive(Clone, Debug)]
pub enum LeaseRequest {
    /// Up to `max_lanes` trials of one shape.
    Acquire {
        /// Unique for each acquisition; a repeated one gets the same leases.
        request_id: String,
        /// The most trials wanted.
        max_lanes: u32,
        /// Only trials of this sweep.
        only: Option<SweepId>,
        /// Only trials that can be trained together with this one, which the worker holds.
        together_with: Option<LeaseToken>,
        /// What needs the worker meets.
        offers: Vec<String>,
    },
    /// A fresh term for each lease.
    Renew {
        /// The leases, and how many updates each has done.
        leases: Vec<(LeaseToken, u64)>,
        /// The worker takes nothing more.
        draining: bool,
    },
    /// Observations of a running attempt.
    Report {
        /// Whose.
        token: LeaseToken,
        /// What was measured.
        observations: Vec<Observation>,
    },
    /// Whether the worker may save such a checkpoint: asked before it sends one.
    MaySaveCheckpoint {
        /// Whose.
        token: LeaseToken,
        /// Parameter updates done by then.
        updates_done: u64,
        /// Its size.
        bytes: u64,
    },
    /// The checkpoint of the trial that the worker holds, if it has one.
    LoadCheckpoint(LeaseToken),
    /// The files of the program that the trial runs.
    LoadProgramFiles(LeaseToken),
    /// A checkpoint whose bytes are durable.
    SaveCheckpoint {
        /// Of which trial.
        trial_id: TrialId,
        /// What to keep of it; its attempt is the worker's lease.
        checkpoint: Checkpoint,
    },
    /// An attempt starts from a checkpoint.
    StartFromCheckpoint {
        /// The attempt that starts.
        token: LeaseToken,
        /// The attempt that wrote the checkpoint.
        from: Attempt,
        /// Parameter updates done by then.
        updates_done: u64,
    },
    /// Attempts that ended, each by itself.
    Finish(Vec<EndedAttempt>),
    /// Hand back everything.
    Drain,
}

impl LeaseRequest {
    /// The call's name in logs.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Acquire { .. } => "acquire",
            Self::Renew { .. } => "renew",
            Self::Report { .. } => "report",
            Self::MaySaveCheckpoint { .. } => "may_save_checkpoint",
            Self::LoadCheckpoint(_) => "load_checkpoint",
            Self::LoadProgramFiles(_) => "load_program_files",
            Self::SaveCheckpoint { .. } => "save_checkpoint",
            Self::StartFromCheckpoint { .. } => "start_from_checkpoint",
            Self::Finish(_) => "finish",
            Self::Drain => "drain",
        }
    }

    /// The attempt it speaks for, if it is one alone.
    pub(super) fn token(&self) -> Option<LeaseToken> {
        match self {
            Self::Report { token, .. }
            | Self::MaySaveCheckpoint { token, .. }
            | Self::LoadCheckpoint(token)
            | Self::LoadProgramFiles(token)
            | Self::StartFromCheckpoint { token, .. } => Some(*token),
            Self::SaveCheckpoint {
                trial_id,
                checkpoint,
            } => Some(LeaseToken {
                trial_id: *trial_id,
                attempt: checkpoint.attempt,
            }),
            Self::Finish(reports) => match &reports[..] {
                [only] => Some(only.token),
                _ => None,
            },
            Self::Acquire { .. } | Self::Renew { .. } | Self::Drain => None,
        }
    }
}

/// The right to run an attempt, and what to run.
#[derive(Clone, Debug)]
pub struct LeaseView {
    /// The right.
    pub token: LeaseToken,
    /// What to train.
    pub spec: wire::TrialSpec,
    /// Where it can go on.
    pub checkpoint: Option<Checkpoint>,
}

/// What a worker is granted.
#[derive(Clone, Debug)]
pub enum Grant {
    /// Leases, and whether there is nothing left to do anywhere.
    Leases {
        /// Trials of one shape; empty when nothing can be dispatched.
        leases: Vec<LeaseView>,
        /// Nothing is pending and nothing is leased.
        idle: bool,
    },
    /// Leases the worker no longer holds.
    Lost(Vec<LeaseToken>),
    /// Done.
    Done,
    /// The files of the trial's program.
    Files(Vec<ProgramFile>),
    /// The trial's checkpoint.
    Checkpoint(Option<Checkpoint>),
    /// Whether the checkpoint is the trial's newest now.
    Saved(Saved),
    /// This many leases were handed back.
    Returned(u32),
}

/// A command and where its answer goes.
pub(super) enum Command {
    CreateSweep {
        spec: Box<SweepSpec>,
        reply: oneshot::Sender<(SweepView, bool)>,
    },
    Sweep {
        name: String,
        change: SweepChange,
        /// The sweep, and how many trials were made pending.
        reply: oneshot::Sender<Result<(SweepView, u64), SweepError>>,
    },
    ListSweeps {
        reply: oneshot::Sender<Vec<SweepView>>,
    },
    Progress {
        name: String,
        reply: oneshot::Sender<Result<SweepProgress, SweepError>>,
    },
    Register {
        worker: WorkerRecord,
        reply: oneshot::Sender<Result<(), LeaseError>>,
    },
    /// The process that started a worker's process saw it die.
    ProcessDied {
        process: Process,
        failure: Failure,
        /// How many leases ended with it.
        reply: oneshot::Sender<usize>,
    },
    /// The program that starts a coordinator knows of processes that cannot reach it.
    TakeBack {
        is_gone: fn(&Process) -> bool,
        /// How many leases ended.
        reply: oneshot::Sender<usize>,
    },
    Lease {
        speaker: Speaker,
        request: LeaseRequest,
        /// What is logged while it is served belongs to the call.
        span: Span,
        reply: oneshot::Sender<Result<Grant, LeaseError>>,
    },
}

/// Answers that wait until what they promise is durable.
#[derive(Default)]
pub(super) struct Replies(Vec<Box<dyn FnOnce() + Send>>);

impl Replies {
    /// Keeps an answer for after the commit.
    pub(super) fn add<T: Send + 'static>(&mut self, to: oneshot::Sender<T>, answer: T) {
        // An asker that has gone away repeats its call and gets the same answer then.
        self.0.push(Box::new(move || drop(to.send(answer))));
    }

    /// Sends every answer.
    pub(super) fn send(self) {
        self.0.into_iter().for_each(|reply| reply());
    }
}
