//! What a sweep will cost before it runs: its trials, the shapes they can be bundled by, the
//! floating-point operations of each, counted from the equations, and their time. It measures
//! nothing; how fast shapes are trained comes in as an argument.

mod operations;

use std::collections::BTreeMap;

use pondersweep_proto::{
    setting::{ParameterValue, Setting},
    shape::ShapeKey,
    spec::ConfigurationSpec,
};
use serde::Serialize;

pub use self::operations::Operations;
use super::{SweepSpec, shapes::Shapes};

/// How fast one core trains a trial of a shape.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// Seconds of a parameter update.
    pub seconds_per_update: f64,
    /// Seconds of an evaluation.
    pub seconds_per_evaluation: f64,
}

/// A sweep's size and cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Points of the search space.
    pub configurations: u64,
    /// Configurations times replicates, at most: all other numbers are of these.
    pub trials: u64,
    /// Those of them that are run anyway; the others are withheld until they are allocated.
    pub initial_trials: u64,
    /// Groups of trials trained together.
    pub bundles: u64,
    /// Parameter updates of all trials together.
    pub updates: u64,
    /// Operations of all updates.
    pub training_operations: f64,
    /// Operations of all evaluations.
    pub evaluation_operations: f64,
    /// Time of one core for all of it, in hours; `None` where no shape was timed.
    pub core_hours: Option<f64>,
    /// Workers that train it, each on a core of its own; 0 where that was not asked.
    pub workers: u32,
    /// Their time for all of it, in minutes.
    pub minutes: Option<f64>,
    /// True when samples of some trials may stop pondering early in training (`unroll =
    /// "cumulative"`, or `act`), or some trials may never be run: then all operations and hours are
    /// upper bounds.
    pub is_upper_bound: bool,
    /// The same for each shape, in the order in which the search space meets them.
    pub shapes: Vec<ShapePlan>,
}

/// The part of a plan whose trials share one shape.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShapePlan {
    /// The shape's identity.
    pub shape: String,
    /// The parameters that make the shape, by name.
    #[serde(flatten)]
    pub parameters: BTreeMap<&'static str, ParameterValue>,
    /// Whether samples may stop before `max_steps` in training, each by itself.
    pub stops_early: bool,
    /// Points of the search space.
    pub configurations: u64,
    /// Configurations times replicates.
    pub trials: u64,
    /// Groups of trials trained together.
    pub bundles: u64,
    /// Parameter updates of one trial.
    pub updates_per_trial: u64,
    /// Operations of one update.
    pub operations_per_update: f64,
    /// Evaluations of one trial.
    pub evaluations_per_trial: u64,
    /// Operations of one evaluation.
    pub operations_per_evaluation: f64,
    /// Time of one core for all of its trials, in hours; `None` where no shape was timed.
    pub core_hours: Option<f64>,
    /// Its first configuration.
    #[serde(skip)]
    pub example: ConfigurationSpec,
    /// The most of its trials that are trained together.
    #[serde(skip)]
    lanes: u64,
}

impl Plan {
    /// Counts a sweep whose bundles have at most `lanes` trials. Its time is not known yet.
    ///
    /// # Panics
    /// Without lanes.
    #[must_use]
    pub fn of(spec: &SweepSpec, lanes: u32) -> Self {
        assert!(lanes > 0, "no lanes");
        let replicates = u64::from(spec.terms().replicates);
        let shapes: Vec<_> = group(spec)
            .iter()
            .map(|group| group.count(replicates, lanes))
            .collect();
        let total = |part: fn(&ShapePlan) -> f64| shapes.iter().map(part).sum();
        Self {
            configurations: spec.configurations(),
            trials: spec.trials(),
            initial_trials: spec.initial_trials(),
            bundles: shapes.iter().map(|shape| shape.bundles).sum(),
            updates: shapes
                .iter()
                .map(ShapePlan::updates)
                .fold(0, u64::saturating_add),
            training_operations: total(ShapePlan::training_operations),
            evaluation_operations: total(ShapePlan::evaluation_operations),
            core_hours: None,
            workers: 0,
            minutes: None,
            is_upper_bound: spec.initial_trials() < spec.trials()
                || shapes.iter().any(|shape| shape.stops_early),
            shapes,
        }
    }
}

