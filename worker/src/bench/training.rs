//! Updates a second of real training: what is timed is the whole update as a trial does it (its
//! batch, forward, backward, clipping, Adam), seen from outside, through the observer.

use std::{
    num::NonZeroUsize,
    sync::Mutex,
    time::{Duration, Instant},
};

use burn::tensor::Device;
use pondersweep_proto::{metric::Observation, spec::TrialSpec};

use super::now;
use crate::{
    device::DeviceName,
    train::{self, Continue, Observer},
};

/// Updates of each lane before the clock starts: buffers are made, caches and clocks are warm.
const WARM_UPDATES: u64 = 3;
/// Updates of all lanes that a figure stands on at least, however short the window.
const LEAST_UPDATES: u64 = 2;

/// Trains the trials as one bundle on so many threads until the observer stops them all.
///
/// # Panics
/// There is no thread.
pub(super) fn train_updates(trials: &[TrialSpec], threads: usize, observer: &dyn Observer) {
    let threads = NonZeroUsize::new(threads).expect("somebody must train");
    train::train(trials, &DeviceName::CPU.open(), threads, observer);
}

/// Updates a second of all trials together, over a window that starts when they are warm.
///
/// # Panics
/// There is no trial, or no thread.
#[must_use]
pub fn updates_per_second(trials: &[TrialSpec], threads: usize, window: Duration) -> f64 {
    assert!(!trials.is_empty() && threads > 0, "nothing to time");
    let timed = Timed::new(trials.len(), window, &|| true);
    train_updates(trials, threads, &timed);
    timed.rate().expect("training stops only after the window")
}

/// Updates a second of all trials together, trained as one bundle on a device by one thread. `None`
/// if training ended or was told to stop before anything was timed.
pub(crate) fn updates_per_second_on(
    device: &Device,
    trials: &[TrialSpec],
    window: Duration,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Option<f64> {
    let timed = Timed::new(trials.len(), window, go_on);
    train::train(trials, device, NonZeroUsize::MIN, &timed);
    timed.rate()
}

/// Counts the updates of all lanes, whichever thread they come from: right also where a thread trains
/// its lanes one after the other. The first then fills the window, and the others end at once.
struct Stopwatch {
    window: Duration,
    warm_updates: u64,
    updates: u64,
    started: Option<Instant>,
    last: Option<Instant>,
}

impl Stopwatch {
    const fn new(lanes: usize, window: Duration) -> Self {
        Self {
            window,
            warm_updates: WARM_UPDATES * lanes as u64,
            updates: 0,
            started: None,
            last: None,
        }
    }

    /// An update was done at `now`: whether its lane goes on. Updates after the window's end only
    /// end their lanes; counting them would favour lanes whose threads run on alone.
    fn note(&mut self, now: Instant) -> Continue {
        let Some(started) = self.started else {
            self.updates += 1;
            if self.updates >= self.warm_updates {
                self.started = Some(now);
            }
            return Continue::Yes;
        };
        let enough = self.updates >= self.warm_updates + LEAST_UPDATES;
        if enough && now - started >= self.window {
            return Continue::Stop;
        }
        self.updates += 1;
        self.last = Some(now);
        Continue::Yes
    }

    /// `None` before an update was timed.
    fn rate(&self) -> Option<f64> {
        let seconds = (self.last? - self.started?).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a count below 2^53")]
        let updates = (self.updates - self.warm_updates) as f64;
        Some(updates / seconds)
    }
}

/// Holds the stopwatch to training.
struct Timed<'a> {
    stopwatch: Mutex<Stopwatch>,
    go_on: &'a (dyn Fn() -> bool + Sync),
}

impl<'a> Timed<'a> {
    const fn new(lanes: usize, window: Duration, go_on: &'a (dyn Fn() -> bool + Sync)) -> Self {
        let stopwatch = Mutex::new(Stopwatch::new(lanes, window));
        Self { stopwatch, go_on }
    }

    fn rate(self) -> Option<f64> {
        let stopwatch = self.stopwatch.into_inner();
        stopwatch.expect("nobody panics with it").rate()
    }
}

impl Observer for Timed<'_> {
    fn observe(&self, _: usize, _: Observation) {}

    fn after_update(&self, _: usize, _: u64) -> Continue {
        let now = now();
        if !(self.go_on)() {
            return Continue::Stop;
        }
        self.stopwatch
            .lock()
            .expect("nobody panics with it")
            .note(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rate found when updates come at these milliseconds until one is told to stop.
    fn rate(lanes: usize, window_ms: u64, updates_at_ms: impl Iterator<Item = u64>) -> f64 {
        let mut stopwatch = Stopwatch::new(lanes, Duration::from_millis(window_ms));
        let zero = now();
        for at in updates_at_ms {
            if stopwatch.note(zero + Duration::from_millis(at)) == Continue::Stop {
                return stopwatch.rate().unwrap();
            }
        }
        panic!("never stopped");
    }

    #[test]
    fn warm_updates_are_left_out_and_the_rest_are_counted_over_their_own_time() {
        // Three slow ones, then one every 10 ms.
        let updates = [1000, 2000, 3000]
            .into_iter()
            .chain((1..).map(|n| 3000 + 10 * n));
        assert!((rate(1, 95, updates) - 100.0).abs() < 1e-9);
    }

    #[test]
    fn training_that_is_stopped_before_it_is_warm_has_no_rate() {
        let trial = crate::test_support::trial(|_| {});
        let (device, window) = (crate::test_support::device(), Duration::from_secs(1));
        let rate = updates_per_second_on(&device, &[trial], window, &|| false);
        assert_eq!(rate, None);
    }

    #[test]
    fn lanes_that_run_side_by_side_add_up() {
        // Two lanes, each every 10 ms, five apart.
        assert!((rate(2, 500, (1..).map(|n| 5 * n)) - 200.0).abs() < 1e-9);
        // Two lanes in step.
        let together = rate(2, 500, (1..).flat_map(|n| [10 * n, 10 * n]));
        assert!((together - 200.0).abs() < 5.0, "{together}");
    }

    #[test]
    fn a_window_shorter_than_an_update_still_times_some() {
        assert!((rate(1, 1, (1..).map(|n| 400 * n)) - 2.5).abs() < 1e-9);
    }
}
