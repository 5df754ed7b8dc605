//! A worker's life: register, then in every slot acquire a bundle, train it, report and finish;
//! renew what is held; hand everything back when told to stop. It decides nothing about training
//! and nothing about who runs what.
//!
//! A process that offers several devices lives once for each: every device registers as a worker of
//! its own, so that an attempt's worker says exactly which device computed it.

mod grace;
mod heartbeat;
mod held;
mod slot;

use std::{path::PathBuf, sync::Arc, time::Duration};

use pondersweep_proto::{error::LeaseError, id::SweepId};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use crate::{
    backoff::Backoff,
    client::Client,
    device::DeviceName,
    identity::identify,
    program::{Host, HostError},
    say,
    session::{grace::Grace, held::Held, slot::Lanes},
    stories::StoriesError,
    trust::{Trust, TrustError},
};

/// The shortest lease that can be renewed several times over a network.
const SHORTEST_LEASE: Duration = Duration::from_millis(100);
/// A worker without a coordinator says so after this time: a person may be waiting.
const SILENCE: Duration = Duration::from_secs(1);
/// How long the first answer may take, connecting included.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// What a worker was asked to do.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// Address of the coordinator, such as `http://127.0.0.1:7878`.
    pub coordinator: String,
    /// Who is believed and what is shown there.
    pub trust: Trust,
    /// Where training computes, and on how many bundles side by side, each on a thread of its own.
    pub devices: Vec<DeviceSlots>,
    /// The most lanes of one bundle; without it as many as the device trains best at once.
    pub lanes: Option<u32>,
    /// Work for this sweep only.
    pub sweep: Option<SweepId>,
    /// The time between two checkpoints of a trial; `None` for none.
    pub checkpoint_every: Option<Duration>,
    /// Leave when nothing is pending and nothing is leased.
    pub exit_when_idle: bool,
    /// How long leaving in order may take.
    pub grace: Duration,
    /// How long the first contact may take.
    pub connect_timeout: Duration,
    /// A file that is written with every heartbeat.
    pub alive_file: Option<PathBuf>,
    /// Where users' programs are run; `None` if none may be.
    pub programs: Option<Arc<Host>>,
    /// What needs of trials the worker meets: the texts of [`Need`](pondersweep_proto::need::Need)s.
    pub offers: Vec<String>,
}

/// A device and how much it does at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceSlots {
    /// The device.
    pub device: DeviceName,
    /// Bundles trained side by side on it.
    pub slots: u32,
}

