//! Wire messages to valid types and back. A wire message is only ever a claim; `TryFrom` checks it.

use crate::{
    id::{Attempt, LeaseToken, TrialId},
    limit::shown,
    metric::{Metric, Observation},
    parameter::ParameterValue,
    spec::{
        ConfigurationSpec, EvaluationSettings, FirstStepFlag, KlDirection, ModelKind,
        ModelSettings, Positions, Residual, Settings, SpecError, StepFunction, TaskKind,
        TaskSettings, TrainingSettings, TrialSpec, Unroll,
    },
    wire,
};

impl From<&ConfigurationSpec> for wire::ConfigurationSpec {
    fn from(spec: &ConfigurationSpec) -> Self {
        let Settings {
            task,
            model,
            training,
            evaluation,
        } = &**spec;
        Self {
            task: Some(wire::TaskSpec {
                kind: task.kind.name().into(),
                elements: task.elements,
                max_nonzeros: task.max_nonzeros,
                positions: task.positions.name().into(),
            }),
            model: Some(wire::ModelSpec {
                kind: model.kind.name().into(),
                step_function: model.step_function.name().into(),
                hidden: model.hidden,
                lambda_p: model.lambda_p,
                beta: model.beta,
                max_steps: model.max_steps,
                unroll: model.unroll.map(|unroll| unroll.name().into()),
                epsilon: model.epsilon,
                residual: model.residual.map(|residual| residual.name().into()),
                halting_bias: model.halting_bias,
                tau: model.tau,
                kl_direction: model.kl_direction.map(|direction| direction.name().into()),
                first_step_flag: model.first_step_flag.map(|flag| flag.name().into()),
                initial_scale: Some(model.initial_scale),
            }),
            training: Some(wire::TrainingSpec {
                updates: training.updates,
                batch: training.batch,
                learning_rate: training.learning_rate,
                gradient_clip: training.gradient_clip,
                adam_beta_1: training.adam_beta_1,
                adam_beta_2: training.adam_beta_2,
                adam_epsilon: training.adam_epsilon,
            }),
            evaluation: Some(wire::EvaluationSpec {
                every: evaluation.every,
                examples: evaluation.examples,
                extrapolate: evaluation.extrapolate,
            }),
        }
    }
}

impl TryFrom<wire::ConfigurationSpec> for ConfigurationSpec {
    type Error = SpecError;

    fn try_from(spec: wire::ConfigurationSpec) -> Result<Self, SpecError> {
        let task = present(spec.task, "task")?;
        let model = present(spec.model, "model")?;
        let training = present(spec.training, "training")?;
        let evaluation = present(spec.evaluation, "evaluation")?;
        Self::try_from(Settings {
            task: TaskSettings {
                kind: named(
                    "task.kind",
                    &task.kind,
                    TaskKind::from_name,
                    TaskKind::NAMES,
                )?,
                elements: task.elements,
                max_nonzeros: task.max_nonzeros,
                positions: named(
                    "task.positions",
                    &task.positions,
                    Positions::from_name,
                    Positions::NAMES,
                )?,
            },
            model: model_settings(&model)?,
            training: TrainingSettings {
                updates: training.updates,
                batch: training.batch,
                learning_rate: training.learning_rate,
                gradient_clip: training.gradient_clip,
                adam_beta_1: training.adam_beta_1,
                adam_beta_2: training.adam_beta_2,
                adam_epsilon: training.adam_epsilon,
            },
            evaluation: EvaluationSettings {
                every: evaluation.every,
                examples: evaluation.examples,
                extrapolate: evaluation.extrapolate,
            },
        })
    }
}

