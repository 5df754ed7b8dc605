//! Lines with bands around them.

use plotly::{
    Plot, Scatter,
    common::{Fill, HoverInfo, Line, Marker, Mode},
};

use super::{layout, quantity, reference, rgba};
use crate::report::figure::{
    BandFigure, BandSeries,
    draw::palette::{Colour, series_colour},
};

pub(super) fn band(figure: &BandFigure) -> Plot {
    let mut plot = Plot::new();
    let points = || figure.series.iter().flat_map(|series| &series.points);
    let farthest = points().map(|point| point.at).fold(0.0, f64::max);
    if let Some((height, name)) = &figure.reference {
        plot.add_trace(reference(
            name,
            *height,
            (figure.horizontal_start, farthest),
        ));
    }
    for (index, series) in figure.series.iter().enumerate() {
        let colour = series_colour(index, figure.series.len(), figure.ordered);
        plot.add_trace(surroundings(series, colour));
        plot.add_trace(line(figure, series, colour));
    }
    plot.set_layout(layout(
        quantity(&figure.horizontal),
        quantity(figure.height.short_name()),
    ));
    plot
}

/// The outline of the band, filled; it comes and goes with its line.
fn surroundings(series: &BandSeries, colour: Colour) -> Box<Scatter<f64, f64>> {
    let points = series.points.iter();
    let above = points.clone().map(|point| (point.at, point.upper));
    let below = points.rev().map(|point| (point.at, point.lower));
    let (x, y) = above.chain(below).unzip();
    Scatter::new(x, y)
        .mode(Mode::Lines)
        .fill(Fill::ToSelf)
        .fill_color(rgba(colour, 0.16))
        .line(Line::new().width(0.0))
        .legend_group(series.name.clone())
        .show_legend(false)
        .hover_info(HoverInfo::Skip)
}

fn line(figure: &BandFigure, series: &BandSeries, colour: Colour) -> Box<Scatter<f64, f64>> {
    let points = series.points.iter();
    let (x, y) = points.clone().map(|point| (point.at, point.line)).unzip();
    let [middle, around] = figure.height.words();
    let words = points.map(|point| {
        format!(
            "{}: {middle} {:.4}, {around} [{:.4}, {:.4}], n = {}",
            series.name, point.line, point.lower, point.upper, point.n
        )
    });
    let name = match &figure.series[..] {
        [_] => series.name.clone(),
        _ if figure.ordered => format!("{} = {}", figure.key, series.name),
        _ => series.name.clone(),
    };
    Scatter::new(x, y)
        .mode(Mode::LinesMarkers)
        .name(name)
        .legend_group(series.name.clone())
        .line(Line::new().color(rgba(colour, 1.0)).width(2.2))
        .marker(Marker::new().size(5).color(rgba(colour, 1.0)))
        .hover_text_array(words.collect())
        .hover_info(HoverInfo::Text)
}
