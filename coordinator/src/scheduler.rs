//! Who runs a trial now: the trial state machine, leases and the queue. Pure: time is an argument,
//! timers are data, and what happened is a list of [`Change`]s for the store. It reads no clock and
//! touches no file, socket or database.

mod blame;
mod change;
mod checkpoint;
mod device;
mod lease;
mod lookup;
mod pace;
mod process;
mod queue;
mod restore;
mod scheduling;
#[cfg(test)]
mod simulation;
mod steering;
mod sweep;
#[cfg(test)]
mod tests;
mod trial;

pub use blame::{Limit, Record, Suspicion, TrialLimits};
pub use change::{Change, Ending, SweepState, TrialState};
pub use checkpoint::{Checkpoint, Saved, StartError};
pub use device::is_of_device;
pub use pace::Baseline;
pub use process::Process;
pub use restore::{RestoredLease, RestoredSweep, RestoredTrial};
pub use scheduling::{Finished, Scheduler, SchedulerLimits, Superseded};
pub use steering::WrongState;
pub use sweep::{SweepEntry, TrialCounts};
