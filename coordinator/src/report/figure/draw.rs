//! Drawing: from a figure's data to a [`Scene`], a list of marks, and from the marks to SVG text or to a
//! PNG file. Reports, pages and files all show these pictures: there is no other way to draw one.
//!
//! SVG is written by hand, so that a page can hold it as it is, and no text of a sweep becomes markup. PNG
//! is painted from the same marks with tiny-skia: reading the SVG back with resvg would paint the same for
//! five times as long a cold build. Pictures are made in memory; writing them is the edge's work.

mod band;
mod box_plot;
mod font;
mod frame;
mod heat_map;
mod palette;
mod png;
mod points;
mod ponder_steps;
mod scene;
mod svg;
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
