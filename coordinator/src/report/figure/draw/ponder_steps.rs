//! Draws ponder steps: every trial a point, means joined by lines, the prior's mean dashed.

use super::{
    frame::{
        BOTTOM, FRAME, LEFT, LegendEntry, RIGHT, Slots, TOP, heading, horizontal_values,
        key_entries, nothing_yet, plot_corners, quantity_axis,
    },
    palette::{Colour, GREY, category},
    points::PointStyle,
    scene::{Point, Scene, Stroke},
    ticks::{Scale, domain},
};
use crate::report::{
    figure::{MeanOfValue, PonderStepsFigure, PriorLine, SeedPoint},
    number::significant,
};

/// Draws the figure.
#[must_use]
pub fn draw_ponder_steps(figure: &PonderStepsFigure) -> Scene {
    let mut scene = Scene::default();
    let slots = Slots::new(LEFT, RIGHT, figure.groups.len());
    let scale = steps_scale(figure);
    let groups: Vec<&[SeedPoint]> = figure.groups.iter().map(|group| &group[..]).collect();
    let key = figure.colour_key.as_ref();
    let points = PointStyle::new(&figure.caption, key, slots, &groups, scale);
    let mut entries = legend_entries(figure);
    entries.extend(points.legend_entry());
    heading(&mut scene, &figure.title(), &figure.caption, entries);
    quantity_axis(&mut scene, &scale, &figure.metric.title());
    for prior in &figure.priors {
        draw_prior(&mut scene, prior, &points, &scale);
    }
    for (position, group) in figure.groups.iter().enumerate() {
        points.draw(&mut scene, position, group);
    }
    for colour in 0..colours(figure) {
        draw_means(&mut scene, &figure.means, colour, &points, &scale);
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
    if !figure.means.is_empty() {
        entries.push(LegendEntry::Words("line: mean over trials".to_owned()));
    }
    if !figure.priors.is_empty() {
        let words = "mean of the truncated prior".to_owned();
        entries.push(LegendEntry::Dash(prior_stroke(GREY), words));
    }
    entries
}

/// From zero where that is near, so that heights compare.
fn steps_scale(figure: &PonderStepsFigure) -> Scale {
    let points = figure.groups.iter().flatten().map(|point| point.value);
    let priors = figure.priors.iter();
    let priors = priors.flat_map(|prior| prior.means.iter().copied());
    Scale {
        domain: domain(points.chain(priors), &[0.0]),
        range: (BOTTOM, TOP),
    }
}

const fn prior_stroke(colour: Colour) -> Stroke {
    Stroke::new(1.4, colour).dashed(6.0, 4.0)
}

fn draw_prior(scene: &mut Scene, prior: &PriorLine, points: &PointStyle<'_>, scale: &Scale) {
    let colour = prior.colour.map_or(GREY, category).with_opacity(0.8);
    let x = |position| match prior.colour {
        Some(colour) => points.column(position, colour),
        None => points.slots().centre(position),
    };
    let means = prior.means.iter().enumerate();
    let mut places: Vec<Point> = means
        .map(|(position, &mean)| (x(position), scale.at(mean)))
        .collect();
    if let [(x, y)] = places[..] {
        let reach = points.slots().step / 4.0;
        places = vec![(x - reach, y), (x + reach, y)];
    }
    scene.line(places, prior_stroke(colour));
}

fn draw_means(
    scene: &mut Scene,
    means: &[MeanOfValue],
    colour: usize,
    points: &PointStyle<'_>,
    scale: &Scale,
) {
    let means: Vec<&MeanOfValue> = means.iter().filter(|mean| mean.colour == colour).collect();
    let place = |mean: &MeanOfValue| (points.column(mean.position, colour), scale.at(mean.mean));
    // A value without results leaves a gap instead of a line that suggests some.
    for run in means.chunk_by(|a, b| b.position == a.position + 1) {
        let places: Vec<Point> = run.iter().map(|mean| place(mean)).collect();
        if places.len() > 1 {
            scene.line(places, Stroke::new(2.2, category(colour)));
        }
    }
    for mean in means {
        let (x, y) = place(mean);
        let reach = (points.slots().step * 0.14).min(14.0);
        let stroke = Stroke::new(3.0, category(colour));
        let mark = scene.line([(x - reach, y), (x + reach, y)], stroke);
        mark.telling(format!("mean {}", significant(mean.mean, 6)));
    }
}
