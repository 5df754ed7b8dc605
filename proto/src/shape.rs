//! Which trials can be trained together: the shape of a configuration. It decides nothing else;
//! the scheduler bundles by it and the worker relies on it.

use std::fmt;

use crate::{id::ContentKey, spec::ConfigurationSpec};

/// Identifies a shape. Trials of equal shape run the same program on tensors of equal sizes, so
/// they can be lanes of one bundle; what is left out of the shape is a number per lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShapeKey(ContentKey);

impl ShapeKey {
    /// The shape of a configuration: all of it but what its table marks as one number per lane.
    #[must_use]
    pub fn of(configuration: &ConfigurationSpec) -> Self {
        Self(ContentKey::of_canonical_json(&configuration.shape_json()))
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
    use crate::setting::{Kind, ParameterValue, Setting, training::TRAINING};

    fn configuration() -> ConfigurationSpec {
        ConfigurationSpec::from_json(serde_json::json!({
            "task": { "kind": "parity", "elements": 64 },
            "model": { "kind": "ponder_net", "lambda_p": 0.2 },
            "training": { "updates": 1000 },
        }))
        .unwrap()
    }

    fn shape(setting: Setting, value: impl Into<ParameterValue>) -> ShapeKey {
        ShapeKey::of(&configuration().with(setting, value).unwrap())
    }

    #[test]
    fn only_the_numbers_of_a_lane_may_differ_within_a_shape() {
        let base = ShapeKey::of(&configuration());
        for &setting in TRAINING.rows {
            let Some(current) = configuration().get(setting).cloned() else {
                continue;
            };
            let value: ParameterValue = match setting.kind {
                Kind::Number(_) => 0.625.into(),
                Kind::Integer { .. } => 17_u64.into(),
                Kind::Choice(names) => {
                    let current = current.to_string();
                    // Another method or task takes other settings.
                    let other = names.iter().find(|&&name| {
                        name != current && configuration().with(setting, name).is_ok()
                    });
                    let Some(other) = other else {
                        continue;
                    };
                    (*other).into()
                }
                Kind::Flag => true.into(),
                Kind::Text | Kind::Whole => unreachable!("no such setting"),
            };
            let changed = shape(setting, value);
            assert_eq!(changed == base, setting.per_lane.is_some(), "{setting:?}");
        }
        // Shapes that were printed before stay what they were.
        for setting in [
            Setting::LAMBDA_P,
            Setting::BETA,
            Setting::TAU,
            Setting::LEARNING_RATE,
            Setting::HALTING_BIAS,
            Setting::GRADIENT_CLIP,
            Setting::INITIAL_SCALE,
        ] {
            assert!(setting.per_lane.is_some(), "{setting:?}");
        }
        let act = |tau: f64| {
            let mut settings = configuration().to_settings();
            for &setting in TRAINING.rows.iter().filter(|row| row.section == "model") {
                settings.set_or_clear(setting, None::<f64>).unwrap();
            }
            settings.set(Setting::METHOD, "act").unwrap();
            settings.set(Setting::TAU, tau).unwrap();
            ShapeKey::of(&settings.try_into().unwrap())
        };
        assert_eq!(act(0.1), act(0.2));
        assert_ne!(act(0.1), base);
    }

    #[test]
    fn stating_what_is_the_default_leaves_the_shape_alone() {
        let base = ShapeKey::of(&configuration());
        assert_eq!(base, shape(Setting::MAX_NONZEROS, 64_u32));
        assert_ne!(base, shape(Setting::MAX_NONZEROS, 32_u32));
    }
}
