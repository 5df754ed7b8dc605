//! A bad network: a small TCP proxy on loopback whose connections are refused, delayed, cut in the
//! middle of a message or half open, each by a seeded fate. It carries bytes and understands none.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use pondersweep::SplitMix64;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

/// Any free port of this machine.
const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Bytes carried at once: small, so that a cut may fall anywhere inside a message.
const CHUNK_BYTES: usize = 512;
/// A cut or half-open connection carries at most this many bytes first: a few calls.
const MOST_BYTES: usize = 24 * 1_024;
/// The longest delay of a chunk.
const LONGEST_DELAY_MS: usize = 60;
/// A half-open connection is cut after at most this time, as a gateway with a lost state would. The
/// program must notice one that never is, too; that takes its keepalive and has a test of its own.
const HALF_OPEN_FOR_MS: usize = 4_000;

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Carried as it is, for as long as it lives.
    Clean,
    /// Closed at once.
    Refused,
    /// Every chunk waits, up to so long.
    Slow { longest: Duration },
    /// Cut after this many bytes of both directions together.
    Cut { after_bytes: u64 },
    /// After this many bytes answers vanish, without an error on either side.
    HalfOpen {
        after_bytes: u64,
        cut_after: Duration,
    },
}

impl Fate {
    /// The fate of the n-th connection: a function of the seed alone.
    fn of(seed: u64, connection: u64) -> Self {
        let mut random = SplitMix64::new(seed ^ connection.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        let mut up_to = |bound: usize| random.below(bound) as u64;
        match up_to(10) {
            0..=3 => Self::Clean,
            4 => Self::Refused,
            5..=6 => Self::Slow {
                longest: Duration::from_millis(1 + up_to(LONGEST_DELAY_MS)),
            },
            7..=8 => Self::Cut {
                after_bytes: up_to(MOST_BYTES),
            },
            _ => Self::HalfOpen {
                after_bytes: up_to(MOST_BYTES),
                cut_after: Duration::from_millis(500 + up_to(HALF_OPEN_FOR_MS)),
            },
        }
    }
}

/// What the network did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NetworkCounts {
    pub(super) connections: u64,
    pub(super) refused: u64,
    pub(super) slow: u64,
    /// Cut in the middle, alone or with all others.
    pub(super) cut: u64,
    pub(super) half_open: u64,
}

/// The proxy, which stops when it is forgotten.
pub(crate) struct Network {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

struct Shared {
    upstream: SocketAddr,
    fate: Box<dyn Fn(u64) -> Fate + Send + Sync>,
    /// Cancelled to cut every connection there is; a new one takes its place.
    cut_all: Mutex<CancellationToken>,
    connections: AtomicU64,
    refused: AtomicU64,
    slow: AtomicU64,
    cut: AtomicU64,
    half_open: AtomicU64,
}

impl Network {
    /// A network that leads to `upstream`: a bad one by this seed, or a good one without.
    pub(super) async fn start(upstream: SocketAddr, seed: Option<u64>) -> std::io::Result<Self> {
        Self::start_at(LOOPBACK, upstream, seed).await
    }

    /// The same, listening at an address.
    pub(crate) async fn start_at(
        listen: SocketAddr,
        upstream: SocketAddr,
        seed: Option<u64>,
    ) -> std::io::Result<Self> {
        Self::with_fates(listen, upstream, move |connection| {
            seed.map_or(Fate::Clean, |seed| Fate::of(seed, connection))
        })
        .await
    }

    async fn with_fates(
        listen: SocketAddr,
        upstream: SocketAddr,
        fate: impl Fn(u64) -> Fate + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(listen).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            upstream,
            fate: Box::new(fate),
            cut_all: Mutex::default(),
            connections: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            slow: AtomicU64::new(0),
            cut: AtomicU64::new(0),
            half_open: AtomicU64::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// Where it listens, for clients.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cuts every connection there is.
    pub(super) fn cut_all(&self) {
        let mut cut_all = self
            .shared
            .cut_all
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *cut_all).cancel();
    }

