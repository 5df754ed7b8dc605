//! Simulated sweeps for tests. The numbers are drawn, not trained: they only look like results.

use pondersweep_proto::{
    id::{ContentKey, SweepId},
    metric::{MetricTable, built_in},
    setting::{ParameterValue, Setting},
    spec::ConfigurationSpec,
};

use super::input::{Completeness, CurvePoint, ReportInput, TrialRow, shown_metrics};
use crate::{
    scheduler::TrialState,
    statistics::SplitMix64,
    sweep::{Axis, SweepTerms},
};

/// Builds the input of a report, every trial of the grid succeeded unless said otherwise.
pub(crate) struct SimulatedSweep {
    name: String,
    axes: Vec<Axis>,
    replicates: u32,
    initial_replicates: Option<u32>,
    outcome: fn(u64) -> TrialState,
    model: serde_json::Value,
}

impl SimulatedSweep {
    pub(crate) fn new(replicates: u32) -> Self {
        Self {
            name: "simulated robustness".into(),
            axes: Vec::new(),
            replicates,
            initial_replicates: None,
            outcome: |_| TrialState::Succeeded,
            model: serde_json::json!({ "kind": "ponder_net", "lambda_p": 0.3 }),
        }
    }

    pub(crate) fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// The settings of the model, as in a sweep file.
    pub(crate) fn model(mut self, model: serde_json::Value) -> Self {
        self.model = model;
        self
    }

    pub(crate) fn numbers(self, parameter: Setting, values: &[f64]) -> Self {
        let values = values.iter().map(|&value| ParameterValue::Number(value));
        self.axis(parameter, values.collect())
    }

    pub(crate) fn integers(self, parameter: Setting, values: &[u64]) -> Self {
        let values = values.iter().map(|&value| ParameterValue::Integer(value));
        self.axis(parameter, values.collect())
    }

    pub(crate) fn choices(self, parameter: Setting, values: &[&str]) -> Self {
        let values = values.iter().map(|&value| ParameterValue::from(value));
        self.axis(parameter, values.collect())
    }

    fn axis(mut self, parameter: Setting, values: Vec<ParameterValue>) -> Self {
        self.axes.push(Axis { parameter, values });
        self
    }

    /// Only `replicates` replicates of every configuration run at first.
    pub(crate) fn initially(mut self, replicates: u32) -> Self {
        self.initial_replicates = Some(replicates);
        self
    }

    /// The state of each trial, by its number.
    pub(crate) fn outcomes(mut self, outcome: fn(u64) -> TrialState) -> Self {
        self.outcome = outcome;
        self
    }

    pub(crate) fn input(self) -> ReportInput {
        let mut trials = Vec::new();
        for values in grid(&self.axes) {
            for replicate in 0..self.replicates {
                let outcome = (self.outcome)(trials.len() as u64);
                trials.push(trial(trials.len() as u64, &values, replicate, outcome));
            }
        }
        let sweep_id = SweepId(ContentKey::of(&self.name));
        let terms = SweepTerms {
            name: self.name,
            template: template(&self.model),
            axes: self.axes,
            exclusions: Vec::new(),
            replicates: self.replicates,
            initial_replicates: self.initial_replicates,
            seed: 0,
            common_seeds: false,
            solved_threshold: 0.95,
            max_failures: 3,
            max_out_of_memory: 3,
            max_worker_losses: 10,
            device: None,
            program: None,
        };
        let (table, goal): (&MetricTable, _) = (built_in::table(), terms.goal());
        ReportInput {
            sweep_id,
            completeness: completeness(&trials),
            binaries: vec!["a build".into()],
            devices: vec!["cpu (flex)".into()],
            metrics: shown_metrics(table, table.headline(), &goal.metric),
            goal,
            trials,
            terms,
        }
    }
}

/// Where the metrics of a simulated sweep stand.
pub(crate) const EXTRAPOLATION: usize = 1;
const PONDER_STEPS: usize = 2;
const METRICS: usize = 4;

/// What a trial measured in interpolation.
fn measured(accuracy: f64, steps: f64) -> Vec<Option<f64>> {
    let mut values = vec![None; METRICS];
    values[0] = Some(accuracy);
    values[PONDER_STEPS] = Some(steps);
    values
}

