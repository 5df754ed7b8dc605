//! What training promises: it learns, it repeats to the bit, lanes do not disturb each other.

use std::collections::BTreeMap;

use pondersweep_proto::{
    metric::{Metric, Observation},
    spec::{Residual, Settings, StepFunction, TrialSpec, Unroll},
};

use super::{Continue, Engine, LaneEnd, Observer, train};
use crate::test_support::{device, trial};

/// Keeps what it hears, and stops lanes at the updates it is told.
#[derive(Default)]
struct Recorder {
    observations: BTreeMap<usize, Vec<Observation>>,
    updates_done: BTreeMap<usize, u64>,
    stop_at: BTreeMap<usize, u64>,
}

impl Recorder {
    fn stopping(lane: usize, updates_done: u64) -> Self {
        Self {
            stop_at: BTreeMap::from([(lane, updates_done)]),
            ..Self::default()
        }
    }

    /// Observations to the bit.
    fn bits(&self, lane: usize) -> Vec<(u64, Metric, u64)> {
        let observations = self.observations.get(&lane).into_iter().flatten();
        observations
            .map(|seen| (seen.step, seen.metric, seen.value.to_bits()))
            .collect()
    }

    fn last(&self, lane: usize, metric: Metric) -> f64 {
        let mut latest = self.observations[&lane].iter().rev();
        latest.find(|seen| seen.metric == metric).unwrap().value
    }
}

impl Observer for Recorder {
    fn observe(&mut self, lane: usize, observation: Observation) {
        self.observations.entry(lane).or_default().push(observation);
    }

    fn after_update(&mut self, lane: usize, updates_done: u64) -> Continue {
        self.updates_done.insert(lane, updates_done);
        match self.stop_at.get(&lane) {
            Some(&at) if updates_done >= at => Continue::Stop,
            _ => Continue::Yes,
        }
    }
}

fn run(bundle: &[TrialSpec]) -> (Vec<LaneEnd>, Recorder) {
    run_with(Engine::Kernels, bundle)
}

fn run_with(engine: Engine, bundle: &[TrialSpec]) -> (Vec<LaneEnd>, Recorder) {
    let mut recorder = Recorder::default();
    let ends = train(bundle, &device(), engine, &mut recorder);
    (ends, recorder)
}

#[test]
fn kernels_and_tensors_train_alike() {
    for lanes in each_shape() {
        let (kernels, tensors) = (
            run_with(Engine::Kernels, &lanes),
            run_with(Engine::Tensors, &lanes),
        );
        assert_eq!(kernels.0, tensors.0);
        for lane in 0..lanes.len() {
            for metric in [Metric::LossTraining, Metric::LossInterpolation] {
                let (fused, plain) = (kernels.1.last(lane, metric), tensors.1.last(lane, metric));
                // A few updates of f32 arithmetic in another order.
                assert!(
                    (fused - plain).abs() < 1e-4,
                    "lane {lane}: {metric} {fused} {plain}"
                );
            }
        }
    }
}

/// Seven trials of one shape that differ in everything lanes may differ in.
fn lanes(shape: impl Fn(&mut Settings)) -> Vec<TrialSpec> {
    let lane = |index: u32| {
        let number = f64::from(index);
        let mut lane = trial(|settings| {
            settings.evaluation.extrapolate = true;
            settings.model.lambda_p = Some(0.1 + 0.1 * number);
            settings.model.beta = Some(0.01 * number);
            settings.model.halting_bias = Some(number - 3.0);
            settings.training.learning_rate = 1e-3 * (1.0 + number);
            settings.training.gradient_clip = index.is_multiple_of(2).then_some(0.1);
            shape(settings);
        });
        lane.replicate = index;
        lane
    };
    (0..7).map(lane).collect()
}

fn each_shape() -> Vec<Vec<TrialSpec>> {
    let shape = |step_function, unroll, residual| {
        lanes(move |settings: &mut Settings| {
            settings.model.step_function = step_function;
            settings.model.unroll = Some(unroll);
            settings.model.epsilon = Some(0.3);
            settings.model.residual = Some(residual);
            settings.model.max_steps = 5;
            settings.model.hidden = 20;
            settings.training.batch = 33;
        })
    };
    vec![
        shape(StepFunction::Gru, Unroll::Fixed, Residual::Remainder),
        shape(StepFunction::Gru, Unroll::Cumulative, Residual::Normalise),
        shape(StepFunction::Rnn, Unroll::Cumulative, Residual::Remainder),
        shape(StepFunction::Rnn, Unroll::Fixed, Residual::Normalise),
    ]
}

#[test]
fn a_lanes_bits_do_not_depend_on_the_bundle_or_its_place_in_it() {
    for lanes in each_shape() {
        let (_, together) = run(&lanes);
        for (index, lane) in lanes.iter().enumerate() {
            let (_, alone) = run(std::slice::from_ref(lane));
            assert_eq!(alone.bits(0), together.bits(index), "{lane:?}");
            let other = &lanes[(index + 3) % lanes.len()];
            let (_, second) = run(&[other.clone(), lane.clone()]);
            assert_eq!(alone.bits(0), second.bits(1), "{lane:?}");
        }
    }
}

