//! What training promises: it learns, it repeats to the bit, lanes do not disturb each other.

mod bits;
mod golden;
mod interruption;

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
};

use pondersweep_proto::{
    breakdown::Breakdown,
    experiment::{
        Experiment,
        counted::{CORRECT, DIFFICULTY, HALTING, PONDER_STEPS, difficulties},
    },
    metric::{Metric, MetricName, Observation, built_in},
    setting::Setting,
    spec::{
        FirstStepFlag, KlDirection, ModelKind, Residual, Settings, StepFunction, TrialSpec, Unroll,
    },
};

use super::{Continue, LaneEnding, Observer, Start, train, train_together};
use crate::{
    operation::Body,
    test_support::{device, of_tokens, trial},
};

/// Keeps what it hears, and stops lanes at the updates it is told.
#[derive(Default)]
struct Recorder {
    heard: Mutex<Heard>,
    stop_at: BTreeMap<usize, u64>,
    panic_at: BTreeMap<usize, u64>,
}

#[derive(Default)]
struct Heard {
    observations: BTreeMap<usize, Vec<Observation>>,
    updates_done: BTreeMap<usize, u64>,
    breakdowns: BTreeMap<usize, Breakdown>,
}

impl Recorder {
    fn stopping(lane: usize, updates_done: u64) -> Self {
        Self {
            stop_at: BTreeMap::from([(lane, updates_done)]),
            ..Self::default()
        }
    }

    /// A lane that panics does so while it holds the lock, and leaves what was heard whole.
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn observations(&self, lane: usize) -> Vec<Observation> {
        let heard = self.heard();
        heard.observations.get(&lane).cloned().unwrap_or_default()
    }

    fn updates_done(&self, lane: usize) -> u64 {
        self.heard().updates_done[&lane]
    }

    /// Observations to the bit, and what the last evaluation counted in the same form.
    fn bits(&self, lane: usize) -> Vec<(u64, String, u64)> {
        let observations = self.observations(lane).into_iter();
        observations
            .map(|seen| (seen.step, seen.metric.to_string(), seen.value.to_bits()))
            .chain(self.counts(lane))
            .collect()
    }

    /// By the first difficulty of a row, or by the step: answers right and steps, or samples that
    /// halted.
    fn counts(&self, lane: usize) -> Vec<(u64, String, u64)> {
        let heard = self.heard();
        let breakdown = heard.breakdowns.get(&lane).cloned().unwrap_or_default();
        let counts = breakdown.counts().filter_map(|(name, count)| {
            let place = difficulties(&name.row)?;
            let metric = match (&*name.table, &*name.column) {
                (DIFFICULTY, CORRECT) => built_in::ACCURACY_INTERPOLATION,
                (DIFFICULTY, PONDER_STEPS) | (HALTING, _) => built_in::PONDER_STEPS_INTERPOLATION,
                _ => return None,
            };
            Some(((*place.start()).into(), metric.to_string(), count))
        });
        counts.collect()
    }

    fn last(&self, lane: usize, metric: MetricName) -> f64 {
        let observations = self.observations(lane);
        let mut latest = observations.iter().rev();
        latest.find(|seen| seen.metric == metric).unwrap().value
    }
}

impl Observer for Recorder {
    fn observe(&self, lane: usize, observation: Observation) {
        let observations = &mut self.heard().observations;
        observations.entry(lane).or_default().push(observation);
    }

    fn break_down(&self, lane: usize, breakdown: Breakdown) {
        self.heard().breakdowns.insert(lane, breakdown);
    }

    fn after_update(&self, lane: usize, updates_done: u64) -> Continue {
        let mut heard = self.heard();
        heard.updates_done.insert(lane, updates_done);
        let panics = self.panic_at.get(&lane) == Some(&updates_done);
        assert!(!panics, "lane {lane} at update {updates_done}");
        match self.stop_at.get(&lane) {
            Some(&at) if updates_done >= at => Continue::Stop,
            _ => Continue::Yes,
        }
    }
}

fn run(bundle: &[TrialSpec]) -> (Vec<LaneEnding>, Recorder) {
    let recorder = Recorder::default();
    let ends = run_with(1, bundle, &recorder);
    (ends, recorder)
}

fn run_with(threads: usize, bundle: &[TrialSpec], observer: &dyn Observer) -> Vec<LaneEnding> {
    let threads = NonZeroUsize::new(threads).unwrap();
    train(bundle, &device(), threads, observer)
}

