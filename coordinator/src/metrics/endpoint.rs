//! EDGE: answers `GET /metrics` over HTTP. It holds no state but the counters it reads.

use axum::{Router, extract::State, response::IntoResponse, routing::get};
use prometheus_client::encoding::prometheus_text::CONTENT_TYPE;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{
    service::Routes,
    transport::{Server, server::TcpIncoming},
};

use super::Metrics;

/// Serves the metrics on a listener until told to stop.
pub(crate) async fn serve(
    listener: TcpListener,
    metrics: Metrics,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let routes = Router::new()
        .route("/metrics", get(scrape))
        .with_state(metrics);
    // The server that is in the program already, for calls, speaks plain HTTP as well.
    Server::builder()
        .accept_http1(true)
        .add_routes(Routes::from(routes))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), stop.cancelled_owned())
        .await?;
    Ok(())
}

async fn scrape(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([("content-type", CONTENT_TYPE)], metrics.text())
}
