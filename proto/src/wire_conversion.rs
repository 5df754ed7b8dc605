//! Wire messages to valid types and back. A wire message is only ever a claim; `TryFrom` checks it.

use std::sync::Arc;

use crate::{
    id::{Attempt, LeaseToken, TrialId},
    program::ProgramSpec,
    spec::{ConfigurationSpec, SpecError, TrialSpec},
    wire,
};

impl From<&TrialSpec> for wire::TrialSpec {
    fn from(spec: &TrialSpec) -> Self {
        Self {
            configuration: spec.configuration.json().into_bytes(),
            seed: spec.seed,
            replicate: spec.replicate,
            common_seeds: spec.common_seeds,
            program: spec
                .program
                .as_deref()
                .map(ProgramSpec::to_bytes)
                .unwrap_or_default(),
        }
    }
}

impl TryFrom<wire::TrialSpec> for TrialSpec {
    type Error = SpecError;

    fn try_from(spec: wire::TrialSpec) -> Result<Self, SpecError> {
        let configuration = ConfigurationSpec::from_bytes(&spec.configuration)?;
        let program = configuration.program_sha256().map(|named| {
            let program = ProgramSpec::from_bytes(&spec.program)?;
            program.check_is(named)?;
            Ok::<_, SpecError>(Arc::new(program))
        });
        Ok(Self {
            program: program.transpose()?,
            configuration,
            seed: spec.seed,
            replicate: spec.replicate,
            common_seeds: spec.common_seeds,
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::spec::{
        Choice as _, FirstStepFlag, KlDirection, Positions, Residual, StepFunction, Unroll,
    };

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
                TrialSpec {
                    configuration: ConfigurationSpec::from_json(settings).unwrap(),
                    seed,
                    replicate,
                    common_seeds: e,
                    program: None,
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

        #[test]
        fn the_form_that_is_sent_is_the_canonical_one(trial in any_trial()) {
            let configuration = trial.configuration;
            let form: serde_json::Value = serde_json::from_str(&configuration.json()).unwrap();
            prop_assert_eq!(configuration.json(), crate::id::canonical_json(&form));
        }
    }

    #[test]
    fn a_configuration_that_is_too_long_or_no_json_is_refused() {
        let refused = |configuration: Vec<u8>| {
            let message = wire::TrialSpec {
                configuration,
                ..wire::TrialSpec::default()
            };
            TrialSpec::try_from(message).unwrap_err()
        };
        assert!(refused(vec![b' '; 1 << 20]).problem.contains("bytes"));
        assert!(refused(b"{\"model\":".to_vec()).problem.contains("JSON"));
        assert_eq!(refused(b"[]".to_vec()).path, "configuration");
        assert_eq!(refused(b"{\"model\":7}".to_vec()).path, "model");
        assert!(
            refused(b"{\"modle\":{}}".to_vec())
                .problem
                .contains("unknown section")
        );
        assert!(
            refused(b"{\"model\":{\"lamda\":1}}".to_vec())
                .problem
                .contains("unknown key")
        );
    }

    #[test]
    fn an_empty_message_is_refused_not_filled_in() {
        let error = TrialSpec::try_from(wire::TrialSpec::default()).unwrap_err();
        assert_eq!(error.path, "configuration");
    }
}
