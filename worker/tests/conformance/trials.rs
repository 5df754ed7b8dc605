//! The trials that devices are compared on: tiny, of every shape, different in every lane.

use pondersweep_proto::spec::{ModelKind, Residual, Settings, StepFunction, TrialSpec, Unroll};

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
        common_seeds: false,
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
    let model = &mut settings.model;
    let is = |kind| (model.kind == kind).then_some(number);
    model.lambda_p = is(ModelKind::PonderNet).map(|number| 0.1 + 0.2 * number);
    model.beta = is(ModelKind::PonderNet).map(|number| 0.01 * number);
    model.tau = is(ModelKind::Act).map(|number| 0.01 * (1.0 + number));
    model.halting_bias = (model.kind != ModelKind::Fixed).then_some(number - 1.0);
    settings.training.learning_rate = 1e-3 * (1.0 + number);
    settings.training.gradient_clip = replicate.is_multiple_of(2).then_some(0.1);
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
    ];
    let of_shape = |(step_function, kind, ponder_net): (F, M, Option<(U, R)>)| {
        lanes(move |settings| {
            settings.model.step_function = step_function;
            settings.model.kind = kind;
            settings.model.unroll = ponder_net.map(|(unroll, _)| unroll);
            settings.model.residual = ponder_net.map(|(_, residual)| residual);
            settings.model.epsilon = (kind != M::Fixed).then_some(0.3);
        })
    };
    shapes.into_iter().map(of_shape).collect()
}
