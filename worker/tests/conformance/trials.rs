//! The trials that devices are compared on: tiny, of every shape, different in every lane.

use pondersweep_proto::spec::{Residual, Settings, StepFunction, TrialSpec, Unroll};

/// A small trial, changed.
pub(crate) fn trial(replicate: u32, change: impl FnOnce(&mut Settings)) -> TrialSpec {
    let mut settings: Settings = serde_json::from_value(serde_json::json!({
        "task": { "kind": "parity", "elements": 4 },
        "model": { "kind": "ponder_net", "lambda_p": 0.2, "hidden": 8, "max_steps": 4,
                   "step_function": "gru" },
        "training": { "updates": 6, "batch": 16, "learning_rate": 0.003 },
        "evaluation": { "every": 2, "examples": 64 },
    }))
    .unwrap();
    change(&mut settings);
    TrialSpec {
        configuration: settings.try_into().unwrap(),
        seed: 5,
        replicate,
    }
}

/// Three trials of one shape that differ in everything lanes may differ in.
pub(crate) fn lanes(shape: impl Fn(&mut Settings)) -> Vec<TrialSpec> {
    let lane = |replicate: u32| {
        let number = f64::from(replicate);
        trial(replicate, |settings| {
            settings.model.lambda_p = 0.1 + 0.2 * number;
            settings.model.beta = 0.01 * number;
            settings.model.halting_bias = number - 1.0;
            settings.training.learning_rate = 1e-3 * (1.0 + number);
            settings.training.gradient_clip = replicate.is_multiple_of(2).then_some(0.1);
            shape(settings);
        })
    };
    (0..3).map(lane).collect()
}

/// Lanes of every kind of step function, unroll and residual rule.
pub(crate) fn each_shape() -> Vec<Vec<TrialSpec>> {
    use {Residual as R, StepFunction as F, Unroll as U};
    let shapes = [
        (F::Gru, U::Fixed, R::Remainder),
        (F::Gru, U::Cumulative, R::Normalise),
        (F::Rnn, U::Fixed, R::Normalise),
        (F::Rnn, U::Cumulative, R::Remainder),
    ];
    let of_shape = |(step_function, unroll, residual)| {
        lanes(move |settings| {
            settings.model.step_function = step_function;
            settings.model.unroll = unroll;
            settings.model.epsilon = 0.3;
            settings.model.residual = residual;
        })
    };
    shapes.into_iter().map(of_shape).collect()
}
