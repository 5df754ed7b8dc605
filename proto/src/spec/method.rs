//! Which settings each way of learning to halt takes, and the values of those left out. It decides
//! no ranges: those are the same for all.

use super::{FirstStepFlag, KlDirection, ModelKind, ModelSettings, Residual, SpecError, Unroll};
use crate::parameter::Parameter;

/// How halting is learnt, with the settings that takes and no others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// See [`ModelKind::PonderNet`].
    PonderNet(PonderNet),
    /// See [`ModelKind::Act`].
    Act(Act),
    /// See [`ModelKind::Fixed`].
    Fixed,
}

/// The settings of PonderNet; each is documented where it is a setting.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "documented in `ModelSettings`")]
pub struct PonderNet {
    pub lambda_p: f64,
    pub beta: f64,
    pub unroll: Unroll,
    pub epsilon: f64,
    pub residual: Residual,
    pub kl_direction: KlDirection,
    pub halting_bias: f64,
}

/// The settings of adaptive computation time; each is documented where it is a setting.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "documented in `ModelSettings`")]
pub struct Act {
    pub tau: f64,
    pub epsilon: f64,
    pub halting_bias: f64,
}

impl Method {
    /// The method of complete settings; `None` where one that it needs is absent.
    pub(super) fn of(model: &ModelSettings) -> Option<Self> {
        Some(match model.kind {
            ModelKind::PonderNet => Self::PonderNet(PonderNet {
                lambda_p: model.lambda_p?,
                beta: model.beta?,
                unroll: model.unroll?,
                epsilon: model.epsilon?,
                residual: model.residual?,
                kl_direction: model.kl_direction?,
                halting_bias: model.halting_bias?,
            }),
            ModelKind::Act => Self::Act(Act {
                tau: model.tau?,
                epsilon: model.epsilon?,
                halting_bias: model.halting_bias?,
            }),
            ModelKind::Fixed => Self::Fixed,
        })
    }

    /// Bias of the halting head before training; where there is none to train, zero.
    #[must_use]
    pub const fn halting_bias(&self) -> f64 {
        match self {
            Self::PonderNet(PonderNet { halting_bias, .. })
            | Self::Act(Act { halting_bias, .. }) => *halting_bias,
            Self::Fixed => 0.0,
        }
    }

    /// Whether samples may stop before `max_steps` in training, each by itself.
    #[must_use]
    pub fn stops_early(&self) -> bool {
        match self {
            Self::PonderNet(settings) => settings.unroll == Unroll::Cumulative,
            Self::Act(_) => true,
            Self::Fixed => false,
        }
    }
}

impl ModelKind {
    /// Refuses a parameter that has no meaning for this kind of model.
    ///
    /// # Errors
    /// It has none.
    pub fn admit(self, parameter: Parameter) -> Result<(), SpecError> {
        let takers: &[Self] = match parameter {
            Parameter::LambdaP
            | Parameter::Beta
            | Parameter::Unroll
            | Parameter::Residual
            | Parameter::KlDirection => &[Self::PonderNet],
            Parameter::Tau => &[Self::Act],
            Parameter::Epsilon | Parameter::HaltingBias => &[Self::PonderNet, Self::Act],
            _ => return Ok(()),
        };
        if takers.contains(&self) {
            return Ok(());
        }
        let takers: Vec<_> = takers.iter().map(|kind| kind.name()).collect();
        Err(SpecError::new(
            parameter.path(),
            format!("has no meaning for kind = {:?}", self.name()),
            format!("leave it out, or choose kind = {}", quoted(&takers)),
        ))
    }
}

fn quoted(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
    quoted.join(" or ")
}

