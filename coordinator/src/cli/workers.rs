//! The workers as `pondersweep status --workers` shows them, from a database or from a coordinator.

use pondersweep_proto::wire::{self, WorkerStanding};
use serde_json::{Value, json};

use super::output::{Rows, iso_time};

/// Digits of a binary's hash that tell it from others.
const HASH_DIGITS: usize = 12;

const COLUMNS: [&str; 19] = [
    "worker_id",
    "standing",
    "host",
    "device",
    "backend",
    "slots",
    "holds",
    "done",
    "failed",
    "lapsed",
    "last_heard_at",
    "registered_at",
    "process_id",
    "cpu",
    "cpu_features",
    "instructions",
    "gpu",
    "version",
    "binary",
];

/// The workers that are there or missing as rows, or `all` of them.
pub(super) fn rows(workers: &[wire::WorkerStatus], all: bool) -> Rows {
    let shown = workers
        .iter()
        .filter(|worker| all || worker.standing() != WorkerStanding::Left);
    Rows::of(&COLUMNS, shown.map(cells))
}

fn cells(status: &wire::WorkerStatus) -> Vec<Value> {
    let unknown = wire::WorkerInfo::default();
    let worker = status.worker.as_ref().unwrap_or(&unknown);
    let binary: String = worker.binary_sha256.chars().take(HASH_DIGITS).collect();
    vec![
        json!(worker.worker_id),
        json!(name(status.standing())),
        json!(worker.host),
        json!(worker.device),
        json!(worker.backend),
        json!(worker.slots),
        json!(status.holds),
        json!(status.done),
        json!(status.failed),
        json!(status.lapsed),
        iso_time(status.last_heard_at_ms),
        iso_time(status.registered_at_ms),
        json!(worker.process_id),
        json!(worker.cpu),
        json!(worker.cpu_features),
        json!(worker.instructions),
        json!(worker.gpu),
        json!(worker.version),
        json!(binary),
    ]
}

/// A standing that this program does not know is one of a newer coordinator.
fn name(standing: WorkerStanding) -> &'static str {
    use crate::store::WorkerStanding;
    WorkerStanding::try_from(standing).map_or("unknown", WorkerStanding::name)
}
