//! The service `Leases`: what workers call.

use std::{pin::Pin, time::Duration};

use pondersweep_proto::{
    ending::EndedAttempt,
    error::LeaseError,
    id::{LeaseToken, SweepId, WorkerId},
    limit::{
        MAX_ENDED_ATTEMPTS, MAX_LANES, MAX_OBSERVATIONS, MAX_OFFER_BYTES, MAX_OFFERS, MAX_RENEWALS,
        MAX_REQUEST_ID_BYTES, MAX_WORKER_FIELD_BYTES, PROTOCOL, shown,
    },
    metric::Observation,
    wire::{self, leases_server::Leases},
};
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::{checkpoints::Checkpoints, gate::Pass, view};
use crate::{
    checkpoint::Blobs,
    driver::{DriverHandle, Grant, LeaseRequest, LeaseView, Speaker},
    store::{MachineRecord, WorkerRecord},
    trust::TokenId,
};

/// A worker that got nothing asks again after this: short enough that a new sweep starts at once,
/// long enough that a thousand idle workers are no load.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// Serves workers by asking the driver.
pub(super) struct LeaseService {
    driver: DriverHandle,
    checkpoints: Checkpoints,
}

impl LeaseService {
    pub(super) fn new(driver: DriverHandle, blobs: Blobs) -> Self {
        Self {
            checkpoints: Checkpoints::new(driver.clone(), blobs),
            driver,
        }
    }

    async fn ask(&self, speaker: Speaker, request: LeaseRequest) -> Result<Grant, Status> {
        Ok(self.driver.lease(speaker, request).await?)
    }
}

type Pieces = Pin<Box<dyn Stream<Item = Result<wire::LoadCheckpointResponse, Status>> + Send>>;

#[tonic::async_trait]
impl Leases for LeaseService {
    type LoadCheckpointStream = Pieces;

    async fn register(
        &self,
        request: Request<wire::RegisterRequest>,
    ) -> Result<Response<wire::RegisterResponse>, Status> {
        let token_id = token_id(&request);
        let wire::RegisterRequest { worker, protocol } = request.into_inner();
        let worker = worker.ok_or_else(|| malformed("no worker"))?;
        check_protocol(protocol, &worker.version)?;
        let worker = WorkerRecord {
            token_id,
            ..worker_record(worker)?
        };
        self.driver.register(worker).await?;
        Ok(Response::new(wire::RegisterResponse {
            lease_duration_ms: milliseconds(self.driver.lease_duration()),
            coordinator_version: env!("CARGO_PKG_VERSION").to_owned(),
        }))
    }

    async fn acquire(
        &self,
        request: Request<wire::AcquireRequest>,
    ) -> Result<Response<wire::AcquireResponse>, Status> {
        let speaker = speaker(&request, &request.get_ref().worker_id)?;
        let acquire = acquisition(request.into_inner())?;
        let granted = self.ask(speaker, acquire).await?;
        Ok(Response::new(acquired(granted)))
    }

    async fn renew(
        &self,
        request: Request<wire::RenewRequest>,
    ) -> Result<Response<wire::RenewResponse>, Status> {
        let speaker = speaker(&request, &request.get_ref().worker_id)?;
        let wire::RenewRequest {
            leases, draining, ..
        } = request.into_inner();
        if leases.len() > MAX_RENEWALS {
            return Err(malformed("too many leases in one renewal"));
        }
        let leases: Result<Vec<_>, Status> = leases
            .into_iter()
            .map(|lease| Ok((token(lease.token)?, lease.updates_done)))
            .collect();
        let renew = LeaseRequest::Renew {
            leases: leases?,
            draining,
        };
        let Grant::Lost(lost) = self.ask(speaker, renew).await? else {
            unreachable!("a renewal is answered with what is lost")
        };
        let lost = lost.into_iter().map(Into::into).collect();
        Ok(Response::new(wire::RenewResponse { lost }))
    }

    async fn report(
        &self,
        request: Request<wire::ReportRequest>,
    ) -> Result<Response<wire::ReportResponse>, Status> {
        let speaker = speaker(&request, &request.get_ref().worker_id)?;
        let request = request.into_inner();
        bound_observations(request.observations.len())?;
        let report = LeaseRequest::Report {
            token: token(request.token)?,
            observations: observations(request.observations)?,
        };
        self.ask(speaker, report).await?;
        Ok(Response::new(wire::ReportResponse {}))
    }

