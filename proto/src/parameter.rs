//! The settings a search space may vary, and the values they take.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::spec::{
    FirstStepFlag, KlDirection, Positions, Residual, Settings, SpecError, StepFunction, Unroll,
};

/// What kind of value a parameter takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterKind {
    /// A floating-point number.
    Number,
    /// A whole number.
    Integer,
    /// One of these names.
    Choice(&'static [&'static str]),
}

/// A value of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParameterValue {
    /// Of an integer parameter.
    Integer(u64),
    /// Of a number parameter.
    Number(f64),
    /// Of a choice parameter.
    Choice(String),
}

impl fmt::Display for ParameterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Choice(value) => value.fmt(f),
        }
    }
}

/// A setting that a search space may vary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "each is documented where it is a setting, in `spec`"
)]
pub enum Parameter {
    LambdaP,
    Beta,
    Tau,
    MaxSteps,
    LearningRate,
    StepFunction,
    Hidden,
    HaltingBias,
    Residual,
    Unroll,
    Epsilon,
    GradientClip,
    Batch,
    Updates,
    Elements,
    Positions,
    KlDirection,
    FirstStepFlag,
    InitialScale,
}

impl Parameter {
    /// Every parameter, in the order of the columns of `trial_result`.
    pub const ALL: &'static [Self] = &[
        Self::LambdaP,
        Self::Beta,
        Self::Tau,
        Self::MaxSteps,
        Self::LearningRate,
        Self::StepFunction,
        Self::Hidden,
        Self::HaltingBias,
        Self::Residual,
        Self::Unroll,
        Self::Epsilon,
        Self::GradientClip,
        Self::Batch,
        Self::Updates,
        Self::Elements,
        Self::Positions,
        Self::KlDirection,
        Self::FirstStepFlag,
        Self::InitialScale,
    ];

    /// The place of the setting: `section.name`.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::LambdaP => "model.lambda_p",
            Self::Beta => "model.beta",
            Self::Tau => "model.tau",
            Self::MaxSteps => "model.max_steps",
            Self::LearningRate => "training.learning_rate",
            Self::StepFunction => "model.step_function",
            Self::Hidden => "model.hidden",
            Self::HaltingBias => "model.halting_bias",
            Self::Residual => "model.residual",
            Self::Unroll => "model.unroll",
            Self::Epsilon => "model.epsilon",
            Self::GradientClip => "training.gradient_clip",
            Self::Batch => "training.batch",
            Self::Updates => "training.updates",
            Self::Elements => "task.elements",
            Self::Positions => "task.positions",
            Self::KlDirection => "model.kl_direction",
            Self::FirstStepFlag => "model.first_step_flag",
            Self::InitialScale => "model.initial_scale",
        }
    }

    /// The section of a sweep file that holds the setting.
    #[must_use]
    pub fn section(self) -> &'static str {
        self.path()
            .split_once('.')
            .expect("every path has a section")
            .0
    }

    /// The parameter's name, the same in files, SQL and tables.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.path()
            .split_once('.')
            .expect("every path has a section")
            .1
    }

    /// What kind of value the parameter takes.
    #[must_use]
    pub const fn kind(self) -> ParameterKind {
        match self {
            Self::LambdaP
            | Self::Beta
            | Self::Tau
            | Self::LearningRate
            | Self::HaltingBias
            | Self::Epsilon
            | Self::GradientClip
            | Self::InitialScale => ParameterKind::Number,
            Self::MaxSteps | Self::Hidden | Self::Batch | Self::Updates | Self::Elements => {
                ParameterKind::Integer
            }
            Self::StepFunction => ParameterKind::Choice(StepFunction::NAMES),
            Self::Residual => ParameterKind::Choice(Residual::NAMES),
            Self::Unroll => ParameterKind::Choice(Unroll::NAMES),
            Self::Positions => ParameterKind::Choice(Positions::NAMES),
            Self::KlDirection => ParameterKind::Choice(KlDirection::NAMES),
            Self::FirstStepFlag => ParameterKind::Choice(FirstStepFlag::NAMES),
        }
    }

    /// The value in the form the parameter takes: a whole number may stand for a number.
    ///
    /// # Errors
    /// The value is of another kind, or no choice has that name.
    pub fn admit(self, value: ParameterValue) -> Result<ParameterValue, SpecError> {
        use ParameterValue::{Choice, Integer, Number};
        let expected = match (self.kind(), value) {
            (ParameterKind::Number, Number(number)) => return Ok(Number(number)),
            (ParameterKind::Number, Integer(whole)) => return Ok(Number(whole as f64)),
            (ParameterKind::Integer, Integer(whole)) => return Ok(Integer(whole)),
            (ParameterKind::Choice(names), Choice(name)) if names.contains(&name.as_str()) => {
                return Ok(Choice(name));
            }
            (ParameterKind::Number, other) => (other, "a number".to_owned()),
            (ParameterKind::Integer, other) => (other, "a whole number".to_owned()),
            (ParameterKind::Choice(names), other) => {
                (other, format!("one of {}", names.join(", ")))
            }
        };
        let (value, hint) = expected;
        Err(SpecError::new(
            format!("space.{}", self.name()),
            format!("{} cannot be {value}", self.name()),
            hint,
        ))
    }

    /// Replaces the setting's value.
    ///
    /// # Errors
    /// As [`Self::admit`]; whether the value is in range is checked with the whole configuration.
    pub fn set(self, settings: &mut Settings, value: &ParameterValue) -> Result<(), SpecError> {
        let value = self.admit(value.clone())?;
        let Settings {
            task,
            model,
            training,
            ..
        } = settings;
        match self {
            Self::LambdaP => model.lambda_p = Some(number(&value)),
            Self::Beta => model.beta = Some(number(&value)),
            Self::Tau => model.tau = Some(number(&value)),
            Self::MaxSteps => model.max_steps = self.small(&value)?,
            Self::LearningRate => training.learning_rate = number(&value),
            Self::StepFunction => model.step_function = choice(&value, StepFunction::from_name),
            Self::Hidden => model.hidden = self.small(&value)?,
            Self::HaltingBias => model.halting_bias = Some(number(&value)),
            Self::Residual => model.residual = Some(choice(&value, Residual::from_name)),
            Self::Unroll => model.unroll = Some(choice(&value, Unroll::from_name)),
            Self::Epsilon => model.epsilon = Some(number(&value)),
            Self::GradientClip => training.gradient_clip = Some(number(&value)),
            Self::Batch => training.batch = self.small(&value)?,
            Self::Updates => training.updates = whole(&value),
            Self::Elements => task.elements = self.small(&value)?,
            Self::Positions => task.positions = choice(&value, Positions::from_name),
            Self::KlDirection => model.kl_direction = Some(choice(&value, KlDirection::from_name)),
            Self::FirstStepFlag => {
                model.first_step_flag = Some(choice(&value, FirstStepFlag::from_name));
            }
            Self::InitialScale => model.initial_scale = number(&value),
        }
        Ok(())
    }

    /// The setting's value; `None` where the setting is absent.
    #[must_use]
    pub fn get(self, settings: &Settings) -> Option<ParameterValue> {
        use ParameterValue::{Integer, Number};
        let Settings {
            task,
            model,
            training,
            ..
        } = settings;
        let choice = |name: &str| ParameterValue::Choice(name.to_owned());
        Some(match self {
            Self::LambdaP => Number(model.lambda_p?),
            Self::Beta => Number(model.beta?),
            Self::Tau => Number(model.tau?),
            Self::MaxSteps => Integer(model.max_steps.into()),
            Self::LearningRate => Number(training.learning_rate),
            Self::StepFunction => choice(model.step_function.name()),
            Self::Hidden => Integer(model.hidden.into()),
            Self::HaltingBias => Number(model.halting_bias?),
            Self::Residual => choice(model.residual?.name()),
            Self::Unroll => choice(model.unroll?.name()),
            Self::Epsilon => Number(model.epsilon?),
            Self::GradientClip => Number(training.gradient_clip?),
            Self::Batch => Integer(training.batch.into()),
            Self::Updates => Integer(training.updates),
            Self::Elements => Integer(task.elements.into()),
            Self::Positions => choice(task.positions.name()),
            Self::KlDirection => choice(model.kl_direction?.name()),
            Self::FirstStepFlag => choice(model.first_step_flag().name()),
            Self::InitialScale => Number(model.initial_scale),
        })
    }

    /// A 32-bit whole number; no setting that takes one may be larger.
    fn small(self, value: &ParameterValue) -> Result<u32, SpecError> {
        u32::try_from(whole(value)).map_err(|_| {
            SpecError::new(
                self.path(),
                format!("{value} is out of range"),
                "a smaller number",
            )
        })
    }
}

