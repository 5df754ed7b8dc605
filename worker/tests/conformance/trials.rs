//! The trials that devices are compared on: tiny, of every shape, different in every lane.

use pondersweep_proto::{
    setting::{Setting, training::TRAINING},
    spec::{ModelKind, Residual, Settings, StepFunction, TrialSpec, Unroll},
};

/// A small trial, changed.
pub(crate) fn trial(replicate: u32, change: impl FnOnce(&mut Settings)) -> TrialSpec {
    let json = serde_json::json!({
        "task": { "kind": "parity", "elements": 4 },
        "model": { "kind": "ponder_net", "lambda_p": 0.2, "hidden": 8, "max_steps": 4,
                   "step_function": "gru" },
        "training": { "updates": 6, "batch": 16, "learning_rate": 0.003 },
        "evaluation": { "every": 2, "examples": 64 },
    });
    let mut settings = Settings::from_json(&TRAINING, json).unwrap();
    change(&mut settings);
    TrialSpec {
        configuration: settings.try_into().unwrap(),
        seed: 5,
        replicate,
        common_seeds: false,
        program: None,
    }
}

/// Three trials of one shape that differ in everything lanes may differ in.
pub(crate) fn lanes(shape: impl Fn(&mut Settings)) -> Vec<TrialSpec> {
    let lane = |replicate: u32| {
        trial(replicate, |settings| {
            shape(settings);
            tell_apart(settings, replicate);
        })
    };
    (0..3).map(lane).collect()
}

fn tell_apart(settings: &mut Settings, replicate: u32) {
    let number = f64::from(replicate);
    let kind: ModelKind = settings.choice(Setting::METHOD);
    let mut set_where = |kinds: &[ModelKind], setting, value: f64| {
        let value = kinds.contains(&kind).then_some(value);
        settings.set_or_clear(setting, value).unwrap();
    };
    let (ponder_net, act) = (ModelKind::PonderNet, ModelKind::Act);
    set_where(&[ponder_net], Setting::LAMBDA_P, 0.1 + 0.2 * number);
    set_where(&[ponder_net], Setting::BETA, 0.01 * number);
    set_where(&[act], Setting::TAU, 0.01 * (1.0 + number));
    set_where(&[ponder_net, act], Setting::HALTING_BIAS, number - 1.0);
    let mut set = |setting, value: f64| settings.set(setting, value).unwrap();
    set(Setting::LEARNING_RATE, 1e-3 * (1.0 + number));
    if replicate.is_multiple_of(2) {
        set(Setting::GRADIENT_CLIP, 0.1);
    }
}

/// Lanes of every step function, every way of learning to halt, every unroll and residual rule.
pub(crate) fn each_shape() -> Vec<Vec<TrialSpec>> {
    use {ModelKind as M, Residual as R, StepFunction as F, Unroll as U};
    let shapes = [
        (F::Gru, M::PonderNet, Some((U::Fixed, R::Remainder))),
        (F::Gru, M::PonderNet, Some((U::Cumulative, R::Normalise))),
        (F::Rnn, M::PonderNet, Some((U::Fixed, R::Normalise))),
        (F::Rnn, M::PonderNet, Some((U::Cumulative, R::Remainder))),
        (F::Gru, M::Act, None),
        (F::Rnn, M::Act, None),
        (F::Gru, M::Fixed, None),
        (F::Lstm, M::PonderNet, Some((U::Fixed, R::Remainder))),
        (F::Lstm, M::Act, None),
    ];
    let of_shape = |(step_function, kind, ponder_net): (F, M, Option<(U, R)>)| {
        lanes(move |settings| {
            settings.set(Setting::STEP_FUNCTION, step_function).unwrap();
            settings.set(Setting::METHOD, kind).unwrap();
            settings
                .set_or_clear(Setting::UNROLL, ponder_net.map(|(unroll, _)| unroll))
                .unwrap();
            settings
                .set_or_clear(Setting::RESIDUAL, ponder_net.map(|(_, residual)| residual))
                .unwrap();
            settings
                .set_or_clear(Setting::EPSILON, (kind != M::Fixed).then_some(0.3))
                .unwrap();
        })
    };
    shapes
        .into_iter()
        .map(of_shape)
        .chain(of_tokens())
        .collect()
}

/// A transformer on pairs of items, and on stories.
fn of_tokens() -> [Vec<TrialSpec>; 2] {
    let tasks = [
        serde_json::json!({
            "kind": "paired_associates", "sequences": 2, "embedding": 6, "pool": 30,
        }),
        serde_json::json!({
            "kind": "babi", "source": "generated", "tasks": "1,15,20", "max_sentences": 12,
        }),
    ];
    tasks.map(|task| {
        let lane = |replicate: u32| {
            let json = serde_json::json!({
                "task": task,
                "model": { "kind": "ponder_net", "lambda_p": 0.2, "step_function": "transformer",
                           "hidden": 12, "attention_width": 8, "heads": 2, "transition_width": 10,
                           "max_steps": 3 },
                "training": { "updates": 6, "batch": 9 },
                "evaluation": { "every": 2, "examples": 40 },
            });
            let mut settings = Settings::from_json(&TRAINING, json).unwrap();
            tell_apart(&mut settings, replicate);
            TrialSpec {
                configuration: settings.try_into().unwrap(),
                seed: 5,
                replicate,
                common_seeds: false,
                program: None,
            }
        };
        (0..3).map(lane).collect()
    })
}
