//! What to run: the search space, its expansion to trials, and the sweep file. Pure: it reads no
//! file, clock or network; texts come in, specifications and errors go out.

mod select;
mod spec;

pub use select::select;
pub use spec::{Axis, Condition, Exclusion, SweepSpec, SweepTerms};
