//! Passes in which samples stop at different steps, against the reference loops and against the
//! whole pass.

use super::{CELLS, Case, doubles, relative_error, shape};
use crate::{
    kernel::{InstructionSet, Pass, Workspace},
    model::StopRule,
};

/// What such a pass computes.
#[derive(Debug, PartialEq)]
struct Results {
    /// Of the sample that took most.
    steps: usize,
    stops: Vec<f32>,
    logits: [Vec<f32>; 2],
    gradient: Vec<f32>,
}

impl Case {
    /// A case whose samples stop at different steps.
    fn spread(shape: super::Shape, seed: u64) -> Self {
        let mut case = Self::new(shape, seed);
        let offsets = case.shape.offsets();
        for weight in &mut case.parameters[offsets.halting_weights] {
            *weight *= 6.0;
        }
        case
    }

    fn run_until(&self, workspace: &mut Workspace, rule: StopRule) -> Results {
        let (batch, size) = (self.shape.batch, self.answer.len());
        let mut logits = [vec![f32::NAN; size], vec![f32::NAN; size]];
        let mut stops = vec![f32::NAN; batch];
        let outputs = logits.each_mut().map(Vec::as_mut_slice);
        let inputs = [&self.parameters[..], &self.x[..]];
        let steps = workspace.forward_until(rule, inputs, outputs, &mut stops);
        let given = [&self.answer, &self.halting].map(|all| masked(all, &stops, steps));
        let mut gradient = vec![f32::NAN; self.parameters.len()];
        workspace.backward(&given[0], &given[1], &mut gradient);
        Results {
            steps,
            stops,
            logits,
            gradient,
        }
    }

    fn workspace_until(&self, set: InstructionSet) -> Workspace {
        Workspace::new(self.shape, Pass::TrainingUntil, set)
    }

    /// The steps the rule asks for, in double precision from the reference's logits.
    fn stops(&self, rule: StopRule, halting: &[f64]) -> Vec<f32> {
        let (batch, steps) = (self.shape.batch, self.shape.steps);
        let stop = |sample: usize| {
            let (mut survival, mut sum) = (1.0, 0.0);
            for step in 1..steps {
                let lambda = 1.0 / (1.0 + (-halting[(step - 1) * batch + sample]).exp());
                survival *= 1.0 - lambda;
                sum += lambda;
                let stops = match rule {
                    StopRule::Remaining { epsilon } => survival < epsilon,
                    StopRule::Cumulated { epsilon } => sum >= 1.0 - epsilon,
                };
                if stops {
                    return step as f32;
                }
            }
            steps as f32
        };
        (0..batch).map(stop).collect()
    }

    fn check_until(&self, rule: StopRule) -> Vec<f32> {
        let [answer, halting, _] = self.reference();
        let stops = self.stops(rule, &halting);
        // The reference knows no stops: a logit that is not computed has no gradient.
        let steps = self.shape.steps;
        let short = Self {
            answer: masked(&self.answer, &stops, steps),
            halting: masked(&self.halting, &stops, steps),
            ..Self::new(self.shape, 0)
        };
        let short = Self {
            parameters: self.parameters.clone(),
            x: self.x.clone(),
            ..short
        };
        let [_, _, gradient] = short.reference();
        for set in InstructionSet::available() {
            let found = self.run_until(&mut self.workspace_until(set), rule);
            let context = format!("{}: {:?} {rule:?}", set.name(), self.shape);
            assert_eq!(found.stops, stops, "{context}");
            let most = stops.iter().copied().fold(0.0, f32::max);
            assert_eq!(found.steps as f32, most, "{context}");
            for (found, expected) in found.logits.iter().zip([&answer, &halting]) {
                let expected = masked(expected, &stops, steps);
                assert!(relative_error(found, &expected) < 3e-6, "{context}");
            }
            let error = relative_error(&found.gradient, &gradient);
            assert!(error < 3e-6, "{context}: {error:e}");
        }
        stops
    }
}

