//! A window on a database: pages that a browser shows while sweeps run, or after. `page/` is PURE: what
//! pages say, from what was read. Everything else here is the EDGE: routes, who may look, when the database
//! is read. It changes nothing: there is no route that does, so there is no form to forge either.
//!
//! Pages work without scripts; the one script fetches them again when the server says that something
//! changed. Nothing is loaded from elsewhere, and the content security policy forbids it.

mod board;
mod door;
mod kept;
mod page;
mod readers;
mod routes;
mod study;

use std::{net::SocketAddr, path::PathBuf};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use self::{door::Door, readers::Readers, routes::Window};
use crate::{
    grpc::{self, Keys},
    protection::{PeerLimits, ServerTls},
    trust::Exposure,
};

/// Where pages are served, and to whom.
#[derive(Clone, Debug)]
pub struct WebOptions {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Encrypt, with these keys.
    pub tls: Option<ServerTls>,
    /// Trust the network.
    pub insecure: bool,
    /// What one peer may take.
    pub limits: PeerLimits,
}

impl WebOptions {
    /// What may be served, by the rules that calls have.
    #[must_use]
    pub const fn exposure(&self) -> Exposure {
        Exposure {
            listen: self.listen,
            tls: self.tls.is_some(),
            insecure: self.insecure,
        }
    }

    /// The address for browsers, once it listens there.
    #[must_use]
    pub fn url(&self, address: SocketAddr) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{address}/")
    }
}

/// Serves the pages of a database on a listener until told to stop.
///
/// # Errors
/// The address must not be served like this, the keys are bad, or the database cannot be opened.
pub(crate) async fn serve(
    listener: TcpListener,
    database: PathBuf,
    options: WebOptions,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    options.exposure().check()?;
    let mut server = grpc::server(options.tls.as_ref())?.accept_http1(true);
    let readers = Readers::open(&database).await?;
    // The pages of `run`, too, ask for tokens only where some were made.
    let (keys, keys_watch) = Keys::open(readers.path(), None).await?;
    let door = Door::new(keys, options.exposure());
    let window = Window::new(database, readers, stop.clone());
    let routes = Routes::from(routes::router(window.clone(), door));
    let connections = grpc::connections(listener, options.limits, stop.clone());
    let ended = CancellationToken::new();
    let serving = async {
        let serving = server
            .add_routes(routes)
            .serve_with_incoming_shutdown(connections, stop.cancelled_owned());
        let served = serving.await;
        ended.cancel();
        served
    };
    let (served, ()) = tokio::join!(serving, keys_watch.run(ended.clone()));
    window.close().await;
    Ok(served?)
}
