//! Losses and gradients of the tensor program, against the same program in `f64` on the processor.

use burn::tensor::{DType, Tensor, TensorCreationOptions, TensorData};
use pondersweep_proto::spec::TrialSpec;
use pondersweep_worker::{
    device::DeviceName,
    model::{HaltingDistribution, Layout, Objective, StepLimit, Weights, loss, unroll},
    seed::{Purpose, Seeds},
    task::{Parity, Range},
};

use crate::{assert_close, device_name, trials::each_shape};

/// A few hundred roundings of `f32`, whose unit is 6e-8.
const TOLERANCE: f64 = 2e-5;

#[test]
fn losses_and_gradients_are_those_of_the_reference() {
    let device = device_name().open();
    let reference = DeviceName::CPU.open();
    for lanes in each_shape() {
        let found = losses_and_gradients(&lanes, (&device, DType::F32).into());
        let expected = losses_and_gradients(&lanes, (&reference, DType::F64).into());
        let shape = &lanes[0].configuration.model;
        assert_close(
            &found.0,
            &expected.0,
            TOLERANCE,
            &format!("loss of {shape:?}"),
        );
        assert_close(
            &found.1,
            &expected.1,
            TOLERANCE,
            &format!("gradient of {shape:?}"),
        );
    }
}

/// The losses of the lanes and their gradients, all in one row, on the first batch.
fn losses_and_gradients(
    lanes: &[TrialSpec],
    options: TensorCreationOptions,
) -> (Vec<f64>, Vec<f64>) {
    let configuration = &lanes[0].configuration;
    let limit = StepLimit::of(&configuration.model);
    let layout = Layout::of(configuration);
    let (x, targets) = batch(lanes, &options);
    let weights = Weights::tracked(&parameters(lanes, &layout, &options), &layout);
    let logits = unroll(&x, &weights, limit);
    let halting =
        HaltingDistribution::new(logits.halting.clone(), limit, configuration.model.residual);
    let setting = |of: fn(&TrialSpec) -> f64| lanes.iter().map(of).collect::<Vec<_>>();
    let lambda_p = setting(|lane| lane.configuration.model.lambda_p);
    let beta = setting(|lane| lane.configuration.model.beta);
    let objective = Objective::new(&lambda_p, &beta, limit.max_steps(), options);
    let losses = loss::per_lane(objective.per_sample(&logits, &halting, &targets));
    let mut gradients = losses.clone().sum().backward();
    (
        numbers(losses.inner()),
        numbers(weights.gradient(&mut gradients)),
    )
}

/// Inputs `[lanes, batch, elements]` and targets `[lanes, batch]`.
fn batch(lanes: &[TrialSpec], options: &TensorCreationOptions) -> (Tensor<3>, Tensor<2>) {
    let configuration = &lanes[0].configuration;
    let size = configuration.training.batch as usize;
    let task = Parity::new(configuration);
    let mut x = vec![0.0_f32; lanes.len() * size * task.elements()];
    let mut targets = Vec::new();
    for (row, sample) in x.chunks_exact_mut(task.elements()).enumerate() {
        let seeds = Seeds::of(&lanes[row / size]);
        let mut draws = seeds.draws(Purpose::Data, [0, (row % size) as u64]);
        let odd = task.generate(Range::Interpolation, &mut draws, sample);
        targets.push(if odd { 1.0_f32 } else { -1.0 });
    }
    let x = TensorData::new(x, [lanes.len(), size, task.elements()]);
    let targets = TensorData::new(targets, [lanes.len(), size]);
    (
        Tensor::from_data(x, options.clone()),
        Tensor::from_data(targets, options.clone()),
    )
}

/// The lanes' initial parameters, `[lanes, parameters]`.
fn parameters(lanes: &[TrialSpec], layout: &Layout, options: &TensorCreationOptions) -> Tensor<2> {
    let row = |lane: &TrialSpec| {
        let halting_bias = lane.configuration.model.halting_bias;
        layout.initial(&Seeds::of(lane), halting_bias)
    };
    let rows: Vec<f32> = lanes.iter().flat_map(row).collect();
    let data = TensorData::new(rows, [lanes.len(), layout.size()]);
    Tensor::from_data(data, options.clone())
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    let data = tensor.into_data().convert::<f64>();
    data.try_to_vec().unwrap()
}
