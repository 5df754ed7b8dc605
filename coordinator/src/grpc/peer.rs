//! Connections: accepted up to a limit for each address and for all, each with the calls it may
//! make, and ended when none is made. It knows no tokens.

mod log_throttle;
mod stream;

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use self::{log_throttle::LogThrottle, stream::PeerStream};
use crate::{
    clock,
    protection::{PeerLimits, TOLD_WHY},
    trust::Bucket,
};

/// How long to wait when the system gives no more connections, most often for lack of files.
const RECOVERY: Duration = Duration::from_millis(100);

/// One connection's other side, found among the extensions of its calls.
#[derive(Clone, Debug)]
pub(crate) struct Peer(Arc<Connection>);

#[derive(Debug)]
struct Connection {
    address: IpAddr,
    /// Beyond the limit of its address: its calls are answered with that.
    is_crowded: bool,
    calls: Mutex<Bucket>,
    limits: PeerLimits,
    open: Open,
    /// Cancelled once it has made a call that it was let in with.
    known: CancellationToken,
}

/// Connections that are open, by address.
type Open = Arc<Mutex<HashMap<IpAddr, usize>>>;

impl Peer {
    /// Notes that a call of it was let in: it is no longer ended for saying nothing.
    pub(crate) fn is_known_now(&self) {
        self.0.known.cancel();
    }

    /// Takes one of the calls that the peer may make.
    pub(super) fn take_call(&self, now: Instant) -> Result<(), Status> {
        let PeerLimits {
            connections,
            calls_per_second,
            ..
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

/// The connections of a listener, within the limits; ends when it is forgotten. Once told to stop,
/// they end soon, whatever their peers do.
pub(crate) fn connections(
    listener: TcpListener,
    limits: PeerLimits,
    stop: CancellationToken,
) -> impl Stream<Item = io::Result<PeerStream>> {
    let (sender, receiver) = mpsc::channel(1);
    let acceptor = Acceptor {
        limits,
        stop,
        open: Open::default(),
        refused: LogThrottle::default(),
        failed: LogThrottle::default(),
    };
    tokio::spawn(acceptor.accept(listener, sender));
    ReceiverStream::new(receiver)
}

/// Where connections come in.
struct Acceptor {
    limits: PeerLimits,
    stop: CancellationToken,
    open: Open,
    refused: LogThrottle,
    failed: LogThrottle,
}

impl Acceptor {
    async fn accept(mut self, listener: TcpListener, sender: mpsc::Sender<io::Result<PeerStream>>) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = sender.closed() => return,
            };
            match accepted {
                Ok((stream, address)) => {
                    if let Some(stream) = self.admit(stream, address)
                        && sender.send(Ok(stream)).await.is_err()
                    {
                        return;
                    }
                }
                Err(error) => {
                    if let Some(times) = self.failed.happened(clock::now()) {
                        tracing::warn!(%error, times, "cannot accept connections");
                    }
                    tokio::time::sleep(RECOVERY).await;
                }
            }
        }
    }

    /// A connection as a peer's, unless there are too many.
    fn admit(&mut self, stream: TcpStream, address: SocketAddr) -> Option<PeerStream> {
        let (address, limits) = (network(address.ip()), self.limits);
        let mut counts = locked(&self.open);
        let all: usize = counts.values().sum();
        let of_peer = counts.get(&address).copied().unwrap_or_default();
        if of_peer >= limits.connections + TOLD_WHY || all >= limits.in_all {
            if let Some(times) = self.refused.happened(clock::now()) {
                tracing::warn!(%address, of_peer, all, times, "too many connections, closing others");
            }
            return None;
        }
        counts.insert(address, of_peer + 1);
        drop(counts);
        // An answer is small and must not wait until the worker's system acknowledges the one
        // before: that takes 40 ms.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection ended at once");
        }
        let known = CancellationToken::new();
        let peer = Peer(Arc::new(Connection {
            address,
            is_crowded: of_peer >= limits.connections,
            calls: Mutex::new(Bucket::new(limits.calls_per_second, clock::now())),
            limits,
            open: Arc::clone(&self.open),
            known: known.clone(),
        }));
        Some(PeerStream::new(stream, peer, known, self.stop.clone()))
    }
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
