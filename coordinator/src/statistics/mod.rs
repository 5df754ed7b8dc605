//! Summaries and intervals for robustness studies. Pure functions of numbers and a seed: no clock,
//! no ambient randomness, no files, and no knowledge of what the numbers measure.

mod bootstrap;
mod box_plot;
mod generator;
mod interval;
mod quantile;
mod summary;
mod wilson;

pub use bootstrap::bootstrap_mean_interval;
pub use box_plot::BoxPlot;
pub use generator::SplitMix64;
pub use interval::{CONFIDENCE, Interval};
pub(crate) use quantile::quantile;
pub use summary::Summary;
pub use wilson::wilson_interval;
