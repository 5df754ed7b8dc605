//! Draws accuracy over seeds: boxes, with every trial as a point, and the share solved above.

use super::{
    font::text_width,
    frame::{
        BOTTOM, FRAME, LEFT, LEGEND_Y, RIGHT, Slots, TOP, heading, horizontal_values, key_entries,
        legend, nothing_yet, plot_corners, quantity_axis, reference_line,
    },
    palette::{BOX_FILL, GREY, INK, PALE},
    points::PointStyle,
    scene::{Anchor, Scene, Stroke, TextStyle},
    ticks::Scale,
};
use crate::{
    report::{
        estimate::share,
        figure::{BoxPlotFigure, SeedsOfValue, threshold_name},
    },
    statistics::BoxPlot,
};

/// Where the axis begins unless a trial is worse: chance and some air.
const USUAL_FLOOR: f64 = 0.45;

/// Size of the counts above the boxes.
const SOLVED_SIZE: f64 = 14.0;

/// Shares a slot's box and its points take of the slot.
const BOX_SHARE: f64 = 0.62;
const POINTS_SHARE: f64 = 0.5;

/// Draws the figure.
#[must_use]
pub fn draw_box_plot(figure: &BoxPlotFigure) -> Scene {
    let mut scene = Scene::default();
    heading(&mut scene, &figure.title(), &figure.caption);
    let slots = Slots::new(LEFT, RIGHT, figure.groups.len());
    let scale = seeds_scale(figure);
    let trials = figure.groups.iter().map(|group| group.points.len()).sum();
    let points = PointStyle::new((slots.step * POINTS_SHARE).min(74.0), trials, scale);
    let mut entries = figure
        .colour_key
        .as_ref()
        .map_or_else(Vec::new, key_entries);
    entries.extend(points.legend_entry());
    legend(&mut scene, entries);
    quantity_axis(&mut scene, &scale, &figure.metric.title());
    reference_lines(&mut scene, figure, &scale);
    for (position, group) in figure.groups.iter().enumerate() {
        let centre = slots.centre(position);
        if let Some(plot) = &group.box_plot {
            draw_box(
                &mut scene,
                plot,
                centre,
                (slots.step * BOX_SHARE).min(90.0),
                &scale,
            );
        }
        points.draw(&mut scene, &group.points, centre);
    }
    solved_counts(&mut scene, &figure.groups, slots);
    if trials == 0 {
        nothing_yet(&mut scene);
    }
    scene.outline(plot_corners(), FRAME);
    horizontal_values(&mut scene, &figure.axis, slots);
    scene
}

fn reference_lines(scene: &mut Scene, figure: &BoxPlotFigure, scale: &Scale) {
    let goal = &figure.caption.goal;
    if let Some(chance) = figure.chance {
        reference_line(scene, scale.at(chance), "chance", GREY);
    }
    // Where the two would touch, the threshold is said by the counts above the boxes alone.
    let apart = |chance| (scale.at(chance) - scale.at(goal.threshold)).abs() > 16.0;
    let (least, most) = scale.domain;
    if figure.has_threshold()
        && (least..=most).contains(&goal.threshold)
        && figure.chance.is_none_or(apart)
    {
        reference_line(scene, scale.at(goal.threshold), &threshold_name(goal), PALE);
    }
}

fn seeds_scale(figure: &BoxPlotFigure) -> Scale {
    let points = figure.groups.iter().flat_map(|group| &group.points);
    let values = points.map(|point| point.value);
    let domain = if figure.chance.is_some() {
        accuracy_domain(values)
    } else {
        // From zero, so that heights compare, to a little above the highest mark.
        (0.0, 1.06 * values.fold(1.0, f64::max))
    };
    Scale {
        domain,
        range: (BOTTOM, TOP),
    }
}

/// The floor falls in steps of a twentieth, so that figures of similar sweeps share an axis.
pub(super) fn accuracy_domain(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let lowest = values.fold(f64::INFINITY, f64::min);
    let floor = ((lowest - 0.02) * 20.0).floor() / 20.0;
    (floor.clamp(-0.01, USUAL_FLOOR), 1.012)
}

fn draw_box(scene: &mut Scene, plot: &BoxPlot, centre: f64, width: f64, scale: &Scale) {
    let (left, right) = (centre - width / 2.0, centre + width / 2.0);
    let corners = (
        (left, scale.at(plot.upper_quartile)),
        (right, scale.at(plot.lower_quartile)),
    );
    let line = Stroke {
        width: 1.2,
        colour: GREY,
    };
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
    scene.rectangle(corners, BOX_FILL);
    scene.outline(corners, line);
    let median = scale.at(plot.median);
    scene.line(
        [(left, median), (right, median)],
        Stroke {
            width: 3.0,
            colour: INK,
        },
    );
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
