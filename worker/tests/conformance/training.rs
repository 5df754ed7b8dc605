//! Whole trials: trained as on the processor, alone as in a bundle, with a lane that diverges, and
//! until they have learnt.

use std::{collections::BTreeMap, num::NonZeroUsize, sync::Mutex};

use pondersweep_proto::{
    metric::{Observation, built_in},
    setting::Setting,
    spec::{StepFunction, TrialSpec, Unroll},
};
use pondersweep_worker::{
    device::DeviceName,
    train::{Continue, LaneEnding, Observer, train},
};

use crate::{
    assert_close, device_name,
    trials::{each_shape, lanes, trial},
};

/// Of a loss after a few updates. Adam divides a gradient by its own size, so what an update does
/// to a parameter whose gradient is all rounding error is up to the device.
const TOLERANCE: f64 = 1e-3;

/// Keeps what it hears, and stops a lane that is accurate enough.
struct Recorder {
    observations: Mutex<BTreeMap<usize, Vec<Observation>>>,
    accurate_enough: f64,
}

impl Observer for Recorder {
    fn observe(&self, lane: usize, observation: Observation) {
        let mut observations = self.observations.lock().unwrap();
        observations.entry(lane).or_default().push(observation);
    }

    fn after_update(&self, lane: usize, _updates_done: u64) -> Continue {
        let observations = self.observations.lock().unwrap();
        let mut of_lane = observations.get(&lane).into_iter().flatten();
        let enough = |seen: &Observation| {
            seen.metric == built_in::ACCURACY_INTERPOLATION && seen.value >= self.accurate_enough
        };
        if of_lane.any(enough) {
            Continue::Stop
        } else {
            Continue::Yes
        }
    }
}

/// What was observed of each lane.
struct Observed(BTreeMap<usize, Vec<Observation>>);

impl Observed {
    fn losses(&self, lane: usize) -> Vec<f64> {
        let losses = [built_in::LOSS_TRAINING, built_in::LOSS_INTERPOLATION];
        let observations = self.0[&lane].iter();
        observations
            .filter(|seen| losses.contains(&seen.metric))
            .map(|seen| seen.value)
            .collect()
    }
}

/// Trains to the end.
fn run_on(device: DeviceName, bundle: &[TrialSpec]) -> (Vec<LaneEnding>, Observed) {
    run_until(f64::INFINITY, device, bundle)
}

/// Trains lanes to the end, or until they are so accurate.
fn run_until(
    accurate_enough: f64,
    device: DeviceName,
    bundle: &[TrialSpec],
) -> (Vec<LaneEnding>, Observed) {
    let recorder = Recorder {
        observations: Mutex::default(),
        accurate_enough,
    };
    let ends = train(bundle, &device.open(), NonZeroUsize::MIN, &recorder);
    let observations = recorder.observations.into_inner();
    (ends, Observed(observations.unwrap()))
}

fn run(bundle: &[TrialSpec]) -> (Vec<LaneEnding>, Observed) {
    run_on(device_name(), bundle)
}

#[test]
fn a_trial_trains_as_on_the_processor() {
    for lanes in each_shape() {
        let (found, expected) = (run(&lanes), run_on(DeviceName::CPU, &lanes));
        assert_eq!(found.0, expected.0);
        for (lane, spec) in lanes.iter().enumerate() {
            let what = format!("losses of {:?}", spec.configuration.json());
            assert_close(
                &found.1.losses(lane),
                &expected.1.losses(lane),
                TOLERANCE,
                &what,
            );
        }
    }
}

#[test]
fn a_lane_trains_as_it_does_alone() {
    for lanes in each_shape() {
        let (_, together) = run(&lanes);
        for (index, lane) in lanes.iter().enumerate() {
            let (_, alone) = run(std::slice::from_ref(lane));
            let what = format!("losses of {:?}", lane.configuration.json());
            assert_close(&together.losses(index), &alone.losses(0), TOLERANCE, &what);
        }
    }
}

#[test]
fn a_lane_that_diverges_leaves_the_others_undisturbed() {
    for unroll in [Unroll::Fixed, Unroll::Cumulative] {
        let mut lanes = lanes(|settings| settings.set(Setting::UNROLL, unroll).unwrap());
        let (_, undisturbed) = run(&lanes);
        // The first step throws every weight out of range, so the second update is not finite.
        let mut wild = lanes[1].configuration.to_settings();
        wild.set(Setting::LEARNING_RATE, 1e38).unwrap();
        lanes[1].configuration = wild.try_into().unwrap();
        let (ends, observed) = run(&lanes);
        let diverged = matches!(ends[1], LaneEnding::Infeasible { step: 2, .. });
        assert!(diverged, "{:?}", ends[1]);
        for lane in [0, 2] {
            assert_eq!(ends[lane], LaneEnding::Succeeded);
            let (found, expected) = (observed.losses(lane), undisturbed.losses(lane));
            assert_close(&found, &expected, TOLERANCE, "losses of a neighbour");
        }
    }
}

fn parity_of_eight(step_function: StepFunction, hidden: u32) {
    let spec = trial(0, |settings| {
        settings.set(Setting::STEP_FUNCTION, step_function).unwrap();
        settings.set(Setting::ELEMENTS, 8_u32).unwrap();
        settings.set(Setting::HIDDEN, hidden).unwrap();
        settings.set(Setting::MAX_STEPS, 3_u32).unwrap();
        settings.set(Setting::BETA, 0.01).unwrap();
        settings.set(Setting::BATCH, 256_u32).unwrap();
        settings.set(Setting::LEARNING_RATE, 0.01).unwrap();
        settings.set(Setting::GRADIENT_CLIP, 1.0).unwrap();
        // Four replicates learnt it within 600.
        settings.set(Setting::UPDATES, 1_500_u32).unwrap();
        settings.set(Setting::EVERY, 50_u32).unwrap();
        settings.set(Setting::EXAMPLES, 1_000_u32).unwrap();
    });
    // It learns in the order of a minute on the slowest device, so it stops as soon as it has.
    let (ends, observed) = run_until(0.99, device_name(), &[spec]);
    assert_eq!(ends, [LaneEnding::Stopped], "{:?}", observed.0[&0].last());
}

#[test]
fn parity_of_eight_is_learnt() {
    parity_of_eight(StepFunction::Gru, 128);
}

#[test]
fn parity_of_eight_is_learnt_without_kernels() {
    parity_of_eight(StepFunction::Lstm, 64);
}
