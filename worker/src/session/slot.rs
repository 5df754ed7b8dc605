//! One slot of a worker: it holds at most one bundle, trains it on a thread of its own and delivers
//! what it measures. A panic of that thread is a failed attempt, never the end of the worker.

mod compute;

use std::{sync::Arc, time::Duration};

use pondersweep_proto::{error::LeaseError, id::LeaseToken, metric::Observation};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    client::{Client, Lease, Outcome},
    session::{
        GRACE, SessionOptions,
        held::{Held, LaneControl},
    },
    train::LaneEnd,
};

/// Observations that may wait for a coordinator that is away; training then waits as well. It is
/// hours of evaluations, and a few hundred kilobytes.
const BUFFERED_OBSERVATIONS: usize = 8_192;
/// Observations sent in one call.
const OBSERVATIONS_PER_REPORT: usize = 1_024;

/// One slot.
pub(super) struct Slot {
    number: u32,
    client: Client,
    held: Held,
    options: SessionOptions,
}

/// A lease under way in this slot.
struct Lane {
    lease: Lease,
    control: Arc<LaneControl>,
}

impl Slot {
    /// A slot of the worker.
    pub(super) const fn new(
        number: u32,
        client: Client,
        held: Held,
        options: SessionOptions,
    ) -> Self {
        Self {
            number,
            client,
            held,
            options,
        }
    }

    /// Works until told to stop, or until there is nothing to do if so asked.
    ///
    /// # Errors
    /// The coordinator refused for good.
    pub(super) async fn run(self, stop: CancellationToken) -> Result<(), LeaseError> {
        for round in 0_u64.. {
            // Unique within the worker's life, and the same for every repetition of this call.
            let request_id = format!("{}-{round}", self.number);
            let SessionOptions { lanes, sweep, .. } = self.options;
            let acquired = tokio::select! {
                acquired = self.client.acquire(request_id, lanes, sweep) => acquired?,
                // Not at once: a request under way may be granted after everything was handed back.
                () = grace_after(&stop) => break,
            };
            if stop.is_cancelled() {
                break;
            }
            if !acquired.leases.is_empty() {
                self.work(acquired.leases, &stop).await?;
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

    /// Trains a bundle and delivers its observations and outcomes.
    async fn work(&self, leases: Vec<Lease>, stop: &CancellationToken) -> Result<(), LeaseError> {
        let lanes: Vec<Lane> = leases
            .into_iter()
            .map(|lease| Lane {
                control: self.held.insert(lease.token),
                lease,
            })
            .collect();
        let tokens: Vec<LeaseToken> = lanes.iter().map(|lane| lane.lease.token).collect();
        let delivered = tokio::select! {
            delivered = self.deliver(lanes, stop) => delivered,
            // Calls under way may still be answered, but a coordinator that is away does not keep
            // a worker from leaving.
            () = grace_after(stop) => Ok(()),
        };
        for token in tokens {
            self.held.remove(token);
        }
        delivered
    }

    async fn deliver(&self, lanes: Vec<Lane>, stop: &CancellationToken) -> Result<(), LeaseError> {
        let (sender, mut observations) = mpsc::channel(BUFFERED_OBSERVATIONS);
        let training = compute::spawn(&lanes, self.options.device, sender, stop.clone());
        let mut waiting = Vec::new();
        // The channel closes when the compute thread ends, whichever way it ends.
        while observations
            .recv_many(&mut waiting, OBSERVATIONS_PER_REPORT)
            .await
            > 0
        {
            for (index, lane) in lanes.iter().enumerate() {
                let mine = of_lane(&waiting, index);
                if !mine.is_empty() {
                    self.still_mine(lane, self.client.report(lane.lease.token, &mine).await)?;
                }
            }
            waiting.clear();
        }
        let trained = training.await.expect("the compute thread always answers");
        for (lane, outcome) in lanes.iter().zip(trained.outcomes) {
            let Some(outcome) = outcome.filter(|_| !lane.control.is_lost()) else {
                continue;
            };
            let token = lane.lease.token;
            let (trial, attempt) = (token.trial_id.0, token.attempt.0);
            tracing::info!(
                trial,
                attempt,
                ?outcome,
                seconds = trained.seconds_per_lane,
                "trained"
            );
            let finished = self
                .client
                .finish(token, outcome, &[], trained.seconds_per_lane)
                .await;
            self.still_mine(lane, finished)?;
        }
        Ok(())
    }

    /// A lease that went to somebody else is no failure of this worker: its lane is dropped.
    fn still_mine(&self, lane: &Lane, answer: Result<(), LeaseError>) -> Result<(), LeaseError> {
        match answer {
            Err(LeaseError::Superseded(_)) => {
                let LeaseToken { trial_id, attempt } = lane.lease.token;
                tracing::warn!(
                    trial = trial_id.0,
                    attempt = attempt.0,
                    "superseded, dropping its work"
                );
                lane.control.lose();
                Ok(())
            }
            other => other,
        }
    }
}

/// The outcome to report for the way a lane ended; none for a lane that was stopped.
fn outcome(end: LaneEnd) -> Option<Outcome> {
    match end {
        LaneEnd::Succeeded => Some(Outcome::Succeeded),
        LaneEnd::Infeasible { step, reason } => Some(Outcome::Infeasible(format!(
            "diverged at update {step}: {reason}"
        ))),
        LaneEnd::Stopped => None,
    }
}

fn of_lane(waiting: &[(usize, Observation)], index: usize) -> Vec<Observation> {
    waiting
        .iter()
        .filter(|(lane, _)| *lane == index)
        .map(|&(_, observation)| observation)
        .collect()
}

async fn wait(duration: Duration, stop: &CancellationToken) {
    tokio::select! {
        () = tokio::time::sleep(duration) => {}
        () = stop.cancelled() => {}
    }
}

async fn grace_after(stop: &CancellationToken) {
    stop.cancelled().await;
    tokio::time::sleep(GRACE).await;
}
