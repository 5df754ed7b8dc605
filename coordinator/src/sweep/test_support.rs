//! Sweeps for tests.

use pondersweep_proto::{
    setting::{ParameterValue, Setting},
    spec::ConfigurationSpec,
};
use proptest::{prelude::*, sample::subsequence};

use super::{Axis, Condition, Exclusion, SweepTerms};

/// A small valid sweep over two values of `lambda_p`.
pub(crate) fn terms() -> SweepTerms {
    let template = ConfigurationSpec::from_json(serde_json::json!({
        "task": { "kind": "parity", "elements": 8 },
        "model": { "kind": "ponder_net", "lambda_p": 0.2 },
        "training": { "updates": 1000 },
    }))
    .unwrap();
    SweepTerms {
        name: "test".into(),
        template,
        axes: vec![Axis {
            parameter: Setting::LAMBDA_P,
            values: vec![ParameterValue::Number(0.2), ParameterValue::Number(0.5)],
        }],
        exclusions: vec![],
        replicates: 3,
        initial_replicates: None,
        common_seeds: false,
        seed: 7,
        solved_threshold: 0.95,
        max_failures: 3,
        max_out_of_memory: 3,
        max_worker_losses: 5,
        device: None,
        program: None,
    }
}

/// Values an axis may draw from, each valid in every combination.
fn pool(parameter: Setting) -> Vec<ParameterValue> {
    let numbers = |values: &[f64]| -> Vec<ParameterValue> {
        values.iter().copied().map(ParameterValue::Number).collect()
    };
    let names = |values: &[&str]| -> Vec<ParameterValue> {
        let choice = |name: &&str| ParameterValue::Choice((*name).into());
        values.iter().map(choice).collect()
    };
    let pools = [
        (
            Setting::LAMBDA_P,
            numbers(&[0.1, 0.2, 0.30000000000000004, 0.5]),
        ),
        (Setting::BETA, numbers(&[0.0, 0.01, 1.0])),
        (
            Setting::MAX_STEPS,
            [5, 10, 20].map(ParameterValue::Integer).into(),
        ),
        (Setting::GRADIENT_CLIP, numbers(&[0.5, 1.0])),
        (Setting::STEP_FUNCTION, names(&["rnn", "gru"])),
    ];
    let found = pools.into_iter().find(|(known, _)| *known == parameter);
    found.expect("a pool for each parameter that is drawn").1
}

fn any_axes() -> impl Strategy<Value = Vec<Axis>> {
    let parameters = vec![
        Setting::LAMBDA_P,
        Setting::BETA,
        Setting::MAX_STEPS,
        Setting::GRADIENT_CLIP,
        Setting::STEP_FUNCTION,
    ];
    let any_axis = |parameter| {
        let pool = pool(parameter);
        let sizes = 1..=pool.len();
        let values = subsequence(pool, sizes).prop_shuffle();
        values.prop_map(move |values| Axis { parameter, values })
    };
    subsequence(parameters, 0..=5)
        .prop_shuffle()
        .prop_flat_map(move |chosen| chosen.into_iter().map(any_axis).collect::<Vec<_>>())
}

fn any_exclusion(axes: Vec<Axis>) -> impl Strategy<Value = Exclusion> {
    let any_condition = |axis: Axis| {
        let sizes = 1..=axis.values.len();
        let parameter = axis.parameter;
        subsequence(axis.values, sizes).prop_map(move |values| Condition { parameter, values })
    };
    let sizes = 1..=axes.len();
    subsequence(axes, sizes)
        .prop_flat_map(move |chosen| chosen.into_iter().map(any_condition).collect::<Vec<_>>())
        .prop_map(|conditions| Exclusion { conditions })
}

/// Terms in which everything is valid, unless the rules exclude every configuration.
pub(crate) fn any_terms() -> impl Strategy<Value = SweepTerms> {
    let spaces = any_axes().prop_flat_map(|axes| {
        let rules = if axes.is_empty() { 0..=0 } else { 0..=2 };
        // Without axes no rule is drawn, but the strategy must still be able to exist.
        let rule_axes = if axes.is_empty() {
            terms().axes
        } else {
            axes.clone()
        };
        let exclusions = prop::collection::vec(any_exclusion(rule_axes), rules);
        (Just(axes), exclusions)
    });
    let device = prop::option::of(Just("cuda:0".to_owned()));
    let replicates = (1_u32..4).prop_flat_map(|most| (Just(most), prop::option::of(1..=most)));
    (spaces, replicates, any::<u64>(), any::<bool>(), device).prop_map(
        |((axes, exclusions), (replicates, initial_replicates), seed, common_seeds, device)| {
            SweepTerms {
                device,
                axes,
                exclusions,
                replicates,
                initial_replicates,
                common_seeds,
                seed,
                ..terms()
            }
        },
    )
}
