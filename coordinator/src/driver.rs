//! The one loop, and the only place where scheduler and store meet. It drains commands, lets the
//! scheduler decide, commits everything decided in one transaction, and only then answers: nothing
//! is acknowledged that is not durable. If a commit fails the loop ends with the error, and a
//! restart goes on from the database. It decides nothing about trials itself.

mod command;
mod creations;
mod handle;
mod log;
mod refusals;
mod reported;
mod roster;
mod serve;
mod steering;
mod sweeps;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use tokio::{
    runtime::Handle,
    sync::{mpsc, watch},
    task::JoinHandle,
    time::MissedTickBehavior,
};
use tokio_util::sync::CancellationToken;

pub use command::{Grant, LeaseRequest, LeaseView, Speaker, SweepProgress, SweepView};
pub use handle::DriverHandle;

use crate::{
    checkpoint::Garbage,
    clock,
    monitor::Monitor,
    scheduler::{Change, Scheduler, SchedulerLimits},
    store::{Batch, CommitError, DatabaseError, RestoreError, Store},
};
use command::{Command, Replies};
use creations::Creations;
use refusals::Refusals;
use roster::Roster;
use steering::Waiting;
use sweeps::Sweeps;

/// Commands committed together. More would delay the first answer without saving another flush.
const MAX_COMMANDS_PER_COMMIT: usize = 1_024;
/// Commands that may wait; senders beyond it wait themselves.
const MAX_WAITING_COMMANDS: usize = 4_096;

/// A round that comes later than a deadline by this part of a lease's term was kept from coming:
/// the process was stopped, or a commit took long. Renewals may wait unread, so no trial is blamed.
const LATE_PART_OF_A_TERM: u32 = 4;

/// How often the database's files are looked after while there is nothing to commit.
const VERIFY_FILES_EVERY: Duration = Duration::from_secs(1);

