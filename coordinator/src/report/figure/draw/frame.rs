//! What all figures have around their data: title, legend, axes. Sizes are in pixels.

use pondersweep_proto::setting::Setting;

use super::{
    font::text_width,
    palette::{Colour, FAINT, GREY, INK, category},
    scene::{Anchor, Point, Scene, Stroke, TextStyle, WIDTH, fitted},
    ticks::{Scale, ticks},
};
use crate::report::{
    figure::{Caption, ColourKey, ValueAxis},
    number::{labels, labels_that_fit},
};

/// The rectangle that holds the data.
pub(super) const LEFT: f64 = 112.0;
pub(super) const RIGHT: f64 = 1062.0;
pub(super) const TOP: f64 = 142.0;
pub(super) const BOTTOM: f64 = 640.0;

/// Room above the plot for the legend.
pub(super) const LEGEND_Y: f64 = 94.0;
/// An entry that would get less room than this is left out: its mark would stand there without a word.
const LEAST_LEGEND_ROOM: f64 = 100.0;
/// Room below the plot for labels that are turned.
const MAX_UPRIGHT_LABEL: f64 = 72.0;
/// Room beside the plot for the labels of a vertical axis.
const MAX_SIDE_LABEL: f64 = 62.0;

const TICK_SIZE: f64 = 15.0;
const AXIS_SIZE: f64 = 17.0;

pub(super) const FRAME: Stroke = Stroke {
    width: 1.2,
    colour: GREY,
};

/// Evenly spaced places along one axis, one for each value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots {
    pub(super) start: f64,
    /// From one place to the next; negative where values grow upwards.
    pub(super) step: f64,
}

/// One entry of the legend.
pub(super) enum LegendEntry {
    Dot(Colour, String),
    Dash(Colour, String),
    Words(String),
}

impl Slots {
    pub(super) fn new(from: f64, to: f64, count: usize) -> Self {
        Self {
            start: from,
            step: (to - from) / count.max(1) as f64,
        }
    }

    pub(super) fn centre(&self, position: usize) -> f64 {
        self.start + (position as f64 + 0.5) * self.step
    }
}

/// The title, and below it the sweep, how much of it is shown and what is pooled.
pub(super) fn heading(scene: &mut Scene, title: &str, caption: &Caption) {
    let width = WIDTH - LEFT - 40.0;
    let style = TextStyle::new(24.0, INK, Anchor::Start);
    scene.text((LEFT, 34.0), fitted(title, 24.0, width), style);
    let scope = fitted(&scope(caption), TICK_SIZE, width * 0.7);
    let name_width = width - text_width(&scope, TICK_SIZE);
    let subtitle = fitted(&caption.sweep, TICK_SIZE, name_width) + &scope;
    let style = TextStyle::new(TICK_SIZE, GREY, Anchor::Start);
    scene.text((LEFT, 64.0), subtitle, style);
}

fn scope(caption: &Caption) -> String {
    let Caption {
        trials_shown,
        trials_expected,
        pooled,
        ..
    } = caption;
    let counts = format!("  ·  {trials_shown} of {trials_expected} trials have a result");
    if pooled.is_empty() {
        return counts;
    }
    let pooled: Vec<&str> = pooled.iter().map(|parameter| parameter.0.name).collect();
    format!("{counts}  ·  pooled over {}", pooled.join(", "))
}

/// An entry for every value of the colour key, after its parameter's name.
pub(super) fn key_entries(key: &ColourKey) -> Vec<LegendEntry> {
    let names = labels(&key.axis.values).into_iter().enumerate();
    let dots = names.map(|(index, name)| LegendEntry::Dot(category(index), name));
    let words = LegendEntry::Words(format!("{}:", key.axis.parameter));
    std::iter::once(words).chain(dots).collect()
}

/// The legend, in one line between subtitle and plot.
pub(super) fn legend(scene: &mut Scene, entries: Vec<LegendEntry>) {
    let style = TextStyle::new(TICK_SIZE, INK, Anchor::Start);
    let mut x = LEFT;
    for entry in entries {
        if x > WIDTH - LEAST_LEGEND_ROOM {
            break;
        }
        let (text, indent) = match entry {
            LegendEntry::Words(text) => (text, 0.0),
            LegendEntry::Dot(colour, text) => {
                scene.circle((x + 6.0, LEGEND_Y), 6.0, colour);
                (text, 19.0)
            }
            LegendEntry::Dash(colour, text) => {
                let stroke = Stroke { width: 1.6, colour };
                scene.dashed(((x, LEGEND_Y), (x + 30.0, LEGEND_Y)), 6.0, stroke);
                (text, 38.0)
            }
        };
        let text = fitted(&text, TICK_SIZE, WIDTH - 20.0 - x - indent);
        scene.text((x + indent, LEGEND_Y), text.clone(), style);
        x += indent + text_width(&text, TICK_SIZE) + 24.0;
    }
}

