//! The services over the network: wire messages to commands and answers back. It bounds what it
//! reads and decides nothing else.

mod checkpoints;
#[cfg(test)]
mod hostile;
mod leases;
mod sweeps;
mod view;

use std::{path::PathBuf, sync::Arc, time::Duration};

use pondersweep_proto::{
    limit::MAX_WIRE_MESSAGE_BYTES,
    wire::{FILE_DESCRIPTOR_SET, leases_server::LeasesServer, sweeps_server::SweepsServer},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Server, server::TcpIncoming};

use crate::{checkpoint::Blobs, driver::DriverHandle};
use leases::LeaseService;
use sweeps::SweepService;
pub(crate) use view::worker as worker_status;

/// A silent connection is probed this often...
const KEEPALIVE: Duration = Duration::from_secs(20);
/// ...and dropped if nobody answers within this time: it frees memory and is not the lease, which ends
/// by itself.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Calls one connection may have under way.
const MAX_CONCURRENT_CALLS: usize = 256;

/// Serves both services, health and reflection on a listener until told to stop.
///
/// # Errors
/// The listener broke, or the descriptors cannot be served.
pub(crate) async fn serve(
    listener: TcpListener,
    driver: DriverHandle,
    blobs: Blobs,
    database: PathBuf,
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
    let sweeps = SweepService::new(driver.clone(), Arc::new(database), stop);
    // An answer is small and must not wait until the worker's system acknowledges the one before:
    // that takes 40 ms.
    let connections = TcpIncoming::from(listener).with_nodelay(Some(true));
    Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
        .concurrency_limit_per_connection(MAX_CONCURRENT_CALLS)
        .add_service(health)
        .add_service(reflection)
        .add_service(SweepsServer::new(sweeps).max_decoding_message_size(MAX_WIRE_MESSAGE_BYTES))
        .add_service(
            LeasesServer::new(LeaseService::new(driver, blobs))
                .max_decoding_message_size(MAX_WIRE_MESSAGE_BYTES),
        )
        .serve_with_incoming_shutdown(connections, not_serving)
        .await?;
    Ok(())
}
