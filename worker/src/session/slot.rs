//! One slot of a worker: it holds at most one bundle, trains it on a thread of its own and delivers
//! what it measures. A panic of training fails the attempt it happened in, and no other.

mod checkpoint;
mod compute;
mod memory;
mod outbox;
mod program;
mod start;
mod width;
mod widths;

use std::{sync::Arc, time::Duration};

use pondersweep_proto::{
    ending::{EndedAttempt, ReportedEnding},
    error::LeaseError,
    failure::Failure,
    id::LeaseToken,
    metric::Observation,
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, Span};

use self::{
    compute::Trained,
    outbox::{Messages, Newest},
    widths::Widths,
};
use crate::{
    client::{Acquired, Client, Lease, Wanted},
    device::DeviceName,
    session::{
        SessionOptions,
        grace::{self, Grace},
        held::{Held, LaneControl},
    },
    train::{LaneEnding, checkpoint::Origin, divergence},
};

/// Messages taken from the outbox at once, and so observations sent in one call.
const MESSAGES_AT_ONCE: usize = 1_024;

/// How wide the bundles of a device are.
#[derive(Clone, Debug)]
pub(super) enum Lanes {
    /// At most this many.
    AtMost(u32),
    /// What is measured for each shape.
    Measured(Arc<Widths>),
}

impl Lanes {
    /// As many as stated; else what is measured.
    pub(super) fn of(device: DeviceName, slots: u32, stated: Option<u32>) -> Self {
        match stated {
            Some(lanes) => Self::AtMost(lanes),
            None => Self::Measured(Arc::new(Widths::new(device, slots))),
        }
    }

    /// How many to ask for before their shape is known.
    const fn at_first(&self) -> u32 {
        match self {
            Self::AtMost(lanes) => *lanes,
            Self::Measured(_) => 1,
        }
    }
}

pub(super) struct Slot {
    number: u32,
    device: DeviceName,
    lanes: Lanes,
    client: Client,
    held: Held,
    options: SessionOptions,
}

/// A lease under way in this slot.
struct Lane {
    lease: Lease,
    control: Arc<LaneControl>,
    /// What is logged about it, within the slot's.
    span: Span,
}

impl Lane {
    fn new(lease: Lease, control: Arc<LaneControl>) -> Self {
        let LeaseToken { trial_id, attempt } = lease.token;
        let span = tracing::info_span!("lane", trial = trial_id.0, attempt = attempt.0);
        Self {
            lease,
            control,
            span,
        }
    }

    /// The lease went to somebody else.
    fn drop_work(&self) {
        tracing::warn!("superseded, dropping its work");
        self.control.lose();
    }
}

impl Slot {
    /// A slot of the worker, training on the worker's device.
    pub(super) const fn new(
        number: u32,
        device: DeviceName,
        lanes: Lanes,
        client: Client,
        held: Held,
        options: SessionOptions,
    ) -> Self {
        Self {
            number,
            device,
            lanes,
            client,
            held,
            options,
        }
    }

    /// Works until told to stop, or until there is nothing to do if so asked.
    pub(super) async fn run(self, stop: CancellationToken) -> Result<(), LeaseError> {
        // What the ends of a bundle brought along for the next round.
        let mut brought = None;
        for round in 0_u64.. {
            let wanted = self.wanted(round);
            let request_id = wanted.request_id.clone();
            let acquired = match brought.take() {
                Some(acquired) => acquired,
                None => tokio::select! {
                    acquired = self.client.acquire(wanted) => acquired?,
                    // Not at once: a request under way may be granted after everything was handed
                    // back.
                    () = grace::after(&stop, self.grace().acquire) => break,
                },
            };
            if stop.is_cancelled() {
                break;
            }
            if !acquired.leases.is_empty() {
                let lanes = self.hold(acquired.leases);
                let lanes = self.widen(lanes, &request_id, &stop).await?;
                brought = self.work(lanes, self.wanted(round + 1), &stop).await?;
            } else if acquired.idle && self.options.exit_when_idle {
                break;
            } else {
                wait(acquired.retry_after, &stop).await;
            }
            if stop.is_cancelled() {
                break;
            }
        }
        Ok(())
    }

