//! The sweep whose trials are leased: of a realistic form, with ten replicates of every
//! configuration. Pure.

use pondersweep_proto::{
    parameter::{Parameter, ParameterValue},
    spec::{Settings, SpecError},
};

use crate::sweep::{Axis, SweepSpec, SweepTerms};

/// Replicates of a configuration, as in the paper.
const REPLICATES: u64 = 10;
/// Values of `lambda_p`, and the most of `beta`: what remains is more replicates.
const LAMBDAS: u64 = 100;
const MAX_BETAS: u64 = 1_000;

/// A sweep of at least so many trials, each with so many parameter updates.
///
/// # Errors
/// There are more trials than a sweep may have.
pub(super) fn null_sweep(trials: u64, updates: u32) -> Result<SweepSpec, Box<SpecError>> {
    let lambdas = trials.div_ceil(REPLICATES).clamp(1, LAMBDAS);
    let betas = trials.div_ceil(REPLICATES * lambdas).clamp(1, MAX_BETAS);
    let replicates = trials.div_ceil(lambdas * betas).max(1);
    let terms = SweepTerms {
        name: "null".into(),
        template: settings(updates).try_into()?,
        axes: vec![
            axis(Parameter::LambdaP, lambdas),
            axis(Parameter::Beta, betas),
        ],
        exclusions: vec![],
        replicates: u32::try_from(replicates).unwrap_or(u32::MAX),
        seed: 0,
        solved_threshold: 0.9,
        max_failures: 3,
        max_worker_losses: 3,
    };
    SweepSpec::new(terms).map_err(Box::new)
}

fn settings(updates: u32) -> Settings {
    serde_json::from_value(serde_json::json!({
        "task": { "kind": "parity", "elements": 8 },
        "model": { "kind": "ponder_net", "lambda_p": 0.5 },
        "training": { "updates": updates.max(1) },
    }))
    .expect("these settings have the form of a sweep file's")
}

/// So many values, evenly between 0 and 1.
fn axis(parameter: Parameter, values: u64) -> Axis {
    #[expect(clippy::cast_precision_loss, reason = "at most a thousand values")]
    let value = |index| ParameterValue::Number((index as f64 + 1.0) / (values as f64 + 1.0));
    Axis {
        parameter,
        values: (0..values).map(value).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_has_the_trials_asked_for_and_few_more() {
        for trials in [1, 9, 10, 1_000, 12_345, 1_000_000, 3_000_000] {
            let spec = null_sweep(trials, 1).unwrap();
            let found = spec.trials();
            assert!(found >= trials, "{found} of {trials}");
            assert!(found <= trials + trials / 10 + 1_000, "{found} of {trials}");
        }
        assert_eq!(null_sweep(1_000_000, 1).unwrap().configurations(), 100_000);
    }
}