impl Plan {
    /// The plan with its time, for a number of workers and the speed of each shape. One that was
    /// not timed is as fast for its operations as the timed one with the number nearest to its own.
    ///
    /// # Panics
    /// There are more or fewer speeds than shapes, or no workers.
    #[must_use]
    pub fn timed(mut self, speeds: &[Option<Speed>], workers: u32) -> Self {
        assert_eq!(speeds.len(), self.shapes.len(), "a speed for each shape");
        assert!(workers > 0, "no workers");
        let seconds: Vec<Option<f64>> = (0..speeds.len())
            .map(|index| {
                let speed = speeds[index].or_else(|| self.nearest(index, speeds))?;
                Some(self.shapes[index].seconds_per_trial(speed))
            })
            .collect();
        let (mut core_seconds, mut longest) = (Some(0.0), 0.0_f64);
        for (shape, seconds) in self.shapes.iter_mut().zip(seconds) {
            let all = seconds.map(|seconds| seconds * shape.trials as f64);
            shape.core_hours = all.map(|seconds| seconds / 3600.0);
            core_seconds = core_seconds.zip(all).map(|(sum, all)| sum + all);
            let together = shape.lanes.min(shape.trials) as f64;
            longest = longest.max(seconds.unwrap_or_default() * together);
        }
        self.core_hours = core_seconds.map(|seconds| seconds / 3600.0);
        self.workers = workers;
        // A bundle is not shared out.
        self.minutes =
            core_seconds.map(|seconds| (seconds / f64::from(workers)).max(longest) / 60.0);
        self
    }

    /// The speed of a shape by that of the timed one that is most like it.
    fn nearest(&self, index: usize, speeds: &[Option<Speed>]) -> Option<Speed> {
        let shape = &self.shapes[index];
        let factor = |other: &ShapePlan| shape.operations_per_update / other.operations_per_update;
        let timed = self.shapes.iter().zip(speeds);
        let timed = timed.filter_map(|(other, speed)| Some((other, (*speed)?)));
        let distance = |other: &ShapePlan| factor(other).ln().abs();
        let (other, speed) = timed.min_by(|a, b| distance(a.0).total_cmp(&distance(b.0)))?;
        let of_evaluation = shape.operations_per_evaluation / other.operations_per_evaluation;
        Some(Speed {
            seconds_per_update: speed.seconds_per_update * factor(other),
            seconds_per_evaluation: speed.seconds_per_evaluation * of_evaluation,
        })
    }
}

impl ShapePlan {
    fn seconds_per_trial(&self, speed: Speed) -> f64 {
        self.updates_per_trial as f64 * speed.seconds_per_update
            + self.evaluations_per_trial as f64 * speed.seconds_per_evaluation
    }

    fn updates(&self) -> u64 {
        self.updates_per_trial.saturating_mul(self.trials)
    }

    fn training_operations(&self) -> f64 {
        self.operations_per_update * self.updates_per_trial as f64 * self.trials as f64
    }

    fn evaluation_operations(&self) -> f64 {
        let evaluations = self.evaluations_per_trial as f64 * self.trials as f64;
        self.operations_per_evaluation * evaluations
    }
}

/// Configurations of one shape.
struct Group {
    shape: ShapeKey,
    example: ConfigurationSpec,
    configurations: u64,
}

impl Group {
    fn count(&self, replicates: u64, lanes: u32) -> ShapePlan {
        let trials = self.configurations * replicates;
        let example = &self.example;
        if example.program_sha256().is_some() {
            // What a program costs, it does not say before it has run.
            return ShapePlan {
                shape: self.shape.to_string(),
                parameters: parameters(example),
                stops_early: false,
                configurations: self.configurations,
                trials,
                bundles: trials,
                updates_per_trial: 0,
                operations_per_update: 0.0,
                evaluations_per_trial: 0,
                operations_per_evaluation: 0.0,
                core_hours: None,
                example: example.clone(),
                lanes: 1,
            };
        }
        let operations = Operations::of(example);
        let updates = example.whole(Setting::UPDATES);
        ShapePlan {
            shape: self.shape.to_string(),
            parameters: parameters(example),
            stops_early: operations::stops_early(example),
            configurations: self.configurations,
            trials,
            bundles: trials.div_ceil(lanes.into()),
            updates_per_trial: updates,
            operations_per_update: operations.per_update(),
            evaluations_per_trial: updates.div_ceil(example.whole(Setting::EVERY)),
            operations_per_evaluation: operations.per_evaluation(),
            core_hours: None,
            example: example.clone(),
            lanes: lanes.into(),
        }
    }
}

/// The parameters that make the shape of a configuration.
fn parameters(example: &ConfigurationSpec) -> BTreeMap<&'static str, ParameterValue> {
    let shared = example
        .table()
        .parameters()
        .filter(|row| row.per_lane.is_none());
    shared
        .filter_map(|row| Some((row.0.name, example.get(row)?.clone())))
        .collect()
}