    fn wanted(&self, round: u64) -> Wanted {
        Wanted {
            // Unique within the worker's life, and the same for every repetition of this call.
            request_id: format!("{}-{round}", self.number),
            max_lanes: self.lanes.at_first(),
            sweep: self.options.sweep,
            together_with: None,
            offers: self.options.offers.clone(),
        }
    }

    fn hold(&self, leases: Vec<Lease>) -> Vec<Lane> {
        let lane = |lease: Lease| {
            let control = self.held.insert(lease.token);
            Lane::new(lease, control)
        };
        leases.into_iter().map(lane).collect()
    }

    /// Adds lanes of the same shape until the bundle is as wide as the device trains best, as far
    /// as there are any.
    async fn widen(
        &self,
        mut lanes: Vec<Lane>,
        request_id: &str,
        stop: &CancellationToken,
    ) -> Result<Vec<Lane>, LeaseError> {
        let Lanes::Measured(widths) = &self.lanes else {
            return Ok(lanes);
        };
        // Nothing is gained by several programs that wait for one another.
        if lanes[0].lease.spec.program.is_some() {
            return Ok(lanes);
        }
        if widths.is_one(&lanes[0].lease.spec) {
            return Ok(lanes);
        }
        let width = compute::width(widths, &lanes[0], stop.clone());
        let width = width.await.expect("the compute thread always answers");
        let more = width.saturating_sub(u32::try_from(lanes.len()).unwrap_or(u32::MAX));
        if more > 0 && !stop.is_cancelled() {
            let wanted = Wanted {
                request_id: format!("{request_id}-more"),
                max_lanes: more,
                sweep: None,
                together_with: Some(lanes[0].lease.token),
                offers: self.options.offers.clone(),
            };
            tokio::select! {
                acquired = self.client.acquire(wanted) => lanes.extend(self.hold(acquired?.leases)),
                () = grace::after(stop, self.grace().acquire) => {}
            }
        }
        Ok(lanes)
    }

    /// Trains a bundle and delivers its observations and endings; returns what the coordinator
    /// answered to what is wanted next, if it was asked.
    async fn work(
        &self,
        lanes: Vec<Lane>,
        next: Wanted,
        stop: &CancellationToken,
    ) -> Result<Option<Acquired>, LeaseError> {
        let tokens: Vec<LeaseToken> = lanes.iter().map(|lane| lane.lease.token).collect();
        let is_program = lanes.iter().any(|lane| lane.lease.spec.program.is_some());
        let delivery = async {
            if is_program {
                self.run_programs(&lanes, next, stop).await
            } else {
                self.deliver(lanes, next, stop).await
            }
        };
        let delivered = tokio::select! {
            delivered = delivery => delivered,
            // Calls under way may still be answered, but a coordinator that is away does not keep
            // a worker from leaving.
            () = grace::after(stop, self.grace().deliver) => Ok(None),
        };
        for token in tokens {
            self.held.remove(token);
        }
        delivered
    }

    async fn deliver(
        &self,
        lanes: Vec<Lane>,
        next: Wanted,
        stop: &CancellationToken,
    ) -> Result<Option<Acquired>, LeaseError> {
        let starts = self.starts(&lanes).await?;
        let cadence = checkpoint::Cadence::new(self.options.checkpoint_every);
        let (outbox, messages) = outbox::outbox(&starts, self.origin(), cadence);
        let training = compute::spawn(&lanes, starts, self.device, outbox, stop.clone());
        let (announce, announced) = mpsc::unbounded_channel();
        // At the same time as the results, which never wait for a checkpoint.
        let over = CancellationToken::new();
        let saving = self.save_announced(&lanes, messages.newest(), announced, stop);
        let saving = over.run_until_cancelled(saving);
        let delivering = async {
            let over = over.clone().drop_guard();
            self.report_all(&lanes, messages, announce).await?;
            let trained = training.await.expect("the compute thread always answers");
            let next = (!stop.is_cancelled()).then_some(next);
            let finished = self.finish(&lanes, trained, next).await?;
            // What is stopped goes on elsewhere from what is saved now; of all else the end is
            // known.
            if stop.is_cancelled() {
                over.disarm();
            }
            Ok(finished)
        };
        tokio::join!(delivering, saving).0
    }

