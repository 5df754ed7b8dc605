//! Agreement with the independent float64 reference of `tests/reference/reference.py`.

use burn::tensor::{DType, Tensor, TensorData};
use pondersweep_proto::spec::{Residual, StepFunction, Unroll};

use super::{assert_close, in_precision, numbers, of_samples};
use crate::model::{HaltingDistribution, Layout, Objective, StepLimit, Weights, loss, unroll};

/// Loss, distribution and gradient in `f32` are within this of the reference: a few hundred
/// roundings of numbers of order one.
const TOLERANCE_F32: f64 = 3e-6;
/// And in `f64`, where only the order of operations differs.
const TOLERANCE_F64: f64 = 1e-13;

const FIXTURES: [&str; 8] = [
    include_str!("../../../../tests/reference/fixtures/rnn_fixed_remainder.json"),
    include_str!("../../../../tests/reference/fixtures/rnn_fixed_normalise.json"),
    include_str!("../../../../tests/reference/fixtures/rnn_cumulative_remainder.json"),
    include_str!("../../../../tests/reference/fixtures/rnn_cumulative_normalise.json"),
    include_str!("../../../../tests/reference/fixtures/gru_fixed_remainder.json"),
    include_str!("../../../../tests/reference/fixtures/gru_fixed_normalise.json"),
    include_str!("../../../../tests/reference/fixtures/gru_cumulative_remainder.json"),
    include_str!("../../../../tests/reference/fixtures/gru_cumulative_normalise.json"),
];

#[derive(serde::Deserialize)]
struct Fixture {
    step_function: StepFunction,
    unroll: Unroll,
    residual: Residual,
    elements: usize,
    hidden: usize,
    max_steps: usize,
    lambda_p: f64,
    beta: f64,
    epsilon: f64,
    parameters: Vec<f64>,
    x: Vec<Vec<f64>>,
    labels: Vec<bool>,
    answer_logits: Vec<Vec<f64>>,
    halting_logits: Vec<Vec<f64>>,
    p: Vec<Vec<f64>>,
    prediction: Vec<f64>,
    divergence: Vec<f64>,
    loss: f64,
    gradient: Vec<f64>,
}

impl Fixture {
    fn layout(&self) -> Layout {
        Layout {
            step_function: self.step_function,
            elements: self.elements,
            hidden: self.hidden,
        }
    }

    fn limit(&self) -> StepLimit {
        match self.unroll {
            Unroll::Fixed => StepLimit::fixed(self.max_steps),
            Unroll::Cumulative => StepLimit::cumulative(self.max_steps, self.epsilon),
        }
    }

    fn check(&self, dtype: DType, tolerance: f64) {
        let options = in_precision(dtype);
        let (batch, layout, limit) = (self.x.len(), self.layout(), self.limit());
        let flat = TensorData::new(self.parameters.clone(), [1, layout.size()]);
        let weights = Weights::tracked(&Tensor::from_data(flat, options.clone()), &layout);
        let x = TensorData::new(self.x.concat(), [1, batch, self.elements]);
        let targets = self.labels.iter().map(|odd| if *odd { 1.0 } else { -1.0 });
        let targets = TensorData::new(targets.collect::<Vec<f64>>(), [1, batch]);
        let targets = Tensor::from_data(targets, options.clone());

        let logits = unroll(&Tensor::from_data(x, options.clone()), &weights, limit);
        let halting = HaltingDistribution::new(logits.halting.clone(), limit, self.residual);
        let (lambda_p, beta) = ([self.lambda_p], [self.beta]);
        let objective = Objective::new(&lambda_p, &beta, self.max_steps, options);
        let terms = objective.terms(&logits, &halting, &targets);
        let loss = loss::per_lane(objective.per_sample(&logits, &halting, &targets));
        let mut gradients = loss.clone().sum().backward();

        self.check_steps(of_samples(logits.answer), &self.answer_logits, tolerance);
        self.check_steps(of_samples(logits.halting), &self.halting_logits, tolerance);
        self.check_p(of_samples(halting.p()), tolerance);
        assert_close(&numbers(terms.prediction), &self.prediction, tolerance);
        assert_close(&numbers(terms.divergence), &self.divergence, tolerance);
        assert_close(&numbers(loss), &[self.loss], tolerance);
        let gradient = numbers(weights.gradient(&mut gradients));
        assert_close(&gradient, &self.gradient, tolerance);
    }

    /// An unroll may end before `max_steps` only when every sample has.
    fn check_steps(&self, found: Vec<Vec<f64>>, expected: &[Vec<f64>], tolerance: f64) {
        let steps = self.p.iter().map(Vec::len).max().unwrap();
        for (found, expected) in found.iter().zip(expected) {
            assert_close(found, &expected[..steps], tolerance);
        }
    }

    /// The steps a sample did not take have probability exactly zero.
    fn check_p(&self, found: Vec<Vec<f64>>, tolerance: f64) {
        for (found, expected) in found.iter().zip(&self.p) {
            let (taken, rest) = found.split_at(expected.len());
            assert_close(taken, expected, tolerance);
            assert!(rest.iter().all(|p| *p == 0.0));
        }
    }
}

fn fixtures() -> impl Iterator<Item = Fixture> {
    FIXTURES
        .into_iter()
        .map(|text| serde_json::from_str(text).unwrap())
}

#[test]
fn single_precision_agrees_with_the_reference() {
    for fixture in fixtures() {
        fixture.check(DType::F32, TOLERANCE_F32);
    }
}

#[test]
fn double_precision_agrees_with_the_reference() {
    for fixture in fixtures() {
        fixture.check(DType::F64, TOLERANCE_F64);
    }
}
