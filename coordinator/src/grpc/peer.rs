//! Connections: accepted up to a limit for each address and for all, each with the calls it may make.
//! It knows no tokens.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv6Addr},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Status, transport::server::Connected};

use crate::{clock, protection::PeerLimits, trust::Bucket};

/// Connections beyond a peer's limit that are kept, so that their calls can be answered with the
/// reason; those beyond are closed.
const TOLD_WHY: usize = 64;
/// Peers at their limit that fill the coordinator; then whoever comes is closed.
const FULL_PEERS: usize = 4;
/// How long to wait when the system gives no more connections, most often for lack of files.
const RECOVERY: Duration = Duration::from_millis(100);

/// One connection's other side, found among the extensions of its calls.
#[derive(Clone, Debug)]
pub(super) struct Peer(Arc<Connection>);

#[derive(Debug)]
struct Connection {
    address: IpAddr,
    /// Beyond the limit of its address: its calls are answered with that.
    is_crowded: bool,
    calls: Mutex<Bucket>,
    limits: PeerLimits,
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

impl Peer {
    /// Takes one of the calls that the peer may make.
    pub(super) fn take_call(&self, now: Instant) -> Result<(), Status> {
        let PeerLimits {
            connections,
            calls_per_second,
        } = self.0.limits;
        if self.0.is_crowded {
            return Err(Status::resource_exhausted(format!(
                "more than {connections} connections from one address\nhint: start fewer workers there, or serve with a higher --max-connections"
            )));
        }
        if locked(&self.0.calls).take(now) {
            return Ok(());
        }
        Err(Status::resource_exhausted(format!(
            "more than {calls_per_second} calls a second on one connection\nhint: repeat the call later, or serve with a higher --max-call-rate"
        )))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let mut open = locked(&self.open);
        if let Some(count) = open.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.address);
            }
        }
    }
}

/// The connections of a listener, within the limits; ends when it is forgotten.
pub(super) fn connections(
    listener: TcpListener,
    limits: PeerLimits,
) -> impl Stream<Item = io::Result<PeerStream>> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(accept(listener, limits, sender));
    ReceiverStream::new(receiver)
}

async fn accept(
    listener: TcpListener,
    limits: PeerLimits,
    sender: mpsc::Sender<io::Result<PeerStream>>,
) {
    let open = Arc::default();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = sender.closed() => return,
        };
        let stream = match accepted {
            Ok((stream, address)) => admit(stream, address.ip(), limits, &open),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(RECOVERY).await;
                continue;
            }
        };
        if let Some(stream) = stream
            && sender.send(Ok(stream)).await.is_err()
        {
            return;
        }
    }
}

/// A connection as a peer's, unless there are too many.
fn admit(
    stream: TcpStream,
    address: IpAddr,
    limits: PeerLimits,
    open: &Arc<Mutex<HashMap<IpAddr, usize>>>,
) -> Option<PeerStream> {
    let address = network(address);
    let mut counts = locked(open);
    let all: usize = counts.values().sum();
    let count = counts.entry(address).or_default();
    if *count >= limits.connections + TOLD_WHY || all >= FULL_PEERS * limits.connections + TOLD_WHY
    {
        tracing::warn!(%address, connections = *count, "too many connections, closing another");
        return None;
    }
    let is_crowded = *count >= limits.connections;
    *count += 1;
    drop(counts);
    // An answer is small and must not wait until the worker's system acknowledges the one before:
    // that takes 40 ms.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection ended at once");
    }
    let peer = Peer(Arc::new(Connection {
        address,
        is_crowded,
        calls: Mutex::new(Bucket::new(limits.calls_per_second, clock::now())),
        limits,
        open: Arc::clone(open),
    }));
    Some(PeerStream { stream, peer })
}

/// Who counts as one peer: an address, or in version 6 the network that one machine is given.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Counts change in one step, so they are whole even if a holder panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A connection that says whose it is.
#[derive(Debug)]
pub(super) struct PeerStream {
    stream: TcpStream,
    peer: Peer,
}

impl Connected for PeerStream {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for PeerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_one_peer_whichever_of_its_addresses_it_uses() {
        let peer = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(peer("192.0.2.7"), "192.0.2.7");
        assert_eq!(peer("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(peer("2001:db8:1:2:3:4:5:6"), peer("2001:db8:1:2:ffff::1"));
        assert_ne!(peer("2001:db8:1:2::1"), peer("2001:db8:1:3::1"));
    }
}
