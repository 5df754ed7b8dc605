//! Draws lines with bands around them.

use super::{
    box_plot::accuracy_domain,
    frame::{
        BOTTOM, FRAME, LEFT, LegendEntry, RIGHT, TOP, heading, horizontal_quantity, legend,
        nothing_yet, plot_corners, quantity_axis, reference_line,
    },
    palette::{Colour, GREY, series_colour},
    scene::{Point, Scene, Stroke},
    ticks::Scale,
};
use crate::report::figure::{BandFigure, BandSeries};

/// Bands lie on each other; each must let the ones below it through.
const BAND_OPACITY: f64 = 0.16;

/// Draws the figure.
#[must_use]
pub fn draw_band(figure: &BandFigure) -> Scene {
    let mut scene = Scene::default();
    heading(&mut scene, &figure.title, &figure.caption);
    legend(&mut scene, legend_entries(figure));
    let (across, upwards) = (horizontal_scale(figure), vertical_scale(figure));
    quantity_axis(&mut scene, &upwards, &figure.height.name());
    if let Some((height, name)) = &figure.reference {
        reference_line(&mut scene, upwards.at(*height), name, GREY);
    }
    for (series, colour) in coloured(figure) {
        draw_surroundings(&mut scene, series, colour, &across, &upwards);
    }
    for (series, colour) in coloured(figure) {
        draw_line(&mut scene, series, colour, &across, &upwards);
    }
    if figure.series.iter().all(|series| series.points.is_empty()) {
        nothing_yet(&mut scene);
    }
    scene.outline(plot_corners(), FRAME);
    horizontal_quantity(&mut scene, &across, &figure.horizontal);
    scene
}

fn coloured(figure: &BandFigure) -> impl Iterator<Item = (&BandSeries, Colour)> {
    let colours = 0..figure.series.len();
    let colours = colours.map(|index| series_colour(index, figure.series.len(), figure.ordered));
    figure.series.iter().zip(colours)
}

fn legend_entries(figure: &BandFigure) -> Vec<LegendEntry> {
    let mut entries = vec![LegendEntry::Words(format!("{}:", figure.key))];
    entries.extend(
        coloured(figure).map(|(series, colour)| LegendEntry::Dot(colour, series.name.clone())),
    );
    let [line, band] = figure.height.words();
    entries.push(LegendEntry::Words(format!("line: {line}, band: {band}")));
    entries
}

fn horizontal_scale(figure: &BandFigure) -> Scale {
    let points = figure.series.iter().flat_map(|series| &series.points);
    let farthest = points.map(|point| point.at).fold(0.0, f64::max);
    let start = figure.horizontal_start;
    let width = farthest - start;
    Scale {
        domain: (start, start + if width > 0.0 { 1.02 * width } else { 1.0 }),
        range: (LEFT, RIGHT),
    }
}

fn vertical_scale(figure: &BandFigure) -> Scale {
    let points = || figure.series.iter().flat_map(|series| &series.points);
    let domain = if figure.height.is_accuracy() {
        accuracy_domain(points().map(|point| point.lower))
    } else {
        let reference = figure.reference.iter().map(|(height, _)| *height);
        let heights = points().map(|point| point.upper).chain(reference);
        (0.0, 1.06 * heights.fold(1.0, f64::max))
    };
    Scale {
        domain,
        range: (BOTTOM, TOP),
    }
}

fn draw_surroundings(
    scene: &mut Scene,
    series: &BandSeries,
    colour: Colour,
    across: &Scale,
    upwards: &Scale,
) {
    let points = series.points.iter();
    let above = points
        .clone()
        .map(|point| (across.at(point.at), upwards.at(point.upper)));
    let below = points
        .rev()
        .map(|point| (across.at(point.at), upwards.at(point.lower)));
    let corners: Vec<Point> = above.chain(below).collect();
    if corners.len() > 3 {
        scene.polygon(corners, colour.with_opacity(BAND_OPACITY));
    }
}

fn draw_line(
    scene: &mut Scene,
    series: &BandSeries,
    colour: Colour,
    across: &Scale,
    upwards: &Scale,
) {
    let points = series.points.iter();
    let places: Vec<Point> = points
        .map(|point| (across.at(point.at), upwards.at(point.line)))
        .collect();
    for &place in &places {
        scene.circle(place, 3.0, colour);
    }
    if places.len() > 1 {
        scene.line(places, Stroke { width: 2.2, colour });
    }
}