/// All lanes as one program.
fn run_together(body: Body, bundle: &[TrialSpec]) -> (Vec<LaneEnding>, Recorder) {
    let recorder = Recorder::default();
    let ends = run_together_with(body, bundle, &recorder);
    (ends, recorder)
}

fn run_together_with(body: Body, bundle: &[TrialSpec], recorder: &Recorder) -> Vec<LaneEnding> {
    let starts: Vec<Start> = bundle.iter().cloned().map(Start::from).collect();
    let lanes: Vec<usize> = (0..bundle.len()).collect();
    train_together(&starts, &lanes, body, &device(), recorder)
}

#[test]
fn what_the_last_evaluation_counts_adds_up_to_its_metrics() {
    for lanes in each_shape().into_iter().chain(of_tokens()) {
        let (_, recorder) = run(&lanes);
        for (lane, trial) in lanes.iter().enumerate() {
            let examples = u64::from(trial.configuration.count(Setting::EXAMPLES));
            let heard = recorder.heard().breakdowns[&lane].clone();
            let experiment = Experiment::built_in();
            experiment
                .check_breakdown(&trial.configuration, &heard)
                .unwrap();
            for (range, accuracy, ponder_steps) in [
                (
                    "interpolation",
                    built_in::ACCURACY_INTERPOLATION,
                    built_in::PONDER_STEPS_INTERPOLATION,
                ),
                (
                    "extrapolation",
                    built_in::ACCURACY_EXTRAPOLATION,
                    built_in::PONDER_STEPS_EXTRAPOLATION,
                ),
            ] {
                if range == "extrapolation" && !trial.configuration.flag(Setting::EXTRAPOLATE) {
                    assert_eq!(heard.get(DIFFICULTY, range), None);
                    continue;
                }
                let table = heard.get(DIFFICULTY, range).unwrap();
                let sums = table.rows.iter().fold([0; 3], |sums, row| {
                    std::array::from_fn(|column| sums[column] + row.counts[column])
                });
                assert_eq!(sums[0], examples);
                let mean = |sum: u64| sum as f64 / examples as f64;
                assert_eq!(mean(sums[1]), recorder.last(lane, accuracy));
                assert_eq!(mean(sums[2]), recorder.last(lane, ponder_steps));
            }
        }
    }
}

