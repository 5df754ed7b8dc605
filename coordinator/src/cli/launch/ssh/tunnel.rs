//! How workers reach the coordinator: by its address, or through a port of their own loopback that
//! ssh leads back here.

use anyhow::Context as _;
use axum::http::Uri;
use pondersweep_worker::{cli::DEFAULT_COORDINATOR, say, trust::TrustError};

use crate::launch::{
    Ledger, LedgerError,
    plan::{Host, HostName, LaunchName, Tunnel},
};

/// The way from the hosts to the coordinator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// By this address.
    Direct(String),
    /// Through a tunnel to `target`, seen by workers at `url`.
    Tunnelled {
        url: String,
        port: u16,
        target: String,
    },
}

impl Route {
    /// The way for a coordinator, with or without a tunnel.
    pub(super) fn of(
        coordinator: Option<&str>,
        tunnel: Option<Option<u16>>,
    ) -> anyhow::Result<Self> {
        let Some(port_there) = tunnel else {
            let url = coordinator.context(
                "workers need an address of the coordinator\n\
                 hint: say --coordinator URL as the hosts see it, or --tunnel if it listens on this machine's loopback",
            )?;
            warn_of_loopback(&parts(url)?.1);
            return Ok(Self::Direct(url.to_owned()));
        };
        let (scheme, host, port) = parts(coordinator.unwrap_or(DEFAULT_COORDINATOR))?;
        let port_there = port_there.unwrap_or(port);
        Ok(Self::Tunnelled {
            url: format!("{scheme}://127.0.0.1:{port_there}"),
            port: port_there,
            target: format!("{host}:{port}"),
        })
    }

    /// The coordinator's address as workers see it.
    pub(super) fn coordinator(&self) -> String {
        match self {
            Self::Direct(url) | Self::Tunnelled { url, .. } => url.clone(),
        }
    }

    /// A host's tunnel.
    pub(super) fn tunnel(
        &self,
        ledger: &Ledger,
        name: &LaunchName,
        host: &Host,
    ) -> Result<Option<Tunnel>, LedgerError> {
        let Self::Tunnelled { port, target, .. } = self else {
            return Ok(None);
        };
        Ok(Some(Tunnel {
            control_path: ledger.socket(name, &short_hash(&host.name))?,
            port: *port,
            target: target.clone(),
        }))
    }
}

/// Names of hosts may be longer than paths of sockets.
fn short_hash(host: &HostName) -> String {
    use sha2::{Digest as _, Sha256};
    let hash = Sha256::digest(host.as_str());
    pondersweep_proto::id::hexadecimal(&hash[..4])
}

/// Scheme, host and port of an address.
fn parts(url: &str) -> Result<(String, String, u16), TrustError> {
    let bad = || TrustError::BadAddress(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| bad())?;
    let scheme = uri
        .scheme_str()
        .filter(|scheme| ["http", "https"].contains(scheme));
    let parts = scheme.zip(uri.host()).zip(uri.port_u16());
    let ((scheme, host), port) = parts.ok_or_else(bad)?;
    Ok((scheme.to_owned(), host.to_owned(), port))
}

fn warn_of_loopback(host: &str) {
    if ["localhost", "127.0.0.1", "[::1]"].contains(&host) {
        say!("note: {host} is each host's own loopback there; --tunnel leads it back here");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tunnel_keeps_scheme_and_port_unless_told_otherwise() {
        let route = Route::of(None, Some(None)).unwrap();
        assert_eq!(route.coordinator(), "http://127.0.0.1:7878");
        let route = Route::of(Some("https://head:9000"), Some(Some(7))).unwrap();
        let target = "head:9000".to_owned();
        assert_eq!(
            route,
            Route::Tunnelled {
                url: "https://127.0.0.1:7".into(),
                port: 7,
                target
            }
        );
        let route = Route::of(Some("http://head:1"), None).unwrap();
        assert_eq!(route, Route::Direct("http://head:1".into()));
    }

    #[test]
    fn an_address_that_is_missing_or_none_is_refused_with_what_to_say() {
        for (coordinator, hint) in [
            (None, "--tunnel"),
            (Some("head"), "http://HOST:PORT"),
            (Some("ftp://a:1"), "HOST:PORT"),
        ] {
            let error = Route::of(coordinator, None).unwrap_err();
            assert!(format!("{error:#}").contains(hint), "{error:#}");
        }
    }
}
