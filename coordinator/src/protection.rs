//! How a coordinator's port is protected: plain data that `serve` and `run` fill in and `grpc/`
//! acts on. It decides nothing.

use crate::trust::Secret;

/// What stands between the port and the services.
#[derive(Clone, Debug, Default)]
pub struct Protection {
    /// Ask for a token even if none was ever made. Once one was made, one is always asked for.
    pub needs_tokens: bool,
    /// The secret that allows everything: for the processes that this one starts.
    pub own: Option<Secret>,
    /// Encrypt, with these keys.
    pub tls: Option<ServerTls>,
    /// What one peer may take.
    pub limits: PeerLimits,
}

/// A server's keys, as PEM.
#[derive(Clone)]
pub struct ServerTls {
    /// The certificate, and those between it and the authority.
    pub certificate: String,
    /// Its private key.
    pub key: String,
    /// Ask callers for a certificate of this authority as well as their token.
    pub client_authority: Option<String>,
}

/// Never shows the key.
impl std::fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerTls(..)")
    }
}

/// What one peer may take. Sizes of messages have limits of their own (`proto/src/limit.rs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerLimits {
    /// Connections from one address at a time; every device of a worker has up to two.
    pub connections: usize,
    /// Connections from all addresses together.
    pub in_all: usize,
    /// Calls a second on one connection, twice as many at once; 0 for as many as it likes.
    pub calls_per_second: u32,
}

/// Connections of one address: a thousand workers behind one forwarded port.
pub const DEFAULT_PEER_CONNECTIONS: usize = 2_048;
/// Connections beyond a peer's limit that are kept, so that their calls can be answered with the
/// reason; those beyond are closed.
pub const TOLD_WHY: usize = 64;
/// Peers at their limit that fill the coordinator; then every new connection is closed.
const FULL_PEERS: usize = 4;
/// Calls a second on one connection: a worker makes a few, and a stress test some hundreds.
pub const DEFAULT_CALLS_PER_SECOND: u32 = 2_000;

impl PeerLimits {
    /// These for each peer, and room for a few that take all of it.
    #[must_use]
    pub const fn of(connections: usize, calls_per_second: u32) -> Self {
        Self {
            connections,
            in_all: connections.saturating_mul(FULL_PEERS) + TOLD_WHY,
            calls_per_second,
        }
    }
}

impl Default for PeerLimits {
    fn default() -> Self {
        Self::of(DEFAULT_PEER_CONNECTIONS, DEFAULT_CALLS_PER_SECOND)
    }
}
