//! Drawing: from a figure's data to a [`Scene`], and from the scene to SVG or PNG. The same scene
//! makes both, so they cannot differ. Pictures are made in memory; writing them is the edge's work.

mod box_plot;
mod font;
mod frame;
mod heat_map;
mod palette;
mod points;
mod ponder_steps;
mod render;
mod scene;
mod ticks;

pub use self::{
    box_plot::draw_box_plot, heat_map::draw_heat_map, ponder_steps::draw_ponder_steps, scene::Scene,
};

#[cfg(test)]
mod tests;
