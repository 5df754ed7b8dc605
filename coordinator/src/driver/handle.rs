//! How the rest of the coordinator talks to the driver: messages, each answered after its commit.

use std::time::Duration;

use pondersweep_proto::{
    error::{LeaseError, SweepError},
    failure::Failure,
};
use tokio::sync::{mpsc, oneshot, watch};
use tracing::Instrument as _;

use super::{
    command::{Command, Grant, LeaseRequest, Speaker, SweepChange, SweepProgress, SweepView},
    log,
};
use crate::{
    allocation::Allocation,
    clock,
    monitor::Monitor,
    scheduler::{Process, TrialState},
    store::WorkerRecord,
    sweep::SweepSpec,
};

/// The driver has stopped; it says why where it was run.
#[derive(Debug)]
struct Stopped;

impl From<Stopped> for SweepError {
    fn from(Stopped: Stopped) -> Self {
        Self::Unavailable("the coordinator is stopping".into())
    }
}

impl From<Stopped> for LeaseError {
    fn from(Stopped: Stopped) -> Self {
        Self::Unavailable("the coordinator is stopping".into())
    }
}

/// Asks the driver. Cheap to clone.
#[derive(Clone, Debug)]
pub struct DriverHandle {
    commands: mpsc::Sender<Command>,
    version: watch::Receiver<u64>,
    lease_duration: Duration,
    monitor: Monitor,
}

impl DriverHandle {
    pub(super) const fn new(
        commands: mpsc::Sender<Command>,
        version: watch::Receiver<u64>,
        lease_duration: Duration,
        monitor: Monitor,
    ) -> Self {
        Self {
            commands,
            version,
            lease_duration,
            monitor,
        }
    }

    /// What is counted for Prometheus.
    #[must_use]
    pub fn monitor(&self) -> Monitor {
        self.monitor.clone()
    }

    /// How long a lease lasts without renewal.
    #[must_use]
    pub const fn lease_duration(&self) -> Duration {
        self.lease_duration
    }

    /// Changes whenever something was committed.
    #[must_use]
    pub fn version(&self) -> watch::Receiver<u64> {
        self.version.clone()
    }

    /// Creates a sweep, or finds the one with the same specification; true if it is new.
    ///
    /// # Errors
    /// The coordinator is stopping.
    pub async fn create_sweep(&self, spec: SweepSpec) -> Result<(SweepView, bool), SweepError> {
        Ok(self
            .ask(|reply| Command::CreateSweep {
                spec: Box::new(spec),
                reply,
            })
            .await?)
    }

    /// A sweep as it stands.
    ///
    /// # Errors
    /// No such sweep, or the coordinator is stopping.
    pub async fn sweep(&self, name: &str) -> Result<SweepView, SweepError> {
        Ok(self.change(name, SweepChange::None).await?.0)
    }

    /// Every sweep, oldest first.
    ///
    /// # Errors
    /// The coordinator is stopping.
    pub async fn sweeps(&self) -> Result<Vec<SweepView>, SweepError> {
        Ok(self.ask(|reply| Command::ListSweeps { reply }).await?)
    }

    /// Stops dispatching a sweep.
    ///
    /// # Errors
    /// No such sweep, its state does not allow it, or the coordinator is stopping.
    pub async fn pause(&self, name: &str) -> Result<SweepView, SweepError> {
        Ok(self.change(name, SweepChange::Pause).await?.0)
    }

    /// Dispatches a paused sweep again.
    ///
    /// # Errors
    /// As [`Self::pause`].
    pub async fn resume(&self, name: &str) -> Result<SweepView, SweepError> {
        Ok(self.change(name, SweepChange::Resume).await?.0)
    }

    /// Ends a sweep.
    ///
    /// # Errors
    /// As [`Self::pause`].
    pub async fn cancel(&self, name: &str) -> Result<SweepView, SweepError> {
        Ok(self.change(name, SweepChange::Cancel).await?.0)
    }

    /// Makes ended trials pending again and says how many.
    ///
    /// # Errors
    /// As [`Self::pause`].
    pub async fn retry(
        &self,
        name: &str,
        states: Vec<TrialState>,
    ) -> Result<(SweepView, u64), SweepError> {
        self.change(name, SweepChange::Retry(states)).await
    }

    /// Lets configurations have more of the replicates that were withheld, and says how many trials
    /// that are.
    ///
    /// # Errors
    /// As [`Self::pause`]; or the sweep has no such configuration, or fewer replicates.
    pub async fn allocate(
        &self,
        name: &str,
        allocations: Vec<Allocation>,
    ) -> Result<(SweepView, u64), SweepError> {
        self.change(name, SweepChange::Allocate(allocations)).await
    }

    /// How far a sweep is.
    ///
    /// # Errors
    /// No such sweep, or the coordinator is stopping.
    pub async fn progress(&self, name: &str) -> Result<SweepProgress, SweepError> {
        let name = name.to_owned();
        self.ask(|reply| Command::Progress { name, reply }).await?
    }

    /// Makes a worker known.
    ///
    /// # Errors
    /// Its name belongs to another token, or the coordinator is stopping.
    pub async fn register(&self, worker: WorkerRecord) -> Result<(), LeaseError> {
        self.ask(|reply| Command::Register { worker, reply })
            .await?
    }

    /// Ends everything that the workers of a process held, which was seen to die of this, and says
    /// how many leases that were.
    ///
    /// # Errors
    /// The coordinator is stopping.
    pub async fn process_died(
        &self,
        process: Process,
        failure: Failure,
    ) -> Result<usize, LeaseError> {
        Ok(self
            .ask(|reply| Command::ProcessDied {
                process,
                failure,
                reply,
            })
            .await?)
    }

    /// Takes back what the workers of such processes hold, blaming no trial, and returns the number
    /// of leases.
    ///
    /// # Errors
    /// The coordinator is stopping.
    pub async fn take_back(&self, is_gone: fn(&Process) -> bool) -> Result<usize, LeaseError> {
        Ok(self
            .ask(|reply| Command::TakeBack { is_gone, reply })
            .await?)
    }

    /// Serves a worker.
    ///
    /// # Errors
    /// The worker is not known, its name belongs to another token, it speaks for a lease it does
    /// not hold, or the coordinator is stopping.
    pub async fn lease(
        &self,
        speaker: impl Into<Speaker>,
        request: LeaseRequest,
    ) -> Result<Grant, LeaseError> {
        let asked = clock::now();
        let speaker = speaker.into();
        let span = log::call(&speaker.worker_id, &request);
        let asking = self.ask(|reply| Command::Lease {
            speaker,
            request,
            span: span.clone(),
            reply,
        });
        let grant = asking.instrument(span.clone()).await??;
        if matches!(&grant, Grant::Leases { leases, .. } if !leases.is_empty()) {
            self.monitor.note_dispatch(clock::now() - asked);
        }
        Ok(grant)
    }

    async fn change(
        &self,
        name: &str,
        change: SweepChange,
    ) -> Result<(SweepView, u64), SweepError> {
        let name = name.to_owned();
        self.ask(|reply| Command::Sweep {
            name,
            change,
            reply,
        })
        .await?
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, Stopped> {
        let (reply, answer) = oneshot::channel();
        self.commands
            .send(command(reply))
            .await
            .map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }
}