fn model_settings(model: &wire::ModelSpec) -> Result<ModelSettings, SpecError> {
    Ok(ModelSettings {
        kind: named(
            "model.kind",
            &model.kind,
            ModelKind::from_name,
            ModelKind::NAMES,
        )?,
        step_function: named(
            "model.step_function",
            &model.step_function,
            StepFunction::from_name,
            StepFunction::NAMES,
        )?,
        hidden: model.hidden,
        lambda_p: model.lambda_p,
        beta: model.beta,
        max_steps: model.max_steps,
        unroll: (model.unroll.as_ref())
            .map(|name| named("model.unroll", name, Unroll::from_name, Unroll::NAMES))
            .transpose()?,
        epsilon: model.epsilon,
        residual: (model.residual.as_ref())
            .map(|name| named("model.residual", name, Residual::from_name, Residual::NAMES))
            .transpose()?,
        halting_bias: model.halting_bias,
        tau: model.tau,
        kl_direction: (model.kl_direction.as_ref())
            .map(|name| {
                let (from_name, names) = (KlDirection::from_name, KlDirection::NAMES);
                named("model.kl_direction", name, from_name, names)
            })
            .transpose()?,
        first_step_flag: (model.first_step_flag.as_ref())
            .map(|name| {
                let (from_name, names) = (FirstStepFlag::from_name, FirstStepFlag::NAMES);
                named("model.first_step_flag", name, from_name, names)
            })
            .transpose()?,
        initial_scale: model.initial_scale.unwrap_or(1.0),
    })
}

fn present<T>(part: Option<T>, path: &str) -> Result<T, SpecError> {
    part.ok_or_else(|| SpecError::new(path, "missing", "a specification has every section"))
}

fn named<T>(
    path: &str,
    name: &str,
    from_name: fn(&str) -> Option<T>,
    names: &[&str],
) -> Result<T, SpecError> {
    from_name(name).ok_or_else(|| {
        let shown = shown(name);
        SpecError::new(
            path,
            format!("unknown {shown:?}"),
            format!("one of {}", names.join(", ")),
        )
    })
}

impl From<&TrialSpec> for wire::TrialSpec {
    fn from(spec: &TrialSpec) -> Self {
        Self {
            configuration: Some((&spec.configuration).into()),
            seed: spec.seed,
            replicate: spec.replicate,
            common_seeds: spec.common_seeds,
        }
    }
}

impl TryFrom<wire::TrialSpec> for TrialSpec {
    type Error = SpecError;

    fn try_from(spec: wire::TrialSpec) -> Result<Self, SpecError> {
        let configuration = present(spec.configuration, "configuration")?.try_into()?;
        Ok(Self {
            configuration,
            seed: spec.seed,
            replicate: spec.replicate,
            common_seeds: spec.common_seeds,
        })
    }
}

impl From<&ParameterValue> for wire::ParameterValue {
    fn from(value: &ParameterValue) -> Self {
        use wire::parameter_value::Kind;
        let kind = match value {
            ParameterValue::Number(number) => Kind::Number(*number),
            ParameterValue::Integer(whole) => Kind::Integer(*whole),
            ParameterValue::Choice(name) => Kind::Choice(name.clone()),
        };
        Self { kind: Some(kind) }
    }
}

impl TryFrom<wire::ParameterValue> for ParameterValue {
    type Error = SpecError;

    fn try_from(value: wire::ParameterValue) -> Result<Self, SpecError> {
        use wire::parameter_value::Kind;
        Ok(match present(value.kind, "space")? {
            Kind::Number(number) => Self::Number(number),
            Kind::Integer(whole) => Self::Integer(whole),
            Kind::Choice(name) => Self::Choice(name),
        })
    }
}

impl From<LeaseToken> for wire::LeaseToken {
    fn from(token: LeaseToken) -> Self {
        Self {
            trial_id: token.trial_id.0,
            attempt: token.attempt.0,
        }
    }
}

impl From<wire::LeaseToken> for LeaseToken {
    fn from(token: wire::LeaseToken) -> Self {
        Self {
            trial_id: TrialId(token.trial_id),
            attempt: Attempt(token.attempt),
        }
    }
}

