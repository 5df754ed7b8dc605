//! A whole update against the independent float64 reference of `tests/reference/reference.py`.

use super::{doubles, relative_error};
use crate::kernel::{HaltingBatch, HaltingResult, InstructionSet, Pass, Shape, Workspace};
use crate::{operation::fused_loss, test_support::reference::Fixture};

/// Sums of numbers of order one, some of which cancel.
const TOLERANCE: f64 = 3e-6;

fn singles(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

/// `[steps, batch]` from what each sample has, zeros after its last step.
fn by_step(samples: &[Vec<f64>], taken: &[Vec<f64>], steps: usize) -> Vec<f64> {
    let value = |step: usize, sample: usize| {
        let taken = step < taken[sample].len();
        if taken { samples[sample][step] } else { 0.0 }
    };
    let rows = (0..steps).map(|step| (0..samples.len()).map(move |sample| value(step, sample)));
    rows.flatten().collect()
}

fn check(fixture: &Fixture, set: InstructionSet) {
    let batch = fixture.x.len();
    let shape = Shape::of(&fixture.layout(), batch, fixture.max_steps);
    let shape = shape.expect("the kernels know it");
    let (parameters, x) = (singles(&fixture.parameters), singles(&fixture.x.concat()));
    let mut rows = [const { Vec::new() }; 5].map(|_: Vec<f32>| vec![0.0; shape.steps * batch]);
    let [
        answer,
        halting,
        distribution,
        answer_gradient,
        halting_gradient,
    ] = &mut rows;
    let mut stops = vec![shape.steps as f32; batch];
    let mut workspace = match fixture.limit().stop_rule() {
        None => Workspace::new(shape, Pass::Training, set),
        Some(_) => Workspace::new(shape, Pass::TrainingUntil, set),
    };
    let steps = match fixture.limit().stop_rule() {
        None => {
            workspace.forward(&parameters, &x, answer, halting);
            shape.steps
        }
        Some(rule) => {
            let (inputs, outputs) = ([&parameters[..], &x], [&mut answer[..], halting]);
            workspace.forward_until(rule, inputs, outputs, &mut stops)
        }
    };
    let labels: Vec<f32> = (fixture.classes().iter())
        .map(|&class| class as f32)
        .collect();
    let made = ..steps * batch;
    let inputs = HaltingBatch {
        answer_logits: &answer[made],
        halting_logits: &halting[made],
        labels: &labels,
        stop_steps: Some(&stops),
    };
    let mut result = HaltingResult {
        distribution: &mut distribution[made],
        answer_logits: &mut answer_gradient[made],
        halting_logits: &mut halting_gradient[made],
    };
    let loss = fused_loss(&fixture.method(), shape.steps).evaluate(set, inputs, &mut result);
    let mut gradient = vec![f32::NAN; parameters.len()];
    workspace.backward(
        &answer_gradient[made],
        &halting_gradient[made],
        &mut gradient,
    );

    let context = format!("{} on {}", fixture.name, set.name());
    let expected_stops: Vec<f32> = fixture.p.iter().map(|p| p.len() as f32).collect();
    assert_eq!(
        (stops, steps),
        (expected_stops, fixture.steps()),
        "{context}"
    );
    for (found, expected) in [
        (&answer[made], &fixture.answer_logits),
        (&halting[made], &fixture.halting_logits),
        (&distribution[made], &fixture.p),
    ] {
        let expected = by_step(expected, &fixture.p, steps);
        assert!(relative_error(found, &expected) < TOLERANCE, "{context}");
    }
    assert!((loss - fixture.loss).abs() < TOLERANCE, "{context}: {loss}");
    let error = relative_error(&gradient, &fixture.gradient);
    assert!(error < TOLERANCE, "{context}: {error:e}");
    assert!(doubles(&gradient).iter().all(|part| part.is_finite()));
}

#[test]
fn an_update_of_every_method_agrees_with_the_reference() {
    for fixture in Fixture::all().filter(Fixture::has_kernels) {
        for set in InstructionSet::available() {
            check(&fixture, set);
        }
    }
}
