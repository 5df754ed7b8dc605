//! pondersweep: distributed hyperparameter sweeps whose sensitivity tables can be trusted.
//!
//! Pure rooms decide, edge rooms act; ARCHITECTURE.md has the map.

pub mod allotment;
pub mod checkpoint;
pub mod cli;
pub mod clock;
pub mod coordinator;
pub mod driver;
mod grpc;
pub mod launch;
pub mod metrics;
pub mod protection;
pub mod replay;
pub mod report;
pub mod scheduler;
pub mod statistics;
pub mod store;
pub mod sweep;
pub mod trust;
mod whole_file;
