//! Agreement with the independent float64 reference of `tests/reference/reference.py`.

use burn::tensor::{DType, Tensor, TensorData};
use pondersweep_proto::spec::StepFunction;

use super::{answers_of_samples, assert_close, in_precision, numbers, of_samples};
use crate::{
    model::{
        ActHalting, HaltingDistribution, LaneLosses, Logits, Method, PonderLoss, Weights, loss,
        unroll,
    },
    test_support::reference::Fixture,
};

/// Loss, distribution and gradient in `f32` are within this of the reference: a few hundred
/// roundings of numbers of order one.
const TOLERANCE_F32: f64 = 3e-6;
/// Of a transformer, whose layer norms and exponentials make more of a rounding.
const TOLERANCE_OF_TRANSFORMERS: [f64; 2] = [2e-5, 1e-12];
/// And in `f64`, where only the order of operations differs.
const TOLERANCE_F64: f64 = 1e-13;

impl Fixture {
    /// In single and in double precision.
    fn tolerances(&self) -> [f64; 2] {
        match self.step_function {
            StepFunction::Transformer => TOLERANCE_OF_TRANSFORMERS,
            _ => [TOLERANCE_F32, TOLERANCE_F64],
        }
    }

    fn check(&self, dtype: DType, tolerance: f64) {
        let options = in_precision(dtype);
        let (batch, layout, limit) = (self.x.len(), self.layout(), self.limit());
        let flat = TensorData::new(self.parameters.clone(), [1, layout.size()]);
        let weights = Weights::tracked(&Tensor::from_data(flat, options.clone()), &layout);
        let x = TensorData::new(self.x.concat(), [1, batch, self.elements]);
        let targets = TensorData::new(self.targets(), [1, layout.answers, batch]);
        let targets = Tensor::from_data(targets, options.clone());

        let logits = unroll(
            &Tensor::from_data(x, options.clone()),
            &weights,
            limit,
            None,
        );
        let losses = LaneLosses::new(&[self.method()], limit, options);
        let loss = loss::per_lane(losses.per_sample(&logits, &targets));
        let mut gradients = loss.clone().sum().backward();

        self.check_steps(
            answers_of_samples(logits.answer.clone()),
            &self.answer_logits,
            tolerance,
        );
        self.check_steps(
            of_samples(logits.halting.clone()),
            &self.halting_logits,
            tolerance,
        );
        self.check_terms(&logits, &targets, dtype, tolerance);
        let steps: Vec<f64> = self.p.iter().map(|p| p.len() as f64).collect();
        assert_close(&numbers(limit.steps_taken(logits.halting)), &steps, 0.0);
        assert_close(&numbers(loss), &[self.loss], tolerance);
        let gradient = numbers(weights.gradient(&mut gradients));
        assert_close(&gradient, &self.gradient, tolerance);
    }

    /// The distribution and what the loss is made of.
    fn check_terms(&self, logits: &Logits, targets: &Tensor<3>, dtype: DType, tolerance: f64) {
        match self.method() {
            Method::PonderNet(settings) => {
                let z = logits.halting.clone();
                let halting = HaltingDistribution::new(z, self.limit(), settings.residual);
                let (priors, beta) = ([settings.prior], [settings.beta]);
                let max_steps = self.max_steps;
                let options = in_precision(dtype);
                let direction = settings.kl_direction;
                let objective = PonderLoss::new(&priors, &beta, max_steps, direction, options);
                let terms = objective.terms(logits, &halting, targets);
                self.check_p(of_samples(halting.p()), tolerance);
                assert_close(&numbers(terms.prediction), &self.prediction, tolerance);
                assert_close(&numbers(terms.divergence), &self.cost, tolerance);
            }
            Method::Act(settings) => {
                let halting = ActHalting::new(logits.halting.clone(), settings.epsilon);
                self.check_p(of_samples(halting.p), tolerance);
                assert_close(&numbers(halting.ponder_cost), &self.cost, tolerance);
            }
            Method::Fixed => {}
        }
    }

    /// An unroll may end before `max_steps` only when every sample has.
    fn check_steps(&self, found: Vec<Vec<f64>>, expected: &[Vec<f64>], tolerance: f64) {
        for (found, expected) in found.iter().zip(expected) {
            let computed = self.steps() * expected.len() / self.max_steps;
            assert_close(found, &expected[..computed], tolerance);
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

#[test]
fn single_precision_agrees_with_the_reference() {
    for fixture in Fixture::all() {
        fixture.check(DType::F32, fixture.tolerances()[0]);
    }
}

#[test]
fn double_precision_agrees_with_the_reference() {
    for fixture in Fixture::all() {
        fixture.check(DType::F64, fixture.tolerances()[1]);
    }
}
