//! pondersweep: distributed hyperparameter sweeps whose sensitivity tables can be trusted.
//!
//! Pure rooms decide, edge rooms act; ARCHITECTURE.md has the map.

mod allocation;
mod checkpoint;
pub mod cli;
pub mod clock;
pub mod coordinator;
mod descriptors;
mod driver;
mod explain;
mod grpc;
mod launch;
mod monitor;
mod protection;
mod replay;
mod report;
mod report_input;
pub mod scheduler;
mod statistics;
pub mod store;
pub mod sweep;
pub mod trust;
mod web;
mod whole_file;

pub use statistics::{SplitMix64, quantile};
