//! What to run: the search space, its expansion to trials, and the sweep file. Pure: it reads no
//! file, clock or network; texts come in, specifications and errors go out.

mod file;
mod plan;
mod select;
mod spec;
mod wire;

pub use file::{SweepFile, SweepFileError};
pub use plan::{Plan, ShapePlan};
pub use select::select;
pub use spec::{Axis, Condition, Exclusion, SweepSpec, SweepTerms};