    async fn finish(
        &self,
        request: Request<wire::FinishRequest>,
    ) -> Result<Response<wire::FinishResponse>, Status> {
        let speaker = speaker(&request, &request.get_ref().worker_id)?;
        let wire::FinishRequest { attempts, next, .. } = request.into_inner();
        if attempts.is_empty() || attempts.len() > MAX_ENDED_ATTEMPTS {
            return Err(malformed(format!(
                "a call ends 1 to {MAX_ENDED_ATTEMPTS} attempts"
            )));
        }
        bound_observations(attempts.iter().map(|ended| ended.observations.len()).sum())?;
        let attempts: Result<_, LeaseError> =
            attempts.into_iter().map(EndedAttempt::try_from).collect();
        let finish = LeaseRequest::Finish(attempts?);
        let next = next.map(acquisition).transpose()?;
        // Asked together, so that one commit may hold both; the endings first.
        let (finished, granted) = tokio::join!(biased; self.ask(speaker.clone(), finish), async {
            match next {
                Some(next) => self.ask(speaker, next).await.map(Some),
                None => Ok(None),
            }
        });
        let Grant::Lost(lost) = finished? else {
            unreachable!("endings are answered with what is lost")
        };
        Ok(Response::new(wire::FinishResponse {
            lost: lost.into_iter().map(Into::into).collect(),
            next: granted?.map(acquired),
        }))
    }

    async fn save_checkpoint(
        &self,
        request: Request<Streaming<wire::SaveCheckpointRequest>>,
    ) -> Result<Response<wire::SaveCheckpointResponse>, Status> {
        let token_id = token_id(&request);
        let pieces = request.into_inner();
        self.checkpoints.save(token_id, pieces).await?;
        Ok(Response::new(wire::SaveCheckpointResponse {}))
    }

    async fn load_checkpoint(
        &self,
        request: Request<wire::LoadCheckpointRequest>,
    ) -> Result<Response<Pieces>, Status> {
        let speaker = speaker(&request, &request.get_ref().worker_id)?;
        let token = token(request.into_inner().token)?;
        let pieces = self.checkpoints.load(speaker, token).await?;
        let pieces = pieces.into_iter().map(|piece| {
            let piece = piece.into();
            Ok(wire::LoadCheckpointResponse { piece })
        });
        Ok(Response::new(Box::pin(tokio_stream::iter(pieces))))
    }

    async fn load_program_files(
        &self,
        request: Request<wire::LoadProgramFilesRequest>,
    ) -> Result<Response<wire::LoadProgramFilesResponse>, Status> {
        let speaker = speaker(&request, &request.get_ref().worker_id)?;
        let token = token(request.into_inner().token)?;
        let asked = LeaseRequest::LoadProgramFiles(token);
        let Grant::Files(files) = self.ask(speaker, asked).await? else {
            unreachable!("it is answered with files")
        };
        let files = files
            .into_iter()
            .map(|(path, content)| wire::ProgramFile { path, content });
        Ok(Response::new(wire::LoadProgramFilesResponse {
            files: files.collect(),
        }))
    }

    async fn start_from_checkpoint(
        &self,
        request: Request<wire::StartFromCheckpointRequest>,
    ) -> Result<Response<wire::StartFromCheckpointResponse>, Status> {
        let speaker = speaker(&request, &request.get_ref().worker_id)?;
        let request = request.into_inner();
        self.checkpoints.start_from(speaker, request).await?;
        Ok(Response::new(wire::StartFromCheckpointResponse {}))
    }

    async fn drain(
        &self,
        request: Request<wire::DrainRequest>,
    ) -> Result<Response<wire::DrainResponse>, Status> {
        let speaker = speaker(&request, &request.get_ref().worker_id)?;
        let Grant::Returned(returned) = self.ask(speaker, LeaseRequest::Drain).await? else {
            unreachable!("a drain is answered with a count")
        };
        Ok(Response::new(wire::DrainResponse { returned }))
    }
}

/// Refuses a worker that speaks another version of the protocol, and says which to install.
fn check_protocol(protocol: u32, version: &str) -> Result<(), Status> {
    if protocol == PROTOCOL {
        return Ok(());
    }
    let (ours, theirs) = (env!("CARGO_PKG_VERSION"), shown(version));
    Err(LeaseError::Denied(format!(
        "this worker is pondersweep {theirs} and speaks version {protocol} of the protocol; \
         the coordinator is pondersweep {ours} and speaks version {PROTOCOL}\n\
         hint: run the same release of pondersweep on the worker and on the coordinator"
    ))
    .into())
}