#[test]
fn kernels_and_tensors_train_alike() {
    for lanes in each_shape() {
        let (kernels, tensors) = (run(&lanes), run_together(Body::Tensors, &lanes));
        assert_eq!(kernels.0, tensors.0);
        for lane in 0..lanes.len() {
            for metric in [built_in::LOSS_TRAINING, built_in::LOSS_INTERPOLATION] {
                let (fused, plain) = (
                    kernels.1.last(lane, metric.clone()),
                    tensors.1.last(lane, metric.clone()),
                );
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
    many_lanes(7, shape)
}

fn many_lanes(count: u32, shape: impl Fn(&mut Settings)) -> Vec<TrialSpec> {
    let lane = |index: u32| {
        let number = f64::from(index % 7);
        let mut lane = trial(|settings| {
            settings.set(Setting::EXTRAPOLATE, true).unwrap();
            settings.set(Setting::LAMBDA_P, 0.1 + 0.1 * number).unwrap();
            settings.set(Setting::BETA, 0.01 * number).unwrap();
            settings.set(Setting::HALTING_BIAS, number - 3.0).unwrap();
            settings
                .set(Setting::LEARNING_RATE, 1e-3 * (1.0 + number))
                .unwrap();
            settings
                .set_or_clear(
                    Setting::GRADIENT_CLIP,
                    index.is_multiple_of(2).then_some(0.1),
                )
                .unwrap();
            shape(settings);
        });
        lane.replicate = index;
        lane
    };
    (0..count).map(lane).collect()
}

fn each_shape() -> Vec<Vec<TrialSpec>> {
    each_shape_of(7)
}

fn each_shape_of(count: u32) -> Vec<Vec<TrialSpec>> {
    let ponder_net = |unroll, residual| {
        move |settings: &mut Settings| {
            settings.set(Setting::UNROLL, unroll).unwrap();
            settings.set(Setting::EPSILON, 0.3).unwrap();
            settings.set(Setting::RESIDUAL, residual).unwrap();
        }
    };
    let shape = |step_function, method: &dyn Fn(&mut Settings)| {
        many_lanes(count, |settings: &mut Settings| {
            settings.set(Setting::STEP_FUNCTION, step_function).unwrap();
            settings.set(Setting::MAX_STEPS, 5_u32).unwrap();
            settings.set(Setting::HIDDEN, 20_u32).unwrap();
            settings.set(Setting::BATCH, 33_u32).unwrap();
            method(settings);
        })
    };
    use {Residual as R, StepFunction as F, Unroll as U};
    vec![
        shape(F::Gru, &ponder_net(U::Fixed, R::Remainder)),
        shape(F::Gru, &ponder_net(U::Cumulative, R::Normalise)),
        shape(F::Rnn, &ponder_net(U::Cumulative, R::Remainder)),
        shape(F::Rnn, &ponder_net(U::Fixed, R::Normalise)),
        shape(F::Gru, &act),
        shape(F::Rnn, &fixed_steps),
        shape(F::Rnn, &switched),
    ]
}

/// Lanes that the kernels do not know.
fn without_kernels() -> Vec<TrialSpec> {
    lanes(|settings| {
        let lstm = settings.set(Setting::STEP_FUNCTION, StepFunction::Lstm);
        lstm.unwrap();
        settings.set(Setting::UNROLL, Unroll::Cumulative).unwrap();
    })
}

/// ACT, with what told PonderNet's lanes apart told as tau.
fn act(settings: &mut Settings) {
    settings.set(Setting::METHOD, ModelKind::Act).unwrap();
    let beta = settings.number(Setting::BETA);
    settings.set(Setting::TAU, beta).unwrap();
    settings.set_or_clear(Setting::BETA, None::<f64>).unwrap();
    settings
        .set_or_clear(Setting::LAMBDA_P, None::<f64>)
        .unwrap();
}

/// What the paper leaves open, the other way.
fn switched(settings: &mut Settings) {
    settings
        .set(Setting::KL_DIRECTION, KlDirection::PriorNetwork)
        .unwrap();
    settings
        .set(Setting::FIRST_STEP_FLAG, FirstStepFlag::On)
        .unwrap();
    settings.set(Setting::INITIAL_SCALE, 1.5).unwrap();
}

fn fixed_steps(settings: &mut Settings) {
    settings.set(Setting::METHOD, ModelKind::Fixed).unwrap();
    for setting in [Setting::LAMBDA_P, Setting::BETA, Setting::HALTING_BIAS] {
        settings.set_or_clear(setting, None::<f64>).unwrap();
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
fn a_lane_without_kernels_has_the_same_bits_alone_and_in_a_bundle() {
    let lanes = &without_kernels();
    let (ends, together) = run(lanes);
    for (lane, trial) in lanes.iter().enumerate() {
        let (end, alone) = run(std::slice::from_ref(trial));
        assert_eq!(
            (end[0].clone(), LaneEnding::Succeeded),
            (ends[lane].clone(), end[0].clone())
        );
        assert_eq!(together.bits(lane), alone.bits(0));
    }
}

#[test]
fn a_lane_that_panics_fails_alone_and_leaves_the_others_undisturbed() {
    let lanes = &each_shape()[1];
    let (_, undisturbed) = run(lanes);
    for threads in [1, 2] {
        let recorder = Recorder {
            panic_at: BTreeMap::from([(2, 3)]),
            ..Recorder::default()
        };
        let ends = run_with(threads, lanes, &recorder);
        for (lane, end) in ends.iter().enumerate() {
            if lane == 2 {
                assert_eq!(*end, LaneEnding::Panicked("lane 2 at update 3".into()));
            } else {
                assert_eq!(*end, LaneEnding::Succeeded);
                assert_eq!(recorder.bits(lane), undisturbed.bits(lane));
            }
        }
    }
}

#[test]
fn a_stopped_lane_leaves_the_others_undisturbed() {
    let lanes = &each_shape()[1];
    let (_, undisturbed) = run(lanes);
    let recorder = Recorder::stopping(2, 3);
    let ends = run_with(1, lanes, &recorder);
    for (lane, end) in ends.iter().enumerate() {
        if lane == 2 {
            assert_eq!(*end, LaneEnding::Stopped);
            assert_eq!(recorder.updates_done(lane), 3);
        } else {
            assert_eq!(*end, LaneEnding::Succeeded);
            assert_eq!(recorder.bits(lane), undisturbed.bits(lane));
        }
    }
}

#[test]
fn a_diverged_lane_is_infeasible_with_its_update_and_leaves_the_others_undisturbed() {
    // Not measured at the update that diverges, so that it is the update that finds it.
    let mut lanes = lanes(|settings| settings.set(Setting::EVERY, 3_u32).unwrap());
    let (_, undisturbed) = run(&lanes);
    // The first step throws every weight out of range, so the second update sees it.
    let mut wild = lanes[3].configuration.to_settings();
    wild.set(Setting::LEARNING_RATE, 1e38).unwrap();
    lanes[3].configuration = wild.try_into().unwrap();
    let (ends, recorder) = run(&lanes);
    let LaneEnding::Infeasible { step, reason } = &ends[3] else {
        panic!("{ends:?}")
    };
    assert_eq!(*step, 2, "{reason}");
    assert!(recorder.bits(3).is_empty());
    assert_eq!(recorder.updates_done(3), 1);
    for lane in (0..7).filter(|lane| *lane != 3) {
        assert_eq!(ends[lane], LaneEnding::Succeeded);
        assert_eq!(recorder.bits(lane), undisturbed.bits(lane));
    }
}

#[test]
fn a_bundle_whose_every_lane_diverges_ends_at_once() {
    let wild = trial(|settings| settings.set(Setting::LEARNING_RATE, 1e38).unwrap());
    let (ends, _) = run(&[wild]);
    assert!(matches!(ends[..], [LaneEnding::Infeasible { step: 2, .. }]));
}

#[test]
fn lanes_are_measured_every_so_often_and_always_at_the_end() {
    let spec = trial(|settings| {
        settings.set(Setting::UPDATES, 5_u32).unwrap();
        settings.set(Setting::EVERY, 2_u32).unwrap();
        settings.set(Setting::EXTRAPOLATE, true).unwrap();
    });
    let (ends, recorder) = run(&[spec]);
    assert_eq!(ends, [LaneEnding::Succeeded]);
    let observations = recorder.observations(0);
    for Metric { name: metric, .. } in built_in::table().iter() {
        let steps: Vec<u64> = observations
            .iter()
            .filter(|seen| seen.metric == *metric)
            .map(|seen| seen.step)
            .collect();
        assert_eq!(steps, [2, 4, 5], "{metric}");
    }
    assert!(observations.iter().all(|seen| seen.value.is_finite()));
}

#[test]
fn extrapolation_is_measured_only_when_asked_for() {
    let (_, recorder) = run(&[trial(|_| {})]);
    let observations = recorder.observations(0);
    let extrapolating = |seen: &Observation| seen.metric.ends_with("extrapolation");
    assert!(!observations.iter().any(extrapolating));
}

#[test]
fn sampled_and_expected_values_have_the_same_mean() {
    let (_, recorder) = run(&[trial(|settings| {
        settings.set(Setting::UPDATES, 1_u32).unwrap();
        settings.set(Setting::EXAMPLES, 20_000_u32).unwrap();
        settings.set(Setting::MAX_STEPS, 10_u32).unwrap();
    })]);
    let steps = recorder.last(0, built_in::PONDER_STEPS_INTERPOLATION);
    let expected = recorder.last(0, built_in::PONDER_STEPS_EXPECTED_INTERPOLATION);
    // Five standard deviations of a mean of 20,000 numbers within 1..=10, generously.
    assert!((steps - expected).abs() < 0.1, "{steps} {expected}");
    let accuracy = recorder.last(0, built_in::ACCURACY_INTERPOLATION);
    let expected = recorder.last(0, built_in::ACCURACY_EXPECTED_INTERPOLATION);
    assert!((accuracy - expected).abs() < 0.018, "{accuracy} {expected}");
}

#[test]
#[should_panic(expected = "a bundle has one shape")]
fn trials_of_different_shapes_are_no_bundle() {
    run(&[
        trial(|_| {}),
        trial(|settings| settings.set(Setting::HIDDEN, 9_u32).unwrap()),
    ]);
}

#[test]
fn an_empty_bundle_has_no_ends() {
    assert!(run(&[]).0.is_empty());
}

#[test]
fn a_small_network_learns_parity() {
    let spec = trial(|settings| {
        settings.set(Setting::HIDDEN, 24_u32).unwrap();
        settings.set(Setting::BETA, 0.01).unwrap();
        settings.set(Setting::BATCH, 64_u32).unwrap();
        settings.set(Setting::UPDATES, 600_u32).unwrap();
        settings.set(Setting::EVERY, 600_u32).unwrap();
        settings.set(Setting::EXAMPLES, 2_000_u32).unwrap();
    });
    let (_, recorder) = run(&[spec]);
    let accuracy = recorder.last(0, built_in::ACCURACY_INTERPOLATION);
    assert!(accuracy > 0.95, "{accuracy}");
}
