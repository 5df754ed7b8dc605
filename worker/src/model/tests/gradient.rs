//! Gradients of the whole loss against central differences, in `f64`.

use burn::tensor::{Tensor, TensorData};
use pondersweep_proto::{
    spec::{KeyStart, KlDirection, LayerNorm, Residual, StepFunction, StepSignal, Unroll},
    task::{Content, Tokens},
};

use super::{in_f64, numbers};
use crate::{
    model::{
        Act, Block, Initial, LaneLosses, Layout, Method, PonderNet, Prior, StepLimit, Weights,
        answer, loss, unroll,
    },
    seed::Seeds,
    test_support::trial,
};

const LANES: usize = 2;
/// Central differences of this width and of twice as much are exact to about 1e-10 in `f64`.
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
        let content = self.layout.block.map(|block| block.tokens.content);
        let numbers = match content {
            None => [1, -1, 0, 1, 0, 0, -1],
            // A token of zeros is next to nothing before a layer norm, whose bends are too sharp then.
            Some(Content::Vectors) => [1, -1, 2, 1, -2, 3, -1],
            Some(Content::Sentences { .. }) => [1, 2, 0, 0, 2, 1, 0],
        };
        let x: Vec<f64> = (0..LANES * batch * self.layout.elements)
            .map(|index| f64::from(numbers[index % 7]))
            .collect();
        let x = TensorData::new(x, [LANES, batch, self.layout.elements]);
        let logits = unroll(&Tensor::from_data(x, in_f64()), weights, self.limit, None);
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
            let slope = |width: f64| (shifted(width)[own] - shifted(-width)[own]) / (2.0 * width);
            // What is wrong with either goes as the square of its width, and so out of this.
            let expected = (4.0 * slope(WIDTH) - slope(2.0 * WIDTH)) / 3.0;
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
            prior: Prior::geometric(lambda_p),
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
    let recurrent = [StepFunction::Rnn, StepFunction::Gru, StepFunction::Lstm];
    let layouts = recurrent.iter().flat_map(|&step_function| {
        [(false, 1), (true, 1), (false, 3)].map(|(first_step_flag, answers)| Layout {
            step_function,
            elements: 3,
            first_step_flag,
            hidden: 2,
            answers,
            block: None,
        })
    });
    layouts.chain(transformers()).for_each(check);
}

/// With candidates and without, and every switch both ways.
fn transformers() -> [Layout; 3] {
    let of = |content, candidates, layer_norm, step_signal| {
        let tokens = Tokens {
            memory: 2,
            candidates,
            numbers: 2,
            content,
        };
        Layout {
            step_function: StepFunction::Transformer,
            elements: tokens.count() * tokens.numbers,
            first_step_flag: candidates == 0,
            hidden: 4,
            answers: if candidates == 0 { 3 } else { 1 },
            block: Some(Block {
                tokens,
                attention: 4,
                heads: 2,
                transition: 3,
                layers: 2,
                layer_norm,
                step_signal,
                key_start: KeyStart::Drawn,
                max_steps: 4,
            }),
        }
    };
    [
        of(Content::Vectors, 2, LayerNorm::Before, StepSignal::Learned),
        of(
            Content::Sentences { vocabulary: 2 },
            0,
            LayerNorm::Before,
            StepSignal::Learned,
        ),
        of(
            Content::Vectors,
            0,
            LayerNorm::After,
            StepSignal::Sinusoidal,
        ),
    ]
}

fn check(layout: Layout) {
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
