//! Trials for unit tests: a small valid one, changed as the test needs.

pub(crate) mod reference;

use burn::tensor::Device;
use pondersweep_proto::{
    setting::training::TRAINING,
    spec::{Settings, TrialSpec},
};

/// Parity of 4 with a `gru` of 8 units and 3 steps, changed.
pub(crate) fn trial(change: impl FnOnce(&mut Settings)) -> TrialSpec {
    let json = serde_json::json!({
        "task": { "kind": "parity", "elements": 4 },
        "model": { "kind": "ponder_net", "lambda_p": 0.2, "hidden": 8, "max_steps": 3,
                   "step_function": "gru" },
        "training": { "updates": 4, "batch": 8, "learning_rate": 0.01 },
        "evaluation": { "every": 2, "examples": 32 },
    });
    let mut settings = Settings::from_json(&TRAINING, json).unwrap();
    change(&mut settings);
    TrialSpec {
        configuration: settings.try_into().unwrap(),
        seed: 5,
        replicate: 0,
        common_seeds: false,
        program: None,
    }
}

/// The device unit tests compute on.
pub(crate) fn device() -> Device {
    crate::device::DeviceName::CPU.open()
}
