//! The parts of a sweep as someone states them. Nothing here is checked; [`super::SweepSpec`] does
//! that.

use pondersweep_proto::{
    experiment::Experiment,
    metric::{Better, MetricName},
    setting::{ParameterValue, Setting},
    spec::ConfigurationSpec,
};
use serde::{Deserialize, Serialize};

/// The parts of a sweep, unchecked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepTerms {
    /// For people.
    pub name: String,
    /// What every configuration shares; axes replace single settings of it.
    pub template: ConfigurationSpec,
    /// The search space is their product, the last axis varying fastest.
    pub axes: Vec<Axis>,
    /// What is left out of the product.
    pub exclusions: Vec<Exclusion>,
    /// Repetitions of every configuration, at most.
    pub replicates: u32,
    /// Repetitions that are run anyway; those beyond are withheld until they are allotted. Left out of
    /// what names the sweep while it is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_replicates: Option<u32>,
    /// Base of every random stream.
    pub seed: u64,
    /// The configurations of a replicate share its random streams, for comparisons in pairs.
    pub common_seeds: bool,
    /// A trial is solved when `accuracy_interpolation` reaches this share.
    pub solved_threshold: f64,
    /// Attempts that may fail by the trial's own doing before it counts as failed, from 1.
    pub max_failures: u32,
    /// Attempts that may run out of memory before it counts as failed, from 1.
    pub max_out_of_memory: u32,
    /// Attempts that may be lost with their worker before it counts as failed, from 1.
    pub max_worker_losses: u32,
    /// Only workers on this device may train its trials: `cuda` means any of them, `cuda:0` that one.
    /// Left out of what names the sweep while all may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

/// When a trial is solved: its value of a metric reaches a threshold.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// What trials are judged by.
    pub metric: MetricName,
    /// Which direction is better.
    pub better: Better,
    /// The value to be reached.
    pub threshold: f64,
}

impl Goal {
    /// Whether a trial with this value is solved.
    #[must_use]
    pub fn is_reached_by(&self, value: f64) -> bool {
        self.better.reaches(value, self.threshold)
    }
}

impl SweepTerms {
    /// What its trials are.
    #[must_use]
    pub fn experiment(&self) -> Experiment {
        Experiment::built_in()
    }

    /// When a trial of it is solved.
    #[must_use]
    pub fn goal(&self) -> Goal {
        let experiment = self.experiment();
        let headline = experiment.metrics().headline();
        Goal {
            metric: headline.name.clone(),
            better: headline.better,
            threshold: self.solved_threshold,
        }
    }
}

/// One parameter and the values it takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// What varies.
    pub parameter: Setting,
    /// Its values, without repetition, in the order given.
    pub values: Vec<ParameterValue>,
}

/// Configurations for which every condition holds are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// All must hold.
    pub conditions: Vec<Condition>,
}

/// Holds when the parameter has one of the values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// An axis of the space.
    pub parameter: Setting,
    /// Values of that axis.
    pub values: Vec<ParameterValue>,
}
