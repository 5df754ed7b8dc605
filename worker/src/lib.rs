//! Trains the trials a coordinator leases out.
