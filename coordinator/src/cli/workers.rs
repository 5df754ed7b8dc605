//! The workers as `pondersweep status --workers` shows them, from a database or from a coordinator.

use pondersweep_proto::wire::{self, WorkerStanding};
use serde_json::{Value, json};

use super::output::{Format, Rows, iso_time};

/// What programs get of each worker.
const COLUMNS: [&str; 19] = [
    "worker_id",
    "standing",
    "host",
    "device",
    "slots",
    "holds",
    "done",
    "failed",
    "lapsed",
    "last_heard_at",
    "cpu",
    "gpu",
    "backend",
    "instructions",
    "cpu_features",
    "version",
    "binary_sha256",
    "process_id",
    "registered_at",
];
/// The first of them are what people read.
const FOR_PEOPLE: usize = 12;

/// The workers that are there or missing as rows, or `all` of them.
pub(super) fn rows(workers: &[wire::WorkerStatus], all: bool, format: Format) -> Rows {
    let shown = workers
        .iter()
        .filter(|worker| all || worker.standing() != WorkerStanding::Left);
    let columns = match format {
        Format::Table => FOR_PEOPLE,
        Format::Json | Format::Csv => COLUMNS.len(),
    };
    let cells = |worker| {
        let mut cells = cells(worker);
        cells.truncate(columns);
        cells
    };
    Rows::of(&COLUMNS[..columns], shown.map(cells))
}

fn cells(status: &wire::WorkerStatus) -> Vec<Value> {
    let unknown = wire::WorkerInfo::default();
    let worker = status.worker.as_ref().unwrap_or(&unknown);
    vec![
        json!(worker.worker_id),
        json!(name(status.standing())),
        json!(worker.host),
        json!(worker.device),
        json!(worker.slots),
        json!(status.holds),
        json!(status.done),
        json!(status.failed),
        json!(status.lapsed),
        iso_time(status.last_heard_at_ms),
        json!(worker.cpu),
        json!(worker.gpu),
        json!(worker.backend),
        json!(worker.instructions),
        json!(worker.cpu_features),
        json!(worker.version),
        json!(worker.binary_sha256),
        json!(worker.process_id),
        iso_time(status.registered_at_ms),
    ]
}

/// A standing that this program does not know is one of a newer coordinator.
fn name(standing: WorkerStanding) -> &'static str {
    use crate::store::WorkerStanding;
    WorkerStanding::try_from(standing).map_or("unknown", WorkerStanding::name)
}
