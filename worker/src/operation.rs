//! PURE (tensors and a device handed in): what an update of a bundle computes, as a few operations
//! on tensors: unroll the network, take the loss, step the optimiser.
//!
//! Each operation has two bodies. On burn's Flex backend, this machine's processor, it is for the
//! networks that have kernels a burn backend extension (`extension`) that runs
//! [`kernel`](crate::kernel) on the tensors' own storage with a backward pass derived by hand
//! (`flex`, `differentiated`). For every other network and on every other backend it is the plain
//! program of [`model`](crate::model), differentiated by burn. Which of the two is decided once a
//! bundle, from its device and layout ([`Body::of`]); callers cannot tell them apart but for the
//! time.
//!
//! Why the plain body is not the extension trait's default: a default body would see the primitive
//! `FloatTensor<Self>` of a generic backend, while burn 0.22's `Tensor`, in which the model is
//! written, is a `DispatchTensor` that only a listed backend's primitive can be turned into
//! (`DispatchKindConversion`). The model would have to be written a second time, in `B::float_*`.

mod adam;
mod differentiated;
mod extension;
mod flex;
mod network;
mod objective;
mod optimizer;
#[cfg(test)]
mod tests;
mod workspaces;

use burn::{
    backend::DispatchDevice,
    tensor::{Device, Tensor, TensorData},
};

pub use network::{Network, Outputs, Parameters};
pub use objective::Objective;
#[cfg(test)]
pub(crate) use objective::fused_loss;
pub use optimizer::Optimizer;

use crate::{kernel::Shape, model::Layout};

/// Which body computes a bundle's operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// The kernels. They compute one lane after the other on the caller's thread: lanes gain
    /// nothing from being trained as one program.
    Kernels,
    /// The plain program, one lane after the other on the caller's thread: where one lane fills the
    /// processor.
    Alone,
    /// The plain program, on tensors with all lanes.
    Tensors,
}

impl Body {
    /// The fastest for a network on a device: the kernels, where they know both.
    #[must_use]
    pub fn of(device: &Device, layout: &Layout) -> Self {
        match device.clone().inner().as_dispatch() {
            DispatchDevice::Flex(_) if Shape::of(layout, 1, 1).is_some() => Self::Kernels,
            DispatchDevice::Flex(_) if layout.block.is_some() => Self::Alone,
            _ => Self::Tensors,
        }
    }
}

/// The rows of a tensor (`[lanes, ..]`) at these positions.
#[must_use]
pub fn select_lanes(tensor: Tensor<2>, positions: &[usize]) -> Tensor<2> {
    let position = |&position| i64::try_from(position).expect("a bundle is small");
    let positions: Vec<i64> = positions.iter().map(position).collect();
    let size = [positions.len()];
    let positions = Tensor::from_data(TensorData::new(positions, size), &tensor.device());
    tensor.select(0, positions)
}