/// Fills in what a kind of model takes and the settings leave out, so that the values that were
/// used are part of the frozen specification.
pub(super) fn complete(mut model: ModelSettings) -> Result<ModelSettings, SpecError> {
    let stated = [
        (Parameter::LambdaP, model.lambda_p.is_some()),
        (Parameter::Beta, model.beta.is_some()),
        (Parameter::Tau, model.tau.is_some()),
        (Parameter::Unroll, model.unroll.is_some()),
        (Parameter::Epsilon, model.epsilon.is_some()),
        (Parameter::Residual, model.residual.is_some()),
        (Parameter::HaltingBias, model.halting_bias.is_some()),
        (Parameter::KlDirection, model.kl_direction.is_some()),
    ];
    for (parameter, _) in stated.into_iter().filter(|(_, stated)| *stated) {
        model.kind.admit(parameter)?;
    }
    match model.kind {
        ModelKind::PonderNet => {
            required(Parameter::LambdaP, model.lambda_p)?;
            model.beta.get_or_insert(0.01);
            model.unroll.get_or_insert(Unroll::Fixed);
            model.epsilon.get_or_insert(0.05);
            model.residual.get_or_insert(Residual::Remainder);
            model.halting_bias.get_or_insert(0.0);
            model.kl_direction.get_or_insert(KlDirection::NetworkPrior);
        }
        ModelKind::Act => {
            required(Parameter::Tau, model.tau)?;
            model.epsilon.get_or_insert(0.01);
            // Graves starts at one, so that few steps are taken at first.
            model.halting_bias.get_or_insert(1.0);
            model.first_step_flag.get_or_insert(FirstStepFlag::On);
        }
        ModelKind::Fixed => {}
    }
    if model.kind != ModelKind::Act && model.first_step_flag == Some(FirstStepFlag::Off) {
        // What others have by default is left out of their canonical form.
        model.first_step_flag = None;
    }
    Ok(model)
}

fn required(parameter: Parameter, value: Option<f64>) -> Result<(), SpecError> {
    if value.is_some() {
        return Ok(());
    }
    let (name, section) = (parameter.name(), parameter.section());
    Err(SpecError::new(
        parameter.path(),
        format!("is missing from [{section}]"),
        format!("add {name} to [{section}], or its values to [space]"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{ConfigurationSpec, Settings};

    fn configuration(model: serde_json::Value) -> Result<ConfigurationSpec, SpecError> {
        let settings: Settings = serde_json::from_value(serde_json::json!({
            "task": { "kind": "parity", "elements": 8 },
            "model": model,
            "training": { "updates": 10 },
        }))
        .unwrap();
        settings.try_into()
    }

    #[test]
    fn what_is_left_out_is_filled_in_by_the_kind_of_model() {
        let act = configuration(serde_json::json!({ "kind": "act", "tau": 0.002 })).unwrap();
        let expected = Act {
            tau: 0.002,
            epsilon: 0.01,
            halting_bias: 1.0,
        };
        assert_eq!(act.method(), Method::Act(expected));
        assert_eq!((act.model.lambda_p, act.model.beta), (None, None));
        let fixed = configuration(serde_json::json!({ "kind": "fixed", "max_steps": 1 }));
        assert_eq!(fixed.unwrap().method(), Method::Fixed);
    }

    #[test]
    fn a_setting_that_the_kind_of_model_ignores_is_refused_by_name() {
        let check = |model: serde_json::Value, path: &str| {
            let error = configuration(model).unwrap_err();
            assert_eq!(error.path, path);
            assert!(error.problem.contains("no meaning"), "{error}");
        };
        let act = |key: &str| serde_json::json!({ "kind": "act", "tau": 0.1, key: 0.2 });
        check(act("lambda_p"), "model.lambda_p");
        check(act("beta"), "model.beta");
        let unroll = serde_json::json!({ "kind": "act", "tau": 0.1, "unroll": "cumulative" });
        check(unroll, "model.unroll");
        let fixed = |key: &str| serde_json::json!({ "kind": "fixed", key: 0.2 });
        for key in ["lambda_p", "beta", "tau", "epsilon", "halting_bias"] {
            check(fixed(key), &format!("model.{key}"));
        }
        let both = serde_json::json!({ "kind": "ponder_net", "lambda_p": 0.2, "tau": 0.1 });
        check(both, "model.tau");
    }

    #[test]
    fn a_needed_setting_that_is_missing_is_asked_for() {
        let missing = |kind| configuration(serde_json::json!({ "kind": kind })).unwrap_err();
        assert_eq!(missing("ponder_net").path, "model.lambda_p");
        assert_eq!(missing("act").path, "model.tau");
    }

    #[test]
    fn the_canonical_form_names_only_what_the_kind_of_model_takes() {
        let configuration =
            configuration(serde_json::json!({ "kind": "ponder_net", "lambda_p": 0.2 })).unwrap();
        let text = crate::id::canonical_json(&configuration);
        assert!(text.contains("\"beta\":0.01"), "{text}");
        assert!(!text.contains("tau"), "{text}");
    }
}
