//! The bits of published trials: parameters, moments, losses and measurements of small trials of
//! every kind are those of the program that trained what is published, for each instruction set. A
//! change that breaks this breaks `trial replay` of every database there is.
#![cfg(target_arch = "x86_64")]

use std::sync::Mutex;

use pondersweep_proto::{
    breakdown::Breakdown,
    metric::Observation,
    setting::Setting,
    spec::{FirstStepFlag, Positions, Settings, TrialSpec},
};
use sha2::{Digest as _, Sha256};

use super::{
    super::{Continue, LaneState, Observer},
    Recorder, act, each_shape_of, many_lanes, run_with,
};
use crate::kernel::InstructionSet;

const UPDATES: u64 = 7;

/// What was measured when these bits were published.
const MEASURED: [&str; 12] = [
    "accuracy_interpolation",
    "accuracy_expected_interpolation",
    "ponder_steps_interpolation",
    "ponder_steps_expected_interpolation",
    "loss_interpolation",
    "accuracy_extrapolation",
    "accuracy_expected_extrapolation",
    "ponder_steps_extrapolation",
    "ponder_steps_expected_extrapolation",
    "loss_extrapolation",
    "loss_training",
    "ponder_steps_computed",
];

/// The first half of the SHA-256 of what [`digest`] hashes, of each trial.
const GOLDEN: [(&str, [&str; 18]); 3] = [
    (
        "avx512",
        [
            "c149141b640dee0b",
            "1736a97093d35054",
            "7564f29822083f95",
            "61d00566fc27de4d",
            "33dc90b7a75b17a3",
            "2d02f4e0f72c8fd0",
            "cca32f456225f221",
            "e63ef2c78155888b",
            "a0031a74a0f8e59a",
            "a56278f8e6c0b232",
            "eb8f912a54bd6c9d",
            "4722189f77334569",
            "8e74628ae0c48b02",
            "78842022a8e0212e",
            "8809a6b216c466c6",
            "4639230a282038f8",
            "ab9c37d57fc670e4",
            "f724d90d01f72dd5",
        ],
    ),
    (
        "avx2",
        [
            "c73c4c139ab51f0f",
            "67ae3385a29d85ba",
            "4801d4302a118876",
            "cfe693f801c1deb3",
            "3d626e33239786f9",
            "b38011cd82a20929",
            "a4e0db3761342a3c",
            "4dbccf8db61ca075",
            "d62e75d6e1bc7112",
            "b7910a363d7c73a4",
            "376d0a074aa4ba0a",
            "930529839ffd79ba",
            "d4ba9b961133ee33",
            "df4cc4006195c9c9",
            "a7def05f94ef36e1",
            "4639230a282038f8",
            "2561813e4ba62b9d",
            "1f641a0341086449",
        ],
    ),
    (
        "portable",
        [
            "4bc8d6f562957e14",
            "d8936814c94381db",
            "fe5313a08ccca6bf",
            "2c074dcfe37c4f69",
            "d5ec17fdc99c01e4",
            "8e065dbb149efb06",
            "b5c0e58765712c11",
            "66c406925dcc5cfd",
            "7cb39c7262290352",
            "f520e248711d4b47",
            "4ef92f7b174e26c0",
            "80bbe5efcd505ef8",
            "1dc32578efcb39de",
            "9a1cac03ea125a4b",
            "da1633c2682d1694",
            "34f55519987a7f2f",
            "0be65f5ad4092010",
            "2afeb5f5f68ba56a",
        ],
    ),
];

/// Of every shape two, one of which clips its gradient.
fn trials() -> Vec<TrialSpec> {
    let packed = |settings: &mut Settings| {
        settings.set(Setting::ELEMENTS, 11_u32).unwrap();
        settings.set(Setting::POSITIONS, Positions::Packed).unwrap();
        settings.set(Setting::MAX_NONZEROS, 5_u32).unwrap();
        settings.set(Setting::EXTRAPOLATE, false).unwrap();
    };
    let flagged = |settings: &mut Settings| {
        act(settings);
        settings.set(Setting::EPSILON, 0.2).unwrap();
        settings
            .set(Setting::FIRST_STEP_FLAG, FirstStepFlag::On)
            .unwrap();
        settings.set(Setting::HIDDEN, 33_u32).unwrap();
    };
    let others = [many_lanes(2, packed), many_lanes(2, flagged)];
    let trials = each_shape_of(2).into_iter().chain(others).flatten();
    let trial = |mut trial: TrialSpec| {
        let mut settings = trial.configuration.to_settings();
        settings.set(Setting::UPDATES, UPDATES).unwrap();
        settings.set(Setting::EVERY, 3_u32).unwrap();
        trial.configuration = settings.try_into().unwrap();
        trial
    };
    trials.map(trial).collect()
}

/// Keeps all that is heard, and the last state that is offered.
#[derive(Default)]
struct Witness {
    recorder: Recorder,
    state: Mutex<Option<LaneState>>,
}

impl Observer for Witness {
    fn observe(&self, lane: usize, observation: Observation) {
        self.recorder.observe(lane, observation);
    }

    fn break_down(&self, lane: usize, breakdown: Breakdown) {
        self.recorder.break_down(lane, breakdown);
    }

    fn after_update(&self, lane: usize, updates_done: u64) -> Continue {
        self.recorder.after_update(lane, updates_done)
    }

    fn offer_state(&self, _: usize, _: u64, state: &dyn Fn() -> LaneState) {
        *self.state.lock().unwrap() = Some(state());
    }
}

fn digest(trial: &TrialSpec) -> String {
    let witness = Witness::default();
    run_with(1, std::slice::from_ref(trial), &witness);
    let mut hash = Sha256::new();
    for (step, metric, bits) in witness.recorder.bits(0) {
        if MEASURED.contains(&&*metric) {
            hash.update(format!("{step} {metric} {bits:x}\n"));
        }
    }
    let state = witness.state.into_inner().unwrap().unwrap();
    let optimizer = &state.optimizer;
    for numbers in [
        &state.parameters,
        &optimizer.first_moment,
        &optimizer.second_moment,
    ] {
        for number in numbers {
            hash.update(number.to_bits().to_le_bytes());
        }
    }
    let hash = hash.finalize();
    hash.iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[test]
fn trained_bits_are_those_of_what_is_published() {
    let set = InstructionSet::detect().name();
    let golden = GOLDEN.iter().find(|(name, _)| *name == set);
    let (_, golden) = golden.expect("every instruction set has its bits");
    let digests: Vec<String> = trials().iter().map(digest).collect();
    assert_eq!(digests, golden, "{set}");
}
