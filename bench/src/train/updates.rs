//! Updates a second of real training: what is timed is the whole update as a trial does it (its
//! batch, forward, backward, clipping, Adam), seen from outside, through the observer.

use std::{
    num::NonZeroUsize,
    sync::Mutex,
    time::{Duration, Instant},
};

use pondersweep::clock;
use pondersweep_proto::{metric::Observation, spec::TrialSpec};
use pondersweep_worker::{
    device::DeviceName,
    train::{self, Continue, Observer},
};

/// Updates of each lane before the clock starts: buffers are made, caches and clocks are warm.
const WARM_UPDATES: u64 = 3;
/// Updates of all lanes that a figure stands on at least, however short the window.
const LEAST_UPDATES: u64 = 2;

/// Trains the trials as one bundle on `threads` threads until the observer stops them all.
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
pub(super) fn updates_per_second(trials: &[TrialSpec], threads: usize, window: Duration) -> f64 {
    assert!(!trials.is_empty() && threads > 0, "nothing to time");
    let stopwatch = Mutex::new(Stopwatch::new(trials.len(), window));
    train_updates(trials, threads, &Timed(&stopwatch));
    let stopwatch = stopwatch.into_inner().expect("training never panics here");
    stopwatch.rate()
}

/// Counts the updates of all lanes, whichever thread they come from: right also where a thread
/// trains its lanes one after the other. The first then fills the window, and the others end at
/// once.
struct Stopwatch {
    window: Duration,
    warm_updates: u64,
    updates: u64,
    started: Option<Instant>,
    last: Option<Instant>,
}

impl Stopwatch {
    fn new(lanes: usize, window: Duration) -> Self {
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

    fn rate(&self) -> f64 {
        let (Some(started), Some(last)) = (self.started, self.last) else {
            unreachable!("training stops only after the window");
        };
        let updates = (self.updates - self.warm_updates) as f64;
        updates / (last - started).as_secs_f64()
    }
}

struct Timed<'a>(&'a Mutex<Stopwatch>);

impl Observer for Timed<'_> {
    fn observe(&self, _: usize, _: Observation) {}

    fn after_update(&self, _: usize, _: u64) -> Continue {
        let now = clock::now();
        self.0
            .lock()
            .expect("no thread panics while it holds the lock")
            .note(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rate found when updates come at these milliseconds until one is told to stop.
    fn rate(lanes: usize, window_ms: u64, updates_at_ms: impl Iterator<Item = u64>) -> f64 {
        let mut stopwatch = Stopwatch::new(lanes, Duration::from_millis(window_ms));
        let zero = clock::now();
        for at in updates_at_ms {
            if stopwatch.note(zero + Duration::from_millis(at)) == Continue::Stop {
                return stopwatch.rate();
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
