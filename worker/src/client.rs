//! The typed client of the `Leases` service. It speaks wire messages on one side and domain types
//! on the other, and it is the only place that repeats a call: every call is safe to repeat, so a
//! coordinator that is away only delays the answer. It never decides what to train.

mod checkpoint;
mod finish;

use std::{error::Error as _, sync::Arc, time::Duration};

use pondersweep_proto::{
    error::LeaseError,
    id::{Attempt, LeaseToken, SweepId, WorkerId},
    limit::{MAX_WIRE_MESSAGE_BYTES, PROTOCOL},
    metric::Observation,
    program::ProgramFile,
    spec::TrialSpec,
    wire,
};
use tonic::{Code, Status, service::interceptor::InterceptedService, transport::Channel};

pub use finish::Finished;

use crate::{
    backoff::Backoff,
    trust::{Bearer, Trust, TrustError, chain, distrust},
};

/// How long one call may take before it counts as lost and is repeated.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long sending or fetching a checkpoint may take.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(120);
/// How long a connection attempt may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A connection on which nothing arrives for this long is probed...
const KEEPALIVE: Duration = Duration::from_secs(10);
/// ...and left for a new one when no answer to the probe arrives within this time. Together they
/// bound how long a half-open connection can deceive a worker: 15 seconds, whatever TCP believes.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Whatever a coordinator says, a worker that got nothing asks again after this at the earliest...
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
/// ...and after this at the latest.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A lease as granted: the right to run one attempt, and what to run.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The right.
    pub token: LeaseToken,
    /// What to train.
    pub spec: TrialSpec,
    /// What an earlier attempt left of it.
    pub checkpoint: Option<CheckpointRef>,
}

/// A checkpoint of a trial, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckpointRef {
    /// The attempt that wrote it.
    pub attempt: Attempt,
    /// Parameter updates done by then.
    pub updates_done: u64,
}

/// What a worker wants to be leased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Unique for each acquisition of the worker.
    pub request_id: String,
    /// The largest number of trials.
    pub max_lanes: u32,
    /// Only trials of this sweep, if one is named.
    pub sweep: Option<SweepId>,
    /// Only trials that can be trained together with this one, which the worker holds, if named.
    pub together_with: Option<LeaseToken>,
    /// What needs the worker meets.
    pub offers: Vec<String>,
}

/// The answer to an acquisition.
#[derive(Debug)]
pub struct Acquired {
    /// Trials of one shape; empty when nothing can be dispatched now.
    pub leases: Vec<Lease>,
    /// When to ask again if there was nothing.
    pub retry_after: Duration,
    /// Nothing is pending and nothing is leased, of the named sweep if one was named.
    pub idle: bool,
}

/// Calls that show the token.
type Service = wire::leases_client::LeasesClient<InterceptedService<Channel, Bearer>>;

/// A connection to the coordinator on behalf of one worker. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Client {
    service: Service,
    /// For what may take longer than a call.
    transfers: Service,
    worker: Arc<wire::WorkerInfo>,
    worker_id: WorkerId,
}

impl Client {
    /// A client of a coordinator on this machine that asks for no token, at a `url` such as
    /// `http://127.0.0.1:7878`.
    ///
    /// # Errors
    /// As [`Self::trusting`].
    pub fn new(
        url: &str,
        worker_id: WorkerId,
        worker: wire::WorkerInfo,
    ) -> Result<Self, TrustError> {
        Self::trusting(&Trust::default(), url, worker_id, worker)
    }

