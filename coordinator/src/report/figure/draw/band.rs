//! Draws lines with bands around them.

use super::{
    box_plot::{chance_line, domain_of},
    frame::{
        BOTTOM, FRAME, LEFT, LegendEntry, RIGHT, Reference, TOP, beyond_the_axis, heading,
        horizontal_quantity, nothing_yet, plot_corners, quantity_axis, reference_lines,
    },
    palette::{Colour, GREY, is_repeated, series_colour},
    scene::{Anchor, Point, Scene, Stroke, TextStyle, WIDTH, fitted},
    ticks::{Scale, domain},
};
use crate::report::{
    figure::{BandFigure, BandSeries, Boundary},
    number::significant,
};

/// Bands lie on each other; each must let the ones below it through.
const BAND_OPACITY: f64 = 0.16;

/// Points of a line, beyond which it is drawn without its points.
const MAX_DOTS: usize = 30;

/// Draws the figure.
#[must_use]
pub fn draw_band(figure: &BandFigure) -> Scene {
    let mut scene = Scene::default();
    let references = references(figure);
    let (across, upwards) = (
        horizontal_scale(figure),
        vertical_scale(figure, &references),
    );
    let mut entries = legend_entries(figure);
    entries.extend(beyond_the_axis(&upwards, &references));
    heading(&mut scene, &figure.title, &figure.caption, entries);
    quantity_axis(&mut scene, &upwards, &figure.height.name());
    reference_lines(&mut scene, &upwards, &references);
    if let Some(boundary) = &figure.boundary {
        draw_boundary(&mut scene, boundary, across.at(boundary.at));
    }
    for (series, stroke) in stroked(figure) {
        draw_surroundings(&mut scene, series, stroke.colour, &across, &upwards);
    }
    for (series, stroke) in stroked(figure) {
        draw_line(&mut scene, series, stroke, &across, &upwards);
    }
    for (series, stroke) in stroked(figure) {
        draw_dots(&mut scene, figure, series, stroke.colour, |point| {
            (across.at(point.0), upwards.at(point.1))
        });
    }
    if figure.series.iter().all(|series| series.points.is_empty()) {
        nothing_yet(&mut scene);
    }
    scene.outline(plot_corners(), FRAME);
    horizontal_quantity(&mut scene, &across, &figure.horizontal);
    scene
}

fn references(figure: &BandFigure) -> Vec<Reference> {
    let chance = figure.chance.map(chance_line);
    let other = figure.reference.as_ref().map(|(value, name)| Reference {
        value: *value,
        name: name.clone(),
        stroke: Stroke::new(1.4, GREY).dashed(6.0, 4.0),
    });
    chance.into_iter().chain(other).collect()
}

/// A line from bottom to top with a word on each side of it, above the plot.
fn draw_boundary(scene: &mut Scene, boundary: &Boundary, x: f64) {
    let y = TOP - 12.0;
    scene.line(
        [(x, BOTTOM), (x, y - 8.0)],
        Stroke::new(1.4, GREY).dashed(2.0, 3.0),
    );
    for (name, side, anchor, room) in [
        (boundary.before, -8.0, Anchor::End, x - 16.0),
        (boundary.after, 8.0, Anchor::Start, WIDTH - x - 16.0),
    ] {
        let style = TextStyle::new(14.0, GREY, anchor);
        scene.text((x + side, y), fitted(name, 14.0, room), style);
    }
}

/// Each series with its line. A colour that comes again is dashed.
fn stroked(figure: &BandFigure) -> impl Iterator<Item = (&BandSeries, Stroke)> {
    let count = figure.series.len();
    figure
        .series
        .iter()
        .enumerate()
        .map(move |(index, series)| {
            let stroke = Stroke::new(2.2, series_colour(index, count, figure.ordered));
            if figure.ordered || !is_repeated(index) {
                (series, stroke)
            } else {
                (series, stroke.dashed(7.0, 4.0))
            }
        })
}

fn legend_entries(figure: &BandFigure) -> Vec<LegendEntry> {
    let mut entries = Vec::new();
    if figure.series.len() > 1 {
        entries.push(LegendEntry::Words(format!("{}:", figure.key)));
    }
    entries.extend(stroked(figure).map(|(series, stroke)| match stroke.dash {
        None => LegendEntry::Dot(stroke.colour, series.name.clone()),
        Some(_) => LegendEntry::Dash(stroke, series.name.clone()),
    }));
    if let Some([line, band]) = figure.height.words() {
        entries.push(LegendEntry::Words(format!("line: {line}, band: {band}")));
    }
    entries
}

fn horizontal_scale(figure: &BandFigure) -> Scale {
    let points = figure.series.iter().flat_map(|series| &series.points);
    Scale {
        domain: domain(points.map(|point| point.at), &[figure.horizontal_start]),
        range: (LEFT, RIGHT),
    }
}

fn vertical_scale(figure: &BandFigure, references: &[Reference]) -> Scale {
    let points = figure.series.iter().flat_map(|series| &series.points);
    let heights = points.flat_map(|point| [point.lower, point.upper]);
    Scale {
        domain: domain_of(heights, figure.chance, references),
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
    stroke: Stroke,
    across: &Scale,
    upwards: &Scale,
) {
    let points = series.points.iter();
    let places: Vec<Point> = points
        .map(|point| (across.at(point.at), upwards.at(point.line)))
        .collect();
    if places.len() > 1 {
        scene.line(places, stroke);
    }
}

/// Points that tell their numbers; where there are many, they do so unseen.
fn draw_dots(
    scene: &mut Scene,
    figure: &BandFigure,
    series: &BandSeries,
    colour: Colour,
    place: impl Fn((f64, f64)) -> Point,
) {
    let seen = series.points.len() <= MAX_DOTS;
    let (radius, fill) = if seen {
        (3.0, colour)
    } else {
        (5.0, colour.with_opacity(0.0))
    };
    for point in &series.points {
        let [at, middle, lower, upper] =
            [point.at, point.line, point.lower, point.upper].map(|value| significant(value, 5));
        let mark = scene.circle(place((point.at, point.line)), radius, fill);
        mark.telling(match figure.height.words() {
            Some([line, band]) => format!(
                "{} {} at {at}: {line} {middle}, {band} [{lower}, {upper}], n = {}",
                figure.key, series.name, point.n
            ),
            None => format!("{} at {at}: {middle}", series.name),
        });
    }
}