/// The sweep of the paper's Figure 2b with two more parameters.
pub(crate) fn robustness() -> SimulatedSweep {
    let lambda_p: Vec<f64> = (1..=9).map(|tenths| f64::from(tenths) * 0.1).collect();
    SimulatedSweep::new(5)
        .numbers(Setting::LAMBDA_P, &lambda_p)
        .numbers(Setting::BETA, &[0.01, 0.1])
        .integers(Setting::MAX_STEPS, &[5, 20])
}

/// The three methods: `PonderNet` and ACT swept, a plain RNN.
pub(crate) fn methods() -> [ReportInput; 3] {
    let ponder_net = SimulatedSweep::new(3)
        .named("ponder")
        .numbers(Setting::LAMBDA_P, &[0.1, 0.5])
        .numbers(Setting::BETA, &[0.01, 0.1])
        .integers(Setting::MAX_STEPS, &[5, 20]);
    let act = SimulatedSweep::new(4)
        .named("act")
        .model(serde_json::json!({ "kind": "act", "tau": 0.001 }))
        .numbers(Setting::TAU, &[0.0, 0.001, 0.02]);
    let rnn = SimulatedSweep::new(4)
        .named("rnn")
        .model(serde_json::json!({ "kind": "fixed", "max_steps": 1 }))
        .integers(Setting::MAX_STEPS, &[1]);
    [ponder_net, act, rnn].map(SimulatedSweep::input)
}

fn template(model: &serde_json::Value) -> ConfigurationSpec {
    ConfigurationSpec::from_json(serde_json::json!({
        "task": { "kind": "parity", "elements": 8 },
        "model": model,
        "training": { "updates": 5000 },
    }))
    .unwrap()
}

fn grid(axes: &[Axis]) -> Vec<Vec<ParameterValue>> {
    axes.iter().fold(vec![Vec::new()], |points, axis| {
        let extended = points.iter().flat_map(|point| {
            axis.values.iter().map(|value| {
                let mut longer = point.clone();
                longer.push(value.clone());
                longer
            })
        });
        extended.collect()
    })
}

/// The larger lambda_p, the likelier a trial stays at chance; ponder steps fall with it.
fn trial(index: u64, values: &[ParameterValue], replicate: u32, outcome: TrialState) -> TrialRow {
    let mut random = SplitMix64::new(index);
    let lambda_p = match values.first() {
        Some(ParameterValue::Number(number)) => number.clamp(0.0, 1.0),
        _ => 0.3,
    };
    let stuck = random.unit() < 0.9 * lambda_p.powi(3);
    let accuracy = if stuck {
        0.5 + 0.15 * random.unit() * random.unit()
    } else {
        1.0 - 0.06 * (0.2 + lambda_p) * random.unit()
    };
    let steps = 1.0 + 2.0 * (1.0 - lambda_p) + 0.6 * random.unit();
    TrialRow {
        values: values.into(),
        replicate,
        outcome,
        metrics: measured(accuracy, steps).into(),
        curve: curve(accuracy, steps),
        difficulty: Vec::new(),
    }
}

/// Four evaluations from chance to the final numbers.
fn curve(accuracy: f64, steps: f64) -> Vec<CurvePoint> {
    let points = [0.0, 0.1, 0.7, 1.0].into_iter().zip(1_u64..);
    points
        .map(|(progress, index)| CurvePoint {
            step: 1_250 * index,
            values: measured(
                0.5 + progress * (accuracy - 0.5),
                4.0 + progress * (steps - 4.0),
            ),
            computed_steps: Some(20.0),
        })
        .collect()
}

fn completeness(trials: &[TrialRow]) -> Completeness {
    let count = |state| trials.iter().filter(|trial| trial.outcome == state).count() as u64;
    let infeasible = count(TrialState::Infeasible);
    Completeness {
        expected: trials.len() as u64 - count(TrialState::Withheld),
        accepted: count(TrialState::Succeeded) + infeasible,
        infeasible,
        failed: count(TrialState::Failed),
        cancelled: count(TrialState::Cancelled),
        pending: count(TrialState::Pending),
        leased: count(TrialState::Leased),
        withheld: count(TrialState::Withheld),
        refused_stale: 1,
        retried: 2,
        distinct_binaries: 1,
        distinct_devices: 1,
    }
}
