//! How much memory lanes take while they are trained at the same time.

use std::sync::Mutex;

use pondersweep_proto::{metric::Observation, spec::TrialSpec};

use super::{machine::peak_resident_bytes, training::train_updates};
use crate::train::{Continue, Observer};

/// The most memory this process ever had resident, once it trained these trials all at once;
/// `None` where the system does not tell.
#[must_use]
pub fn peak_of_training(trials: &[TrialSpec]) -> Option<u64> {
    let together = Together(Mutex::new(vec![false; trials.len()]));
    // A thread a lane: a lane that waits for a thread takes no memory.
    train_updates(trials, trials.len(), &together);
    peak_resident_bytes()
}

/// Keeps every lane in training until each has done an update.
struct Together(Mutex<Vec<bool>>);

impl Observer for Together {
    fn observe(&self, _: usize, _: Observation) {}

    fn after_update(&self, lane: usize, _: u64) -> Continue {
        let mut updated = self.0.lock().expect("nobody panics with it");
        updated[lane] = true;
        if updated.iter().all(|&updated| updated) {
            Continue::Stop
        } else {
            Continue::Yes
        }
    }
}