const ADMITTED: &str = "the value was admitted as the parameter's kind";

fn number(value: &ParameterValue) -> f64 {
    let ParameterValue::Number(number) = value else {
        unreachable!("{ADMITTED}")
    };
    *number
}

fn whole(value: &ParameterValue) -> u64 {
    let ParameterValue::Integer(whole) = value else {
        unreachable!("{ADMITTED}")
    };
    *whole
}

fn choice<T>(value: &ParameterValue, from_name: fn(&str) -> Option<T>) -> T {
    let ParameterValue::Choice(name) = value else {
        unreachable!("{ADMITTED}")
    };
    from_name(name).expect(ADMITTED)
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Parameter {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let found = Self::ALL
            .iter()
            .copied()
            .find(|parameter| parameter.name() == text);
        found.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|parameter| parameter.name()).collect();
            SpecError::new(
                format!("space.{text}"),
                format!("{text:?} is not a parameter"),
                format!("the parameters are {}", names.join(", ")),
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_sets_and_gets_its_own_setting() {
        let base: Settings = serde_json::from_value(serde_json::json!({
            "task": { "kind": "parity", "elements": 3 },
            "model": { "kind": "ponder_net", "lambda_p": 0.2 },
            "training": { "updates": 9 },
        }))
        .unwrap();
        for &parameter in Parameter::ALL {
            let value = match parameter.kind() {
                ParameterKind::Number => ParameterValue::Number(0.625),
                ParameterKind::Integer => ParameterValue::Integer(17),
                ParameterKind::Choice(names) => {
                    ParameterValue::Choice((*names.last().unwrap()).into())
                }
            };
            let mut settings = base.clone();
            parameter.set(&mut settings, &value).unwrap();
            assert_eq!(parameter.get(&settings), Some(value), "{parameter}");
            for &other in Parameter::ALL.iter().filter(|&&other| other != parameter) {
                assert_eq!(
                    other.get(&settings),
                    other.get(&base),
                    "{parameter} changed {other}"
                );
            }
            assert_eq!(parameter.name().parse::<Parameter>().unwrap(), parameter);
        }
    }

    #[test]
    fn a_whole_number_may_stand_for_a_number_but_not_the_other_way() {
        let one = ParameterValue::Integer(1);
        assert_eq!(
            Parameter::Beta.admit(one.clone()).unwrap(),
            ParameterValue::Number(1.0)
        );
        assert_eq!(Parameter::Hidden.admit(one.clone()).unwrap(), one);
        assert!(
            Parameter::Hidden
                .admit(ParameterValue::Number(1.5))
                .is_err()
        );
        let lstm = ParameterValue::Choice("lstm".into());
        assert!(
            Parameter::StepFunction
                .admit(lstm)
                .unwrap_err()
                .hint
                .contains("gru")
        );
    }
}
