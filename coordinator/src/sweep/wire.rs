//! Sweeps to wire messages and back. A wire message is only ever a claim: the way back is through
//! [`SweepSpec::new`].

use pondersweep_proto::{
    limit::shown,
    parameter::{Parameter, ParameterValue},
    spec::SpecError,
    wire,
};

use super::{Axis, Condition, Exclusion, SweepSpec, SweepTerms};

impl From<&SweepSpec> for wire::SweepSpec {
    fn from(spec: &SweepSpec) -> Self {
        let terms = spec.terms();
        Self {
            name: terms.name.clone(),
            template: Some((&terms.template).into()),
            axes: terms.axes.iter().map(Into::into).collect(),
            exclusions: terms.exclusions.iter().map(Into::into).collect(),
            replicates: terms.replicates,
            initial_replicates: terms.initial_replicates,
            seed: terms.seed,
            common_seeds: terms.common_seeds,
            solved_threshold: terms.solved_threshold,
            max_failures: terms.max_failures,
            max_worker_losses: terms.max_worker_losses,
            max_out_of_memory: terms.max_out_of_memory,
            device: terms.device.clone().unwrap_or_default(),
        }
    }
}

impl TryFrom<wire::SweepSpec> for SweepSpec {
    type Error = SpecError;

    fn try_from(spec: wire::SweepSpec) -> Result<Self, SpecError> {
        let template = spec.template.ok_or_else(|| {
            let hint = "a specification has every section";
            SpecError::new("template", "missing", hint)
        })?;
        Self::new(SweepTerms {
            name: spec.name,
            template: template.try_into()?,
            axes: try_all(spec.axes)?,
            exclusions: try_all(spec.exclusions)?,
            replicates: spec.replicates,
            initial_replicates: spec.initial_replicates,
            seed: spec.seed,
            common_seeds: spec.common_seeds,
            solved_threshold: spec.solved_threshold,
            max_failures: spec.max_failures,
            max_worker_losses: spec.max_worker_losses,
            max_out_of_memory: spec.max_out_of_memory,
            device: Some(spec.device).filter(|device| !device.is_empty()),
        })
    }
}

impl From<&Axis> for wire::Axis {
    fn from(axis: &Axis) -> Self {
        Self {
            parameter: axis.parameter.name().into(),
            values: axis.values.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<wire::Axis> for Axis {
    type Error = SpecError;

    fn try_from(axis: wire::Axis) -> Result<Self, SpecError> {
        Ok(Self {
            parameter: parameter(&axis.parameter)?,
            values: try_all::<_, ParameterValue>(axis.values)?,
        })
    }
}

impl From<&Exclusion> for wire::Exclusion {
    fn from(rule: &Exclusion) -> Self {
        let conditions = rule.conditions.iter().map(Into::into).collect();
        Self { conditions }
    }
}

impl TryFrom<wire::Exclusion> for Exclusion {
    type Error = SpecError;

    fn try_from(rule: wire::Exclusion) -> Result<Self, SpecError> {
        let conditions = try_all(rule.conditions)?;
        Ok(Self { conditions })
    }
}

impl From<&Condition> for wire::Condition {
    fn from(condition: &Condition) -> Self {
        Self {
            parameter: condition.parameter.name().into(),
            values: condition.values.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<wire::Condition> for Condition {
    type Error = SpecError;

    fn try_from(condition: wire::Condition) -> Result<Self, SpecError> {
        Ok(Self {
            parameter: parameter(&condition.parameter)?,
            values: try_all::<_, ParameterValue>(condition.values)?,
        })
    }
}

fn try_all<Message, T>(messages: Vec<Message>) -> Result<Vec<T>, SpecError>
where
    T: TryFrom<Message, Error = SpecError>,
{
    messages.into_iter().map(T::try_from).collect()
}

/// The parameter of a peer's name, of which an error shows only the beginning.
fn parameter(name: &str) -> Result<Parameter, SpecError> {
    shown(name).parse()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sweep::test_support::{any_terms, terms};

    proptest! {
        #[test]
        fn a_sweep_survives_the_wire_with_its_identity(terms in any_terms()) {
            let Ok(spec) = SweepSpec::new(terms) else {
                return Err(TestCaseError::reject("the rules exclude everything"));
            };
            let back = SweepSpec::try_from(wire::SweepSpec::from(&spec)).unwrap();
            prop_assert_eq!(back.id(), spec.id());
            prop_assert_eq!(back, spec);
        }
    }

    fn refused(change: impl FnOnce(&mut wire::SweepSpec)) -> String {
        let mut message = wire::SweepSpec::from(&SweepSpec::new(terms()).unwrap());
        change(&mut message);
        SweepSpec::try_from(message).unwrap_err().path
    }

    #[test]
    fn a_claim_that_does_not_hold_is_refused_by_its_place() {
        assert_eq!(refused(|message| message.template = None), "template");
        assert_eq!(
            refused(|message| message.replicates = 0),
            "replicates.count"
        );
        assert_eq!(
            refused(|message| message.initial_replicates = Some(0)),
            "replicates.count"
        );
        assert_eq!(
            refused(|message| message.initial_replicates = Some(4)),
            "replicates.most"
        );
        assert_eq!(
            refused(|message| message.axes[0].parameter = "warp".into()),
            "space.warp"
        );
        assert_eq!(
            refused(|message| message.axes[0].values[0].kind = None),
            "space"
        );
        let twice = |message: &mut wire::SweepSpec| {
            let axis = message.axes[0].clone();
            let condition = wire::Condition {
                parameter: axis.parameter,
                values: axis.values,
            };
            let conditions = vec![condition.clone(), condition];
            message.exclusions.push(wire::Exclusion { conditions });
        };
        assert_eq!(refused(twice), "space.exclude");
    }
}