/// Counts the configurations of each shape.
fn group(spec: &SweepSpec) -> Vec<Group> {
    let Shapes {
        of_configuration,
        examples,
    } = Shapes::of(spec);
    let empty = |(shape, example)| Group {
        shape,
        example,
        configurations: 0,
    };
    let mut groups: Vec<Group> = examples.into_iter().map(empty).collect();
    for number in of_configuration {
        groups[number as usize].configurations += 1;
    }
    groups
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::sweep::{
        Axis, SweepTerms,
        test_support::{any_terms, terms},
    };

    /// The template's task for another kind of model.
    fn of_kind(terms: &SweepTerms, model: serde_json::Value) -> ConfigurationSpec {
        let mut settings: serde_json::Value = serde_json::from_str(&terms.template.json()).unwrap();
        settings["model"] = model;
        ConfigurationSpec::from_json(settings).unwrap()
    }

    const LANES: u32 = 4;

    /// As fast as its operations at 50 GFLOP/s.
    fn speed(shape: &ShapePlan) -> Speed {
        Speed {
            seconds_per_update: shape.operations_per_update / 50e9,
            seconds_per_evaluation: shape.operations_per_evaluation / 50e9,
        }
    }

    proptest! {
        #[test]
        fn the_shapes_of_a_plan_are_those_of_its_configurations(terms in any_terms()) {
            let Ok(spec) = SweepSpec::new(terms) else {
                return Err(TestCaseError::reject("the rules exclude everything"));
            };
            let plan = Plan::of(&spec, LANES);
            let keys: Vec<_> = (0..spec.configurations())
                .map(|index| ShapeKey::of(&spec.configuration(index)).to_string())
                .collect();
            for shape in &plan.shapes {
                let count = keys.iter().filter(|key| **key == shape.shape).count();
                prop_assert_eq!(shape.configurations, count as u64);
            }
            let distinct: HashSet<_> = keys.iter().collect();
            prop_assert_eq!(plan.shapes.len(), distinct.len());
            let trials: u64 = plan.shapes.iter().map(|shape| shape.trials).sum();
            prop_assert_eq!(trials, spec.trials());
        }
    }

    #[test]
    fn a_plan_adds_up_its_trials_updates_evaluations_and_hours() {
        let mut terms = terms();
        terms.axes.push(Axis {
            parameter: Setting::MAX_STEPS,
            values: [5, 20].map(ParameterValue::Integer).into(),
        });
        terms.template = terms.template.with(Setting::EVERY, 300_u32).unwrap();
        let plan = Plan::of(&SweepSpec::new(terms).unwrap(), LANES);
        assert_eq!((plan.configurations, plan.trials), (4, 12));
        // Two shapes of six trials each, four at a time.
        assert_eq!((plan.shapes.len(), plan.bundles), (2, 4));
        assert_eq!(plan.updates, 12_000);
        // After 300, 600 and 900 updates, and after the last.
        assert_eq!(plan.shapes[0].evaluations_per_trial, 4);
        let operations = plan.training_operations + plan.evaluation_operations;
        let speeds: Vec<_> = plan.shapes.iter().map(|shape| Some(speed(shape))).collect();
        // One shape of the two tells of the other.
        for speeds in [vec![speeds[0], None], vec![None, speeds[1]], speeds] {
            let timed = plan.clone().timed(&speeds, 3);
            let core_hours = timed.core_hours.unwrap();
            assert!((core_hours * 50e9 * 3600.0 / operations - 1.0).abs() < 1e-9);
        }
        assert_eq!(plan.clone().timed(&[None, None], 3).minutes, None);
    }

    #[test]
    fn workers_share_bundles_and_no_more_of_them_make_a_bundle_faster() {
        let plan = Plan::of(&SweepSpec::new(terms()).unwrap(), LANES);
        let second = Speed {
            seconds_per_update: 1e-3,
            seconds_per_evaluation: 0.0,
        };
        // Six trials of a second each, four at a time.
        let minutes = |workers| {
            plan.clone()
                .timed(&[Some(second)], workers)
                .minutes
                .unwrap()
        };
        assert!((minutes(1) - 6.0 / 60.0).abs() < 1e-9);
        assert!((minutes(2) - 4.0 / 60.0).abs() < 1e-9 && minutes(9) == minutes(2));
    }

    #[test]
    fn a_plan_tells_what_is_run_anyway_from_what_may_be_run() {
        let mut terms = terms();
        terms.initial_replicates = Some(1);
        let plan = Plan::of(&SweepSpec::new(terms).unwrap(), LANES);
        assert_eq!((plan.initial_trials, plan.trials), (2, 6));
        assert!(plan.is_upper_bound);
    }

    #[test]
    fn an_early_stop_in_training_makes_the_plan_an_upper_bound() {
        let mut terms = terms();
        let is_bound = |terms| Plan::of(&SweepSpec::new(terms).unwrap(), LANES).is_upper_bound;
        assert!(!is_bound(terms.clone()));
        terms.template = terms.template.with(Setting::UNROLL, "cumulative").unwrap();
        assert!(is_bound(terms.clone()));
        let act = of_kind(&terms, serde_json::json!({ "kind": "act", "tau": 0.01 }));
        let fixed = of_kind(&terms, serde_json::json!({ "kind": "fixed" }));
        terms.axes.clear();
        terms.template = act;
        assert!(is_bound(terms.clone()));
        terms.template = fixed;
        assert!(!is_bound(terms));
    }
}
