//! Some updates of a timed trial in full, as JSON: `tests/peers` repeats them in other frameworks.

use pondersweep_proto::spec::SpecError;
use serde_json::{Value, json};

use super::{
    replay::{Replay, ReplayedBatch},
    shape::Shape,
};

/// The trial's settings, parameters, batches, and the loss of each update.
pub(super) fn replay(shape: &Shape, updates: u64) -> Result<Value, SpecError> {
    let replay = Replay::record(shape, updates)?;
    let batch = |batch: &ReplayedBatch| json!({ "x": batch.x, "labels": batch.labels });
    Ok(json!({
        "configuration": replay.trial.configuration,
        "parameters": replay.parameters,
        "batches": replay.batches.iter().map(batch).collect::<Vec<_>>(),
        "losses": replay.losses,
    }))
}
