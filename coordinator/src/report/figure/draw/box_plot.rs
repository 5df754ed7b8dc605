//! Draws accuracy over seeds: boxes, with every trial as a point, and the share solved above.

use super::{
    font::text_width,
    frame::{
        BOTTOM, FRAME, LEFT, LEGEND_Y, RIGHT, Reference, Slots, TOP, beyond_the_axis, heading,
        horizontal_values, key_entries, nothing_yet, plot_corners, quantity_axis, reference_lines,
    },
    palette::{BOX_FILL, GREY, INK},
    points::PointStyle,
    scene::{Anchor, Scene, Stroke, TextStyle},
    ticks::{Scale, domain, share_domain},
};
use crate::{
    report::{
        estimate::share,
        figure::{BoxPlotFigure, SeedPoint, SeedsOfValue, threshold_name},
        number::significant,
    },
    statistics::BoxPlot,
};

/// Size of the counts above the boxes.
const SOLVED_SIZE: f64 = 14.0;

/// Share of a slot that its box takes.
const BOX_SHARE: f64 = 0.62;

/// Draws the figure.
#[must_use]
pub fn draw_box_plot(figure: &BoxPlotFigure) -> Scene {
    let mut scene = Scene::default();
    let slots = Slots::new(LEFT, RIGHT, figure.groups.len());
    let references = references(figure);
    let scale = seeds_scale(figure, &references);
    let groups: Vec<&[SeedPoint]> = figure
        .groups
        .iter()
        .map(|group| &group.points[..])
        .collect();
    let key = figure.colour_key.as_ref();
    let points = PointStyle::new(&figure.caption, key, slots, &groups, scale);
    let mut entries = key.map_or_else(Vec::new, key_entries);
    entries.extend(points.legend_entry());
    entries.extend(beyond_the_axis(&scale, &references));
    heading(&mut scene, &figure.title(), &figure.caption, entries);
    quantity_axis(&mut scene, &scale, &figure.metric.title());
    reference_lines(&mut scene, &scale, &references);
    for (position, group) in figure.groups.iter().enumerate() {
        if let Some(plot) = &group.box_plot {
            let width = (slots.step * BOX_SHARE).min(90.0);
            draw_box(&mut scene, plot, slots.centre(position), width, &scale);
        }
        points.draw(&mut scene, position, &group.points);
    }
    if figure.has_threshold() {
        solved_counts(&mut scene, &figure.groups, slots);
    }
    if groups.iter().all(|group| group.is_empty()) {
        nothing_yet(&mut scene);
    }
    scene.outline(plot_corners(), FRAME);
    horizontal_values(&mut scene, &figure.axis, slots);
    scene
}

fn references(figure: &BoxPlotFigure) -> Vec<Reference> {
    let chance = figure.chance.map(chance_line);
    let goal = &figure.caption.goal;
    let threshold = figure.has_threshold().then(|| Reference {
        value: goal.threshold,
        name: threshold_name(goal),
        stroke: Stroke::new(1.4, GREY).dashed(14.0, 5.0),
    });
    chance.into_iter().chain(threshold).collect()
}

/// The level of guessing.
pub(super) fn chance_line(chance: f64) -> Reference {
    Reference {
        value: chance,
        name: format!("chance {}", significant(chance, 6)),
        stroke: Stroke::new(1.4, GREY).dashed(4.0, 4.0),
    }
}

fn seeds_scale(figure: &BoxPlotFigure, references: &[Reference]) -> Scale {
    let points = figure.groups.iter().flat_map(|group| &group.points);
    let values = points.map(|point| point.value);
    Scale {
        domain: domain_of(values, figure.chance, references),
        range: (BOTTOM, TOP),
    }
}