    /// A client of the coordinator at `url`, which it trusts and to which it shows its token. It
    /// connects when it first has something to say, and again whenever the connection is lost.
    ///
    /// # Errors
    /// The text is not a URL, or the address must not be spoken to so.
    pub fn trusting(
        trust: &Trust,
        url: &str,
        worker_id: WorkerId,
        worker: wire::WorkerInfo,
    ) -> Result<Self, TrustError> {
        let endpoint = trust
            .endpoint(url)?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE_TIMEOUT)
            .keep_alive_while_idle(true);
        let service = |timeout| {
            let channel = endpoint.clone().timeout(timeout).connect_lazy();
            wire::leases_client::LeasesClient::with_interceptor(channel, trust.bearer())
                .max_decoding_message_size(MAX_WIRE_MESSAGE_BYTES)
        };
        Ok(Self {
            service: service(CALL_TIMEOUT),
            transfers: service(TRANSFER_TIMEOUT),
            worker: Arc::new(worker),
            worker_id,
        })
    }

    /// On whose behalf.
    #[must_use]
    pub const fn worker_id(&self) -> &WorkerId {
        &self.worker_id
    }

    /// Makes the worker known and learns the term of its leases. Tried once.
    ///
    /// # Errors
    /// The coordinator refused, or cannot be reached.
    pub async fn register_once(&self) -> Result<Duration, LeaseError> {
        let request = wire::RegisterRequest {
            worker: Some((*self.worker).clone()),
            protocol: PROTOCOL,
        };
        let answer = self.service.clone().register(request).await;
        // Somebody else answers there: waiting does not make it the coordinator.
        let answer = answer.map_err(|status| match distrust(&status) {
            Some(why) => LeaseError::Denied(why),
            None => with_cause(status),
        })?;
        let answer = answer.into_inner();
        Ok(Duration::from_millis(answer.lease_duration_ms))
    }

    /// Asks for trials of one shape. A repeated [`Wanted::request_id`] gets the same ones.
    ///
    /// # Errors
    /// The coordinator refused for good.
    pub async fn acquire(&self, wanted: Wanted) -> Result<Acquired, LeaseError> {
        let request = self.acquisition(wanted);
        let answer = self
            .persist("acquire", || {
                let (mut service, request) = (self.service.clone(), request.clone());
                async move { service.acquire(request).await }
            })
            .await?;
        acquired(answer.into_inner())
    }

    fn acquisition(&self, wanted: Wanted) -> wire::AcquireRequest {
        let sweep_id = wanted.sweep.map(|sweep| sweep.to_string());
        wire::AcquireRequest {
            worker_id: self.worker_id.to_string(),
            request_id: wanted.request_id,
            max_lanes: wanted.max_lanes,
            sweep_id: sweep_id.unwrap_or_default(),
            together_with: wanted.together_with.map(Into::into),
            offers: wanted.offers,
        }
    }

    /// Extends the leases and returns those that are no longer the worker's; says whether the
    /// worker is about to leave. Tried once: the next heartbeat is the repetition.
    ///
    /// # Errors
    /// The coordinator refused, or cannot be reached.
    pub async fn renew_once(
        &self,
        leases: Vec<(LeaseToken, u64)>,
        draining: bool,
    ) -> Result<Vec<LeaseToken>, LeaseError> {
        let leases = leases
            .into_iter()
            .map(|(token, updates_done)| wire::LeaseProgress {
                token: Some(token.into()),
                updates_done,
            })
            .collect();
        let request = wire::RenewRequest {
            worker_id: self.worker_id.to_string(),
            leases,
            draining,
        };
        let answer = self.service.clone().renew(request).await?.into_inner();
        Ok(answer.lost.into_iter().map(LeaseToken::from).collect())
    }

    /// Sends observations of a running attempt.
    ///
    /// # Errors
    /// The lease is no longer the worker's, or the coordinator refused for good.
    pub async fn report(
        &self,
        token: LeaseToken,
        observations: &[Observation],
    ) -> Result<(), LeaseError> {
        let request = wire::ReportRequest {
            worker_id: self.worker_id.to_string(),
            token: Some(token.into()),
            observations: observations.iter().cloned().map(Into::into).collect(),
        };
        self.persist("report", || {
            let (mut service, request) = (self.service.clone(), request.clone());
            async move { service.report(request).await }
        })
        .await?;
        Ok(())
    }

    /// The files of the program that a leased trial runs.
    ///
    /// # Errors
    /// The lease is no longer the worker's, or the coordinator refused for good.
    pub async fn load_program_files(
        &self,
        token: LeaseToken,
    ) -> Result<Vec<ProgramFile>, LeaseError> {
        let request = wire::LoadProgramFilesRequest {
            worker_id: self.worker_id.to_string(),
            token: Some(token.into()),
        };
        let answer = self
            .persist("load_program_files", || {
                let (mut service, request) = (self.transfers.clone(), request.clone());
                async move { service.load_program_files(request).await }
            })
            .await?;
        let files = answer.into_inner().files.into_iter();
        Ok(files.map(|file| (file.path, file.content)).collect())
    }

    /// Hands back every lease. Tried once: a worker that drains is about to leave.
    ///
    /// # Errors
    /// The coordinator refused, or cannot be reached; the leases then lapse by themselves.
    pub async fn drain_once(&self) -> Result<u32, LeaseError> {
        let request = wire::DrainRequest {
            worker_id: self.worker_id.to_string(),
        };
        Ok(self
            .service
            .clone()
            .drain(request)
            .await?
            .into_inner()
            .returned)
    }

    /// Repeats a call until it is answered: registers again when the coordinator does not know the
    /// worker, and waits longer and longer while the coordinator is away.
    async fn persist<T, Call>(
        &self,
        what: &'static str,
        call: impl Fn() -> Call + Send + Sync,
    ) -> Result<T, LeaseError>
    where
        Call: Future<Output = Result<T, Status>> + Send,
    {
        let mut backoff = Backoff::new(self.worker_id.as_str());
        loop {
            let error = match call().await {
                Ok(answer) => return Ok(answer),
                Err(status) if status.code() == Code::NotFound => {
                    match self.register_once().await {
                        Ok(_) => continue,
                        Err(error) => error,
                    }
                }
                Err(status) => LeaseError::from(status),
            };
            let LeaseError::Unavailable(reason) = error else {
                return Err(error);
            };
            let delay = backoff.next_delay();
            tracing::warn!(what, %reason, ?delay, "coordinator unavailable, will repeat the call");
            tokio::time::sleep(delay).await;
        }
    }
}

