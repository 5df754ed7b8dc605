//! A worker's life: register, then in every slot acquire a bundle, train it, report and finish;
//! renew what is held; hand everything back when told to stop. It decides nothing about training
//! and nothing about who runs what.

mod heartbeat;
mod held;
mod slot;

use std::time::Duration;

use pondersweep_proto::{error::LeaseError, id::SweepId};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::{
    backoff::Backoff, client::Client, device::DeviceName, identity::identify, session::held::Held,
};

/// How long a stopping worker waits for calls under way and for handing its leases back.
const GRACE: Duration = Duration::from_secs(3);

/// What a worker was asked to do.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// Address of the coordinator, such as `http://127.0.0.1:7878`.
    pub coordinator: String,
    /// Where training computes.
    pub device: DeviceName,
    /// Bundles trained side by side, each on a thread of its own.
    pub slots: u32,
    /// The most lanes of one bundle.
    pub lanes: u32,
    /// Work for this sweep only.
    pub sweep: Option<SweepId>,
    /// Leave when nothing is pending and nothing is leased.
    pub exit_when_idle: bool,
    /// How long the first contact may take.
    pub connect_timeout: Duration,
}

/// Why a worker's life ended in failure.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Check that the coordinator runs and that the address is right, then start the worker again.
    #[error(
        "no coordinator at {url}: {reason}\n\
         hint: start one with `pondersweep serve`, or name another with --coordinator URL"
    )]
    Unreachable {
        /// The address tried.
        url: String,
        /// What went wrong last.
        reason: String,
    },
    /// The address cannot be parsed.
    #[error("{0:?} is not an address\nhint: use the form http://HOST:PORT")]
    BadAddress(String),
    /// The coordinator refused a call for good: the two versions do not fit.
    #[error("the coordinator refused: {0}\nhint: worker and coordinator should be of one version")]
    Refused(#[from] LeaseError),
    /// The machine would not say who this is.
    #[error("cannot identify this worker: {0}")]
    Identity(#[from] std::io::Error),
}

/// Works for the coordinator until told to stop, or, if so asked, until there is nothing to do.
///
/// # Errors
/// The coordinator cannot be reached at the start, or refuses for good.
pub async fn run(options: SessionOptions, stop: CancellationToken) -> Result<(), SessionError> {
    let (worker_id, info) = identify(options.device, options.slots)?;
    let client = Client::new(&options.coordinator, worker_id.clone(), info)
        .map_err(|_| SessionError::BadAddress(options.coordinator.clone()))?;
    let Some(lease_duration) = register(&client, &options, &stop).await? else {
        return Ok(());
    };
    tracing::info!(%worker_id, device = %options.device, slots = options.slots, "registered");

    let held = Held::default();
    let heartbeat = heartbeat::spawn(client.clone(), held.clone(), lease_duration);
    let outcome = run_slots(&client, &held, &options, &stop).await;
    heartbeat.abort();
    hand_back(&client).await;
    outcome
}

/// Registers, repeatedly for as long as the first contact may take. `None` when told to stop.
async fn register(
    client: &Client,
    options: &SessionOptions,
    stop: &CancellationToken,
) -> Result<Option<Duration>, SessionError> {
    let mut backoff = Backoff::new(&options.coordinator);
    let give_up_at = tokio::time::Instant::now() + options.connect_timeout;
    loop {
        let reason = match client.register_once().await {
            Ok(lease_duration) => return Ok(Some(lease_duration)),
            Err(LeaseError::Unavailable(reason)) => reason,
            Err(error) => return Err(error.into()),
        };
        if tokio::time::Instant::now() >= give_up_at {
            return Err(SessionError::Unreachable {
                url: options.coordinator.clone(),
                reason,
            });
        }
        tokio::select! {
            () = tokio::time::sleep(backoff.next_delay()) => {}
            () = stop.cancelled() => return Ok(None),
        }
    }
}

/// Runs every slot to its end; the first that fails stops the others.
async fn run_slots(
    client: &Client,
    held: &Held,
    options: &SessionOptions,
    stop: &CancellationToken,
) -> Result<(), SessionError> {
    let stop_slots = stop.child_token();
    let mut slots = JoinSet::new();
    for number in 0..options.slots {
        let slot = slot::Slot::new(number, client.clone(), held.clone(), options.clone());
        let span = tracing::info_span!("slot", worker = client.worker_id().as_str(), slot = number);
        slots.spawn(slot.run(stop_slots.clone()).instrument(span));
    }
    let mut outcome = Ok(());
    while let Some(ended) = slots.join_next().await {
        let ended = ended.expect("a slot never panics: training panics are caught");
        if ended.is_err() && outcome.is_ok() {
            outcome = ended;
            stop_slots.cancel();
        }
    }
    outcome.map_err(SessionError::from)
}

async fn hand_back(client: &Client) {
    match tokio::time::timeout(GRACE, client.drain_once()).await {
        Ok(Ok(returned)) => tracing::info!(returned, "drained"),
        Ok(Err(error)) => tracing::warn!(%error, "could not hand leases back; they will lapse"),
        Err(_) => tracing::warn!("no answer while handing leases back; they will lapse"),
    }
}
