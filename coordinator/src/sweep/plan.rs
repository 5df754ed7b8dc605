//! What a sweep costs before it is run: trials, bundles, arithmetic, core-hours. Pure.

use pondersweep_proto::{
    shape::ShapeKey,
    spec::{ConfigurationSpec, StepFunction},
};
use serde::Serialize;

use super::SweepSpec;

/// Trials of one shape that may be trained as one program.
pub const LANES_PER_BUNDLE: u64 = 32;

/// The cost of a sweep.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// The version of this form.
    pub schema: &'static str,
    /// The sweep's identity.
    pub sweep_id: String,
    /// Its name.
    pub name: String,
    /// Points of the space.
    pub configurations: u64,
    /// Repetitions of each.
    pub replicates: u32,
    /// Trials.
    pub trials: u64,
    /// Groups of trials of one shape that could be trained together.
    pub bundles: u64,
    /// Parameter updates of all trials.
    pub updates: u64,
    /// Floating-point operations of all trials.
    pub floating_point_operations: f64,
    /// Hours of one core at the assumed rate.
    pub core_hours: f64,
    /// The assumed rate of one core, in 10^9 operations a second.
    pub gflops_per_core: f64,
    /// The same, shape by shape.
    pub shapes: Vec<ShapePlan>,
}

/// The cost of a sweep's trials of one shape.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShapePlan {
    /// What the trials have in common.
    pub shape: String,
    /// Trials.
    pub trials: u64,
    /// Updates of one trial.
    pub updates: u64,
    /// Operations of one update.
    pub operations_per_update: f64,
    /// Hours of one core for all its trials.
    pub core_hours: f64,
    #[serde(skip)]
    key: ShapeKey,
    #[serde(skip)]
    operations_per_trial: f64,
}

impl Plan {
    /// The cost at a rate that a core achieves, in 10^9 floating-point operations a second.
    #[must_use]
    pub fn of(spec: &SweepSpec, gflops_per_core: f64) -> Self {
        let terms = spec.terms();
        let mut shapes: Vec<ShapePlan> = Vec::new();
        for index in 0..spec.configurations() {
            let configuration = spec.configuration(index);
            let key = ShapeKey::of(&configuration);
            let shape = match shapes.iter_mut().find(|shape| shape.key == key) {
                Some(shape) => shape,
                None => {
                    shapes.push(ShapePlan::of(&configuration, key));
                    shapes.last_mut().expect("just pushed")
                }
            };
            shape.trials += u64::from(terms.replicates);
        }
        for shape in &mut shapes {
            shape.core_hours = hours(shape.operations(), gflops_per_core);
        }
        let operations = shapes.iter().map(ShapePlan::operations).sum();
        Self {
            schema: "pondersweep.plan/1",
            sweep_id: spec.id().to_string(),
            name: terms.name.clone(),
            configurations: spec.configurations(),
            replicates: terms.replicates,
            trials: spec.trials(),
            bundles: shapes
                .iter()
                .map(|shape| shape.trials.div_ceil(LANES_PER_BUNDLE))
                .sum(),
            updates: shapes
                .iter()
                .map(|shape| shape.trials * shape.updates)
                .sum(),
            floating_point_operations: operations,
            core_hours: hours(operations, gflops_per_core),
            gflops_per_core,
            shapes,
        }
    }
}

impl ShapePlan {
    fn of(configuration: &ConfigurationSpec, key: ShapeKey) -> Self {
        let training = &configuration.training;
        let updates = float(training.updates);
        let evaluations = float(training.updates.div_ceil(configuration.evaluation.every));
        let ranges = if configuration.evaluation.extrapolate {
            2.0
        } else {
            1.0
        };
        let examples = f64::from(configuration.evaluation.examples);
        let evaluation = evaluations * ranges * examples * Forward::of(configuration).total();
        Self {
            shape: describe(configuration),
            trials: 0,
            updates: training.updates,
            operations_per_update: operations_per_update(configuration),
            core_hours: 0.0,
            key,
            operations_per_trial: updates * operations_per_update(configuration) + evaluation,
        }
    }

    fn operations(&self) -> f64 {
        float(self.trials) * self.operations_per_trial
    }
}

/// Operations of the forward pass of one sample.
struct Forward {
    /// `W x + b`, computed once: the input is the same at every step.
    input: f64,
    /// `U h` at the steps 2..N (`h_0 = 0` needs none), and both heads at every step.
    steps: f64,
}

impl Forward {
    fn of(configuration: &ConfigurationSpec) -> Self {
        let gates = match configuration.model.step_function {
            StepFunction::Rnn => 1.0,
            StepFunction::Gru => 3.0,
        };
        let hidden = f64::from(configuration.model.hidden);
        let elements = f64::from(configuration.task.elements);
        let steps = f64::from(configuration.model.max_steps);
        Self {
            input: 2.0 * elements * gates * hidden,
            steps: (steps - 1.0) * 2.0 * hidden * gates * hidden + steps * 2.0 * 2.0 * hidden,
        }
    }

    fn total(&self) -> f64 {
        self.input + self.steps
    }
}

/// Multiplications and additions of one update: the backward pass costs twice the forward one,
/// but for the input, whose gradient nobody needs.
fn operations_per_update(configuration: &ConfigurationSpec) -> f64 {
    let forward = Forward::of(configuration);
    f64::from(configuration.training.batch) * (2.0 * forward.input + 3.0 * forward.steps)
}

fn describe(configuration: &ConfigurationSpec) -> String {
    let model = &configuration.model;
    format!(
        "{} {} of {} elements, {} {}, max_steps {}, batch {}",
        configuration.task.kind.name(),
        configuration.task.positions.name(),
        configuration.task.elements,
        model.step_function.name(),
        model.hidden,
        model.max_steps,
        configuration.training.batch
    )
}

fn hours(operations: f64, gflops_per_core: f64) -> f64 {
    operations / (gflops_per_core * 1e9) / 3_600.0
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a cost needs no more than 53 bits"
)]
const fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::spec::Settings;

    use super::*;

    fn configuration(step_function: &str) -> ConfigurationSpec {
        let settings: Settings = serde_json::from_value(serde_json::json!({
            "task": { "kind": "parity", "elements": 64 },
            "model": { "kind": "ponder_net", "lambda_p": 0.2, "step_function": step_function },
            "training": { "updates": 1000 },
        }))
        .unwrap();
        settings.try_into().unwrap()
    }

    #[test]
    fn an_update_costs_what_counting_by_hand_says() {
        // 2 * 6.29 M for the input, 3 * (239.1 M + 1.3 M) for the steps.
        let gru = operations_per_update(&configuration("gru"));
        assert!((gru / 1e6 - 733.7).abs() < 1.0, "{gru}");
        let rnn = operations_per_update(&configuration("rnn"));
        assert!((rnn / 1e6 - 247.2).abs() < 1.0, "{rnn}");
    }
}
