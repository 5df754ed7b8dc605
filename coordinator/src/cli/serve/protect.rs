//! The arguments of `serve` that protect its port: keys, and what one peer may take.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::Args;
use pondersweep_worker::{
    cli::at_least_one,
    trust::{CERTIFICATE, PRIVATE_KEY, Unusable, read_pem, unusable, warn_if_anyone_reads},
};

use crate::{
    cli::tls::{SERVER, SERVER_KEY},
    clock,
    descriptors::make_room,
    protection::{DEFAULT_CALLS_PER_SECOND, DEFAULT_PEER_CONNECTIONS, PeerLimits, ServerTls},
};

/// How long before its end a certificate is said to expire.
const EXPIRES_SOON: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// The keys for encrypted calls.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct KeyArgs {
    /// Encrypt, with the server.pem and server-key.pem of this folder (`pondersweep tls init`)
    #[arg(long, env = "PONDERSWEEP_TLS", value_name = "DIR")]
    tls: Option<PathBuf>,
    /// Encrypt, with this certificate (PEM)
    #[arg(
        long,
        env = "PONDERSWEEP_TLS_SERVER_CERT",
        value_name = "PATH",
        requires = "tls_key",
        conflicts_with = "tls"
    )]
    tls_cert: Option<PathBuf>,
    /// Private key of --tls-cert (PEM)
    #[arg(
        long,
        env = "PONDERSWEEP_TLS_SERVER_KEY",
        value_name = "PATH",
        requires = "tls_cert"
    )]
    tls_key: Option<PathBuf>,
    /// Ask clients for a certificate of this authority (PEM), in addition to their token
    #[arg(long, env = "PONDERSWEEP_TLS_CLIENT_CA", value_name = "PATH")]
    tls_client_ca: Option<PathBuf>,
}

impl KeyArgs {
    /// Reads the keys, if any are named.
    pub(in crate::cli) fn load(&self) -> anyhow::Result<Option<ServerTls>> {
        let in_folder = self
            .tls
            .as_ref()
            .map(|folder| (folder.join(SERVER), folder.join(SERVER_KEY)));
        let named = self.tls_cert.clone().zip(self.tls_key.clone());
        let Some((certificate, key)) = in_folder.or(named) else {
            anyhow::ensure!(
                self.tls_client_ca.is_none(),
                "certificates of clients are asked for, but calls are not encrypted\nhint: name the server's keys with --tls DIR, too"
            );
            return Ok(None);
        };
        warn_if_anyone_reads(&key);
        let pem = read_pem(&certificate, CERTIFICATE)?;
        warn_of_time(&certificate.display().to_string(), &pem);
        Ok(Some(ServerTls {
            certificate: pem,
            key: read_pem(&key, PRIVATE_KEY)?,
            client_authority: self
                .tls_client_ca
                .as_ref()
                .map(|path| read_pem(path, CERTIFICATE))
                .transpose()?,
        }))
    }
}

/// Says of a certificate that cannot be used now, or soon.
fn warn_of_time(path: &str, pem: &str) {
    const HINT: &str =
        "hint: `pondersweep tls init --force` makes others; copy its ca.pem to the workers";
    let now = Duration::from_millis(u64::try_from(clock::now_ms()).unwrap_or_default());
    let date = |seconds: u64| {
        let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
        jiff::Timestamp::from_second(seconds)
            .map_or_else(|_| "an unknown date".into(), |at| at.to_string())
    };
    match unusable(pem, now).or_else(|| unusable(pem, now + EXPIRES_SOON)) {
        Some(Unusable::Expired { at }) if at < now.as_secs() => {
            tracing::warn!(
                "{path} expired on {}: no client will trust it\n{HINT}",
                date(at)
            );
        }
        Some(Unusable::Expired { at }) => tracing::warn!("{path} expires on {}\n{HINT}", date(at)),
        Some(Unusable::NotYetValid { from }) => {
            tracing::warn!(
                "{path} is valid from {} only: until then no client will trust it\n{HINT}",
                date(from)
            );
        }
        None => {}
    }
}

/// What one peer may take.
#[derive(Clone, Copy, Debug, Args)]
pub(in crate::cli) struct LimitArgs {
    /// Connections from one address at a time; further ones are refused
    #[arg(
        long,
        env = "PONDERSWEEP_MAX_CONNECTIONS",
        default_value_t = DEFAULT_PEER_CONNECTIONS,
        value_name = "N",
        value_parser = connections
    )]
    max_connections: usize,
    /// Calls a second on one connection; further ones are refused for the moment. 0 for no limit
    #[arg(
        long,
        env = "PONDERSWEEP_MAX_CALL_RATE",
        default_value_t = DEFAULT_CALLS_PER_SECOND,
        value_name = "N"
    )]
    max_call_rate: u32,
}

/// At least one: no one could ask for anything.
fn connections(text: &str) -> Result<usize, String> {
    at_least_one::<NonZeroUsize>(text).map(NonZeroUsize::get)
}

impl LimitArgs {
    /// The limits, as far as the system has room for them; says where it has not.
    pub(in crate::cli) fn limits(self) -> PeerLimits {
        let limits = PeerLimits::of(self.max_connections, self.max_call_rate);
        let in_all = make_room(limits.in_all);
        if in_all < self.max_connections {
            tracing::warn!(
                "there is room for {in_all} connections only, not for {} from one address\n\
                 hint: let this program open more files (`ulimit -n`, LimitNOFILE= of a service), or \
                 serve with a lower --max-connections",
                self.max_connections
            );
        }
        PeerLimits { in_all, ..limits }
    }
}