/// What a vertical axis covers: accuracies are shares; other quantities begin at zero where that is
/// near, so that heights compare.
pub(super) fn domain_of(
    values: impl Iterator<Item = f64>,
    chance: Option<f64>,
    references: &[Reference],
) -> (f64, f64) {
    let mut near: Vec<f64> = references.iter().map(|reference| reference.value).collect();
    if chance.is_some() {
        return share_domain(values, &near);
    }
    near.push(0.0);
    domain(values, &near)
}

fn draw_box(scene: &mut Scene, plot: &BoxPlot, centre: f64, width: f64, scale: &Scale) {
    let (left, right) = (centre - width / 2.0, centre + width / 2.0);
    let corners = (
        (left, scale.at(plot.upper_quartile)),
        (right, scale.at(plot.lower_quartile)),
    );
    let line = Stroke::new(1.2, GREY);
    for (from, to) in [
        (plot.lower_quartile, plot.lower_whisker),
        (plot.upper_quartile, plot.upper_whisker),
    ] {
        let end = scale.at(to);
        scene.line([(centre, scale.at(from)), (centre, end)], line);
        scene.line(
            [(centre - width / 4.0, end), (centre + width / 4.0, end)],
            line,
        );
    }
    scene.rectangle(corners, BOX_FILL).telling(told(plot));
    scene.outline(corners, line);
    let median = scale.at(plot.median);
    let mark = scene.line([(left, median), (right, median)], Stroke::new(3.0, INK));
    mark.telling(told(plot));
}

fn told(plot: &BoxPlot) -> String {
    let [lower, median, upper] =
        [plot.lower_quartile, plot.median, plot.upper_quartile].map(|value| significant(value, 6));
    format!("median {median}, quartiles {lower} and {upper}")
}

/// `9/10` above every box, turned where they would touch; where even that has no room, the share.
fn solved_counts(scene: &mut Scene, groups: &[SeedsOfValue], slots: Slots) {
    let (texts, name) = solved_texts(groups, slots);
    let size = SOLVED_SIZE.min(slots.step - 1.0);
    let fits = texts
        .iter()
        .all(|text| text_width(text, size) <= slots.step - 6.0);
    for (position, text) in texts.into_iter().enumerate() {
        let x = slots.centre(position);
        if fits {
            scene.text(
                (x, TOP - 15.0),
                text,
                TextStyle::new(size, INK, Anchor::Middle),
            );
        } else {
            let style = TextStyle::new(turned_size(&text, slots), INK, Anchor::Start).upright();
            scene.text((x, TOP - 4.0), text, style);
        }
    }
    let style = TextStyle::new(SOLVED_SIZE, GREY, Anchor::Start);
    scene.text((RIGHT + 10.0, TOP - 15.0), name, style);
}

fn solved_texts(groups: &[SeedsOfValue], slots: Slots) -> (Vec<String>, &'static str) {
    let texts = |of: fn(&SeedsOfValue) -> String| -> Vec<String> {
        let known = |group: &SeedsOfValue| {
            if group.n == 0 {
                "-".to_owned()
            } else {
                of(group)
            }
        };
        groups.iter().map(known).collect()
    };
    let counts = texts(|group| format!("{}/{}", group.solved, group.n));
    let turned_is_legible = counts.iter().all(|text| turned_size(text, slots) >= 9.0);
    let upright_fits = |text: &String| text_width(text, SOLVED_SIZE) <= slots.step - 6.0;
    if turned_is_legible || counts.iter().all(upright_fits) {
        (counts, "solved / n")
    } else {
        let share_text = |group: &SeedsOfValue| {
            share(group.solved, group.n).map_or_else(String::new, |share| format!("{share:.2}"))
        };
        (texts(share_text), "share solved")
    }
}

/// The largest size at which a turned text fits between legend and plot.
fn turned_size(text: &str, slots: Slots) -> f64 {
    let room = TOP - LEGEND_Y - 14.0;
    (room / text_width(text, 1.0))
        .min(SOLVED_SIZE)
        .min(slots.step - 1.0)
}
