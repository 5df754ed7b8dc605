//! A lossy go-between for calls: it passes both services' calls on to the coordinator, except that
//! some requests never reach it and some replies never come back. To a client both look alike,
//! which is why every call must be safe to repeat. It stands outside of the coordinator on purpose:
//! what people run has no switch that loses calls.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    marker::PhantomData,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use pondersweep::SplitMix64;
use pondersweep_proto::wire::{leases_server::LeasesServer, sweeps_server::SweepsServer};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Code, Status,
    body::Body,
    codegen::{
        BoxFuture, Service,
        http::{Request, Response},
    },
    server::NamedService,
    transport::{Channel, Endpoint, Server},
};

/// One call in this many is lost.
const LOST_ONE_IN: usize = 6;
/// The status a client may get for a lost call: what proxies and broken streams make of it.
const LOSS_CODES: [Code; 5] = [
    Code::Unavailable,
    Code::Unknown,
    Code::Cancelled,
    Code::DeadlineExceeded,
    Code::Internal,
];

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallFate {
    /// Served and answered.
    Answered,
    /// It never reaches the coordinator.
    RequestLost(Code),
    /// The coordinator serves it, and the answer is lost.
    ReplyLost(Code),
}

impl CallFate {
    /// The fate of the n-th call of a method: a function of the seed alone.
    fn of(seed: u64, method: &str, call: u64) -> Self {
        let name = method.bytes().fold(seed, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        });
        let mut random = SplitMix64::new(name ^ call.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        let code = LOSS_CODES[random.below(LOSS_CODES.len())];
        match (random.below(LOST_ONE_IN), random.below(2)) {
            (0, 0) => Self::RequestLost(code),
            (0, _) => Self::ReplyLost(code),
            _ => Self::Answered,
        }
    }
}

/// The calls of one method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct CallCounts {
    pub(super) calls: u64,
    pub(super) requests_lost: u64,
    pub(super) replies_lost: u64,
}

type FateOfCall = dyn Fn(&str, u64) -> CallFate + Send + Sync;

struct Shared {
    fate: Box<FateOfCall>,
    upstream: Mutex<Option<Channel>>,
    /// By the path of the method, such as `/pondersweep.v1.Leases/Finish`.
    counts: Mutex<BTreeMap<String, CallCounts>>,
}

/// The go-between, which stops when it is forgotten.
pub(super) struct Gateway {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

impl Gateway {
    /// A gateway that loses calls by this seed, or none without. It leads nowhere yet.
    pub(super) async fn start(seed: Option<u64>) -> std::io::Result<Self> {
        Self::with_fates(move |method, call| {
            seed.map_or(CallFate::Answered, |seed| CallFate::of(seed, method, call))
        })
        .await
    }

    /// A gateway that asks for the fate of the n-th call of a method.
    pub(super) async fn with_fates(
        fate: impl Fn(&str, u64) -> CallFate + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            fate: Box::new(fate),
            upstream: Mutex::default(),
            counts: Mutex::default(),
        });
        let server = Server::builder()
            .add_service(Forward::<LeasesServer<()>>::new(&shared))
            .add_service(Forward::<SweepsServer<()>>::new(&shared))
            .serve_with_incoming(TcpListenerStream::new(listener));
        let serving = tokio::spawn(async move {
            if let Err(error) = server.await {
                tracing::warn!(%error, "the gateway ended");
            }
        });
        Ok(Self {
            address,
            shared,
            serving,
        })
    }

    /// Where it listens.
    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads to the coordinator at a URL from now on.
    pub(super) fn lead_to(&self, url: &str) -> Result<(), tonic::transport::Error> {
        let channel = Endpoint::from_shared(url.to_owned())?.connect_lazy();
        *locked(&self.shared.upstream) = Some(channel);
        Ok(())
    }

    /// What it did so far, by method.
    pub(super) fn counts(&self) -> BTreeMap<String, CallCounts> {
        locked(&self.shared.counts).clone()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    async fn forward(&self, request: Request<Body>) -> Result<Response<Body>, Status> {
        let fate = self.draw(request.uri().path());
        if let CallFate::RequestLost(code) = fate {
            return Err(Status::new(code, "the request was lost on purpose"));
        }
        let upstream = locked(&self.upstream).clone();
        let mut upstream = upstream.ok_or_else(|| Status::unavailable("leads nowhere yet"))?;
        let away = |error: tonic::transport::Error| Status::from_error(Box::new(error));
        std::future::poll_fn(|context| upstream.poll_ready(context))
            .await
            .map_err(away)?;
        // Answered by the coordinator once this returns, for a reply begins when the work is done.
        let response = upstream.call(request).await.map_err(away)?;
        match fate {
            CallFate::ReplyLost(code) => Err(Status::new(code, "the reply was lost on purpose")),
            _ => Ok(response),
        }
    }

    fn draw(&self, method: &str) -> CallFate {
        let mut counts = locked(&self.counts);
        let counts = counts.entry(method.to_owned()).or_default();
        let fate = (self.fate)(method, counts.calls);
        counts.calls += 1;
        match fate {
            CallFate::Answered => {}
            CallFate::RequestLost(_) => counts.requests_lost += 1,
            CallFate::ReplyLost(_) => counts.replies_lost += 1,
        }
        fate
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every change under these locks is a single assignment or count.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The calls of the service `S`, whatever they are.
struct Forward<S> {
    shared: Arc<Shared>,
    service: PhantomData<fn() -> S>,
}

impl<S> Forward<S> {
    fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            service: PhantomData,
        }
    }
}

impl<S> Clone for Forward<S> {
    fn clone(&self) -> Self {
        Self::new(&self.shared)
    }
}

impl<S: NamedService> NamedService for Forward<S> {
    const NAME: &'static str = S::NAME;
}

impl<S> Service<Request<Body>> for Forward<S> {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = Arc::clone(&self.shared);
        Box::pin(async move {
            let answer = shared.forward(request).await;
            Ok(answer.unwrap_or_else(Status::into_http))
        })
    }
}

#[cfg(test)]
mod tests;
