//! Figures for the plotting library of the page: the same data that the pictures are drawn from. It
//! computes places and colours, never a statistic.

mod band;
mod heat_map;
mod seeds;

use plotly::{
    Configuration, Layout, Plot,
    color::Rgba,
    common::{DashType, Font, HoverInfo, Line, Mode, Orientation, Title},
    layout::{Axis, HoverMode, Legend, Margin},
};
use pondersweep_proto::metric::Metric;

use self::{
    band::band,
    heat_map::heat_map,
    seeds::{box_plot, ponder_steps},
};
use crate::report::{
    figure::{Caption, Figure, ValueAxis, draw::palette::Colour},
    number::labels,
};

const GREY: &str = "#5a636e";
const FAINT: &str = "#e8ebee";
const FONT: &str = "system-ui, Segoe UI, Helvetica Neue, Arial, DejaVu Sans, sans-serif";

/// The figure as traces and layout.
pub(super) fn plot(figure: &Figure) -> Plot {
    let mut plot = match figure {
        Figure::BoxPlot(figure) => box_plot(figure),
        Figure::PonderSteps(figure) => ponder_steps(figure),
        Figure::HeatMap(figure) => heat_map(figure),
        Figure::Band(figure) => band(figure),
    };
    let configuration = Configuration::new()
        .responsive(true)
        .display_logo(false)
        .show_edit_in_chart_studio(false)
        .show_send_to_cloud(false);
    plot.set_configuration(configuration);
    plot
}

/// Which sweep, how much of it, what is measured, and what is pooled.
pub(super) fn subtitle(figure: &Figure) -> String {
    let caption = figure.caption();
    let Caption {
        sweep,
        trials_shown,
        trials_expected,
        ..
    } = caption;
    let pooled: Vec<&str> = caption.pooled.iter().map(|pooled| pooled.0.name).collect();
    let pooled = if pooled.is_empty() {
        String::new()
    } else {
        format!("; pooled over {}", pooled.join(", "))
    };
    let measured = figure.metric().map(Metric::title);
    let measured = measured.map(|name| format!("; {}", name.replace("  ", " ")));
    format!(
        "{sweep}: {trials_shown} of {trials_expected} trials have a result{}{pooled}",
        measured.unwrap_or_default()
    )
}

fn layout(horizontal: Axis, vertical: Axis) -> Layout {
    Layout::new()
        .x_axis(horizontal.auto_margin(true))
        .y_axis(vertical.auto_margin(true))
        .font(Font::new().family(FONT).size(13).color("#1f242b"))
        .margin(Margin::new().left(64).right(24).top(30).bottom(48))
        .legend(
            Legend::new()
                .orientation(Orientation::Horizontal)
                .y(1.07)
                .y_anchor(plotly::common::Anchor::Bottom)
                .x(0.0),
        )
        .hover_mode(HoverMode::Closest)
}

fn quantity(name: &str) -> Axis {
    Axis::new()
        .title(Title::with_text(name))
        .grid_color(FAINT)
        .zero_line(false)
        .line_color(GREY)
        .show_line(true)
}

/// A parameter's values at the places 0, 1, 2 and so on.
fn values(axis: &ValueAxis) -> Axis {
    let places = (0..axis.values.len()).map(place).collect();
    quantity(axis.parameter.0.name)
        .tick_values(places)
        .tick_text(labels(&axis.values))
        .range(vec![-0.5, place(axis.values.len()) - 0.5])
        .show_grid(false)
}

const fn place(position: usize) -> f64 {
    position as f64
}

fn rgba(colour: Colour, opacity: f64) -> Rgba {
    Rgba::new(colour.red, colour.green, colour.blue, opacity)
}

/// A dashed line from the left to the right end, with its name in the legend.
fn reference(name: &str, height: f64, ends: (f64, f64)) -> Box<plotly::Scatter<f64, f64>> {
    plotly::Scatter::new(vec![ends.0, ends.1], vec![height, height])
        .mode(Mode::Lines)
        .name(name)
        .line(Line::new().color(GREY).width(1.3).dash(DashType::Dash))
        .hover_info(HoverInfo::Skip)
}
