//! Draws a quantity over two parameters, with the number of trials in every cell.

use super::{
    font::text_width,
    frame::{
        BOTTOM, FRAME, LEFT, LegendEntry, RIGHT, Slots, TOP, heading, horizontal_values,
        plot_corners, vertical_values,
    },
    palette::{Colour, FAINT, GREY, INK, viridis},
    scene::{Anchor, Point, Scene, TextStyle},
    ticks::{Scale, domain, ticks},
};
use crate::report::{
    figure::{HeatMapCell, HeatMapFigure, HeatMapQuantity, ValueAxis},
    number::significant,
};

/// The colour bar, right of the plot.
const BAR: (f64, f64) = (RIGHT + 28.0, RIGHT + 52.0);

/// Below this size a cell's text can no longer be read.
const SMALLEST_TEXT: f64 = 9.0;

/// Draws the figure.
#[must_use]
pub fn draw_heat_map(figure: &HeatMapFigure) -> Scene {
    let mut scene = Scene::default();
    let across = Slots::new(LEFT, RIGHT, figure.horizontal.values.len());
    let upwards = Slots::new(BOTTOM, TOP, figure.vertical.values.len());
    let scale = colour_scale(figure);
    let columns = figure.horizontal.values.len();
    let style = CellStyle::new(figure, across, upwards);
    let entries = vec![note(figure, style.size.is_some())];
    heading(&mut scene, &figure.title(), &figure.caption, entries);
    let places = [&figure.horizontal, &figure.vertical].map(ValueAxis::named_values);
    for (index, cell) in figure.cells.iter().enumerate() {
        let (column, row) = (index % columns, index / columns);
        let centre = (across.centre(column), upwards.centre(row));
        let corners = cell_corners(centre, across.step, upwards.step);
        let fill = cell_colour(cell, &scale).unwrap_or(FAINT);
        scene
            .rectangle(corners, fill)
            .telling(told(cell, &places[0][column], &places[1][row]));
        write_cell(&mut scene, cell, centre, &scale, &style);
    }
    scene.outline(plot_corners(), FRAME);
    horizontal_values(&mut scene, &figure.horizontal, across);
    vertical_values(&mut scene, &figure.vertical, upwards);
    colour_bar(&mut scene, figure, &scale);
    scene
}

/// Value to share of the colour map.
fn colour_scale(figure: &HeatMapFigure) -> Scale {
    let values = || figure.extent.into_iter().flatten();
    let domain = match (figure.quantity, figure.chance) {
        (HeatMapQuantity::ShareSolved, _) => (0.0, 1.0),
        (HeatMapQuantity::MeanHeadline, None) => domain(values(), &[]),
        (HeatMapQuantity::MeanHeadline, Some(chance)) => {
            let (low, high) = domain(values(), &[chance]);
            // Nothing is more accurate than always.
            (low.max(0.0), high.min(1.0))
        }
    };
    Scale {
        domain,
        range: (0.0, 1.0),
    }
}

/// White lines between the cells keep neighbours of one colour apart.
fn cell_corners((x, y): Point, width: f64, height: f64) -> (Point, Point) {
    let (half_width, half_height) = (width.abs() / 2.0, height.abs() / 2.0);
    let gap = half_width.min(half_height).min(10.0) * 0.08;
    let (half_width, half_height) = (half_width - gap, half_height - gap);
    (
        (x - half_width, y - half_height),
        (x + half_width, y + half_height),
    )
}

/// How the numbers in cells look.
struct CellStyle {
    /// `None` where a size that fits would be too small to read.
    size: Option<f64>,
    /// Digits after the point, as many as tell the colours apart.
    decimals: usize,
}

