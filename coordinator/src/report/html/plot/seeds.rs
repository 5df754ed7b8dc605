//! Every seed as a point: box plots, and ponder steps beside the prior's.

use plotly::{
    BoxPlot, Plot, Scatter,
    common::{DashType, HoverInfo, Line, Marker, Mode},
    layout::{Annotation, Axis, Layout, RangeMode},
};

use super::{layout, place, quantity, reference, rgba, values};
use crate::report::{
    figure::{
        BoxPlotFigure, ColourKey, PonderStepsFigure, PriorLine, SeedPoint, SeedsOfValue,
        draw::palette::category, threshold_name,
    },
    number::labels,
};

/// Share of a place over which its points are spread.
const SPREAD: f64 = 0.5;

/// Points of one figure: a browser moves with more than these no longer.
const MAX_POINTS: usize = 10_000;

/// Counts above the boxes, beyond which they lie on each other.
const MAX_COUNTS: usize = 24;

pub(super) fn box_plot(figure: &BoxPlotFigure) -> Plot {
    let mut plot = Plot::new();
    let ends = (-0.5, place(figure.groups.len()) - 0.5);
    if let Some(chance) = figure.chance {
        plot.add_trace(reference("chance", chance, ends));
    }
    if figure.has_threshold() {
        let goal = &figure.caption.goal;
        plot.add_trace(reference(&threshold_name(goal), goal.threshold, ends));
    }
    plot.add_trace(boxes(&figure.groups));
    let groups: Vec<&[SeedPoint]> = figure
        .groups
        .iter()
        .map(|group| &group.points[..])
        .collect();
    for trace in points(&groups, figure.colour_key.as_ref()) {
        plot.add_trace(trace);
    }
    plot.set_layout(with_counts(
        layout(
            values(&figure.axis),
            steps_from_zero(quantity(&figure.metric.quantity), figure),
        ),
        &figure.groups,
    ));
    plot
}

/// Steps begin at zero, so that heights compare; accuracies where they are.
fn steps_from_zero(axis: Axis, figure: &BoxPlotFigure) -> Axis {
    match figure.chance {
        Some(_) => axis,
        None => axis.range_mode(RangeMode::ToZero),
    }
}

/// The boxes by their own five numbers, so that the library computes no quartile of its own.
fn boxes(groups: &[SeedsOfValue]) -> Box<BoxPlot<f64, f64>> {
    let shown = groups.iter().enumerate();
    let shown = shown.filter_map(|(position, group)| Some((position, group.box_plot.as_ref()?)));
    let (positions, plots): (Vec<usize>, Vec<_>) = shown.unzip();
    let each = |number: fn(&crate::statistics::BoxPlot) -> f64| {
        plots.iter().map(|plot| number(plot)).collect()
    };
    BoxPlot::new_xy(positions.into_iter().map(place).collect(), Vec::new())
        .q1(each(|plot| plot.lower_quartile))
        .median(each(|plot| plot.median))
        .q3(each(|plot| plot.upper_quartile))
        .lower_fence(each(|plot| plot.lower_whisker))
        .upper_fence(each(|plot| plot.upper_whisker))
        .name("quartiles and whiskers")
        .fill_color("#eaeef3")
        .line(Line::new().color("#5a636e").width(1.4))
        .show_legend(false)
}

/// A trace for each colour of the key; points side by side in their order, as in the pictures.
fn points(
    groups: &[&[SeedPoint]],
    key: Option<&ColourKey>,
) -> impl Iterator<Item = Box<Scatter<f64, f64>>> {
    let names = key.map_or_else(
        || vec!["a trial".to_owned()],
        |key| {
            let labels = labels(&key.axis.values).into_iter();
            labels
                .map(|label| format!("{} = {label}", key.axis.parameter))
                .collect()
        },
    );
    let total: usize = groups.iter().map(|group| group.len()).sum();
    let stride = total.div_ceil(MAX_POINTS).max(1);
    let traces = names.into_iter().enumerate();
    traces.map(move |(colour, name)| points_of(groups, colour, name, stride))
}

fn points_of(
    groups: &[&[SeedPoint]],
    colour: usize,
    name: String,
    stride: usize,
) -> Box<Scatter<f64, f64>> {
    let (mut x, mut y, mut words) = (Vec::new(), Vec::new(), Vec::new());
    for (position, group) in groups.iter().enumerate() {
        let shown = group.iter().enumerate().step_by(stride);
        for (index, point) in shown.filter(|(_, point)| point.colour == colour) {
            let share = (place(index) + 0.5) / place(group.len()) - 0.5;
            x.push(place(position) + SPREAD * share);
            y.push(point.value);
            words.push(format!("replicate {}: {:.4}", point.replicate, point.value));
        }
    }
    Scatter::new(x, y)
        .mode(Mode::Markers)
        .name(name)
        .marker(Marker::new().size(7).color(rgba(category(colour), 0.8)))
        .hover_text_array(words)
        .hover_info(HoverInfo::Text)
}

/// `9/10` above every box.
fn with_counts(mut layout: Layout, groups: &[SeedsOfValue]) -> Layout {
    if groups.len() > MAX_COUNTS {
        return layout;
    }
    for (position, group) in groups.iter().enumerate().filter(|(_, group)| group.n > 0) {
        let annotation = Annotation::new()
            .text(format!("{}/{}", group.solved, group.n))
            .x(place(position))
            .x_ref("x")
            .y(1.0)
            .y_ref("paper")
            .y_anchor(plotly::common::Anchor::Bottom)
            .show_arrow(false);
        layout.add_annotation(annotation);
    }
    layout
}

pub(super) fn ponder_steps(figure: &PonderStepsFigure) -> Plot {
    let mut plot = Plot::new();
    for prior in &figure.priors {
        plot.add_trace(prior_line(prior));
    }
    let groups: Vec<&[SeedPoint]> = figure.groups.iter().map(|group| &group[..]).collect();
    for trace in points(&groups, figure.colour_key.as_ref()) {
        plot.add_trace(trace);
    }
    let colours = figure.colour_key.as_ref();
    let colours = colours.map_or(1, |key| key.axis.values.len());
    for colour in 0..colours {
        plot.add_trace(mean_line(figure, colour));
    }
    let vertical = quantity(&figure.metric.quantity).range_mode(RangeMode::ToZero);
    plot.set_layout(layout(values(&figure.axis), vertical));
    plot
}

fn prior_line(prior: &PriorLine) -> Box<Scatter<f64, f64>> {
    let x = (0..prior.means.len()).map(place).collect();
    let colour = rgba(category(prior.colour.unwrap_or(7)), 0.8);
    let line = Line::new().color(colour).width(1.5).dash(DashType::Dash);
    Scatter::new(x, prior.means.clone())
        .mode(Mode::Lines)
        .name("mean of the truncated prior")
        .show_legend(prior.colour.is_none_or(|colour| colour == 0))
        .line(line)
}

fn mean_line(figure: &PonderStepsFigure, colour: usize) -> Box<Scatter<f64, f64>> {
    let means = figure.means.iter().filter(|mean| mean.colour == colour);
    let (x, y) = means.map(|mean| (place(mean.position), mean.mean)).unzip();
    Scatter::new(x, y)
        .mode(Mode::Lines)
        .name("mean over trials")
        .show_legend(colour == 0)
        .line(Line::new().color(rgba(category(colour), 1.0)).width(2.4))
}
