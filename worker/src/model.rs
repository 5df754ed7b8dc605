//! PURE (tensors and a device handed in): what is trained.
//!
//! Every tensor has a leading **lane** axis: lanes are trials of one shape trained as one program,
//! and no operation ever mixes two lanes. Code here takes the precision of the tensors it is
//! given, so that tests can run it in `f64`.

mod act;
pub mod answer;
mod decision;
mod dropout;
mod halting;
mod lane_losses;
pub mod loss;
mod method;
mod parameters;
mod prior;
mod step_function;
#[cfg(test)]
mod tests;
mod unroll;

pub use act::ActHalting;
pub use decision::Decision;
pub use dropout::Dropout;
pub use halting::{HaltingDistribution, StepLimit, StopRule};
pub use lane_losses::LaneLosses;
pub use loss::PonderLoss;
pub use method::{Act, Method, PonderNet};
pub use parameters::{Initial, Layout, Weights};
pub use prior::Prior;
pub use step_function::Block;
pub use unroll::{Logits, unroll};
