//! The services over the network: wire messages to commands and answers back. It bounds what it
//! reads, stops at the gate those who may not pass, and decides nothing else.

mod checkpoints;
mod copies;
mod gate;
#[cfg(test)]
mod hostile;
mod keys;
mod leases;
mod page;
mod peer;
mod sweeps;
mod view;

use std::{path::PathBuf, sync::Arc, time::Duration};

use anyhow::Context as _;
use axum::middleware::from_fn_with_state;
use pondersweep_proto::{
    limit::MAX_WIRE_MESSAGE_BYTES,
    wire::{FILE_DESCRIPTOR_SET, leases_server::LeasesServer, sweeps_server::SweepsServer},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{
    service::Routes,
    transport::{Certificate, Identity, Server, ServerTlsConfig},
};

use crate::{
    checkpoint::Blobs,
    driver::DriverHandle,
    protection::{Protection, ServerTls},
};
use gate::{Gate, guard};
pub(crate) use keys::Keys;
use leases::LeaseService;
pub(crate) use peer::{Peer, connections};
use sweeps::SweepService;
pub(crate) use view::worker as worker_status;

/// A silent connection is probed this often...
const KEEPALIVE: Duration = Duration::from_secs(20);
/// ...and dropped without an answer within this time. That frees memory; the lease ends by itself.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Calls one connection may have under way.
const MAX_CONCURRENT_CALLS: usize = 256;

pub(crate) struct Served {
    pub(crate) driver: DriverHandle,
    pub(crate) blobs: Blobs,
    pub(crate) database: PathBuf,
    pub(crate) keys: Keys,
}

/// A server with its limits and, if it encrypts, its keys.
pub(crate) fn server(tls: Option<&ServerTls>) -> anyhow::Result<Server> {
    let server = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .concurrency_limit_per_connection(MAX_CONCURRENT_CALLS);
    let Some(tls) = tls else {
        return Ok(server);
    };
    let config = ServerTlsConfig::new().identity(Identity::from_pem(&tls.certificate, &tls.key));
    let config = match &tls.client_authority {
        Some(authority) => config.client_ca_root(Certificate::from_pem(authority)),
        None => config,
    };
    let bad_keys = "the certificate and the key cannot be used together\n\
                    hint: both are PEM files; `pondersweep tls init` makes a pair";
    server.tls_config(config).context(bad_keys)
}

/// Serves both services, health and reflection on a listener until told to stop.
pub(crate) async fn serve(
    mut server: Server,
    listener: TcpListener,
    served: Served,
    protection: &Protection,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let (health_reporter, health) = tonic_health::server::health_reporter();
    health_reporter
        .set_serving::<SweepsServer<SweepService>>()
        .await;
    health_reporter
        .set_serving::<LeasesServer<LeaseService>>()
        .await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    let stopping = stop.clone();
    let not_serving = async move {
        stopping.cancelled().await;
        health_reporter
            .set_not_serving::<SweepsServer<SweepService>>()
            .await;
        health_reporter
            .set_not_serving::<LeasesServer<LeaseService>>()
            .await;
    };
    let Served {
        driver,
        blobs,
        database,
        keys,
    } = served;
    let connections = connections(listener, protection.limits, stop.clone());
    let sweeps = SweepService::new(driver.clone(), Arc::new(database), stop);
    let leases = LeaseService::new(driver, blobs);
    let routes = Routes::new(health)
        .add_service(reflection)
        .add_service(SweepsServer::new(sweeps).max_decoding_message_size(MAX_WIRE_MESSAGE_BYTES))
        .add_service(LeasesServer::new(leases).max_decoding_message_size(MAX_WIRE_MESSAGE_BYTES))
        .prepare();
    let gate = Gate::new(keys, protection.needs_tokens);
    let guarded = routes
        .into_axum_router()
        .layer(from_fn_with_state(gate, guard));
    server
        .add_routes(Routes::from(guarded))
        .serve_with_incoming_shutdown(connections, not_serving)
        .await?;
    Ok(())
}
