//! An interrupted trial ends as an undisturbed one, to the bit: wherever it is interrupted, however
//! often, and whichever lanes it runs with before and after.

use std::{collections::BTreeMap, num::NonZeroUsize, sync::Mutex};

use pondersweep_proto::{
    breakdown::Breakdown, metric::Observation, setting::Setting, spec::TrialSpec,
};

use super::{
    super::{
        Continue, LaneEnding, LaneState, Observer, Start,
        checkpoint::{Origin, decode, encode},
        in_step, train_from, train_together,
    },
    Recorder, each_shape, without_kernels,
};
use crate::{
    operation::Body,
    test_support::{device, of_tokens},
};

const UPDATES: u64 = 7;

/// Stops lanes when it is told and keeps their states.
struct Interrupter {
    recorder: Recorder,
    states: Mutex<BTreeMap<usize, LaneState>>,
}

impl Observer for Interrupter {
    fn observe(&self, lane: usize, observation: Observation) {
        self.recorder.observe(lane, observation);
    }

    fn break_down(&self, lane: usize, breakdown: Breakdown) {
        self.recorder.break_down(lane, breakdown);
    }

    fn after_update(&self, lane: usize, updates_done: u64) -> Continue {
        self.recorder.after_update(lane, updates_done)
    }

    fn offer_state(&self, lane: usize, updates_done: u64, state: &dyn Fn() -> LaneState) {
        if self.recorder.stop_at[&lane] == updates_done {
            self.states.lock().unwrap().insert(lane, state());
        }
    }
}

/// What is known of a lane: everything it observed, to the bit, and how it ended.
type Story = (Vec<(u64, String, u64)>, LaneEnding);

fn train(body: Body, starts: &[Start], observer: &dyn Observer) -> Vec<LaneEnding> {
    match body {
        Body::Kernels | Body::Alone => train_from(starts, &device(), NonZeroUsize::MIN, observer),
        Body::Tensors => in_step(starts, |lanes| {
            train_together(starts, lanes, body, &device(), observer)
        }),
    }
}

/// The stories of trials that are interrupted, each at its own update, until they have ended.
fn interrupted(body: Body, trials: &[TrialSpec], first: u64, every: u64) -> Vec<Story> {
    let mut starts: Vec<Start> = trials.iter().cloned().map(Start::from).collect();
    let mut stories: Vec<Story> = vec![(Vec::new(), LaneEnding::Stopped); trials.len()];
    let mut order: Vec<usize> = (0..trials.len()).collect();
    while !order.is_empty() {
        let stop_at = order.iter().enumerate().map(|(lane, &trial)| {
            let updates_done = starts[trial].updates_done();
            let later = if updates_done == 0 {
                first + lane as u64 % 3
            } else {
                every
            };
            (lane, updates_done + later)
        });
        let interrupter = Interrupter {
            recorder: Recorder {
                stop_at: stop_at.collect(),
                ..Recorder::default()
            },
            states: Mutex::default(),
        };
        let bundle: Vec<Start> = order.iter().map(|&trial| starts[trial].clone()).collect();
        let ends = train(body, &bundle, &interrupter);
        let mut states = interrupter.states.into_inner().unwrap();
        for (lane, (&trial, end)) in order.iter().zip(ends).enumerate() {
            stories[trial].0.extend(interrupter.recorder.bits(lane));
            stories[trial].1 = end;
            starts[trial].state = states
                .remove(&lane)
                .map(|state| carried(&state, &trials[trial]));
        }
        order.retain(|&trial| stories[trial].1 == LaneEnding::Stopped);
        // Other neighbours, another place.
        order.reverse();
    }
    stories
}

/// The state as another worker gets it.
fn carried(state: &LaneState, trial: &TrialSpec) -> LaneState {
    let origin = Origin {
        device: "cpu".into(),
        backend: "flex".into(),
        instructions: "any".into(),
        binary_sha256: "00".into(),
    };
    decode(&encode(state, trial, &origin), trial, &origin).unwrap()
}

fn undisturbed(body: Body, trials: &[TrialSpec]) -> Vec<Story> {
    let starts: Vec<Start> = trials.iter().cloned().map(Start::from).collect();
    let recorder = Recorder::default();
    let ends = train(body, &starts, &recorder);
    let story = |(lane, end)| (recorder.bits(lane), end);
    ends.into_iter().enumerate().map(story).collect()
}

fn check(body: Body, bundles: Vec<Vec<TrialSpec>>) {
    for mut trials in bundles {
        for trial in &mut trials {
            let mut settings = trial.configuration.to_settings();
            settings.set(Setting::UPDATES, UPDATES).unwrap();
            settings.set(Setting::EVERY, 3_u32).unwrap();
            trial.configuration = settings.try_into().unwrap();
        }
        let expected = undisturbed(body, &trials);
        for (first, every) in [(1, 1), (2, UPDATES), (4, 2)] {
            let stories = interrupted(body, &trials, first, every);
            assert_eq!(stories, expected, "{body:?}, {first}, {every}");
        }
    }
}

#[test]
fn lanes_that_are_interrupted_end_as_undisturbed_ones_to_the_bit() {
    check(Body::Kernels, each_shape());
    check(Body::Alone, of_tokens().into());
}

#[test]
fn lanes_of_one_program_that_are_interrupted_end_as_undisturbed_ones_to_the_bit() {
    check(Body::Tensors, each_shape());
    check(Body::Tensors, vec![without_kernels()]);
}

#[test]
fn a_lane_that_is_told_to_stop_after_its_last_update_has_ended_all_the_same() {
    let trials = &each_shape()[0][..1];
    let updates = trials[0].configuration.whole(Setting::UPDATES);
    let interrupter = Interrupter {
        recorder: Recorder::stopping(0, updates),
        states: Mutex::default(),
    };
    let starts = [Start::from(trials[0].clone())];
    let ends = train(Body::Kernels, &starts, &interrupter);
    assert_eq!(ends, [LaneEnding::Succeeded]);
    assert!(interrupter.states.into_inner().unwrap().is_empty());
}
