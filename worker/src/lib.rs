//! Trains the trials a coordinator leases out: an edge that talks to the coordinator (`session`,
//! `client`), one that runs users' programs (`program`), pure rooms that compute (`model`, `task`,
//! `operation`, `train`, `kernel`) and the one file that opens a burn device (`device`).

mod backoff;
pub mod cli;
pub mod client;
pub mod device;
pub mod identity;
pub mod interrupt;
pub mod kernel;
pub mod model;
pub mod operation;
pub mod pace;
pub mod program;
pub mod seed;
mod session;
pub mod small_file;
pub mod stories;
pub mod streams;
pub mod task;
pub mod train;
pub mod trust;

#[cfg(test)]
mod test_support;