/// Why a worker's life ended in failure.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Check that the coordinator runs and that the address is right, then start the worker again.
    #[error(
        "no coordinator at {url}: {reason}\n\
         hint: start one with `pondersweep serve`, or name another with --coordinator URL; an \
         encrypted one is at https://"
    )]
    Unreachable {
        /// The address tried.
        url: String,
        /// What went wrong last.
        reason: String,
    },
    /// The address cannot be spoken to.
    #[error(transparent)]
    Address(#[from] TrustError),
    /// The worker's token or certificate does not allow it, or the coordinator's is not trusted.
    #[error("{0}")]
    Denied(String),
    /// The coordinator refused a call for good: the two versions do not fit.
    #[error("the coordinator refused: {0}\nhint: worker and coordinator should be of one version")]
    Refused(LeaseError),
    /// Programs cannot be run here.
    #[error(transparent)]
    Programs(#[from] HostError),
    /// The published stories that the environment names are not there.
    #[error(transparent)]
    Stories(#[from] StoriesError),
    /// What answers is no coordinator that can be worked for.
    #[error(
        "{url} answers with leases of {lease_duration:?}, which no worker can renew\n\
         hint: another program may listen there, or a coordinator of another version"
    )]
    Senseless {
        /// The address.
        url: String,
        /// The term it gives.
        lease_duration: Duration,
    },
    /// The machine would not say who this is.
    #[error("cannot identify this worker: {0}")]
    Identity(#[from] std::io::Error),
}

impl From<LeaseError> for SessionError {
    fn from(error: LeaseError) -> Self {
        match error {
            LeaseError::Denied(why) => Self::Denied(why),
            error => Self::Refused(error),
        }
    }
}

/// Works for the coordinator until told to stop, or, if so asked, until there is nothing to do.
///
/// # Errors
/// The coordinator cannot be reached at the start, or refuses for good.
pub async fn run(options: SessionOptions, stop: CancellationToken) -> Result<(), SessionError> {
    let stop = stop.child_token();
    let mut lives = JoinSet::new();
    for (number, &device) in options.devices.iter().enumerate() {
        lives.spawn(live(number, device, options.clone(), stop.clone()));
    }
    first_failure(lives, &stop).await
}

/// One device's life as a worker.
async fn live(
    number: usize,
    DeviceSlots { device, slots }: DeviceSlots,
    options: SessionOptions,
    stop: CancellationToken,
) -> Result<(), SessionError> {
    let (worker_id, info) = identify(number, device, slots)?;
    let url = &options.coordinator;
    let client = Client::trusting(&options.trust, url, worker_id.clone(), info)?;
    let Some(lease_duration) = register(&client, &options, &stop).await? else {
        return Ok(());
    };
    tracing::info!(%worker_id, %device, slots, "registered");

    let held = Held::default();
    let heartbeat = heartbeat::spawn(
        client.clone(),
        held.clone(),
        lease_duration,
        options.alive_file.clone(),
        stop.clone(),
    );
    let device = DeviceSlots { device, slots };
    let outcome = run_slots(&client, &held, device, &options, &stop).await;
    heartbeat.abort();
    hand_back(&client, Grace::of(options.grace)).await;
    outcome
}

/// Registers, repeatedly for as long as the first contact may take. `None` when told to stop.
async fn register(
    client: &Client,
    options: &SessionOptions,
    stop: &CancellationToken,
) -> Result<Option<Duration>, SessionError> {
    let url = &options.coordinator;
    let mut backoff = Backoff::new(url);
    let started = tokio::time::Instant::now();
    let give_up_at = started + options.connect_timeout;
    let mut told = String::new();
    let mut tell = |reason: &str| {
        if told != reason {
            say!("no coordinator at {url} yet, trying on: {reason}");
            reason.clone_into(&mut told);
        }
    };
    let mut reason = "no answer".to_owned();
    loop {
        let answered = tokio::time::timeout(FIRST_ANSWER, client.register_once());
        tokio::pin!(answered);
        let answer = tokio::select! {
            answer = &mut answered => answer,
            () = stop.cancelled() => return Ok(None),
            () = tokio::time::sleep_until(started + SILENCE) => {
                tell(&reason);
                tokio::select! {
                    answer = answered => answer,
                    () = stop.cancelled() => return Ok(None),
                }
            }
        };
        reason = match answer {
            Ok(Ok(lease_duration)) if lease_duration < SHORTEST_LEASE => {
                return Err(SessionError::Senseless {
                    url: url.clone(),
                    lease_duration,
                });
            }
            Ok(Ok(lease_duration)) => return Ok(Some(lease_duration)),
            Ok(Err(LeaseError::Unavailable(reason))) => reason,
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => format!("no answer within {} s", FIRST_ANSWER.as_secs()),
        };
        let now = tokio::time::Instant::now();
        if now >= give_up_at {
            return Err(SessionError::Unreachable {
                url: url.clone(),
                reason,
            });
        }
        if now >= started + SILENCE {
            tell(&reason);
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
    DeviceSlots { device, slots }: DeviceSlots,
    options: &SessionOptions,
    stop: &CancellationToken,
) -> Result<(), SessionError> {
    let stop_slots = stop.child_token();
    let lanes = Lanes::of(device, slots, options.lanes);
    let mut running = JoinSet::new();
    for number in 0..slots {
        let slot = slot::Slot::new(
            number,
            device,
            lanes.clone(),
            client.clone(),
            held.clone(),
            options.clone(),
        );
        let span = tracing::info_span!("slot", worker = client.worker_id().as_str(), slot = number);
        running.spawn(slot.run(stop_slots.clone()).instrument(span));
    }
    let outcome = first_failure(running, &stop_slots).await;
    outcome.map_err(SessionError::from)
}

/// Waits for all to end; the first that fails stops the others, and its error is returned.
async fn first_failure<E: 'static>(
    mut running: JoinSet<Result<(), E>>,
    stop: &CancellationToken,
) -> Result<(), E> {
    let mut outcome = Ok(());
    while let Some(ended) = running.join_next().await {
        let ended = ended.expect("neither panics: a panic of training is caught");
        if ended.is_err() && outcome.is_ok() {
            outcome = ended;
            stop.cancel();
        }
    }
    outcome
}

async fn hand_back(client: &Client, grace: Grace) {
    match tokio::time::timeout(grace.hand_back, client.drain_once()).await {
        Ok(Ok(returned)) => tracing::info!(returned, "drained"),
        Ok(Err(error)) => tracing::warn!(%error, "could not hand leases back; they will lapse"),
        Err(_) => tracing::warn!("no answer while handing leases back; they will lapse"),
    }
}