#[test]
fn training_repeats_to_the_bit_and_every_lane_has_numbers_of_its_own() {
    let lanes = &each_shape()[0];
    let (first, second) = (run(lanes).1, run(lanes).1);
    for lane in 0..lanes.len() {
        assert_eq!(first.bits(lane), second.bits(lane));
        let others = (0..lane).map(|other| first.bits(other));
        assert!(others.into_iter().all(|other| other != first.bits(lane)));
    }
}

#[test]
fn a_stopped_lane_leaves_the_others_undisturbed() {
    let lanes = &each_shape()[1];
    let (_, undisturbed) = run(lanes);
    let mut recorder = Recorder::stopping(2, 3);
    let ends = train(lanes, &device(), Engine::Kernels, &mut recorder);
    for (lane, end) in ends.iter().enumerate() {
        if lane == 2 {
            assert_eq!(*end, LaneEnd::Stopped);
            assert_eq!(recorder.updates_done[&lane], 3);
        } else {
            assert_eq!(*end, LaneEnd::Succeeded);
            assert_eq!(recorder.bits(lane), undisturbed.bits(lane));
        }
    }
}

#[test]
fn a_diverged_lane_is_infeasible_with_its_update_and_leaves_the_others_undisturbed() {
    // Not measured at the update that diverges, so that it is the update that finds it.
    let mut lanes = lanes(|settings| settings.evaluation.every = 3);
    let (_, undisturbed) = run(&lanes);
    // The first step throws every weight out of range, so the second update sees it.
    let mut wild = lanes[3].configuration.to_settings();
    wild.training.learning_rate = 1e38;
    lanes[3].configuration = wild.try_into().unwrap();
    let (ends, recorder) = run(&lanes);
    let LaneEnd::Infeasible { step, reason } = &ends[3] else {
        panic!("{ends:?}")
    };
    assert_eq!(*step, 2, "{reason}");
    assert!(recorder.bits(3).is_empty());
    assert_eq!(recorder.updates_done[&3], 1);
    for lane in (0..7).filter(|lane| *lane != 3) {
        assert_eq!(ends[lane], LaneEnd::Succeeded);
        assert_eq!(recorder.bits(lane), undisturbed.bits(lane));
    }
}

#[test]
fn a_bundle_whose_every_lane_diverges_ends_at_once() {
    let wild = trial(|settings| settings.training.learning_rate = 1e38);
    let (ends, _) = run(&[wild]);
    assert!(matches!(ends[..], [LaneEnd::Infeasible { step: 2, .. }]));
}

#[test]
fn lanes_are_measured_every_so_often_and_always_at_the_end() {
    let spec = trial(|settings| {
        settings.training.updates = 5;
        settings.evaluation.every = 2;
        settings.evaluation.extrapolate = true;
    });
    let (ends, recorder) = run(&[spec]);
    assert_eq!(ends, [LaneEnd::Succeeded]);
    let observations = &recorder.observations[&0];
    for &metric in Metric::ALL {
        let steps: Vec<u64> = observations
            .iter()
            .filter(|seen| seen.metric == metric)
            .map(|seen| seen.step)
            .collect();
        assert_eq!(steps, [2, 4, 5], "{metric}");
    }
    assert!(observations.iter().all(|seen| seen.value.is_finite()));
}

#[test]
fn extrapolation_is_measured_only_when_asked_for() {
    let (_, recorder) = run(&[trial(|_| {})]);
    let observations = &recorder.observations[&0];
    let extrapolating = |metric: Metric| metric.name().ends_with("extrapolation");
    assert!(!observations.iter().any(|seen| extrapolating(seen.metric)));
}

#[test]
fn sampled_and_expected_values_have_the_same_mean() {
    let (_, recorder) = run(&[trial(|settings| {
        settings.training.updates = 1;
        settings.evaluation.examples = 20_000;
        settings.model.max_steps = 10;
    })]);
    let steps = recorder.last(0, Metric::PonderStepsInterpolation);
    let expected = recorder.last(0, Metric::PonderStepsExpectedInterpolation);
    // Five standard deviations of a mean of 20,000 numbers within 1..=10, generously.
    assert!((steps - expected).abs() < 0.1, "{steps} {expected}");
    let accuracy = recorder.last(0, Metric::AccuracyInterpolation);
    let expected = recorder.last(0, Metric::AccuracyExpectedInterpolation);
    assert!((accuracy - expected).abs() < 0.018, "{accuracy} {expected}");
}

#[test]
#[should_panic(expected = "a bundle has one shape")]
fn trials_of_different_shapes_are_no_bundle() {
    run(&[trial(|_| {}), trial(|settings| settings.model.hidden = 9)]);
}

#[test]
fn an_empty_bundle_has_no_ends() {
    assert!(run(&[]).0.is_empty());
}

#[test]
fn a_small_network_learns_parity() {
    let spec = trial(|settings| {
        settings.model.hidden = 24;
        settings.model.beta = Some(0.01);
        settings.training.batch = 64;
        settings.training.updates = 600;
        settings.evaluation.every = 600;
        settings.evaluation.examples = 2_000;
    });
    let (_, recorder) = run(&[spec]);
    let accuracy = recorder.last(0, Metric::AccuracyInterpolation);
    assert!(accuracy > 0.95, "{accuracy}");
}
