//! The unrolled pondering of one lane on a CPU: forward, hand-derived backward, halting loss, Adam.
//!
//! Slices of `f32` in, slices of `f32` out. One lane (trial) at a time, on the caller's thread: a
//! lane's bits depend on its inputs and the [`InstructionSet`] only, never on threads or on other
//! lanes. Nothing here allocates after [`Workspace::new`], knows a tensor library, draws random
//! numbers or reads a clock.
//!
//! Per update: [`Workspace::forward`], or [`Workspace::forward_until`] where samples stop by
//! themselves; then [`Loss::evaluate`], [`Workspace::backward`] and [`Adam::update`].
//!
//! How it is fast: weights are packed once per update into the order the multiplications read
//! them; tiles of eight samples keep their pre-activations in registers, where the gates' functions
//! are applied to them; the input's share `x W + b` is computed once; weight gradients are one long
//! multiplication over steps and samples.
#![expect(
    unsafe_code,
    reason = "vector instructions and pointer arithmetic inside checked buffers; every block says why it is sound"
)]

mod act_loss;
mod adam;
mod backward;
mod buffer;
mod elementary;
mod floor;
mod forward;
mod gru;
mod halting_loss;
mod instruction_set;
mod loss;
mod outer;
mod packing;
#[cfg(test)]
mod reference;
mod rnn;
mod shape;
mod simd;
#[cfg(test)]
mod tests;
mod tile;
mod unequal_steps;
mod until;
mod until_back;
mod workspace;

pub use adam::{Adam, AdamSettings};
pub use floor::FloorMultiplication;
pub use halting_loss::{HaltingBatch, HaltingResult, HaltingSettings};
pub use instruction_set::InstructionSet;
pub use loss::Loss;
pub use shape::{Cell, GateOffsets, Offsets, Shape};
pub use workspace::{Pass, Workspace};
