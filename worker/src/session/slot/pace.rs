//! EDGE: how fast a device trains a bundle whose lanes are one program. It trains the trials and
//! looks at the clock after every update, from outside, through the observer.

use std::{
    num::NonZeroUsize,
    sync::Mutex,
    time::{Duration, Instant},
};

use burn::tensor::Device;
use pondersweep_proto::{metric::Observation, spec::TrialSpec};

use crate::train::{self, Continue, Observer};

/// Updates before the clock starts: programs are compiled, buffers are made.
const WARM_UPDATES: u64 = 3;
/// Updates that a figure stands on at least, however slow they are.
const LEAST_UPDATES: u64 = 2;

/// Updates a second of all lanes together, timed for at least so long. `None` if training ended, or
/// might not go on, before enough updates were timed.
pub(super) fn updates_per_second(
    device: &Device,
    trials: &[TrialSpec],
    window: Duration,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Option<f64> {
    let laps = Mutex::new(Laps::new(window));
    let pacer = Pacer { laps, go_on };
    train::train(trials, device, NonZeroUsize::MIN, &pacer);
    let laps = pacer.laps.into_inner().expect("nobody panics with it");
    let lanes = trials.len() as f64;
    laps.per_second().map(|updates| updates * lanes)
}

struct Pacer<'a> {
    laps: Mutex<Laps>,
    go_on: &'a (dyn Fn() -> bool + Sync),
}

impl Observer for Pacer<'_> {
    fn observe(&self, _: usize, _: Observation) {}

    fn after_update(&self, lane: usize, updates_done: u64) -> Continue {
        #[expect(clippy::disallowed_methods, reason = "an edge: its purpose is to time")]
        let now = Instant::now();
        if !(self.go_on)() {
            return Continue::Stop;
        }
        let mut laps = self.laps.lock().expect("nobody panics with it");
        // All lanes make an update at once, and the first is asked first.
        if lane == 0 {
            laps.note(updates_done, now);
        }
        match laps.total {
            Some(_) => Continue::Stop,
            None => Continue::Yes,
        }
    }
}

/// The updates of a bundle and their time.
struct Laps {
    window: Duration,
    /// When the last warm update was done.
    started: Option<Instant>,
    /// Timed updates and what they took, once they are enough.
    total: Option<(u64, Duration)>,
}

impl Laps {
    const fn new(window: Duration) -> Self {
        Self {
            window,
            started: None,
            total: None,
        }
    }

    fn note(&mut self, updates_done: u64, now: Instant) {
        match self.started {
            None if updates_done >= WARM_UPDATES => self.started = Some(now),
            None => {}
            Some(started) => {
                let (timed, time) = (updates_done - WARM_UPDATES, now - started);
                if timed >= LEAST_UPDATES && time >= self.window {
                    self.total = Some((timed, time));
                }
            }
        }
    }

    fn per_second(&self) -> Option<f64> {
        let (updates, time) = self.total?;
        let updates = updates as f64;
        Some(updates / time.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::{device, trial};

    /// What is found when updates are done at these milliseconds.
    fn per_second(window_ms: u64, updates_at_ms: impl Iterator<Item = u64>) -> Option<f64> {
        #[expect(clippy::disallowed_methods, reason = "any instant will do")]
        let zero = Instant::now();
        let mut laps = Laps::new(Duration::from_millis(window_ms));
        for (at, updates_done) in updates_at_ms.zip(1..) {
            laps.note(updates_done, zero + Duration::from_millis(at));
            if laps.total.is_some() {
                break;
            }
        }
        laps.per_second()
    }

    #[test]
    fn warm_updates_are_left_out_and_the_others_counted_over_their_own_time() {
        let updates = [1_000, 2_000, 3_000].into_iter();
        let updates = updates.chain((1..).map(|n| 3_000 + 10 * n));
        assert_eq!(per_second(100, updates), Some(100.0));
    }

    #[test]
    fn updates_slower_than_the_window_are_timed_all_the_same() {
        assert_eq!(per_second(1, (1..).map(|n| 400 * n)), Some(2.5));
    }

    #[test]
    fn training_that_ends_before_two_updates_are_timed_has_no_pace() {
        assert_eq!(per_second(1, (1..5).map(|n| 400 * n)), None);
        let window = Duration::from_secs(1);
        let stopped = updates_per_second(&device(), &[trial(|_| {})], window, &|| false);
        assert_eq!(stopped, None);
    }
}