    /// Reports what the lanes of a bundle observe until their training ends, and says which
    /// checkpoints may be saved: those before which everything observed is reported, so that the
    /// attempt that goes on from one has that.
    async fn report_all(
        &self,
        lanes: &[Lane],
        mut messages: Messages,
        announce: mpsc::UnboundedSender<(usize, u64)>,
    ) -> Result<(), LeaseError> {
        let mut waiting = Vec::new();
        // The outbox closes when the compute thread ends, whichever way it ends.
        while messages.receive(&mut waiting, MESSAGES_AT_ONCE).await {
            for (index, lane) in lanes.iter().enumerate() {
                let mine = outbox::of_lane(&waiting, index);
                let reported = self.report(lane, &mine).instrument(lane.span.clone());
                reported.await?;
                if let Some(updates_done) = outbox::announced(&waiting, index) {
                    // Without a receiver there is nothing more to save.
                    let _ = announce.send((index, updates_done));
                }
            }
            waiting.clear();
        }
        Ok(())
    }

    /// Saves the checkpoints that are announced, of each lane the newest.
    async fn save_announced(
        &self,
        lanes: &[Lane],
        newest: Newest,
        mut announced: mpsc::UnboundedReceiver<(usize, u64)>,
        stop: &CancellationToken,
    ) {
        while let Some((index, updates_done)) = announced.recv().await {
            if let Some(checkpoint) = newest.take(index, updates_done) {
                let lane = &lanes[index];
                let saved = self.save(lane, checkpoint, stop);
                saved.instrument(lane.span.clone()).await;
            }
        }
    }

    /// Delivers the endings of a bundle, all at once, and says what is wanted next.
    async fn finish(
        &self,
        lanes: &[Lane],
        trained: Trained,
        next: Option<Wanted>,
    ) -> Result<Option<Acquired>, LeaseError> {
        let seconds = trained.seconds_per_lane;
        let endings = trained.endings.into_iter().zip(trained.breakdowns);
        let mut delivered = Vec::with_capacity(lanes.len());
        let mut ended = Vec::with_capacity(lanes.len());
        for (lane, (ending, breakdown)) in lanes.iter().zip(endings) {
            let Some(ending) = ending.filter(|_| !lane.control.is_lost()) else {
                continue;
            };
            lane.span
                .in_scope(|| tracing::info!(?ending, seconds, "trained"));
            delivered.push(lane);
            ended.push(EndedAttempt {
                token: lane.lease.token,
                breakdown: breakdown.filter(|_| ending == ReportedEnding::Succeeded),
                ending,
                observations: Vec::new(),
                seconds,
            });
        }
        let finished = self.client.finish(ended, next).await?;
        for lane in delivered {
            let token = lane.lease.token;
            lane.span.in_scope(|| {
                if finished.lost.contains(&token) {
                    lane.drop_work();
                } else {
                    tracing::info!(%token, "acknowledged");
                }
            });
        }
        Ok(finished.next)
    }

    async fn report(&self, lane: &Lane, observations: &[Observation]) -> Result<(), LeaseError> {
        if observations.is_empty() || lane.control.is_lost() {
            return Ok(());
        }
        let reported = self.client.report(lane.lease.token, observations).await;
        self.still_mine(lane, reported)
    }

    fn grace(&self) -> Grace {
        Grace::of(self.options.grace)
    }

    fn origin(&self) -> Origin {
        self.client.origin()
    }

    /// A lease that went to somebody else is no failure of this worker: its lane is dropped.
    fn still_mine(&self, lane: &Lane, answer: Result<(), LeaseError>) -> Result<(), LeaseError> {
        match answer {
            Err(LeaseError::Superseded(_)) => {
                lane.drop_work();
                Ok(())
            }
            other => other,
        }
    }
}

/// The ending to report for that of a lane; none for a lane that was stopped.
fn reported(ending: LaneEnding) -> Option<ReportedEnding> {
    match ending {
        LaneEnding::Succeeded => Some(ReportedEnding::Succeeded),
        LaneEnding::Infeasible { step, reason } => {
            Some(ReportedEnding::Infeasible(divergence(step, &reason)))
        }
        LaneEnding::Panicked(text) => Some(ReportedEnding::Failed(Failure::of_panic(&text))),
        LaneEnding::Stopped => None,
    }
}

async fn wait(duration: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(duration) => {}
        () = stop.cancelled() => {}
    }
}