fn acquisition(request: wire::AcquireRequest) -> Result<LeaseRequest, Status> {
    let wire::AcquireRequest {
        worker_id: _,
        request_id,
        max_lanes,
        sweep_id,
        together_with,
        offers,
    } = request;
    if request_id.is_empty() || request_id.len() > MAX_REQUEST_ID_BYTES {
        return Err(malformed("a request id has 1 to 64 bytes"));
    }
    if offers.len() > MAX_OFFERS || offers.iter().any(|offer| offer.len() > MAX_OFFER_BYTES) {
        return Err(malformed(
            "a worker offers up to 16 things of up to 128 bytes",
        ));
    }
    Ok(LeaseRequest::Acquire {
        request_id,
        max_lanes: max_lanes.clamp(1, MAX_LANES),
        only: parse_sweep_id(&sweep_id)?,
        together_with: together_with.map(Into::into),
        offers,
    })
}

fn acquired(granted: Grant) -> wire::AcquireResponse {
    let Grant::Leases { leases, idle } = granted else {
        unreachable!("an acquisition is answered with leases")
    };
    let lease = |lease: LeaseView| wire::Lease {
        token: Some(lease.token.into()),
        checkpoint: lease.checkpoint.as_ref().map(view::checkpoint),
        spec: Some(lease.spec),
    };
    wire::AcquireResponse {
        leases: leases.into_iter().map(lease).collect(),
        retry_after_ms: milliseconds(RETRY_AFTER),
        idle,
    }
}

pub(super) fn malformed(what: impl Into<String>) -> Status {
    LeaseError::Malformed(what.into()).into()
}

pub(super) fn parse_worker_id(text: &str) -> Result<WorkerId, Status> {
    text.parse().map_err(|error| malformed(format!("{error}")))
}

/// The token that a call was let in with.
fn token_id<T>(request: &Request<T>) -> Option<TokenId> {
    let pass = request.extensions().get::<Pass>();
    pass.and_then(|pass| pass.token_id().cloned())
}

/// The worker a message names, with the token it came with.
fn speaker<T>(request: &Request<T>, worker_id: &str) -> Result<Speaker, Status> {
    Ok(Speaker {
        worker_id: parse_worker_id(worker_id)?,
        token_id: token_id(request),
    })
}

/// The one sweep a worker wants to work for; empty means any.
fn parse_sweep_id(text: &str) -> Result<Option<SweepId>, Status> {
    let sweep_id = (!text.is_empty()).then(|| text.parse()).transpose();
    sweep_id.map_err(|error| malformed(format!("{error}")))
}

pub(super) fn token(token: Option<wire::LeaseToken>) -> Result<LeaseToken, Status> {
    token
        .map(Into::into)
        .ok_or_else(|| malformed("no lease token"))
}

/// Refuses a call with too many observations in all.
fn bound_observations(count: usize) -> Result<(), Status> {
    if count > MAX_OBSERVATIONS {
        return Err(malformed("too many observations in one call"));
    }
    Ok(())
}

fn observations(observations: Vec<wire::Observation>) -> Result<Vec<Observation>, Status> {
    let observations: Result<_, _> = observations
        .into_iter()
        .map(Observation::try_from)
        .collect();
    observations.map_err(|error| malformed(error.to_string()))
}

fn worker_record(worker: wire::WorkerInfo) -> Result<WorkerRecord, Status> {
    let wire::WorkerInfo {
        worker_id,
        process_id,
        slots,
        ..
    } = &worker;
    Ok(WorkerRecord {
        worker_id: parse_worker_id(worker_id)?,
        process_id: *process_id,
        slots: *slots,
        token_id: None,
        host: cut(worker.host, MAX_WORKER_FIELD_BYTES),
        device: cut(worker.device, MAX_WORKER_FIELD_BYTES),
        backend: cut(worker.backend, MAX_WORKER_FIELD_BYTES),
        version: cut(worker.version, MAX_WORKER_FIELD_BYTES),
        binary_sha256: cut(worker.binary_sha256, MAX_WORKER_FIELD_BYTES),
        machine: MachineRecord {
            cpu: cut(worker.cpu, MAX_WORKER_FIELD_BYTES),
            cpu_features: cut(worker.cpu_features, MAX_WORKER_FIELD_BYTES),
            instructions: cut(worker.instructions, MAX_WORKER_FIELD_BYTES),
            gpu: cut(worker.gpu, MAX_WORKER_FIELD_BYTES),
        },
    })
}

/// The text, cut to at most `bytes` bytes at the end of a character.
fn cut(mut text: String, bytes: usize) -> String {
    text.truncate(text.floor_char_boundary(bytes));
    text
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
