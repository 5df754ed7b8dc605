//! Draws a quantity over two parameters, with the number of trials in every cell.

use super::{
    font::text_width,
    frame::{
        BOTTOM, FRAME, LEFT, LEGEND_Y, RIGHT, Slots, TOP, heading, horizontal_values, plot_corners,
        vertical_values,
    },
    palette::{FAINT, GREY, INK, viridis},
    scene::{Anchor, Point, Scene, TextStyle},
    ticks::{Scale, ticks},
};
use crate::report::figure::{HeatMapCell, HeatMapFigure, HeatMapQuantity};

/// The colour bar, beside the plot.
const BAR: (f64, f64) = (RIGHT + 28.0, RIGHT + 52.0);

/// Below this size a cell's text can no longer be read.
const SMALLEST_TEXT: f64 = 9.0;

/// Draws the figure.
#[must_use]
pub fn draw_heat_map(figure: &HeatMapFigure) -> Scene {
    let mut scene = Scene::default();
    let across = Slots::new(LEFT, RIGHT, figure.horizontal.values.len());
    let upwards = Slots::new(BOTTOM, TOP, figure.vertical.values.len());
    heading(&mut scene, &figure.title(), &figure.caption);
    let scale = colour_scale(figure);
    let columns = figure.horizontal.values.len();
    let text_size = fitting_text_size(figure, across, upwards);
    for (index, cell) in figure.cells.iter().enumerate() {
        let centre = (
            across.centre(index % columns),
            upwards.centre(index / columns),
        );
        let corners = cell_corners(centre, across.step, upwards.step);
        draw_cell(&mut scene, cell, corners, &scale, text_size);
    }
    note(&mut scene, figure, text_size.is_some());
    scene.outline(plot_corners(), FRAME);
    horizontal_values(&mut scene, &figure.horizontal, across);
    vertical_values(&mut scene, &figure.vertical, upwards);
    colour_bar(&mut scene, figure, &scale);
    scene
}

/// Value to share of the colour map.
fn colour_scale(figure: &HeatMapFigure) -> Scale {
    Scale {
        domain: figure.domain(),
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

fn draw_cell(
    scene: &mut Scene,
    cell: &HeatMapCell,
    corners: (Point, Point),
    scale: &Scale,
    text_size: Option<f64>,
) {
    let fill = cell.value.map_or(FAINT, |value| viridis(scale.at(value)));
    scene.rectangle(corners, fill);
    let Some(size) = text_size else { return };
    let ((left, top), (right, bottom)) = corners;
    let (x, y) = (f64::midpoint(left, right), f64::midpoint(top, bottom));
    let ink = if cell.value.is_some() {
        fill.readable_on()
    } else {
        GREY
    };
    let value = TextStyle::new(size, ink, Anchor::Middle);
    let count = TextStyle::new(0.75 * size, ink, Anchor::Middle);
    scene.text((x, y - 0.55 * size), value_text(cell), value);
    scene.text((x, y + 0.65 * size), count_text(cell), count);
}

fn value_text(cell: &HeatMapCell) -> String {
    cell.value
        .map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

fn count_text(cell: &HeatMapCell) -> String {
    format!("n={}", cell.n)
}

/// One size for all cells; `None` where it would be too small to read.
fn fitting_text_size(figure: &HeatMapFigure, across: Slots, upwards: Slots) -> Option<f64> {
    let widths = figure
        .cells
        .iter()
        .map(|cell| text_width(&value_text(cell), 1.0).max(text_width(&count_text(cell), 0.75)));
    let widest = widths.fold(0.0, f64::max);
    let size = (0.86 * across.step.abs() / widest)
        .min(0.36 * upwards.step.abs())
        .min(20.0);
    (size >= SMALLEST_TEXT).then_some(size)
}

fn note(scene: &mut Scene, figure: &HeatMapFigure, counts_are_shown: bool) {
    let ns = figure.cells.iter().map(|cell| cell.n);
    let (fewest, most) = (ns.clone().min().unwrap_or(0), ns.max().unwrap_or(0));
    let counts = match (counts_are_shown, fewest == most) {
        (true, _) => "n: trials in the cell".to_owned(),
        (false, true) => format!("{most} trials in every cell"),
        (false, false) => format!("{fewest} to {most} trials in a cell"),
    };
    let words = format!("{}; {counts}", figure.meaning);
    scene.text(
        (LEFT, LEGEND_Y),
        words,
        TextStyle::new(15.0, INK, Anchor::Start),
    );
}

fn colour_bar(scene: &mut Scene, figure: &HeatMapFigure, scale: &Scale) {
    const STEPS: u32 = 166;
    let bands = Scale {
        domain: (0.0, f64::from(STEPS)),
        range: (BOTTOM, TOP),
    };
    for step in 0..STEPS {
        let (low, high) = (bands.at(step.into()), bands.at(f64::from(step) + 1.0));
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
