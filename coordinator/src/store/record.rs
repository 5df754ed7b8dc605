//! What goes into the database and what comes back from it, in the words of the rest of the
//! program. Plain data: rows and SQL stay in the files that use them.

use std::time::Duration;

use pondersweep_proto::{
    breakdown::Breakdown,
    id::{LeaseToken, SweepId, TrialId, WorkerId},
    metric::Observation,
};

use crate::{
    scheduler::{Baseline, Change, Checkpoint, Process, RestoredTrial, SweepState},
    sweep::SweepSpec,
    trust::TokenId,
};

/// What a worker says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerRecord {
    /// Chosen by the worker, unique for its life.
    pub worker_id: WorkerId,
    /// The machine it runs on.
    pub host: String,
    /// Its process there.
    pub process_id: u32,
    /// What it computes on, such as `cpu` or `cuda:0`.
    pub device: String,
    /// The library it computes with, such as `flex`.
    pub backend: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of its executable.
    pub binary_sha256: String,
    /// Trials it can train at once.
    pub slots: u32,
    /// What the machine is made of.
    pub machine: MachineRecord,
    /// The token it registered with; no other speaks for it. `None` where none was asked for.
    pub token_id: Option<TokenId>,
}

/// A machine, as it describes itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MachineRecord {
    /// The processor's model.
    pub cpu: String,
    /// Its instruction set extensions that matter to arithmetic, separated by spaces.
    pub cpu_features: String,
    /// The vector instructions of the kernels, such as `avx512`; empty where the device has none.
    pub instructions: String,
    /// Its graphics processors, separated by commas.
    pub gpu: String,
}

/// What a worker is about, by its own word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum WorkerState {
    /// It takes trials.
    #[default]
    Working,
    /// It ends what it holds and takes nothing more.
    Draining,
    /// It has handed everything back.
    Left,
}

impl WorkerState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Working, Self::Draining, Self::Left];

    /// Its name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Draining => "draining",
            Self::Left => "left",
        }
    }
}

/// How often it is written who was heard of: often enough for people who look, and so rarely that a
/// thousand workers that beat cost one statement now and then.
pub const RECORD_SIGHTINGS_EVERY: Duration = Duration::from_secs(5);

/// A worker that was heard of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Who.
    pub worker_id: WorkerId,
    /// What it is about.
    pub state: WorkerState,
}

impl WorkerRecord {
    /// The process it lives in.
    #[must_use]
    pub fn process(&self) -> Process {
        Process {
            host: self.host.clone(),
            process_id: self.process_id,
        }
    }
}

/// Observations of one attempt. Repeating one is harmless: the first value stays.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptReport {
    /// Whose observations; the attempt must exist when the batch is committed.
    pub token: LeaseToken,
    /// What it measured.
    pub observations: Vec<Observation>,
}

/// Everything one commit writes: all of it or nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// The moment of every change, in milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// Workers that became known or changed what they say of themselves.
    pub workers: Vec<WorkerRecord>,
    /// The term of leases that those workers are told, in milliseconds.
    pub lease_duration_ms: u64,
    /// Workers that were heard of by now.
    pub sightings: Vec<Sighting>,
    /// What the scheduler decided, in its order.
    pub changes: Vec<Change>,
    /// What attempts measured. They are written before the changes, so an attempt that ends in
    /// this batch counts its last observations.
    pub reports: Vec<AttemptReport>,
    /// Compute time of attempts, in seconds; numbers that are not finite are left out.
    pub seconds: Vec<(LeaseToken, f64)>,
    /// Last evaluations, broken down, of trials that have succeeded when the changes are written.
    pub breakdowns: Vec<(LeaseToken, Breakdown)>,
}

impl Batch {
    /// Whether there is nothing to write.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.workers.is_empty()
            && self.sightings.is_empty()
            && self.changes.is_empty()
            && self.reports.is_empty()
            && self.seconds.is_empty()
            && self.breakdowns.is_empty()
    }
}

/// A sweep as it was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredSweep {
    /// Its identity.
    pub sweep_id: SweepId,
    /// Its trials are this one and those that follow without a gap.
    pub first_trial_id: TrialId,
    /// When it was created, in milliseconds since 1970-01-01 UTC.
    pub created_at_ms: i64,
}

/// Everything a restart needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restored {
    /// Every sweep, in the order of creation.
    pub sweeps: Vec<RestoredSweep>,
    /// Every worker ever heard of.
    pub workers: Vec<WorkerRecord>,
    /// The checkpoints of trials that have not ended.
    pub checkpoints: Vec<(TrialId, Checkpoint)>,
}

/// A sweep read back.
#[derive(Clone, Debug, PartialEq)]
pub struct RestoredSweep {
    /// What it runs.
    pub spec: SweepSpec,
    /// Its state.
    pub state: SweepState,
    /// Why, for people.
    pub state_reason: String,
    /// Since when its failure rate is counted.
    pub baseline: Baseline,
    /// When it was created, in milliseconds since 1970-01-01 UTC.
    pub created_at_ms: i64,
    /// The identifier of the first of `trials`; the others follow without a gap.
    pub first_trial_id: TrialId,
    /// Every trial, in the order of [`SweepSpec::trial`].
    pub trials: Vec<RestoredTrial>,
}
