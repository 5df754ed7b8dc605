//! Reads how all sweeps and workers stand. It decides nothing.

use std::path::Path;

use super::page::{Board, Standing};
use crate::{
    clock, explain,
    scheduler::SweepState,
    store::{ReadError, Reader},
};

/// Attempts under way that pages name.
const MOST_RUNNING: u32 = 2_000;

/// Reads it; what was found before is taken over where nothing happened since.
pub(super) async fn read(
    reader: &mut Reader,
    path: &Path,
    before: Option<&Board>,
) -> Result<Board, ReadError> {
    let sweeps = reader.sweeps().await?;
    let workers = reader.workers().await?;
    let running = reader.running(MOST_RUNNING).await?;
    let now_ms = clock::now_ms();
    let is_served = explain::is_served(path, &workers, now_ms);
    let mut standings = Vec::with_capacity(sweeps.len());
    for (place, sweep) in sweeps.iter().enumerate() {
        let known = before.and_then(|board| board.sweep(sweep.sweep_id));
        let known = known.filter(|known| known.sweep == *sweep);
        standings.push(match (sweep.state, known) {
            (SweepState::Finished | SweepState::Cancelled, Some(known)) => known.clone(),
            _ => {
                let scene =
                    explain::scene(reader, is_served, &sweeps, place, &workers, now_ms).await?;
                Standing {
                    waits: explain::waiting(&scene),
                    going: scene.going(),
                    findings: explain::findings(&scene),
                    sweep: scene.sweep,
                }
            }
        });
    }
    Ok(Board {
        sweeps: standings,
        workers,
        running,
        now_ms,
    })
}
