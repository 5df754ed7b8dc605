//! EDGE: what one machine achieves. It trains real trials and multiplies plain matrices, and times
//! both with the clock; it decides nothing about how the figures are combined or shown.

mod floor;
mod footprint;
mod machine;
mod replay;
mod training;
mod trials;

use std::time::Instant;

pub use floor::floor_gigaflops;
pub use footprint::peak_of_training;
pub use machine::Machine;
pub(crate) use machine::{available_bytes, peak_resident_bytes};
pub use replay::{Replay, ReplayedBatch};
pub use training::updates_per_second;
pub use trials::BenchShape;

/// The clock of this room.
#[expect(clippy::disallowed_methods, reason = "an edge: its purpose is to time")]
fn now() -> Instant {
    Instant::now()
}
