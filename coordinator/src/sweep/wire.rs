//! Sweeps as wire messages. A wire message is only ever a claim; `TryFrom` checks it.

use pondersweep_proto::{
    parameter::{Parameter, ParameterValue},
    spec::SpecError,
    wire,
};

use super::{Axis, Condition, Exclusion, SweepSpec, SweepTerms};

impl From<&SweepSpec> for wire::SweepSpec {
    fn from(spec: &SweepSpec) -> Self {
        let terms = spec.terms();
        let axis = |axis: &Axis| wire::Axis {
            parameter: axis.parameter.name().to_owned(),
            values: axis.values.iter().map(Into::into).collect(),
        };
        let exclusion = |rule: &Exclusion| wire::Exclusion {
            conditions: rule.conditions.iter().map(condition).collect(),
        };
        Self {
            name: terms.name.clone(),
            template: Some((&terms.template).into()),
            axes: terms.axes.iter().map(axis).collect(),
            exclusions: terms.exclusions.iter().map(exclusion).collect(),
            replicates: terms.replicates,
            seed: terms.seed,
            solved_threshold: terms.solved_threshold,
            max_failures: terms.max_failures,
            max_worker_losses: terms.max_worker_losses,
        }
    }
}

fn condition(condition: &Condition) -> wire::Condition {
    wire::Condition {
        parameter: condition.parameter.name().to_owned(),
        values: condition.values.iter().map(Into::into).collect(),
    }
}

impl TryFrom<wire::SweepSpec> for SweepSpec {
    type Error = SpecError;

    fn try_from(spec: wire::SweepSpec) -> Result<Self, SpecError> {
        let template = spec.template.ok_or_else(|| {
            SpecError::new(
                "template",
                "missing",
                "a sweep has a template of its configurations",
            )
        })?;
        Self::new(SweepTerms {
            name: spec.name,
            template: template.try_into()?,
            axes: spec
                .axes
                .into_iter()
                .map(axis_of)
                .collect::<Result<_, _>>()?,
            exclusions: spec
                .exclusions
                .into_iter()
                .map(exclusion_of)
                .collect::<Result<_, _>>()?,
            replicates: spec.replicates,
            seed: spec.seed,
            solved_threshold: spec.solved_threshold,
            max_failures: spec.max_failures,
            max_worker_losses: spec.max_worker_losses,
        })
    }
}

fn axis_of(axis: wire::Axis) -> Result<Axis, SpecError> {
    let (parameter, values) = values_of(&axis.parameter, axis.values)?;
    Ok(Axis { parameter, values })
}

fn exclusion_of(rule: wire::Exclusion) -> Result<Exclusion, SpecError> {
    let condition_of = |condition: wire::Condition| {
        let (parameter, values) = values_of(&condition.parameter, condition.values)?;
        Ok(Condition { parameter, values })
    };
    let conditions: Result<Vec<Condition>, SpecError> =
        rule.conditions.into_iter().map(condition_of).collect();
    Ok(Exclusion {
        conditions: conditions?,
    })
}

fn values_of(
    parameter: &str,
    values: Vec<wire::ParameterValue>,
) -> Result<(Parameter, Vec<ParameterValue>), SpecError> {
    let values: Result<_, SpecError> = values.into_iter().map(ParameterValue::try_from).collect();
    Ok((parameter.parse()?, values?))
}
