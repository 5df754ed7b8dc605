//! A slot whose trial runs a user's program: what it leaves is passed on while it runs, its end is
//! reported, and what it can go on from is kept. One program at a time, whatever the width of a
//! bundle.

use std::sync::Arc;

use pondersweep_proto::{
    ending::EndedAttempt,
    error::LeaseError,
    failure::{Cause, Failure},
    program::{ProgramFile, ProgramSpec},
};
use tokio::{sync::mpsc, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{Lane, Slot, outbox::Checkpoint};
use crate::{
    client::{Acquired, CheckpointRef, Wanted},
    program::{self, Ended, Host, Sent, Work},
};

/// Messages that may wait for a coordinator that is away; then the program waits as well.
const BUFFERED_MESSAGES: usize = 16;

impl Slot {
    /// Runs the programs of leases one after the other, and says with the last what is wanted next.
    pub(super) async fn run_programs(
        &self,
        lanes: &[Lane],
        next: Wanted,
        stop: &CancellationToken,
    ) -> Result<Option<Acquired>, LeaseError> {
        let mut brought = None;
        for (index, lane) in lanes.iter().enumerate() {
            if stop.is_cancelled() {
                break;
            }
            let is_last = index + 1 == lanes.len();
            let next = is_last.then(|| next.clone());
            let run = self.run_program(lane, next, stop);
            brought = run.instrument(lane.span.clone()).await?;
        }
        Ok(brought)
    }

    async fn run_program(
        &self,
        lane: &Lane,
        next: Option<Wanted>,
        stop: &CancellationToken,
    ) -> Result<Option<Acquired>, LeaseError> {
        let ended = match (&self.options.programs, &lane.lease.spec.program) {
            (Some(host), Some(program)) => self.follow(lane, host, program, stop).await?,
            _ => {
                let message =
                    "this worker runs no programs: it was started without --allow-programs";
                Ended::failed(Failure::new(Cause::Other, message))
            }
        };
        let Ended {
            ending,
            observations,
            checkpoint,
            seconds,
        } = ended;
        if lane.control.is_lost() {
            return Ok(None);
        }
        let Some(ending) = ending else {
            self.report(lane, &observations).await?;
            if let Some((updates_done, bytes)) = checkpoint {
                let checkpoint = Checkpoint {
                    updates_done,
                    bytes,
                };
                self.save(lane, checkpoint, stop).await;
            }
            return Ok(None);
        };
        tracing::info!(ending = ending.name(), seconds, "ended");
        let ended = EndedAttempt {
            token: lane.lease.token,
            ending,
            observations,
            seconds,
            breakdown: None,
        };
        let finished = self.client.finish(vec![ended], next).await?;
        let token = lane.lease.token;
        if finished.lost.contains(&token) {
            lane.drop_work();
        } else {
            tracing::info!(%token, "acknowledged");
        }
        Ok(finished.next)
    }

    /// Runs the program and passes on what it sends.
    async fn follow(
        &self,
        lane: &Lane,
        host: &Arc<Host>,
        program: &Arc<ProgramSpec>,
        stop: &CancellationToken,
    ) -> Result<Ended, LeaseError> {
        let checkpoint = match lane.lease.checkpoint {
            Some(checkpoint) => self.left(lane, checkpoint).await?,
            None => None,
        };
        let work = Work {
            host: Arc::clone(host),
            trial: lane.lease.spec.clone(),
            program: Arc::clone(program),
            token: lane.lease.token,
            files: self.files(lane, host, program).await?,
            checkpoint,
            checkpoint_every: self.options.checkpoint_every,
            stop: stop.clone(),
            lost: lane.control.lost(),
            longest_grace: self.grace().deliver / 2,
        };
        let (sink, mut sent) = mpsc::channel(BUFFERED_MESSAGES);
        // It goes on while a coordinator that is away keeps a call waiting, and ends with this
        // slot.
        let mut running = JoinSet::new();
        running.spawn(program::run(work, sink).in_current_span());
        while let Some(message) = sent.recv().await {
            match message {
                Sent::Observed(observations) => {
                    if let Some(last) = observations.iter().map(|observed| observed.step).max() {
                        lane.control.set_updates_done(last);
                    }
                    self.report(lane, &observations).await?;
                }
                Sent::Checkpoint(updates_done, bytes) => {
                    let checkpoint = Checkpoint {
                        updates_done,
                        bytes,
                    };
                    self.save(lane, checkpoint, stop).await;
                }
            }
        }
        let ended = running.join_next().await.expect("it was spawned");
        Ok(ended.unwrap_or_else(|error| {
            let message = format!("the worker's own task ended: {error}");
            Ended::failed(Failure::new(Cause::Panicked, message))
        }))
    }

    /// The program's files, as they were sent once, by their hash.
    async fn files(
        &self,
        lane: &Lane,
        host: &Host,
        program: &ProgramSpec,
    ) -> Result<Arc<Vec<ProgramFile>>, LeaseError> {
        if program.files.is_empty() {
            return Ok(Arc::default());
        }
        let sha256 = program.sha256();
        if let Some(known) = host.files(&sha256) {
            return Ok(known);
        }
        let files = self.client.load_program_files(lane.lease.token).await?;
        let checked = program.check_contents(&files);
        checked.map_err(|error| LeaseError::Malformed(error.to_string()))?;
        Ok(host.keep_files(sha256, files))
    }

    /// What an earlier attempt left, once the coordinator knows that this one starts from it.
    async fn left(
        &self,
        lane: &Lane,
        checkpoint: CheckpointRef,
    ) -> Result<Option<(u64, Vec<u8>)>, LeaseError> {
        let token = lane.lease.token;
        let bytes = match self.client.load_checkpoint(token).await {
            Ok(bytes) => bytes,
            Err(error) => return self.start_over(lane, error),
        };
        if let Err(why) = program::check_checkpoint(&bytes) {
            tracing::warn!(%token, %why, "starting from the beginning");
            return Ok(None);
        }
        match self.client.start_from_checkpoint(token, checkpoint).await {
            Ok(()) => Ok(Some((checkpoint.updates_done, bytes))),
            Err(error) => self.start_over(lane, error),
        }
    }
}
