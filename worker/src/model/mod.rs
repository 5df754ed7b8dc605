//! PURE (tensors and a device handed in): what is trained.
//!
//! Every tensor has a leading **lane** axis: lanes are trials of one shape trained as one program,
//! and no operation ever mixes two lanes. Code here takes the precision of the tensors it is
//! given, so that tests can run it in `f64`.

pub mod act;
pub mod decision;
pub mod halting;
pub mod lane_losses;
pub mod loss;
pub mod method;
pub mod parameters;
pub mod ponder_net;
pub mod step_function;
#[cfg(test)]
mod tests;

pub use act::ActHalting;
pub use decision::Decision;
pub use halting::{HaltingDistribution, StepLimit};
pub use lane_losses::LaneLosses;
pub use loss::Objective;
pub use method::{Act, Method, PonderNet};
pub use parameters::{Initial, Layout, Weights};
pub use ponder_net::{Logits, unroll};
