//! Which trials can be trained together: the shape of a configuration. It decides nothing else;
//! the scheduler bundles by it and the worker relies on it.

use std::fmt;

use crate::{
    id::ContentKey,
    spec::{ConfigurationSpec, ModelSettings, Settings, TaskSettings, TrainingSettings},
};

/// Identifies a shape. Trials of equal shape run the same program on tensors of equal sizes, so
/// they can be lanes of one bundle; what is left out of the shape is a number per lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShapeKey(ContentKey);

impl ShapeKey {
    /// The shape of a configuration: all of it but `lambda_p`, `beta`, `tau`,
    /// `halting_bias`, `initial_scale`, `learning_rate` and `gradient_clip`. A setting that is added later is part of the shape
    /// until it is made a number per lane.
    #[must_use]
    pub fn of(configuration: &ConfigurationSpec) -> Self {
        let settings = configuration.to_settings();
        Self(ContentKey::of(&Settings {
            task: TaskSettings {
                // Left out or stated, the same range of non-zeros is the same program.
                max_nonzeros: Some(configuration.trained_nonzeros()),
                ..settings.task
            },
            model: ModelSettings {
                lambda_p: None,
                beta: None,
                tau: None,
                halting_bias: None,
                initial_scale: 1.0,
                ..settings.model
            },
            training: TrainingSettings {
                learning_rate: 0.0,
                gradient_clip: None,
                ..settings.training
            },
            ..settings
        }))
    }
}

impl fmt::Display for ShapeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        parameter::{Parameter, ParameterKind, ParameterValue},
        spec::ModelKind,
    };

    fn settings() -> Settings {
        serde_json::from_value(serde_json::json!({
            "task": { "kind": "parity", "elements": 64 },
            "model": { "kind": "ponder_net", "lambda_p": 0.2 },
            "training": { "updates": 1000 },
        }))
        .unwrap()
    }

    fn shape(change: impl FnOnce(&mut Settings)) -> ShapeKey {
        let mut settings = settings();
        change(&mut settings);
        ShapeKey::of(&settings.try_into().unwrap())
    }

    #[test]
    fn only_the_numbers_of_a_lane_may_differ_within_a_shape() {
        let base = shape(|_| {});
        for &parameter in Parameter::ALL {
            let value = match parameter.kind() {
                ParameterKind::Number => ParameterValue::Number(0.625),
                ParameterKind::Integer => ParameterValue::Integer(17),
                ParameterKind::Choice(names) => {
                    let configuration = ConfigurationSpec::try_from(settings()).unwrap();
                    let current = parameter.get(&configuration).unwrap().to_string();
                    let other = names.iter().find(|name| **name != current).unwrap();
                    ParameterValue::Choice((*other).into())
                }
            };
            let per_lane = matches!(
                parameter,
                Parameter::LambdaP
                    | Parameter::Beta
                    | Parameter::HaltingBias
                    | Parameter::InitialScale
                    | Parameter::LearningRate
                    | Parameter::GradientClip
            );
            if parameter == Parameter::Tau {
                continue;
            }
            let changed = shape(|settings| parameter.set(settings, &value).unwrap());
            assert_eq!(changed == base, per_lane, "{parameter}");
        }
        let act = |tau| {
            shape(|settings| {
                settings.model.kind = ModelKind::Act;
                (settings.model.lambda_p, settings.model.tau) = (None, Some(tau));
            })
        };
        assert_eq!(act(0.1), act(0.2));
        assert_ne!(act(0.1), base);
        assert_ne!(base, shape(|s| s.training.adam_beta_1 = 0.8));
        assert_ne!(base, shape(|s| s.evaluation.every = 7));
    }

    #[test]
    fn stating_what_is_the_default_leaves_the_shape_alone() {
        assert_eq!(shape(|_| {}), shape(|s| s.task.max_nonzeros = Some(64)));
        assert_ne!(shape(|_| {}), shape(|s| s.task.max_nonzeros = Some(32)));
    }
}
