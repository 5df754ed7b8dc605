//! A quantity over two parameters, the number of trials in every cell.

use plotly::{
    HeatMap, Plot,
    common::{ColorBar, ColorScale, ColorScaleElement, Font, HoverInfo, Title},
    layout::Annotation,
};

use super::{layout, place, rgba, values};
use crate::report::{
    figure::{HeatMapCell, HeatMapFigure, draw::palette::viridis},
    number::labels,
};

/// Cells whose numbers can still be read; others show theirs under the pointer.
const MAX_WRITTEN_CELLS: usize = 150;

pub(super) fn heat_map(figure: &HeatMapFigure) -> Plot {
    let columns = figure.horizontal.values.len();
    let places = |count: usize| (0..count).map(place).collect();
    let rows = figure.cells.chunks(columns);
    let z: Vec<Vec<Option<f64>>> = rows
        .clone()
        .map(|row| row.iter().map(|cell| cell.value).collect())
        .collect();
    let (low, high) = figure.domain();
    let bar = ColorBar::new().title(Title::with_text(&figure.label));
    let trace = HeatMap::new(places(columns), places(figure.vertical.values.len()), z)
        .color_scale(ColorScale::Vector(scale()))
        .zmin(low)
        .zmax(high)
        .color_bar(bar)
        .hover_text_matrix(hover_texts(figure))
        .hover_info(HoverInfo::Text);
    let mut plot = Plot::new();
    plot.add_trace(trace);
    let mut layout = layout(values(&figure.horizontal), values(&figure.vertical));
    if figure.cells.len() <= MAX_WRITTEN_CELLS {
        for (index, cell) in figure.cells.iter().enumerate() {
            layout.add_annotation(written(figure, index % columns, index / columns, cell));
        }
    }
    plot.set_layout(layout);
    plot
}

/// The colours of the pictures, at eleven places.
fn scale() -> Vec<ColorScaleElement> {
    let shares = (0..=10).map(|tenths| f64::from(tenths) / 10.0);
    shares
        .map(|share| {
            let colour = viridis(share);
            let text = format!("rgb({},{},{})", colour.red, colour.green, colour.blue);
            ColorScaleElement(share, text)
        })
        .collect()
}

fn hover_texts(figure: &HeatMapFigure) -> Vec<Vec<String>> {
    let across = labels(&figure.horizontal.values);
    let upwards = labels(&figure.vertical.values);
    let rows = figure.cells.chunks(across.len()).zip(&upwards);
    let row = |(cells, upward): (&[HeatMapCell], &String)| {
        let cells = cells.iter().zip(&across);
        let text = |(cell, across): (&HeatMapCell, &String)| {
            format!(
                "{} = {across}<br>{} = {upward}<br>{}<br>n = {}",
                figure.horizontal.parameter,
                figure.vertical.parameter,
                cell.value
                    .map_or_else(|| "no value".to_owned(), |value| format!("{value:.4}")),
                cell.n
            )
        };
        cells.map(text).collect()
    };
    rows.map(row).collect()
}

fn written(figure: &HeatMapFigure, column: usize, row: usize, cell: &HeatMapCell) -> Annotation {
    let value = cell
        .value
        .map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
    let (low, high) = figure.domain();
    let ink = cell
        .value
        .map(|value| viridis((value - low) / (high - low)).readable_on());
    let font = Font::new().size(11);
    let font = match ink {
        Some(ink) => font.color(rgba(ink, 1.0)),
        None => font,
    };
    Annotation::new()
        .text(format!("{value}<br>n={}", cell.n))
        .x(place(column))
        .y(place(row))
        .font(font)
        .show_arrow(false)
}
