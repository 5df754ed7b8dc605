//! Trials for unit tests: a small valid one, changed as the test needs.

pub(crate) mod reference;

use burn::tensor::Device;
use pondersweep_proto::{
    setting::training::TRAINING,
    spec::{ConfigurationSpec, Settings, TrialSpec},
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

/// Trials of a small transformer on tokens, two lanes of each task that has some: PonderNet on
/// pairs, ACT on stories.
pub(crate) fn of_tokens() -> [Vec<TrialSpec>; 2] {
    let lanes = |task: serde_json::Value, method: [serde_json::Value; 2]| {
        let lane = |(replicate, model): (u32, &serde_json::Value)| {
            let mut json = serde_json::json!({
                "task": task,
                "model": { "step_function": "transformer", "hidden": 12, "attention_width": 8,
                           "heads": 2, "transition_width": 10, "max_steps": 3 },
                "training": { "updates": 6, "batch": 9, "learning_rate": 0.01, "warm_up": 3 },
                "evaluation": { "every": 3, "examples": 40 },
            });
            let settings = model.as_object().unwrap().clone();
            json["model"].as_object_mut().unwrap().extend(settings);
            TrialSpec {
                configuration: ConfigurationSpec::from_json(json).unwrap(),
                seed: 5,
                replicate,
                common_seeds: false,
                program: None,
            }
        };
        (0..).zip(&method).map(lane).collect()
    };
    let pairs = serde_json::json!({
        "kind": "paired_associates", "sequences": 2, "length": 4, "embedding": 6, "pool": 30,
        "novel_lures": 0.5,
    });
    let ponder_net = |lambda_p: f64| {
        serde_json::json!({
            "kind": "ponder_net", "lambda_p": lambda_p, "unroll": "cumulative", "epsilon": 0.3,
            "dropout": 0.25, "key_start": "query",
        })
    };
    let stories = serde_json::json!({
        "kind": "babi", "source": "generated", "tasks": "1,15,20", "max_sentences": 20,
    });
    let act = |tau: f64| serde_json::json!({ "kind": "act", "tau": tau, "layer_norm": "after" });
    [
        lanes(pairs, [0.2, 0.4].map(ponder_net)),
        lanes(stories, [0.01, 0.02].map(act)),
    ]
}

/// The device unit tests compute on.
pub(crate) fn device() -> Device {
    crate::device::DeviceName::CPU.open()
}
