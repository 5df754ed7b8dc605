//! Draws ponder steps: every trial a point, means joined by lines, the prior's mean dashed.

use super::{
    frame::{
        BOTTOM, FRAME, LEFT, LegendEntry, RIGHT, Slots, TOP, heading, horizontal_values,
        key_entries, legend, nothing_yet, plot_corners, quantity_axis,
    },
    palette::{Colour, GREY, category},
    points::PointStyle,
    scene::{Point, Scene, Stroke},
    ticks::Scale,
};
use crate::report::figure::{MeanOfValue, PonderStepsFigure, PriorLine};

/// Draws the figure.
#[must_use]
pub fn draw_ponder_steps(figure: &PonderStepsFigure) -> Scene {
    let mut scene = Scene::default();
    heading(&mut scene, &figure.title(), &figure.caption);
    let slots = Slots::new(LEFT, RIGHT, figure.groups.len());
    let scale = steps_scale(figure);
    let trials = figure.groups.iter().map(Vec::len).sum();
    let points = PointStyle::new((slots.step * 0.4).min(60.0), trials, scale);
    let entries = legend_entries(figure).into_iter();
    legend(&mut scene, entries.chain(points.legend_entry()).collect());
    quantity_axis(
        &mut scene,
        &scale,
        "mean ponder steps  (interpolation, sampled halting)",
    );
    for prior in &figure.priors {
        draw_prior(&mut scene, prior, slots, &scale);
    }
    for (position, group) in figure.groups.iter().enumerate() {
        points.draw(&mut scene, group, slots.centre(position));
    }
    for colour in 0..colours(figure) {
        draw_means(&mut scene, &figure.means, colour, slots, &scale);
    }
    if figure.means.is_empty() {
        nothing_yet(&mut scene);
    }
    scene.outline(plot_corners(), FRAME);
    horizontal_values(&mut scene, &figure.axis, slots);
    scene
}

fn colours(figure: &PonderStepsFigure) -> usize {
    figure
        .colour_key
        .as_ref()
        .map_or(1, |key| key.axis.values.len())
}

fn legend_entries(figure: &PonderStepsFigure) -> Vec<LegendEntry> {
    let mut entries = figure
        .colour_key
        .as_ref()
        .map_or_else(Vec::new, key_entries);
    entries.push(LegendEntry::Words("line: mean over trials".to_owned()));
    if !figure.priors.is_empty() {
        let words = "mean of the truncated prior".to_owned();
        entries.push(LegendEntry::Dash(GREY, words));
    }
    entries
}

/// From zero, so that heights compare, to a little above the highest mark.
fn steps_scale(figure: &PonderStepsFigure) -> Scale {
    let points = figure.groups.iter().flatten().map(|point| point.value);
    let priors = figure
        .priors
        .iter()
        .flat_map(|prior| prior.means.iter().copied());
    let highest = points.chain(priors).fold(1.0, f64::max);
    Scale {
        domain: (0.0, 1.06 * highest),
        range: (BOTTOM, TOP),
    }
}

fn line_colour(colour: Option<usize>) -> Colour {
    colour.map_or(GREY, category)
}

fn draw_prior(scene: &mut Scene, prior: &PriorLine, slots: Slots, scale: &Scale) {
    let stroke = Stroke {
        width: 1.4,
        colour: line_colour(prior.colour).with_opacity(0.8),
    };
    let places: Vec<Point> = prior
        .means
        .iter()
        .enumerate()
        .map(|(position, &mean)| (slots.centre(position), scale.at(mean)))
        .collect();
    if let [(x, y)] = places[..] {
        let reach = slots.step.abs() / 4.0;
        scene.dashed(((x - reach, y), (x + reach, y)), 6.0, stroke);
    }
    for ends in places.windows(2) {
        scene.dashed((ends[0], ends[1]), 6.0, stroke);
    }
}

fn draw_means(
    scene: &mut Scene,
    means: &[MeanOfValue],
    colour: usize,
    slots: Slots,
    scale: &Scale,
) {
    let of_colour = means.iter().filter(|mean| mean.colour == colour);
    let places: Vec<(usize, Point)> = of_colour
        .map(|mean| {
            (
                mean.position,
                (slots.centre(mean.position), scale.at(mean.mean)),
            )
        })
        .collect();
    let stroke = Stroke {
        width: 2.2,
        colour: category(colour),
    };
    // A value without results leaves a gap instead of a line that suggests some.
    for run in places.chunk_by(|a, b| b.0 == a.0 + 1) {
        let points: Vec<Point> = run.iter().map(|(_, point)| *point).collect();
        if points.len() > 1 {
            scene.line(points, stroke);
        }
    }
    for (_, (x, y)) in places {
        let reach = (slots.step.abs() * 0.14).min(14.0);
        scene.line(
            [(x - reach, y), (x + reach, y)],
            Stroke {
                width: 3.0,
                colour: category(colour),
            },
        );
    }
}