/// A refusal; what the transport says is told with its causes.
fn with_cause(status: Status) -> LeaseError {
    let cause = status.source().map(chain);
    match (LeaseError::from(status), cause) {
        (LeaseError::Unavailable(what), Some(cause)) => {
            LeaseError::Unavailable(if cause.contains(&what) {
                cause
            } else {
                format!("{what}: {cause}")
            })
        }
        (error, _) => error,
    }
}

fn acquired(answer: wire::AcquireResponse) -> Result<Acquired, LeaseError> {
    let leases: Result<Vec<Lease>, LeaseError> = answer.leases.into_iter().map(lease).collect();
    Ok(Acquired {
        leases: leases?,
        retry_after: Duration::from_millis(answer.retry_after_ms)
            .clamp(SHORTEST_PAUSE, LONGEST_PAUSE),
        idle: answer.idle,
    })
}

fn lease(lease: wire::Lease) -> Result<Lease, LeaseError> {
    let malformed = |what: String| LeaseError::Malformed(what);
    let token = lease
        .token
        .ok_or_else(|| malformed("a lease without a token".into()))?;
    let spec = lease
        .spec
        .ok_or_else(|| malformed("a lease without a specification".into()))?;
    let spec = TrialSpec::try_from(spec).map_err(|error| malformed(error.to_string()))?;
    let checkpoint = lease.checkpoint.map(|checkpoint| CheckpointRef {
        attempt: Attempt(checkpoint.attempt),
        updates_done: checkpoint.updates_done,
    });
    Ok(Lease {
        token: token.into(),
        spec,
        checkpoint,
    })
}