    /// What it did so far, for people.
    pub(crate) fn summary(&self) -> String {
        let NetworkCounts {
            connections,
            refused,
            slow,
            cut,
            half_open,
        } = self.counts();
        format!(
            "{connections} connections: {refused} refused, {slow} slow, {cut} cut, {half_open} half open"
        )
    }

    /// What it did so far.
    pub(super) fn counts(&self) -> NetworkCounts {
        let shared = &self.shared;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        NetworkCounts {
            connections: read(&shared.connections),
            refused: read(&shared.refused),
            slow: read(&shared.slow),
            cut: read(&shared.cut),
            half_open: read(&shared.half_open),
        }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Takes connections; those under way end with this task.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    // A failed accept is one client's loss.
    loop {
        tokio::select! {
            accepted = listener.accept() => if let Ok((client, _)) = accepted {
                let number = shared.connections.fetch_add(1, Ordering::Relaxed);
                connections.spawn(carry(client, number, Arc::clone(&shared)));
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Carries one connection to its end, whatever ends it.
async fn carry(client: TcpStream, number: u64, shared: Arc<Shared>) {
    let count = |counter: &AtomicU64| _ = counter.fetch_add(1, Ordering::Relaxed);
    let fate = (shared.fate)(number);
    match fate {
        // A cut is counted when it happens.
        Fate::Clean | Fate::Cut { .. } => {}
        Fate::Refused => return count(&shared.refused),
        Fate::Slow { .. } => count(&shared.slow),
        Fate::HalfOpen { .. } => count(&shared.half_open),
    }
    let Ok(server) = TcpStream::connect(shared.upstream).await else {
        return;
    };
    let cut_all = {
        let token = shared
            .cut_all
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        token.clone()
    };
    let was_cut = tokio::select! {
        was_cut = exchange(client, server, fate) => was_cut,
        () = cut_all.cancelled() => true,
    };
    if was_cut {
        count(&shared.cut);
    }
}

/// Carries both directions; true if the fate cut them, false if a side hung up.
async fn exchange(client: TcpStream, server: TcpStream, fate: Fate) -> bool {
    let carried = AtomicU64::new(0);
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        was_cut = pump(from_client, to_server, fate, &carried, false) => was_cut,
        was_cut = pump(from_server, to_client, fate, &carried, true) => was_cut,
    }
}

async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    fate: Fate,
    carried: &AtomicU64,
    is_answer: bool,
) -> bool {
    let mut chunk = [0; CHUNK_BYTES];
    loop {
        let Ok(length @ 1..) = from.read(&mut chunk).await else {
            return false;
        };
        let before = carried.fetch_add(length as u64, Ordering::Relaxed);
        match fate {
            Fate::Clean | Fate::Refused => {}
            // The length of the chunk and what came before choose the delay: no clock, no dice.
            Fate::Slow { longest } => {
                let share = u32::try_from((before + length as u64) % 8).unwrap_or(0);
                tokio::time::sleep(longest * share / 8).await;
            }
            Fate::Cut { after_bytes } if before + length as u64 > after_bytes => {
                let rest = usize::try_from(after_bytes.saturating_sub(before)).unwrap_or(0);
                let _ = to.write_all(&chunk[..rest]).await;
                return true;
            }
            Fate::HalfOpen {
                after_bytes,
                cut_after,
            } if is_answer && before + length as u64 > after_bytes => {
                tokio::time::sleep(cut_after).await;
                return true;
            }
            Fate::Cut { .. } | Fate::HalfOpen { .. } => {}
        }
        if to.write_all(&chunk[..length]).await.is_err() {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use pondersweep::coordinator::{Coordinator, CoordinatorOptions};
    use pondersweep_proto::wire;
    use pondersweep_worker::client::{Client, Wanted};

    use super::*;

    /// A server that sends everything back.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.split();
                    let _ = tokio::io::copy(&mut from, &mut to).await;
                });
            }
        });
        address
    }

