//! Draws accuracy over seeds: boxes, with every trial as a point, and the share solved above.

use super::{
    font::text_width,
    frame::{
        BOTTOM, FRAME, LEFT, RIGHT, Slots, TOP, heading, horizontal_values, key_entries, legend,
        nothing_yet, plot_corners, quantity_axis, reference_line,
    },
    palette::{BOX_FILL, GREY, INK, PALE, category},
    scene::{Anchor, Scene, Stroke, TextStyle, WIDTH, fitted},
    ticks::Scale,
};
use crate::{
    report::{
        figure::{BoxPlotFigure, SeedPoint, SeedsOfValue},
        number::significant,
    },
    statistics::BoxPlot,
};

/// Where the axis begins unless a trial is worse: chance and some air.
const USUAL_FLOOR: f64 = 0.45;

/// Shares a slot's box and its points take of the slot.
const BOX_SHARE: f64 = 0.62;
const POINTS_SHARE: f64 = 0.5;

/// Draws the figure.
#[must_use]
pub fn draw_box_plot(figure: &BoxPlotFigure) -> Scene {
    let mut scene = Scene::default();
    let title = format!("Accuracy over seeds against {}", figure.axis.parameter);
    heading(&mut scene, &title, &figure.caption);
    legend(
        &mut scene,
        figure
            .colour_key
            .as_ref()
            .map_or_else(Vec::new, key_entries),
    );
    let scale = accuracy_scale(&figure.groups);
    quantity_axis(
        &mut scene,
        &scale,
        "accuracy  (interpolation, sampled halting)",
    );
    let threshold = significant(figure.caption.solved_threshold, 6);
    reference_line(&mut scene, scale.at(figure.chance), "chance", GREY);
    let solved = format!("solved ≥ {threshold}");
    reference_line(
        &mut scene,
        scale.at(figure.caption.solved_threshold),
        &solved,
        PALE,
    );
    let slots = Slots::new(LEFT, RIGHT, figure.groups.len());
    for (position, group) in figure.groups.iter().enumerate() {
        draw_group(
            &mut scene,
            group,
            slots.centre(position),
            slots.step,
            &scale,
        );
    }
    solved_counts(&mut scene, &figure.groups, slots);
    if figure.groups.iter().all(|group| group.points.is_empty()) {
        nothing_yet(&mut scene);
    }
    scene.outline(plot_corners(), FRAME);
    horizontal_values(&mut scene, &figure.axis, slots);
    scene
}

fn accuracy_scale(groups: &[SeedsOfValue]) -> Scale {
    let values = groups
        .iter()
        .flat_map(|group| &group.points)
        .map(|point| point.value);
    let lowest = values.fold(f64::INFINITY, f64::min);
    // The floor falls in steps of a twentieth, so that figures of similar sweeps share an axis.
    let floor = ((lowest - 0.02) * 20.0).floor() / 20.0;
    Scale {
        domain: (floor.clamp(-0.01, USUAL_FLOOR), 1.012),
        range: (BOTTOM, TOP),
    }
}

fn draw_group(scene: &mut Scene, group: &SeedsOfValue, centre: f64, slot: f64, scale: &Scale) {
    let box_width = (slot * BOX_SHARE).min(90.0);
    if let Some(plot) = &group.box_plot {
        draw_box(scene, plot, centre, box_width, scale);
    }
    let spread = (slot * POINTS_SHARE).min(74.0);
    draw_points(scene, &group.points, centre, spread, scale);
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

/// Points side by side in their order, so that none hides another and colours stand together.
#[expect(clippy::cast_precision_loss, reason = "a handful of points")]
pub(super) fn draw_points(
    scene: &mut Scene,
    points: &[SeedPoint],
    centre: f64,
    spread: f64,
    scale: &Scale,
) {
    let count = points.len() as f64;
    let radius = (2.4 * spread / count.max(1.0)).clamp(2.0, 4.6);
    for (index, point) in points.iter().enumerate() {
        let offset = ((index as f64 + 0.5) / count - 0.5) * spread;
        let at = (centre + offset, scale.at(point.value));
        scene.circle(at, radius, category(point.colour).with_opacity(0.8));
    }
}

/// `9/10` above every box; turned where they would touch.
fn solved_counts(scene: &mut Scene, groups: &[SeedsOfValue], slots: Slots) {
    let texts: Vec<String> = groups
        .iter()
        .map(|group| {
            if group.n == 0 {
                "-".into()
            } else {
                format!("{}/{}", group.solved, group.n)
            }
        })
        .collect();
    let size = 14.0_f64.min(slots.step - 1.0);
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
            let text = fitted(&text, size, 34.0);
            let style = TextStyle::new(size, INK, Anchor::Start).upright();
            scene.text((x, TOP - 4.0), text, style);
        }
    }
    let name = TextStyle::new(14.0, GREY, Anchor::Start);
    scene.text(
        (RIGHT + 10.0, TOP - 15.0),
        fitted("solved / n", 14.0, WIDTH - RIGHT - 16.0),
        name,
    );
}
