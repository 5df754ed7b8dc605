//! Losses and gradients as training computes them on the device, against the plain program on the
//! processor. (On the processor that holds the kernels to the plain program.)

use burn::tensor::{Device, Tensor, TensorData};
use pondersweep_proto::{setting::Setting, spec::TrialSpec};
use pondersweep_worker::{
    device::DeviceName,
    model::{Initial, Layout, Method, StepLimit},
    operation::{Body, Network, Objective},
    seed::Seeds,
    task::{Batch, Occasion, Task},
};

use crate::{assert_close, device_name, trials::each_shape};

/// A few hundred roundings of `f32`, whose unit is 6e-8.
const TOLERANCE: f64 = 2e-5;

#[test]
fn losses_and_gradients_are_those_of_the_processor() {
    let device = device_name().open();
    let processor = DeviceName::CPU.open();
    for lanes in each_shape() {
        let layout = Layout::of(&lanes[0].configuration);
        let found = losses_and_gradients(&lanes, &device, Body::of(&device, &layout));
        let expected = losses_and_gradients(&lanes, &processor, Body::Tensors);
        let model = lanes[0].configuration.json();
        assert_close(
            &found.0,
            &expected.0,
            TOLERANCE,
            &format!("losses of {model:?}"),
        );
        assert_close(
            &found.1,
            &expected.1,
            TOLERANCE,
            &format!("gradients of {model:?}"),
        );
    }
}

/// The losses of the lanes and their gradients, all in one row, on the first batch.
fn losses_and_gradients(lanes: &[TrialSpec], device: &Device, body: Body) -> (Vec<f64>, Vec<f64>) {
    let configuration = &lanes[0].configuration;
    let layout = Layout::of(configuration);
    let limit = StepLimit::of(configuration);
    let network = Network::new(layout, limit, body);
    let methods: Vec<Method> = lanes
        .iter()
        .map(|lane| Method::of(&lane.configuration))
        .collect();
    let objective = Objective::new(&methods, limit, body, device);
    let batch = batch(lanes, device);

    let parameters = network.tracked(&initial_parameters(lanes, &layout, device));
    let outputs = network.unroll(&parameters, &batch.x);
    let losses = objective.losses(outputs, &batch.targets);
    let mut gradients = losses.clone().sum().backward();
    (
        numbers(losses.inner()),
        numbers(parameters.gradient(&mut gradients)),
    )
}

fn batch(lanes: &[TrialSpec], device: &Device) -> Batch {
    let configuration = &lanes[0].configuration;
    let seeds: Vec<Seeds> = lanes.iter().map(Seeds::of).collect();
    let samples = 0..configuration.whole(Setting::BATCH);
    let task = Task::of(configuration);
    Batch::draw(&task, Occasion::Training(0), &seeds, samples, device)
}

/// `[lanes, parameters]`.
fn initial_parameters(lanes: &[TrialSpec], layout: &Layout, device: &Device) -> Tensor<2> {
    let row = |lane: &TrialSpec| layout.initial(&Seeds::of(lane), Initial::of(&lane.configuration));
    let rows: Vec<f32> = lanes.iter().flat_map(row).collect();
    let data = TensorData::new(rows, [lanes.len(), layout.size()]);
    Tensor::from_data(data, device)
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    let numbers: Vec<f32> = tensor
        .try_into_vec_as()
        .expect("a float tensor reads as numbers");
    numbers.into_iter().map(f64::from).collect()
}