impl From<Observation> for wire::Observation {
    fn from(observation: Observation) -> Self {
        Self {
            step: observation.step,
            metric: observation.metric.name().into(),
            value: observation.value,
        }
    }
}

impl TryFrom<wire::Observation> for Observation {
    type Error = SpecError;

    fn try_from(observation: wire::Observation) -> Result<Self, SpecError> {
        let metric: Metric = observation.metric.parse().map_err(|error| {
            SpecError::new(
                "observation.metric",
                format!("{error}"),
                "see the documented metrics",
            )
        })?;
        let wire::Observation { step, value, .. } = observation;
        if !value.is_finite() {
            return Err(SpecError::new(
                "observation.value",
                format!("{metric} is {value}"),
                "a diverged trial ends as infeasible instead of reporting such numbers",
            ));
        }
        if i64::try_from(step).is_err() {
            return Err(SpecError::new(
                "observation.step",
                "too large",
                "below 2^63",
            ));
        }
        Ok(Self {
            step,
            metric,
            value,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_trial() -> impl Strategy<Value = TrialSpec> {
        let numbers = (
            0.001..0.999f64,
            0.0..2.0f64,
            1u32..50,
            1e-6..1.0f64,
            any::<u64>(),
        );
        let switches = (
            any::<bool>(),
            any::<bool>(),
            any::<bool>(),
            any::<bool>(),
            any::<bool>(),
            0usize..3,
        );
        (numbers, switches, 2u32..100, any::<u32>()).prop_map(
            |(
                (lambda_p, beta, max_steps, rate, seed),
                (a, b, c, d, e, kind),
                elements,
                replicate,
            )| {
                let pick = |which: bool, names: &'static [&'static str]| names[usize::from(which)];
                let function = pick(c, StepFunction::NAMES);
                let models = [
                    serde_json::json!({ "kind": "ponder_net", "lambda_p": lambda_p, "beta": beta,
                               "max_steps": max_steps, "residual": pick(b, Residual::NAMES),
                               "step_function": function, "unroll": pick(d, Unroll::NAMES),
                               "first_step_flag": pick(a, FirstStepFlag::NAMES),
                               "kl_direction": pick(!d && e, KlDirection::NAMES) }),
                    serde_json::json!({ "kind": "act", "tau": beta, "step_function": function,
                               "first_step_flag": pick(b, FirstStepFlag::NAMES),
                               "initial_scale": lambda_p }),
                    serde_json::json!({ "kind": "fixed", "max_steps": max_steps }),
                ];
                let settings = serde_json::json!({
                    "task": { "kind": "parity", "elements": elements,
                              "positions": pick(a, Positions::NAMES) },
                    "model": models[kind],
                    "training": { "updates": 7, "learning_rate": rate,
                                  "gradient_clip": e.then_some(rate) },
                    "evaluation": { "extrapolate": e },
                });
                let settings: Settings = serde_json::from_value(settings).unwrap();
                TrialSpec {
                    configuration: settings.try_into().unwrap(),
                    seed,
                    replicate,
                    common_seeds: e,
                }
            },
        )
    }

    proptest! {
        #[test]
        fn a_trial_survives_the_wire_with_its_key(trial in any_trial()) {
            let back = TrialSpec::try_from(wire::TrialSpec::from(&trial)).unwrap();
            prop_assert_eq!(back.key(), trial.key());
            prop_assert_eq!(back, trial);
        }
    }

    #[test]
    fn an_empty_message_is_refused_not_filled_in() {
        let error = TrialSpec::try_from(wire::TrialSpec::default()).unwrap_err();
        assert_eq!(error.path, "configuration");
    }

    #[test]
    fn an_infinite_observation_is_refused() {
        let observation = wire::Observation {
            step: 1,
            metric: "loss_training".into(),
            value: f64::NAN,
        };
        assert_eq!(
            Observation::try_from(observation).unwrap_err().path,
            "observation.value"
        );
    }
}
