//! Runs a user's program for a trial: started with its parameters, heard while it runs, ended as a whole.
//! What it reports, and how its end counts, pure files decide (`told`, `report`, `ending`); the others
//! touch processes and folders. Nothing of it knows leases.
//!
//! No thread waits for a program and nothing is polled: pipes and process descriptors wake the runtime.
//! The process is spawned without a copy of the worker's memory.

mod ending;
mod folder;
mod gpus;
mod group;
mod guard;
mod host;
mod lines;
mod log;
mod report;
mod run;
mod told;

pub use self::{
    folder::{check_checkpoint, log_of},
    gpus::visible_gpus,
    guard::{keep_guard, memory_kills},
    host::{Host, HostError},
    run::{Ended, Sent, Work, run},
};

/// The beginning of a text and its end, together at most so long, cut at the ends of characters.
fn last_bytes(text: &str, most: usize) -> &str {
    let start = text.ceil_char_boundary(text.len().saturating_sub(most));
    &text[start..]
}
