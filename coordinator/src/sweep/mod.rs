//! What to run: the search space, its expansion to trials, the plan, and the sweep file. Pure: it
//! reads no file, clock or network; texts come in, specifications and errors go out.

mod check;
mod grid;
mod spec;
mod terms;
#[cfg(test)]
pub(crate) mod test_support;
mod wire;

pub use spec::SweepSpec;
pub use terms::{Axis, Condition, Exclusion, SweepTerms};
