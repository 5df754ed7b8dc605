//! The fused operations against burn's differentiation of the plain program and against the float64
//! reference of `tests/reference/reference.py`.

use burn::tensor::{Tensor, TensorData};
use pondersweep_proto::spec::{KlDirection, Residual, StepFunction, Unroll};

use super::{Body, Network, Objective};
use crate::{
    model::{Act, Layout, Method, PonderNet, Prior, StepLimit},
    test_support::{device, reference::Fixture},
};

/// Relative to the largest number: a few hundred roundings of numbers of order one.
const TOLERANCE: f64 = 3e-6;

/// One update's inputs.
#[derive(Clone)]
struct Case {
    layout: Layout,
    max_steps: usize,
    methods: Vec<Method>,
    /// `[lanes, parameters]`.
    parameters: Vec<f64>,
    /// `[lanes, batch, elements]`.
    x: Vec<f64>,
    /// `[lanes, answers, batch]`.
    targets: Vec<f64>,
}

/// What comes of it.
struct Results {
    steps: Vec<f64>,
    outputs: Vec<f64>,
    losses: Vec<f64>,
    gradient: Vec<f64>,
}

impl Case {
    /// Made-up numbers of order one.
    fn new(step_function: StepFunction, methods: Vec<Method>) -> Self {
        let layout = Layout {
            step_function,
            elements: 5,
            first_step_flag: false,
            hidden: 19,
            answers: 1,
            block: None,
        };
        let batch = 37;
        let waves = |count: usize, frequency: f64, size: f64| -> Vec<f64> {
            let wave = |index| (f64::from(index) * frequency).sin() * size;
            (0..u32::try_from(count).unwrap()).map(wave).collect()
        };
        let lanes = methods.len();
        Self {
            layout,
            max_steps: 6,
            methods,
            parameters: waves(lanes * layout.size(), 1.7, 0.4),
            x: waves(lanes * batch * layout.elements, 0.9, 1.0),
            targets: waves(lanes * batch, 2.3, 1.0)
                .into_iter()
                .map(f64::signum)
                .collect(),
        }
    }

    fn tensor<const D: usize>(numbers: &[f64], shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(numbers.to_vec(), shape), &device())
    }

    /// The same with a flag of the first step.
    fn flagged(&self) -> Self {
        let layout = Layout {
            first_step_flag: true,
            ..self.layout
        };
        let count = self.methods.len() * layout.size();
        let parameters = self.parameters.iter().copied().cycle().take(count);
        Self {
            layout,
            parameters: parameters.collect(),
            ..self.clone()
        }
    }

    /// Each lane's loss is given another weight, as a sum alone would not show a mix-up.
    fn run(&self, body: Body, weigh: fn(Tensor<1>) -> Tensor<1>) -> Results {
        let network = Network::new(self.layout, self.limit(), body);
        self.run_on(&network, body, weigh)
    }

    fn limit(&self) -> StepLimit {
        StepLimit::new(&self.methods[0], self.max_steps)
    }

    fn run_on(&self, network: &Network, body: Body, weigh: fn(Tensor<1>) -> Tensor<1>) -> Results {
        let (lanes, size) = (self.methods.len(), self.layout.size());
        let batch = self.targets.len() / lanes / self.layout.answers;
        let rows = Self::tensor(&self.parameters, [lanes, size]);
        let x = Self::tensor(&self.x, [lanes, batch, self.layout.elements]);
        let targets = Self::tensor(&self.targets, [lanes, self.layout.answers, batch]);

        let objective = Objective::new(&self.methods, self.limit(), body, &device());
        let parameters = network.tracked(&rows);
        let outputs = network.unroll(&parameters, &x);
        let steps = network.mean_steps(&outputs);
        let losses = objective.losses(outputs.clone(), &targets);
        let mut gradients = weigh(losses.clone()).sum().backward();
        let gradient = parameters.gradient(&mut gradients);

        let constant = network.unroll(&network.constant(&rows), &x);
        let results = Results {
            steps,
            outputs: numbers(outputs.logits.inner()),
            losses: numbers(losses.inner()),
            gradient: numbers(gradient),
        };
        assert_eq!(
            numbers(constant.logits),
            results.outputs,
            "an untracked unroll"
        );
        results
    }
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.try_into_vec_as().unwrap()
}

