//! Renews what the worker holds, three times within a lease's term, whatever training does, and
//! says when it is about to leave.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use pondersweep_proto::error::LeaseError;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{client::Client, session::held::Held};

/// Renewals within one term: two may be lost before a lease lapses.
const RENEWALS_PER_TERM: u32 = 3;

/// Starts the heartbeat; its owner aborts it.
pub(super) fn spawn(
    client: Client,
    held: Held,
    lease_duration: Duration,
    alive_file: Option<PathBuf>,
    stop: CancellationToken,
) -> JoinHandle<()> {
    tokio::spawn(async move {
        let mut beat = tokio::time::interval(lease_duration / RENEWALS_PER_TERM);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut draining = false;
        loop {
            tokio::select! {
                _ = beat.tick() => {}
                // Said at once, and by every beat from then on.
                () = stop.cancelled(), if !draining => draining = true,
            }
            renew(&client, &held, draining).await;
            // Also when the coordinator is away: that is no reason to end a worker.
            if let Some(path) = &alive_file {
                say_alive(path);
            }
        }
    })
}

/// Writes the file again, so that its time of modification says when.
fn say_alive(path: &Path) {
    if let Err(error) = std::fs::write(path, "alive\n") {
        tracing::warn!(%error, path = %path.display(), "could not say that this worker is alive");
    }
}

/// One renewal. A failed one is not repeated: the next beat comes soon enough.
async fn renew(client: &Client, held: &Held, draining: bool) {
    match client.renew_once(held.progress(), draining).await {
        Ok(lost) => {
            for token in lost {
                tracing::warn!(%token, "lease lost, dropping its work");
                held.lose(token);
            }
        }
        Err(LeaseError::UnknownWorker(_)) => {
            if let Err(error) = client.register_once().await {
                tracing::warn!(%error, "could not register again");
            }
        }
        Err(error) => tracing::warn!(%error, "could not renew"),
    }
}
