//! EDGE: answers `GET /metrics` over HTTP. It holds no state but the counters it reads.

use axum::{Extension, Router, extract::State, response::IntoResponse, routing::get};
use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{service::Routes, transport::Server};

use super::Monitor;
use crate::{
    grpc::{Peer, connections},
    protection::PeerLimits,
};

/// Serves the metrics on a listener until told to stop.
pub(crate) async fn serve(
    listener: TcpListener,
    monitor: Monitor,
    limits: PeerLimits,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let routes = Router::new()
        .route("/metrics", get(scrape))
        .with_state(monitor);
    // The server that is in the program already, for calls, speaks plain HTTP as well.
    Server::builder()
        .accept_http1(true)
        .add_routes(Routes::from(routes))
        .serve_with_incoming_shutdown(
            connections(listener, limits, stop.clone()),
            stop.cancelled_owned(),
        )
        .await?;
    Ok(())
}

async fn scrape(
    State(monitor): State<Monitor>,
    Extension(peer): Extension<Peer>,
) -> impl IntoResponse {
    peer.is_known_now();
    ([("content-type", CONTENT_TYPE)], monitor.text())
}
