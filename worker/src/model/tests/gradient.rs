//! Gradients of the whole loss against central differences, in `f64`.

use burn::tensor::{Tensor, TensorData};
use pondersweep_proto::spec::{KlDirection, Residual, StepFunction, Unroll};

use super::{in_f64, numbers};
use crate::{
    model::{
        Act, Initial, LaneLosses, Layout, Method, PonderNet, StepLimit, Weights, answer, loss,
        unroll,
    },
    seed::Seeds,
    test_support::trial,
};

const LANES: usize = 2;
/// Central differences of this width are exact to about 1e-10 in `f64`.
const WIDTH: f64 = 1e-5;

/// Two lanes with different priors and weights.
struct Case {
    layout: Layout,
    limit: StepLimit,
    methods: [Method; LANES],
}

impl Case {
    /// `[LANES, parameters]`.
    fn parameters(&self) -> Vec<f64> {
        let seeds = Seeds::of(&trial(|_| {}));
        let initial = Initial {
            scale: 1.0,
            halting_bias: 0.3,
        };
        let row = self.layout.initial(&seeds, initial);
        let wide = |scale: f64| row.iter().map(move |value| f64::from(*value) * scale);
        wide(1.0).chain(wide(-1.5)).collect()
    }

    /// Each lane's loss, `[LANES]`.
    fn losses(&self, weights: &Weights) -> Tensor<1> {
        let batch = 3;
        let x: Vec<f64> = (0..LANES * batch * self.layout.elements)
            .map(|index| f64::from([1, -1, 0, 1, 0, 0, -1][index % 7]))
            .collect();
        let x = TensorData::new(x, [LANES, batch, self.layout.elements]);
        let logits = unroll(&Tensor::from_data(x, in_f64()), weights, self.limit);
        let answers = self.layout.answers;
        let classes = match answers {
            1 => [[1, 0, 1], [0, 0, 1]],
            _ => [[2, 0, 1], [0, 1, 2]],
        };
        let targets = classes
            .iter()
            .flat_map(|lane| answer::targets(lane, answers));
        let targets = TensorData::new(targets.collect::<Vec<f32>>(), [LANES, answers, batch]);
        let targets = Tensor::from_data(targets, in_f64());
        let losses = LaneLosses::new(&self.methods, self.limit, in_f64());
        loss::per_lane(losses.per_sample(&logits, &targets))
    }

    fn flat(&self, parameters: Vec<f64>) -> Tensor<2> {
        let size = [LANES, self.layout.size()];
        Tensor::from_data(TensorData::new(parameters, size), in_f64())
    }

    fn losses_of(&self, parameters: Vec<f64>) -> Vec<f64> {
        let weights = Weights::constant(&self.flat(parameters), &self.layout);
        numbers(self.losses(&weights))
    }

    fn check(&self) {
        let parameters = self.parameters();
        let weights = Weights::tracked(&self.flat(parameters.clone()), &self.layout);
        let mut gradients = self.losses(&weights).sum().backward();
        let gradient = numbers(weights.gradient(&mut gradients));
        for index in 0..parameters.len() {
            let shifted = |by: f64| {
                let mut parameters = parameters.clone();
                parameters[index] += by;
                self.losses_of(parameters)
            };
            let (above, below) = (shifted(WIDTH), shifted(-WIDTH));
            let own = index / self.layout.size();
            let expected = (above[own] - below[own]) / (2.0 * WIDTH);
            let error = (gradient[index] - expected).abs();
            assert!(
                error < 1e-8,
                "[{index}]: {} not {expected}",
                gradient[index]
            );
            // A parameter of one lane does not reach the loss of the other.
            assert_eq!(above[1 - own], below[1 - own]);
        }
    }
}

fn ponder_net(residual: Residual, unroll: Unroll) -> [Method; LANES] {
    directed(residual, unroll, KlDirection::NetworkPrior)
}

fn directed(residual: Residual, unroll: Unroll, kl_direction: KlDirection) -> [Method; LANES] {
    [(0.2, 0.3), (0.7, 0.05)].map(|(lambda_p, beta)| {
        Method::PonderNet(PonderNet {
            lambda_p,
            beta,
            unroll,
            epsilon: 0.2,
            residual,
            kl_direction,
        })
    })
}

fn act() -> [Method; LANES] {
    [0.3, 0.02].map(|tau| Method::Act(Act { tau, epsilon: 0.05 }))
}

#[test]
fn gradients_are_those_of_finite_differences() {
    let layouts = StepFunction::ALL.iter().flat_map(|&step_function| {
        [(false, 1), (true, 1), (false, 3)].map(|(first_step_flag, answers)| Layout {
            step_function,
            elements: 3,
            first_step_flag,
            hidden: 2,
            answers,
        })
    });
    for layout in layouts {
        for methods in [
            ponder_net(Residual::Remainder, Unroll::Fixed),
            ponder_net(Residual::Normalise, Unroll::Fixed),
            ponder_net(Residual::Remainder, Unroll::Cumulative),
            ponder_net(Residual::Normalise, Unroll::Cumulative),
            directed(
                Residual::Remainder,
                Unroll::Fixed,
                KlDirection::PriorNetwork,
            ),
            directed(
                Residual::Normalise,
                Unroll::Fixed,
                KlDirection::PriorNetwork,
            ),
            act(),
            [Method::Fixed; LANES],
        ] {
            for max_steps in [1, 4] {
                Case {
                    layout,
                    limit: StepLimit::new(&methods[0], max_steps),
                    methods,
                }
                .check();
            }
        }
    }
}
