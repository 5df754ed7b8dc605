//! EDGE: how fast a device trains. It trains trials for a moment and looks at the clock after every
//! update, from outside, through the observer.

use std::{
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Mutex,
    time::{Duration, Instant},
};

use burn::tensor::Device;
use pondersweep_proto::{
    limit::MAX_UPDATES, metric::Observation, setting::Setting, spec::TrialSpec,
};

use crate::{
    device::DeviceName,
    train::{self, Continue, Observer},
};

/// At which no trial diverges, whatever it will do with its own: a rate is a number per lane, and
/// what is measured holds for every trial of the shape.
const LEARNING_RATE: f64 = 1e-9;
/// Why the locks of this file are never poisoned.
const UNPOISONED: &str = "no thread panics while it holds the lock";
/// Samples of an evaluation that is timed; more take in proportion.
const TIMED_EXAMPLES: u32 = 1_000;

/// What a trial takes when it is trained by itself on one core.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// Seconds of a parameter update.
    pub seconds_per_update: f64,
    /// Seconds of an evaluation.
    pub seconds_per_evaluation: f64,
}

/// Times trials of this one's shape on a device, their updates for so long. `None` for what the
/// device cannot train.
#[must_use]
pub fn of_trial(device: DeviceName, trial: &TrialSpec, window: Duration) -> Option<Pace> {
    let timed = catch_unwind(AssertUnwindSafe(|| {
        let device = device.open();
        let rate = updates_per_second(&device, &[endless(trial)], window, &|| true)?;
        let seconds_per_update = rate.recip();
        Some(Pace {
            seconds_per_update,
            seconds_per_evaluation: evaluation(&device, trial, seconds_per_update)?,
        })
    }));
    timed.ok().flatten()
}

/// The trial, to be trained for as long as anyone times, and never measured.
pub(crate) fn endless(trial: &TrialSpec) -> TrialSpec {
    with(trial, MAX_UPDATES, MAX_UPDATES, None)
}

/// The trial with `updates` updates, evaluated every `every` of them on `examples` samples.
fn with(trial: &TrialSpec, updates: u64, every: u64, examples: Option<u32>) -> TrialSpec {
    let mut settings = trial.configuration.to_settings();
    let set = |settings: &mut pondersweep_proto::spec::Settings| {
        settings.set(Setting::LEARNING_RATE, LEARNING_RATE)?;
        settings.set(Setting::UPDATES, updates)?;
        settings.set(Setting::EVERY, every)?;
        examples.map_or(Ok(()), |examples| settings.set(Setting::EXAMPLES, examples))
    };
    set(&mut settings).expect("each is of its setting's kind");
    TrialSpec {
        configuration: settings
            .try_into()
            .expect("its length and rate are in range"),
        ..trial.clone()
    }
}

/// Seconds of an evaluation of the trial: what the second of two updates takes longer with one.
fn evaluation(device: &Device, trial: &TrialSpec, seconds_per_update: f64) -> Option<f64> {
    let examples = trial.configuration.count(Setting::EXAMPLES);
    let timed = examples.min(TIMED_EXAMPLES);
    let clock = Clock(Mutex::default());
    train::train(
        &[with(trial, 2, 1, Some(timed))],
        device,
        NonZeroUsize::MIN,
        &clock,
    );
    let times = clock.0.into_inner().expect(UNPOISONED);
    let &[first, second] = &times[..] else {
        return None;
    };
    let seconds = ((second - first).as_secs_f64() - seconds_per_update).max(0.0);
    Some(seconds * f64::from(examples) / f64::from(timed))
}

/// Notes when updates are done, their evaluations included.
struct Clock(Mutex<Vec<Instant>>);

impl Observer for Clock {
    fn observe(&self, _: usize, _: Observation) {}

    fn after_update(&self, _: usize, _: u64) -> Continue {
        #[expect(clippy::disallowed_methods, reason = "an edge: its purpose is to time")]
        let now = Instant::now();
        self.0.lock().expect(UNPOISONED).push(now);
        Continue::Yes
    }
}

/// Updates before the clock starts: programs are compiled, buffers are made.
const WARM_UPDATES: u64 = 3;
/// Updates that a figure stands on at least, however slow they are.
const LEAST_UPDATES: u64 = 2;

/// Updates a second of all lanes together, timed for at least so long. `None` if training ended, or
/// might not go on, before enough updates were timed.
pub(crate) fn updates_per_second(
    device: &Device,
    trials: &[TrialSpec],
    window: Duration,
    go_on: &(dyn Fn() -> bool + Sync),
) -> Option<f64> {
    let laps = Mutex::new(Laps::new(window));
    let pacer = Pacer { laps, go_on };
    train::train(trials, device, NonZeroUsize::MIN, &pacer);
    let laps = pacer.laps.into_inner().expect(UNPOISONED);
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
        let mut laps = self.laps.lock().expect(UNPOISONED);
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
    fn a_trial_is_timed_whatever_its_own_length_and_learning_rate() {
        let tiny = trial(|settings| {
            settings.set(Setting::UPDATES, 1_u32).unwrap();
            settings.set(Setting::EXAMPLES, 3_000_u32).unwrap();
        });
        let pace = of_trial(DeviceName::CPU, &tiny, Duration::from_millis(20)).unwrap();
        assert!(
            pace.seconds_per_update > 0.0 && pace.seconds_per_evaluation > 0.0,
            "{pace:?}"
        );
        assert!(
            pace.seconds_per_evaluation > pace.seconds_per_update,
            "{pace:?}"
        );
    }

    #[test]
    fn training_that_ends_before_two_updates_are_timed_has_no_pace() {
        assert_eq!(per_second(1, (1..5).map(|n| 400 * n)), None);
        let window = Duration::from_secs(1);
        let stopped = updates_per_second(&device(), &[trial(|_| {})], window, &|| false);
        assert_eq!(stopped, None);
    }
}
