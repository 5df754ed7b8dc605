//! Trains the trials a coordinator leases out.

pub mod kernel;
