//! The kernels against plain double-precision loops, and those against finite differences.

mod fixture;
mod until;

use proptest::prelude::*;

use super::reference::{backward, forward};
use super::{Cell, InstructionSet, Pass, Shape, Workspace};

/// Reproducible numbers in (-1, 1) from a seed (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn many(&mut self, count: usize, magnitude: f32) -> Vec<f32> {
        (0..count).map(|_| self.next() * magnitude).collect()
    }
}

/// One update's inputs.
struct Case {
    shape: Shape,
    parameters: Vec<f32>,
    x: Vec<f32>,
    answer: Vec<f32>,
    halting: Vec<f32>,
}

/// One update's results.
#[derive(Clone, Debug, PartialEq)]
struct Results {
    answer: Vec<f32>,
    halting: Vec<f32>,
    gradient: Vec<f32>,
}

impl Case {
    fn new(shape: Shape, seed: u64) -> Self {
        let mut numbers = Numbers(seed);
        let magnitude = 1.5 / (shape.hidden as f32).sqrt();
        let logits = shape.steps * shape.batch;
        Self {
            shape,
            parameters: numbers.many(shape.offsets().length(), magnitude),
            x: numbers.many(shape.batch * shape.elements, 1.0),
            answer: numbers.many(logits, 1.0 / shape.batch as f32),
            halting: numbers.many(logits, 1.0 / shape.batch as f32),
        }
    }

    fn workspace(&self, set: InstructionSet) -> Workspace {
        Workspace::new(self.shape, Pass::Training, set)
    }

    fn run(&self, workspace: &mut Workspace) -> Results {
        let logits = self.answer.len();
        let mut results = Results {
            answer: vec![f32::NAN; logits],
            halting: vec![f32::NAN; logits],
            gradient: vec![f32::NAN; self.parameters.len()],
        };
        let (answer, halting) = (&mut results.answer, &mut results.halting);
        workspace.forward(&self.parameters, &self.x, answer, halting);
        workspace.backward(&self.answer, &self.halting, &mut results.gradient);
        results
    }

    /// Logits `[steps, batch]` and gradient by the reference.
    fn reference(&self) -> [Vec<f64>; 3] {
        let Shape {
            batch,
            elements,
            steps,
            ..
        } = self.shape;
        let parameters = doubles(&self.parameters);
        let mut logits = [vec![0.0; steps * batch], vec![0.0; steps * batch]];
        let mut gradient = vec![0.0; parameters.len()];
        for sample in 0..batch {
            let x = doubles(&self.x[sample * elements..][..elements]);
            let trace = forward(&self.shape, &parameters, &x);
            let at = |step: usize| step * batch + sample;
            for (step, [answer, halting]) in trace.logits.iter().enumerate() {
                logits[0][at(step)] = *answer;
                logits[1][at(step)] = *halting;
            }
            let of_logits: Vec<[f64; 2]> = (0..steps)
                .map(|step| [self.answer[at(step)], self.halting[at(step)]].map(f64::from))
                .collect();
            backward(
                &self.shape,
                &parameters,
                &x,
                &trace,
                &of_logits,
                &mut gradient,
            );
        }
        let [answer, halting] = logits;
        [answer, halting, gradient]
    }

    /// Compares with the reference, on every instruction set.
    fn check(&self) {
        let expected = self.reference();
        for set in InstructionSet::available() {
            let results = self.run(&mut self.workspace(set));
            let got = [&results.answer, &results.halting, &results.gradient];
            for (got, expected) in got.into_iter().zip(&expected) {
                let error = relative_error(got, expected);
                // Where few saturated units make up a gradient, 1 - tanh^2 cancels most of its digits.
                assert!(error < 1e-5, "{}: {:?}: {error:e}", set.name(), self.shape);
            }
        }
    }
}

fn doubles(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&value| f64::from(value)).collect()
}