impl CellStyle {
    fn new(figure: &HeatMapFigure, across: Slots, upwards: Slots) -> Self {
        let (low, high) = colour_scale(figure).domain;
        let decimals = if high - low < 0.1 { 3 } else { 2 };
        let texts = figure.cells.iter().map(|cell| {
            text_width(&value_text(cell, decimals), 1.0).max(text_width(&count_text(cell), 0.75))
        });
        let widest = texts.fold(0.0, f64::max);
        let size = (0.86 * across.step.abs() / widest)
            .min(0.36 * upwards.step.abs())
            .min(20.0);
        Self {
            size: (size >= SMALLEST_TEXT).then_some(size),
            decimals,
        }
    }
}

fn cell_colour(cell: &HeatMapCell, scale: &Scale) -> Option<Colour> {
    cell.value.map(|value| viridis(scale.at(value)))
}

fn write_cell(
    scene: &mut Scene,
    cell: &HeatMapCell,
    (x, y): Point,
    scale: &Scale,
    style: &CellStyle,
) {
    let Some(size) = style.size else { return };
    let ink = cell_colour(cell, scale).map_or(GREY, Colour::readable_on);
    let value = TextStyle::new(size, ink, Anchor::Middle);
    let count = TextStyle::new(0.75 * size, ink, Anchor::Middle);
    let text = value_text(cell, style.decimals);
    scene.text((x, y - 0.55 * size), text, value);
    scene.text((x, y + 0.65 * size), count_text(cell), count);
}

fn told(cell: &HeatMapCell, column: &str, row: &str) -> String {
    let value = cell.value.map(|value| significant(value, 6));
    let value = value.unwrap_or_else(|| "no value".to_owned());
    format!("{value}: {column}, {row}, n = {}", cell.n)
}

fn value_text(cell: &HeatMapCell, decimals: usize) -> String {
    cell.value
        .map_or_else(|| "-".to_owned(), |value| format!("{value:.decimals$}"))
}

fn count_text(cell: &HeatMapCell) -> String {
    format!("n={}", cell.n)
}

fn note(figure: &HeatMapFigure, counts_are_shown: bool) -> LegendEntry {
    let ns = figure.cells.iter().map(|cell| cell.n);
    let (fewest, most) = (ns.clone().min().unwrap_or(0), ns.max().unwrap_or(0));
    let counts = match (counts_are_shown, fewest == most) {
        (true, _) => "n: trials in the cell".to_owned(),
        (false, true) => format!("{most} trials in every cell"),
        (false, false) => format!("{fewest} to {most} trials in a cell"),
    };
    LegendEntry::Words(format!("{}; {counts}", figure.meaning))
}

fn colour_bar(scene: &mut Scene, figure: &HeatMapFigure, scale: &Scale) {
    const STEPS: u32 = 83;
    let bands = Scale {
        domain: (0.0, f64::from(STEPS)),
        range: (BOTTOM, TOP),
    };
    for step in 0..STEPS {
        // Each reaches under the one above it, so that no gap shows between them.
        let (low, high) = (
            bands.at(step.into()),
            bands.at(f64::from(step) + 1.5).max(TOP),
        );
        let share = (f64::from(step) + 0.5) / f64::from(STEPS);
        scene.rectangle(((BAR.0, high), (BAR.1, low)), viridis(share));
    }
    scene.outline(((BAR.0, TOP), (BAR.1, BOTTOM)), FRAME);
    let places = Scale {
        domain: scale.domain,
        range: (BOTTOM, TOP),
    };
    for (value, text) in ticks(scale.domain, 8) {
        let y = places.at(value);
        scene.line([(BAR.1, y), (BAR.1 + 5.0, y)], FRAME);
        scene.text(
            (BAR.1 + 10.0, y),
            text,
            TextStyle::new(15.0, GREY, Anchor::Start),
        );
    }
    let name = match figure.quantity {
        HeatMapQuantity::MeanHeadline => format!("mean {}", figure.label),
        HeatMapQuantity::ShareSolved => figure.label.clone(),
    };
    let style = TextStyle::new(14.0, INK, Anchor::Middle);
    scene.text(
        (f64::midpoint(BAR.0, BAR.1) + 14.0, TOP - 18.0),
        name,
        style,
    );
}
