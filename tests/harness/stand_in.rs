//! A stand-in for a coordinator, for tests of a worker alone: it leases one trial, notes which calls it
//! hears, and answers every one but that which saves a checkpoint.

use std::{
    future::pending,
    sync::{Arc, Mutex},
};

use pondersweep_proto::wire::{
    self,
    leases_server::{Leases, LeasesServer},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_stream::{Empty, wrappers::TcpListenerStream};
use tonic::{Request, Response, Status, Streaming, transport::Server};

/// The stand-in; it ends when the test forgets it.
pub(crate) struct StandIn {
    pub(crate) url: String,
    heard: Heard,
    serving: JoinHandle<()>,
}

type Heard = Arc<Mutex<Vec<&'static str>>>;
type Answer<T> = Result<Response<T>, Status>;

/// What the stand-in says.
struct Script {
    lease_duration_ms: u64,
    /// The trial it leases, once.
    trial: Mutex<Option<wire::TrialSpec>>,
    heard: Heard,
}

impl StandIn {
    /// One with a trial, whose leases are said to last so long.
    pub(crate) async fn start(lease_duration_ms: u64, trial: wire::TrialSpec) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let heard = Heard::default();
        let script = Script {
            lease_duration_ms,
            trial: Mutex::new(Some(trial)),
            heard: Arc::clone(&heard),
        };
        let server = Server::builder().add_service(LeasesServer::new(script));
        let serving = tokio::spawn(async move {
            let served = server.serve_with_incoming(TcpListenerStream::new(listener));
            served.await.expect("it serves");
        });
        Self {
            url,
            heard,
            serving,
        }
    }

    /// How often it heard a call.
    pub(crate) fn heard(&self, call: &str) -> usize {
        let heard = self.heard.lock().expect("no call panics");
        heard.iter().filter(|heard| **heard == call).count()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Script {
    fn answer<T: Default>(&self, call: &'static str) -> Answer<T> {
        self.note(call);
        Ok(Response::new(T::default()))
    }

    fn note(&self, call: &'static str) {
        self.heard.lock().expect("no call panics").push(call);
    }
}

#[tonic::async_trait]
impl Leases for Script {
    type LoadCheckpointStream = Empty<Result<wire::LoadCheckpointResponse, Status>>;

    async fn register(&self, _: Request<wire::RegisterRequest>) -> Answer<wire::RegisterResponse> {
        self.note("register");
        Ok(Response::new(wire::RegisterResponse {
            lease_duration_ms: self.lease_duration_ms,
            ..wire::RegisterResponse::default()
        }))
    }

    async fn acquire(&self, _: Request<wire::AcquireRequest>) -> Answer<wire::AcquireResponse> {
        self.note("acquire");
        let spec = self.trial.lock().expect("no call panics").take();
        let idle = spec.is_none();
        let token = Some(wire::LeaseToken {
            trial_id: 1,
            attempt: 1,
        });
        let lease = |spec| wire::Lease {
            token,
            spec: Some(spec),
            checkpoint: None,
        };
        Ok(Response::new(wire::AcquireResponse {
            leases: spec.map(lease).into_iter().collect(),
            retry_after_ms: 10,
            idle,
        }))
    }

    async fn renew(&self, _: Request<wire::RenewRequest>) -> Answer<wire::RenewResponse> {
        self.answer("renew")
    }

    async fn report(&self, _: Request<wire::ReportRequest>) -> Answer<wire::ReportResponse> {
        self.answer("report")
    }

    async fn finish(&self, _: Request<wire::FinishRequest>) -> Answer<wire::FinishResponse> {
        self.note("finish");
        Ok(Response::new(wire::FinishResponse {
            next: Some(wire::AcquireResponse {
                idle: true,
                ..wire::AcquireResponse::default()
            }),
            ..wire::FinishResponse::default()
        }))
    }

    async fn save_checkpoint(
        &self,
        _: Request<Streaming<wire::SaveCheckpointRequest>>,
    ) -> Answer<wire::SaveCheckpointResponse> {
        self.note("save_checkpoint");
        pending().await
    }

    async fn load_checkpoint(
        &self,
        _: Request<wire::LoadCheckpointRequest>,
    ) -> Answer<Self::LoadCheckpointStream> {
        Err(Status::data_loss("there is none"))
    }

    async fn start_from_checkpoint(
        &self,
        _: Request<wire::StartFromCheckpointRequest>,
    ) -> Answer<wire::StartFromCheckpointResponse> {
        Err(Status::data_loss("there is none"))
    }

    async fn load_program_files(
        &self,
        _: Request<wire::LoadProgramFilesRequest>,
    ) -> Answer<wire::LoadProgramFilesResponse> {
        Err(Status::failed_precondition("it is no program's"))
    }

    async fn drain(&self, _: Request<wire::DrainRequest>) -> Answer<wire::DrainResponse> {
        self.answer("drain")
    }
}
