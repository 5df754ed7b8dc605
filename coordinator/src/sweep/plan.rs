//! What a sweep will cost before it runs: its trials, the shapes they can be bundled by, and the
//! floating-point operations of each, counted from the equations. It measures nothing; how fast a
//! core is comes in as an argument.

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

/// How the trials are run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cost {
    /// What one core achieves on this work, in 10^9 floating-point operations a second.
    pub gigaflops_per_core: f64,
    /// The most trials of one shape that are trained together, from 1.
    pub lanes: u32,
}

/// A sweep's size and cost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Plan {
    /// Points of the search space.
    pub configurations: u64,
    /// Configurations times replicates, at most: all other numbers are of so many.
    pub trials: u64,
    /// Those of them that are run anyway; the others are withheld until they are allotted.
    pub initial_trials: u64,
    /// Groups of trials trained together.
    pub bundles: u64,
    /// Parameter updates of all trials together.
    pub updates: u64,
    /// Operations of all updates.
    pub training_operations: f64,
    /// Operations of all evaluations.
    pub evaluation_operations: f64,
    /// Time of one core for all of it, in hours.
    pub core_hours: f64,
    /// True when samples of some trials may stop pondering early in training (`unroll =
    /// "cumulative"`, or `act`), or some trials may never be run: then all operations and hours are
    /// upper bounds.
    pub is_upper_bound: bool,
    /// The same for each shape, in the order in which the search space meets them.
    pub shapes: Vec<ShapePlan>,
}

/// The part of a plan whose trials share one shape.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
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
    /// Time of one core for all of its trials, in hours.
    pub core_hours: f64,
}

impl Plan {
    /// Prices a sweep.
    ///
    /// # Panics
    /// The cost has no lanes, or no speed above 0.
    #[must_use]
    pub fn of(spec: &SweepSpec, cost: &Cost) -> Self {
        assert!(cost.lanes > 0 && cost.gigaflops_per_core > 0.0, "{cost:?}");
        let replicates = u64::from(spec.terms().replicates);
        let shapes: Vec<_> = group(spec)
            .iter()
            .map(|group| group.price(replicates, cost))
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
            core_hours: total(|shape| shape.core_hours),
            is_upper_bound: spec.initial_trials() < spec.trials()
                || shapes.iter().any(|shape| shape.stops_early),
            shapes,
        }
    }
}

impl ShapePlan {
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
    fn price(&self, replicates: u64, cost: &Cost) -> ShapePlan {
        let trials = self.configurations * replicates;
        let example = &self.example;
        if example.program_sha256().is_some() {
            // What a program costs, it does not say before it has run.
            return ShapePlan {
                shape: self.shape.to_string(),
                parameters: parameters(example),
                configurations: self.configurations,
                trials,
                bundles: trials,
                ..ShapePlan::default()
            };
        }
        let operations = Operations::of(example);
        let updates = example.whole(Setting::UPDATES);
        let mut plan = ShapePlan {
            shape: self.shape.to_string(),
            parameters: parameters(example),
            stops_early: operations::stops_early(example),
            configurations: self.configurations,
            trials,
            bundles: trials.div_ceil(cost.lanes.into()),
            updates_per_trial: updates,
            operations_per_update: operations.per_update(),
            evaluations_per_trial: updates.div_ceil(example.whole(Setting::EVERY)),
            operations_per_evaluation: operations.per_evaluation(),
            core_hours: 0.0,
        };
        let operations = plan.training_operations() + plan.evaluation_operations();
        plan.core_hours = operations / (cost.gigaflops_per_core * 1e9) / 3600.0;
        plan
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

    const COST: Cost = Cost {
        gigaflops_per_core: 50.0,
        lanes: 4,
    };

    proptest! {
        #[test]
        fn the_shapes_of_a_plan_are_those_of_its_configurations(terms in any_terms()) {
            let Ok(spec) = SweepSpec::new(terms) else {
                return Err(TestCaseError::reject("the rules exclude everything"));
            };
            let plan = Plan::of(&spec, &COST);
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
        let plan = Plan::of(&SweepSpec::new(terms).unwrap(), &COST);
        assert_eq!((plan.configurations, plan.trials), (4, 12));
        // Two shapes of six trials each, four at a time.
        assert_eq!((plan.shapes.len(), plan.bundles), (2, 4));
        assert_eq!(plan.updates, 12_000);
        // After 300, 600 and 900 updates, and after the last.
        assert_eq!(plan.shapes[0].evaluations_per_trial, 4);
        let operations = plan.training_operations + plan.evaluation_operations;
        assert!((plan.core_hours * 50e9 * 3600.0 / operations - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_plan_tells_what_is_run_anyway_from_what_may_be_run() {
        let mut terms = terms();
        terms.initial_replicates = Some(1);
        let plan = Plan::of(&SweepSpec::new(terms).unwrap(), &COST);
        assert_eq!((plan.initial_trials, plan.trials), (2, 6));
        assert!(plan.is_upper_bound);
    }

    #[test]
    fn an_early_stop_in_training_makes_the_plan_an_upper_bound() {
        let mut terms = terms();
        let is_bound = |terms| Plan::of(&SweepSpec::new(terms).unwrap(), &COST).is_upper_bound;
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
