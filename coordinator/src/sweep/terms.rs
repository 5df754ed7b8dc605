//! The parts of a sweep as someone states them. Nothing here is checked; [`super::SweepSpec`] does
//! that.

use std::sync::Arc;

use pondersweep_proto::{
    experiment::{Experiment, TaskWords},
    metric::{Better, MetricName},
    need::Need,
    program::ProgramSpec,
    setting::{ParameterValue, Setting, parameter_of},
    spec::{ConfigurationSpec, SpecError, TaskKind},
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
    /// Repetitions that are run anyway; those beyond are withheld until they are allocated. Left
    /// out of what names the sweep while it is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial_replicates: Option<u32>,
    /// Base of every random stream.
    pub seed: u64,
    /// The configurations of a replicate share its random streams, for comparisons in pairs.
    pub common_seeds: bool,
    /// A trial is solved when `accuracy_interpolation` reaches this share; of a program its metrics
    /// say it.
    pub solved_threshold: f64,
    /// Attempts that may fail by the trial's own doing before it counts as failed, from 1.
    pub max_failures: u32,
    /// Attempts that may run out of memory before it counts as failed, from 1.
    pub max_out_of_memory: u32,
    /// Attempts that may be lost with their worker before it counts as failed, from 1.
    pub max_worker_losses: u32,
    /// Only workers on this device may train its trials: `cuda` means any of them, `cuda:0` that
    /// one. Left out of what names the sweep while all may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// The program that its trials run; left out where the built-in training trains them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Arc<ProgramSpec>>,
}

/// When a trial is solved: its value of a metric reaches a threshold.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// What trials are judged by.
    pub metric: MetricName,
    /// Which direction is better.
    pub better: Better,
    /// The value to be reached; no number where nothing is ever solved.
    pub threshold: f64,
}

impl Goal {
    /// Whether anything can be solved.
    #[must_use]
    pub const fn is_set(&self) -> bool {
        self.threshold.is_finite()
    }

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
        match &self.program {
            None => Experiment::built_in(),
            Some(program) => Experiment::of_program(program),
        }
    }

    /// What the learning problem is called where its results are shown; `None` for a user's program.
    #[must_use]
    pub fn task(&self) -> Option<TaskWords> {
        let task = || self.template.choice::<TaskKind>(Setting::TASK);
        self.program.is_none().then(|| task().words())
    }

    /// What its trials need of a worker besides a device.
    #[must_use]
    pub fn need(&self) -> Option<Need> {
        match self.program {
            None => Need::of(&self.template),
            Some(_) => Some(Need::Programs),
        }
    }

    /// When a trial of it is solved; never where a program does not say.
    #[must_use]
    pub fn goal(&self) -> Goal {
        if let Some(program) = &self.program {
            let decides = program
                .metrics
                .iter()
                .find(|metric| metric.solved.is_some());
            let metric = decides.unwrap_or(&program.metrics[0]);
            return Goal {
                metric: metric.name.clone(),
                better: metric.better,
                threshold: metric.solved.unwrap_or(f64::NAN),
            };
        }
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
#[serde(try_from = "Named")]
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
#[serde(try_from = "Named")]
pub struct Condition {
    /// An axis of the space.
    pub parameter: Setting,
    /// Values of that axis.
    pub values: Vec<ParameterValue>,
}

/// A parameter by name, with values that say what kind it is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    parameter: String,
    values: Vec<ParameterValue>,
}

impl TryFrom<Named> for Axis {
    type Error = SpecError;

    fn try_from(Named { parameter, values }: Named) -> Result<Self, SpecError> {
        let parameter = parameter_of(&parameter, &values)?;
        Ok(Self { parameter, values })
    }
}

impl TryFrom<Named> for Condition {
    type Error = SpecError;

    fn try_from(named: Named) -> Result<Self, SpecError> {
        let Axis { parameter, values } = named.try_into()?;
        Ok(Self { parameter, values })
    }
}
