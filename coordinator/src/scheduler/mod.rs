//! Who runs a trial now: the trial state machine, leases and the queue. Pure: time is an argument,
//! timers are data, and what happened is a list of [`Change`]s for the store. It reads no clock and
//! touches no file, socket or database.

mod change;

pub use change::{Change, Ending, SweepState, TrialState};