fn assert_close(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0_f64, |most, n| most.max(n.abs()));
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs() / largest;
        assert!(
            error <= TOLERANCE,
            "{what} {index}: {found} is not {expected}"
        );
    }
}

#[test]
fn fused_losses_and_gradients_are_those_burn_derives_from_the_plain_program() {
    let weights: [fn(Tensor<1>) -> Tensor<1>; 2] =
        [|losses| losses, |losses| losses.clone() * losses];
    for case in each_case() {
        for weigh in weights {
            let fused = case.run(Body::Kernels, weigh);
            let plain = case.run(Body::Tensors, weigh);
            assert_eq!(fused.steps, plain.steps);
            assert_close(&fused.losses, &plain.losses, "loss");
            assert_close(&fused.gradient, &plain.gradient, "gradient");
            if case.limit().stop_rule().is_none() {
                assert_close(&fused.outputs, &plain.outputs, "output");
            }
        }
    }
}

fn each_case() -> Vec<Case> {
    let mut cases = Vec::new();
    for step_function in [StepFunction::Rnn, StepFunction::Gru] {
        for method in each_method() {
            for lanes in [1, 3] {
                let methods = (0..lanes).map(&method).collect();
                let case = Case::new(step_function, methods);
                cases.extend([case.flagged(), case]);
            }
        }
    }
    cases
}

/// The ways to learn halting, each as the method of the numbered lane.
fn each_method() -> Vec<Box<dyn Fn(u32) -> Method>> {
    let mut methods: Vec<Box<dyn Fn(u32) -> Method>> = vec![
        Box::new(|lane| {
            Method::Act(Act {
                tau: 0.01 + 0.5 * f64::from(lane),
                epsilon: 0.3,
            })
        }),
        Box::new(|_| Method::Fixed),
    ];
    for residual in [Residual::Remainder, Residual::Normalise] {
        for unroll in [Unroll::Fixed, Unroll::Cumulative] {
            methods.push(Box::new(move |lane| ponder_net(lane, unroll, residual)));
        }
        methods.push(Box::new(move |lane| {
            directed(lane, Unroll::Fixed, residual, KlDirection::PriorNetwork)
        }));
    }
    methods
}

fn ponder_net(lane: u32, unroll: Unroll, residual: Residual) -> Method {
    directed(lane, unroll, residual, KlDirection::NetworkPrior)
}

fn directed(lane: u32, unroll: Unroll, residual: Residual, kl_direction: KlDirection) -> Method {
    Method::PonderNet(PonderNet {
        prior: Prior::geometric(0.1 + 0.2 * f64::from(lane)),
        beta: 0.01 + 0.5 * f64::from(lane),
        unroll,
        epsilon: 0.2,
        residual,
        kl_direction,
    })
}

impl Fixture {
    fn case(&self) -> Case {
        Case {
            layout: self.layout(),
            max_steps: self.max_steps,
            methods: vec![self.method()],
            parameters: self.parameters.clone(),
            x: self.x.concat(),
            targets: self.targets(),
        }
    }
}

#[test]
fn losses_and_gradients_of_both_bodies_agree_with_the_reference() {
    for fixture in Fixture::all() {
        let bodies = match fixture.has_kernels() {
            true => &[Body::Kernels, Body::Tensors][..],
            false => &[Body::Tensors],
        };
        for &body in bodies {
            let results = fixture.case().run(body, |losses| losses);
            assert_close(&results.losses, &[fixture.loss], fixture.name);
            assert_close(&results.gradient, &fixture.gradient, fixture.name);
        }
    }
}

#[test]
fn a_graph_that_is_not_differentiated_leaves_no_trace_in_the_next() {
    let case = Case::new(
        StepFunction::Gru,
        vec![ponder_net(1, Unroll::Fixed, Residual::Remainder); 2],
    );
    let network = Network::new(case.layout, case.limit(), Body::Kernels);
    let run = || case.run_on(&network, Body::Kernels, |losses| losses);
    let first = run();
    let other = Case::tensor(&vec![9.0; case.parameters.len()], [2, case.layout.size()]);
    let x = Case::tensor(&case.x, [2, 37, case.layout.elements]);
    drop(network.unroll(&network.tracked(&other), &x));
    assert_eq!(run().gradient, first.gradient);
}
