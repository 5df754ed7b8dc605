//! PURE: whether a trial that was trained again measured what the database says, and what a sample
//! of such trials says about a sweep. It trains nothing, reads nothing and decides nothing about
//! what is stored.

mod compare;
mod count;
mod origin;
mod sample;

pub use compare::{Difference, Measured, Outcome, compare};
pub use count::{Counts, counts};
pub use origin::{Origin, contrasts, likely_reason};
pub use sample::{Stratum, effective_size, sample};
