//! EDGE: reads what there is to say about sweeps from their database. It decides nothing.

use std::path::Path;

use super::{RECENTLY, Scene, pace_of};
use crate::store::{ReadError, Reader, SweepSummary, WorkerStanding, WorkerStatus};

/// Everything that may keep the sweep at a place among all of them from going on, at a moment in
/// milliseconds since 1970-01-01 UTC.
pub(crate) async fn scene(
    reader: &mut Reader,
    is_served: bool,
    sweeps: &[SweepSummary],
    place: usize,
    workers: &[WorkerStatus],
    now_ms: i64,
) -> Result<Scene, ReadError> {
    let sweep_id = sweeps[place].sweep_id;
    let recent_ms = i64::try_from(RECENTLY.as_millis()).unwrap_or(i64::MAX);
    let recent = reader.recent_results(sweep_id, now_ms - recent_ms).await?;
    let standing = |worker: &WorkerStatus| (worker.standing(now_ms), worker.clone());
    Ok(Scene {
        is_served,
        troubles: reader.troubles(sweep_id).await?,
        pace: pace_of(recent, now_ms),
        sweep: sweeps[place].clone(),
        others: sweeps[..place].to_vec(),
        workers: workers.iter().map(standing).collect(),
        now_ms,
    })
}

/// Whether a coordinator serves a database: a worker that was heard of a moment ago tells so, and only
/// when none does its lock is asked.
pub(crate) fn is_served(path: &Path, workers: &[WorkerStatus], now_ms: i64) -> bool {
    let mut standings = workers.iter().map(|worker| worker.standing(now_ms));
    standings.any(WorkerStanding::is_connected) || Reader::is_served(path)
}