/// How long a worker that never ran anything is known after it was heard of last: a day, so that
/// people see who came for nothing.
const IDLE_WORKERS_STAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Why the driver had to stop. The database holds everything that was acknowledged.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// The database could not be written.
    #[error(
        "the database cannot be written, stopping so that nothing is acknowledged in vain: {0}"
    )]
    Commit(#[from] CommitError),
    /// The database could not be read back at the start.
    #[error("the database cannot be read back: {0}")]
    Restore(#[from] RestoreError),
    /// The database could not be closed.
    #[error("the database cannot be closed: {0}")]
    Close(#[from] DatabaseError),
}

/// The loop's state.
pub struct Driver {
    scheduler: Scheduler,
    /// Before the store, whose lock outlives every connection.
    creations: Creations,
    store: Store,
    sweeps: Sweeps,
    roster: Roster,
    refusals: Refusals,
    monitor: Monitor,
    /// Takes the bytes of checkpoints that are no longer needed.
    garbage: Garbage,
    commands: mpsc::Receiver<Command>,
    waiting: Waiting,
    lease_duration: Duration,
    /// Counts commits, so that watchers know when to look again.
    version: watch::Sender<u64>,
}

/// What one round of the loop has decided and not yet committed.
#[derive(Default)]
struct Round {
    batch: Batch,
    replies: Replies,
}

impl Driver {
    /// A driver that goes on where the database stopped: every live lease gets one fresh term.
    ///
    /// # Errors
    /// The database cannot be read back.
    pub async fn restore(
        mut store: Store,
        limits: SchedulerLimits,
    ) -> Result<(Self, DriverHandle), DriverError> {
        let long_ago = clock::now_ms().saturating_sub(IDLE_WORKERS_STAY_MS);
        let idle = store.forget_idle_workers(long_ago);
        let idle = idle.map_err(RestoreError::from)?.left;
        let restored = store.restore().await?;
        let now = clock::now();
        let (sweeps, scheduler_sweeps) = Sweeps::restore(restored.sweeps);
        let mut scheduler = Scheduler::restore(limits, scheduler_sweeps, now);
        for worker in &restored.workers {
            scheduler.register(&worker.worker_id, worker.process());
            scheduler.note_device(&worker.worker_id, &worker.device);
        }
        scheduler.restore_checkpoints(restored.checkpoints);
        let roster = Roster::restore(restored.workers, idle, limits.lease_duration);
        let (sender, commands) = mpsc::channel(MAX_WAITING_COMMANDS);
        let (version, watcher) = watch::channel(0);
        let monitor = Monitor::default();
        monitor.note_trials(&scheduler.total_counts());
        let handle = DriverHandle::new(sender, watcher, limits.lease_duration, monitor.clone());
        let driver = Self {
            scheduler,
            store,
            sweeps,
            roster,
            refusals: Refusals::default(),
            monitor,
            garbage: Garbage::default(),
            commands,
            waiting: Waiting::default(),
            creations: Creations::default(),
            lease_duration: limits.lease_duration,
            version,
        };
        Ok((driver, handle))
    }

    /// The blobs of every checkpoint that may still be needed.
    pub fn kept_blobs(&self) -> impl Iterator<Item = &str> {
        self.scheduler.checkpoint_blobs()
    }

    /// Hands the blobs of checkpoints that are no longer needed to a collector, from now on.
    #[must_use]
    pub fn with_garbage(mut self, garbage: Garbage) -> Self {
        self.garbage = garbage;
        self
    }

    /// Runs until told to stop or until every handle is gone, on a thread of its own: every commit
    /// keeps it waiting for the disk. The task ends with an error if the database could not be
    /// written.
    ///
    /// # Panics
    /// Outside of a runtime.
    #[must_use = "the task tells whether the database could be written"]
    pub fn start(self, stop: CancellationToken) -> JoinHandle<Result<(), DriverError>> {
        let runtime = Handle::current();
        tokio::task::spawn_blocking(move || runtime.block_on(self.run(stop)))
    }

    async fn run(mut self, stop: CancellationToken) -> Result<(), DriverError> {
        let ended = self.drive(stop).await;
        // What it was creating has a connection of its own, which goes before the database's lock.
        drop(self.creations);
        let closed = self.store.close().await;
        ended.and(closed.map_err(DriverError::Close))
    }

    async fn drive(&mut self, stop: CancellationToken) -> Result<(), DriverError> {
        let mut verify_files = tokio::time::interval(VERIFY_FILES_EVERY);
        verify_files.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let command = tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => Some(command),
                    None => break,
                },
                () = sleep_until(self.scheduler.poll_timeout()) => None,
                () = std::future::ready(()), if self.has_more_to_do() => None,
                () = self.creations.ready() => None,
                _ = verify_files.tick() => {
                    self.store.verify_files().map_err(CommitError::from)?;
                    self.forget_idle_workers().map_err(CommitError::from)?;
                    continue;
                }
                () = stop.cancelled() => break,
            };
            self.round(command).await?;
        }
        Ok(())
    }

    /// One round: timers, then commands as far as they are already there, then trials that follow a
    /// decision about their sweep, then one commit, then every answer, then a piece of a new sweep.
    async fn round(&mut self, first: Option<Command>) -> Result<(), DriverError> {
        let mut round = Round {
            batch: Batch {
                at_ms: clock::now_ms(),
                lease_duration_ms: u64::try_from(self.lease_duration.as_millis())
                    .unwrap_or(u64::MAX),
                ..Batch::default()
            },
            ..Round::default()
        };
        let now = clock::now();
        if self.is_late(now) {
            tracing::warn!("was kept from listening; every lease gets a fresh term");
            self.scheduler.restart_terms(now);
        }
        self.scheduler.handle_timeout(now);
        for command in self.take_deferred() {
            self.apply(command, now, &mut round);
        }
        let mut next = first.or_else(|| self.commands.try_recv().ok());
        for _ in 0..MAX_COMMANDS_PER_COMMIT {
            let Some(command) = next else { break };
            self.apply(command, now, &mut round);
            next = self.commands.try_recv().ok();
        }
        if let Some(command) = next {
            self.apply(command, now, &mut round);
        }
        self.steer(&mut round);
        round.batch.changes = self.scheduler.take_changes();
        let unrecorded = self.refusals.bound(&mut round.batch.changes, now);
        self.monitor.note_refused(unrecorded);
        round.batch.sightings = self.roster.sightings(now);
        if !round.batch.is_empty() {
            let started = clock::now();
            let span = log::commit(round.batch.changes.len());
            span.in_scope(|| self.store.commit(&round.batch))?;
            self.monitor
                .note_commit(&round.batch, clock::now() - started);
            span.in_scope(|| log::committed(&round.batch.changes, &self.sweeps));
            self.roster.forget_ended(&round.batch.changes);
            let unneeded = round.batch.changes.iter().filter_map(Change::unneeded);
            unneeded.for_each(|checkpoint| self.garbage.collect(&checkpoint.blob));
            self.version.send_modify(|version| *version += 1);
        }
        self.monitor.note_trials(&self.scheduler.total_counts());
        round.replies.send();
        self.write_piece().await
    }

    /// Forgets workers that never ran anything and are silent, when there are many.
    fn forget_idle_workers(&mut self) -> Result<(), DatabaseError> {
        let now = clock::now();
        if !self.roster.is_crowded(now) {
            return Ok(());
        }
        let silence = i64::try_from(self.roster.longest_silence().as_millis());
        let before_ms = clock::now_ms().saturating_sub(silence.unwrap_or(i64::MAX));
        let idle = self.store.forget_idle_workers(before_ms)?;
        for worker_id in &idle.forgotten {
            self.scheduler.forget(worker_id);
        }
        self.roster.forget(&idle, now);
        Ok(())
    }

    /// Whether leases lapsed while no worker could have renewed them.
    fn is_late(&self, now: Instant) -> bool {
        let late = self.lease_duration / LATE_PART_OF_A_TERM;
        let deadline = self.scheduler.poll_timeout();
        deadline.is_some_and(|deadline| now > deadline + late)
    }

    fn apply(&mut self, command: Command, now: Instant, round: &mut Round) {
        match command {
            Command::CreateSweep { spec, reply } => match self.sweeps.get(spec.id()) {
                Some(entry) => round.replies.add(reply, (self.view(entry), false)),
                None => self.creations.ask(*spec, round.batch.at_ms, reply),
            },
            Command::Sweep {
                name,
                change,
                reply,
            } => self.decide(name, change, reply, round),
            Command::ListSweeps { reply } => {
                round.replies.add(reply, self.views());
            }
            Command::Progress { name, reply } => {
                let answer = self.progress(&name, now);
                round.replies.add(reply, answer);
            }
            Command::Register { worker, reply } => {
                let known = self.roster.register(&worker, now);
                if known == Ok(true) {
                    self.scheduler.register(&worker.worker_id, worker.process());
                    self.scheduler
                        .note_device(&worker.worker_id, &worker.device);
                    round.batch.workers.push(worker);
                }
                round.replies.add(reply, known.map(drop));
            }
            Command::ProcessDied {
                process,
                failure,
                reply,
            } => {
                let ended = self.scheduler.process_died(&process, &failure).len();
                round.replies.add(reply, ended);
            }
            Command::TakeBack { is_gone, reply } => {
                let ended = self.scheduler.take_back(is_gone).len();
                round.replies.add(reply, ended);
            }
            Command::Lease {
                speaker,
                request,
                span,
                reply,
            } => {
                let token = request.token();
                let heard = self.roster.heard_from(&speaker, &request, now);
                let answer = span.in_scope(|| match heard {
                    Ok(()) => {
                        let batch = &mut round.batch;
                        self.serve_worker(&speaker.worker_id, request, now, batch)
                    }
                    Err(refused) => Err(refused),
                });
                log::served(&span, token, answer.is_ok(), &self.sweeps);
                round.replies.add(reply, answer);
            }
        }
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