/// The vertical axis of a quantity: grid lines, tick labels and what they measure.
pub(super) fn quantity_axis(scene: &mut Scene, scale: &Scale, name: &str) {
    for (value, text) in ticks(scale.domain, 8) {
        let y = scale.at(value);
        scene.line(
            [(LEFT, y), (RIGHT, y)],
            Stroke {
                width: 1.0,
                colour: FAINT,
            },
        );
        let style = TextStyle::new(TICK_SIZE, GREY, Anchor::End);
        scene.text((LEFT - 10.0, y), text, style);
    }
    vertical_name(scene, name);
}

/// The horizontal axis of a parameter. Labels that do not fit side by side are turned.
pub(super) fn horizontal_values(scene: &mut Scene, axis: &ValueAxis, slots: Slots) {
    let room = slots.step.abs() - 8.0;
    let size = TICK_SIZE.min(slots.step.abs() - 1.0);
    let turned = |text: &str| text_width(text, size) <= MAX_UPRIGHT_LABEL;
    let texts = labels_that_fit(&axis.values, turned);
    let fits = texts.iter().all(|text| text_width(text, TICK_SIZE) <= room);
    let style = TextStyle::new(size, GREY, Anchor::Middle);
    for (position, text) in texts.iter().enumerate() {
        let x = slots.centre(position);
        scene.line([(x, BOTTOM), (x, BOTTOM + 5.0)], FRAME);
        if fits {
            scene.text((x, BOTTOM + 20.0), text.clone(), style);
        } else {
            let text = fitted(text, style.size, MAX_UPRIGHT_LABEL);
            let style = TextStyle {
                anchor: Anchor::End,
                ..style
            }
            .upright();
            scene.text((x, BOTTOM + 9.0), text, style);
        }
    }
    let y = if fits { BOTTOM + 52.0 } else { BOTTOM + 94.0 };
    let name = fitted(&described(axis.parameter), AXIS_SIZE, RIGHT - LEFT);
    let style = TextStyle::new(AXIS_SIZE, INK, Anchor::Middle);
    scene.text((f64::midpoint(LEFT, RIGHT), y), name, style);
}

/// The horizontal axis of a quantity.
pub(super) fn horizontal_quantity(scene: &mut Scene, scale: &Scale, name: &str) {
    for (value, text) in ticks(scale.domain, 8) {
        let x = scale.at(value);
        scene.line([(x, BOTTOM), (x, BOTTOM + 5.0)], FRAME);
        let style = TextStyle::new(TICK_SIZE, GREY, Anchor::Middle);
        scene.text((x, BOTTOM + 20.0), text, style);
    }
    let name = fitted(name, AXIS_SIZE, RIGHT - LEFT);
    let style = TextStyle::new(AXIS_SIZE, INK, Anchor::Middle);
    scene.text((f64::midpoint(LEFT, RIGHT), BOTTOM + 52.0), name, style);
}

/// The vertical axis of a parameter.
pub(super) fn vertical_values(scene: &mut Scene, axis: &ValueAxis, slots: Slots) {
    let size = TICK_SIZE.min(slots.step.abs() - 1.0);
    let beside = |text: &str| text_width(text, size) <= MAX_SIDE_LABEL;
    let texts = labels_that_fit(&axis.values, beside);
    for (position, text) in texts.iter().enumerate() {
        let y = slots.centre(position);
        let text = fitted(text, size, MAX_SIDE_LABEL);
        scene.line([(LEFT - 5.0, y), (LEFT, y)], FRAME);
        scene.text(
            (LEFT - 10.0, y),
            text,
            TextStyle::new(size, GREY, Anchor::End),
        );
    }
    vertical_name(scene, &described(axis.parameter));
}

fn vertical_name(scene: &mut Scene, name: &str) {
    let name = fitted(name, AXIS_SIZE, BOTTOM - TOP + 60.0);
    let style = TextStyle::new(AXIS_SIZE, INK, Anchor::Middle).upright();
    scene.text((26.0, f64::midpoint(TOP, BOTTOM)), name, style);
}

/// A reference line across the plot, named at its right.
pub(super) fn reference_line(scene: &mut Scene, y: f64, name: &str, colour: Colour) {
    let stroke = Stroke { width: 1.4, colour };
    scene.dashed(((LEFT, y), (RIGHT, y)), 7.0, stroke);
    let style = TextStyle::new(14.0, GREY, Anchor::Start);
    scene.text(
        (RIGHT + 10.0, y),
        fitted(name, 14.0, WIDTH - RIGHT - 16.0),
        style,
    );
}

pub(super) const fn plot_corners() -> (Point, Point) {
    ((LEFT, TOP), (RIGHT, BOTTOM))
}

/// What stands in a plot that has nothing to show yet.
pub(super) fn nothing_yet(scene: &mut Scene) {
    let middle = (
        f64::midpoint(LEFT, RIGHT),
        f64::midpoint(TOP, BOTTOM) - 26.0,
    );
    let style = TextStyle::new(20.0, GREY, Anchor::Middle);
    scene.text(middle, "no trial has such a result yet", style);
}

/// The parameter and what it does.
fn described(parameter: Setting) -> String {
    format!("{parameter}  ({})", parameter.label)
}