    /// What comes back of 4,000 bytes before the connection ends or falls silent.
    async fn returned(network: &Network) -> usize {
        let sent = vec![7; 4_000];
        let mut stream = TcpStream::connect(network.address).await.unwrap();
        let _ = stream.write_all(&sent).await;
        let mut back = Vec::new();
        let read = async {
            let mut chunk = [0; 1_000];
            while back.len() < sent.len()
                && let Ok(length @ 1..) = stream.read(&mut chunk).await
            {
                back.extend_from_slice(&chunk[..length]);
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), read).await;
        back.len()
    }

    async fn network(fate: Fate) -> Network {
        Network::with_fates(LOOPBACK, echo().await, move |_| fate)
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn each_fate_does_what_it_says() {
        assert_eq!(returned(&network(Fate::Clean).await).await, 4_000);
        assert_eq!(returned(&network(Fate::Refused).await).await, 0);
        let longest = Duration::from_millis(5);
        assert_eq!(
            returned(&network(Fate::Slow { longest }).await).await,
            4_000
        );
        let cut = network(Fate::Cut { after_bytes: 5_000 }).await;
        assert!(returned(&cut).await < 4_000);
        assert_eq!(cut.counts().cut, 1);
        let cut_after = Duration::from_secs(60);
        let half_open = network(Fate::HalfOpen {
            after_bytes: 0,
            cut_after,
        })
        .await;
        assert_eq!(returned(&half_open).await, 0);
        assert_eq!(half_open.counts().half_open, 1);
    }

    #[tokio::test]
    async fn all_connections_can_be_cut_at_once_and_new_ones_are_carried() {
        let network = network(Fate::Clean).await;
        let mut streams = Vec::new();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(network.address).await.unwrap();
            stream.write_all(b"x").await.unwrap();
            assert_eq!(stream.read_u8().await.unwrap(), b'x');
            streams.push(stream);
        }
        network.cut_all();
        for mut stream in streams {
            assert!(stream.read_u8().await.is_err());
        }
        assert_eq!(returned(&network).await, 4_000);
    }

    #[test]
    fn fates_are_of_every_kind_and_depend_on_the_seed_alone() {
        let fates = |seed| (0..100).map(|n| Fate::of(seed, n)).collect::<Vec<_>>();
        assert_eq!(fates(5), fates(5));
        assert_ne!(fates(5), fates(6));
        let has = |wanted: fn(&Fate) -> bool| fates(5).iter().any(wanted);
        assert!(has(|fate| matches!(fate, Fate::Clean)));
        assert!(has(|fate| matches!(fate, Fate::Refused)));
        assert!(has(|fate| matches!(fate, Fate::Slow { .. })));
        assert!(has(|fate| matches!(fate, Fate::Cut { .. })));
        assert!(has(|fate| matches!(fate, Fate::HalfOpen { .. })));
    }

    /// The one case that the fates above leave out: the dead connection is never cut. The worker's
    /// keepalive must.
    #[tokio::test]
    async fn a_worker_leaves_a_connection_that_stays_half_open_by_itself() {
        let folder = tempfile::tempdir().unwrap();
        let options = CoordinatorOptions::loopback(&folder.path().join("results.db"));
        let coordinator = Coordinator::start(options).await.unwrap();
        let cut_after = Duration::from_secs(3_600);
        let fate = move |connection| match connection {
            0 => Fate::HalfOpen {
                after_bytes: 0,
                cut_after,
            },
            _ => Fate::Clean,
        };
        let network = Network::with_fates(LOOPBACK, coordinator.address(), fate)
            .await
            .unwrap();
        let info = wire::WorkerInfo {
            worker_id: "w".into(),
            ..wire::WorkerInfo::default()
        };
        let client = Client::new(&network.url(), "w".parse().unwrap(), info).unwrap();
        let wanted = Wanted {
            request_id: "1".into(),
            max_lanes: 1,
            sweep: None,
            together_with: None,
            offers: Vec::new(),
        };
        let acquired = client.acquire(wanted).await.unwrap();
        assert!(acquired.idle, "nothing was submitted");
        assert_eq!(network.counts().half_open, 1);
        assert!(network.counts().connections >= 2);
        coordinator.stop().await.unwrap();
    }
}
