//! Drawing: from a figure's data to a [`Scene`], and from the scene to SVG or PNG. The same scene
//! makes both, so they cannot differ. Pictures are made in memory; writing them is the edge's work.

mod band;
mod box_plot;
mod font;
mod frame;
mod heat_map;
pub(in crate::report) mod palette;
mod points;
mod ponder_steps;
mod render;
mod scene;
mod ticks;

pub use self::{
    band::draw_band, box_plot::draw_box_plot, heat_map::draw_heat_map,
    ponder_steps::draw_ponder_steps, scene::Scene,
};

use super::Figure;

/// Draws a figure of any kind.
#[must_use]
pub fn draw(figure: &Figure) -> Scene {
    match figure {
        Figure::BoxPlot(figure) => draw_box_plot(figure),
        Figure::PonderSteps(figure) => draw_ponder_steps(figure),
        Figure::HeatMap(figure) => draw_heat_map(figure),
        Figure::Band(figure) => draw_band(figure),
    }
}

#[cfg(test)]
mod tests;
