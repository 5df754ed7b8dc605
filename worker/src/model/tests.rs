//! The checks every implementation must pass, on numbers: distributions, loss, gradients, and
//! agreement with an independent reference.

mod gradient;
mod halting;
mod reference;

use burn::tensor::{DType, Tensor, TensorCreationOptions, TensorData};

use crate::test_support::device;

/// The default device, computing in `f64`.
fn in_f64() -> TensorCreationOptions {
    in_precision(DType::F64)
}

fn in_precision(dtype: DType) -> TensorCreationOptions {
    (&device(), dtype).into()
}

/// `[1, steps, batch]` from one row of numbers per sample.
fn per_step(samples: &[Vec<f64>], options: TensorCreationOptions) -> Tensor<3> {
    let size = [samples.len(), samples[0].len()];
    let rows: Tensor<2> = Tensor::from_data(TensorData::new(samples.concat(), size), options);
    rows.transpose().unsqueeze()
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.cast(DType::F64).try_into_vec_as::<f64>().unwrap()
}

/// The numbers of one row per sample of a `[1, steps, batch]` tensor.
fn of_samples(tensor: Tensor<3>) -> Vec<Vec<f64>> {
    let [_, steps, _] = tensor.dims();
    let rows = numbers(tensor.swap_dims(1, 2));
    rows.chunks(steps).map(<[f64]>::to_vec).collect()
}

/// The numbers of one row per sample, step after step, of a `[1, answers, steps, batch]` tensor.
fn answers_of_samples(tensor: Tensor<4>) -> Vec<Vec<f64>> {
    let [_, answers, steps, _] = tensor.dims();
    let rows = numbers(tensor.swap_dims(1, 3));
    rows.chunks(steps * answers).map(<[f64]>::to_vec).collect()
}

#[track_caller]
fn assert_close(found: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(found.len(), expected.len());
    for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (found - expected).abs();
        assert!(error <= tolerance, "[{index}]: {found} is not {expected}");
    }
}
