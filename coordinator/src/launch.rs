//! Workers on other machines, through what already leads there: ssh, a batch system, a cluster.
//!
//! `plan/` decides, as data and text: which hosts, what their shells run, what the batch system is
//! asked for, what the cluster is told. The other files act: `ssh.rs` and `slurm.rs` run other
//! programs, `ledger.rs` remembers what was launched. Only workers are launched, never a trial:
//! what a worker does it gets from its coordinator.

mod ledger;
pub mod plan;
mod process;
pub mod slurm;
pub mod ssh;

pub use ledger::{Ledger, LedgerError};