/// The first steps of `[steps, batch]` values, zero after each sample's last step.
fn masked<T: Copy + Default>(values: &[T], stops: &[f32], steps: usize) -> Vec<T> {
    let batch = stops.len();
    let value = |(index, &value): (usize, &T)| {
        let taken = ((index / batch) as f32) < stops[index % batch];
        if taken { value } else { T::default() }
    };
    let values = values.iter().enumerate().take(steps * batch);
    values.map(value).collect()
}

const RULES: [StopRule; 2] = [
    StopRule::Remaining { epsilon: 0.05 },
    StopRule::Cumulated { epsilon: 0.01 },
];

#[test]
fn samples_that_stop_early_have_the_logits_and_gradients_of_the_reference() {
    for cell in CELLS {
        for rule in RULES {
            for sizes in [
                [1, 1, 1, 1],
                [7, 5, 17, 9],
                [128, 6, 33, 12],
                [61, 8, 64, 20],
            ] {
                let case = Case::spread(shape(cell, sizes), 5);
                let stops = case.check_until(rule);
                let kinds = |least: f32| stops.iter().filter(|&&stop| stop > least).count();
                assert!(sizes[0] < 60 || (kinds(2.0) > 8 && kinds(5.0) + 8 < sizes[0]));
            }
        }
    }
}

#[test]
fn samples_that_never_stop_give_the_bits_of_the_whole_pass() {
    for cell in CELLS {
        for set in InstructionSet::available() {
            let case = Case::new(shape(cell, [37, 3, 17, 5]), 3);
            let whole = case.run(&mut case.workspace(set));
            let rule = StopRule::Remaining { epsilon: 1e-9 };
            let found = case.run_until(&mut case.workspace_until(set), rule);
            assert_eq!((found.steps, found.stops), (5, vec![5.0; 37]));
            assert_eq!(found.logits, [whole.answer, whole.halting]);
            // The order of the samples in a sum may differ: not the bits.
            let error = relative_error(&found.gradient, &doubles(&whole.gradient));
            assert!(error < 1e-6, "{error:e}");
        }
    }
}

#[test]
fn a_sample_has_the_same_logits_whichever_others_stop() {
    for set in InstructionSet::available() {
        let case = Case::spread(shape(CELLS[1], [61, 8, 32, 9]), 8);
        let whole = case.run(&mut case.workspace(set));
        let found = case.run_until(&mut case.workspace_until(set), RULES[0]);
        let sample_steps: f32 = found.stops.iter().sum();
        assert!(sample_steps < 6.0 * 61.0, "{sample_steps}");
        for (found, whole) in found.logits.iter().zip([&whole.answer, &whole.halting]) {
            assert_eq!(*found, masked(whole, &found_stops(&case, set), 9));
        }
    }
}

fn found_stops(case: &Case, set: InstructionSet) -> Vec<f32> {
    case.run_until(&mut case.workspace_until(set), RULES[0])
        .stops
}

#[test]
fn a_workspace_remembers_nothing_of_where_samples_stopped() {
    for cell in CELLS {
        for set in InstructionSet::available() {
            let first = Case::spread(shape(cell, [45, 3, 17, 7]), 1);
            let mut second = Case::spread(first.shape, 2);
            let fresh = second.run_until(&mut second.workspace_until(set), RULES[0]);
            let whole = second.run(&mut second.workspace(set));
            let mut used = first.workspace_until(set);
            first.run_until(&mut used, RULES[1]);
            assert_eq!(second.run_until(&mut used, RULES[0]), fresh);
            assert_eq!(second.run(&mut used), whole);
            second.parameters[0] = f32::NAN;
            second.run_until(&mut used, RULES[0]);
            let again = first.run_until(&mut used, RULES[0]);
            let fresh = first.run_until(&mut first.workspace_until(set), RULES[0]);
            assert_eq!(again, fresh);
        }
    }
}