/// The largest difference, relative to the largest expected magnitude.
fn relative_error(got: &[f32], expected: &[f64]) -> f64 {
    let largest = expected
        .iter()
        .fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let differences = got
        .iter()
        .zip(expected)
        .map(|(&got, want)| (f64::from(got) - want).abs());
    // `max` would pass over NaN.
    let difference = differences.fold(
        0.0,
        |worst, d| if d > worst || d.is_nan() { d } else { worst },
    );
    difference / largest
}

fn shape(cell: Cell, [batch, elements, hidden, steps]: [usize; 4]) -> Shape {
    Shape {
        cell,
        batch,
        elements,
        first_step_flag: false,
        hidden,
        steps,
    }
}

const CELLS: [Cell; 2] = [Cell::Rnn, Cell::Gru];

#[test]
fn the_reference_gradients_are_those_of_finite_differences() {
    for cell in CELLS {
        let case = Case::new(shape(cell, [2, 3, 4, 5]), 1);
        let [_, _, gradient] = case.reference();
        let loss = |parameters: &[f64]| {
            let mut loss = 0.0;
            for sample in 0..2 {
                let x = doubles(&case.x[sample * 3..][..3]);
                let trace = forward(&case.shape, parameters, &x);
                for (step, [answer, halting]) in trace.logits.into_iter().enumerate() {
                    loss += answer * f64::from(case.answer[step * 2 + sample]);
                    loss += halting * f64::from(case.halting[step * 2 + sample]);
                }
            }
            loss
        };
        let mut parameters = doubles(&case.parameters);
        for (index, &derived) in gradient.iter().enumerate() {
            let (kept, h) = (parameters[index], 1e-5);
            parameters[index] = kept + h;
            let above = loss(&parameters);
            parameters[index] = kept - h;
            let below = loss(&parameters);
            parameters[index] = kept;
            let difference = (above - below) / (2.0 * h);
            assert!(
                (derived - difference).abs() < 1e-9,
                "{index}: {derived} {difference}"
            );
        }
    }
}

#[test]
fn logits_and_gradients_are_those_of_the_reference() {
    for cell in CELLS {
        for sizes in [
            [1, 1, 1, 1],
            [1, 3, 17, 5],
            [7, 1, 17, 20],
            [7, 64, 64, 5],
            [128, 3, 1, 5],
            [33, 8, 64, 5],
            [128, 64, 128, 20],
        ] {
            Case::new(shape(cell, sizes), 7).check();
        }
    }
}

#[test]
fn a_reused_workspace_remembers_nothing() {
    for cell in CELLS {
        for set in InstructionSet::available() {
            let first = Case::new(shape(cell, [7, 3, 17, 5]), 1);
            let mut second = Case::new(first.shape, 2);
            let fresh = second.run(&mut second.workspace(set));
            let mut used = first.workspace(set);
            first.run(&mut used);
            assert_eq!(second.run(&mut used), fresh);
            // Not even what a diverged lane left behind.
            second.parameters[0] = f32::NAN;
            second.run(&mut used);
            assert_eq!(first.run(&mut used), first.run(&mut first.workspace(set)));
        }
    }
}

#[test]
fn evaluating_gives_the_bits_of_training() {
    for cell in CELLS {
        for set in InstructionSet::available() {
            let case = Case::new(shape(cell, [37, 3, 17, 5]), 3);
            let trained = case.run(&mut case.workspace(set));
            let mut workspace = Workspace::new(case.shape, Pass::Evaluation, set);
            for _ in 0..2 {
                let (mut answer, mut halting) = ([f32::NAN; 5 * 37], [f32::NAN; 5 * 37]);
                workspace.forward(&case.parameters, &case.x, &mut answer, &mut halting);
                assert_eq!(
                    (&answer[..], &halting[..]),
                    (&trained.answer[..], &trained.halting[..])
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_shape_agrees_with_the_reference(
        gru: bool,
        sizes in [1_usize..40, 1_usize..20, 1_usize..70, 1_usize..8],
        seed: u64,
    ) {
        Case::new(shape(CELLS[usize::from(gru)], sizes), seed).check();
    }
}
