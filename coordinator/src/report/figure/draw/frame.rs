//! What all figures have around their data: title, legend, axes. Sizes are in pixels.

use pondersweep_proto::setting::Setting;

use super::{
    font::text_width,
    palette::{Colour, FAINT, GREY, INK, category},
    scene::{Anchor, Point, Scene, Stroke, TextStyle, WIDTH, fitted, fitted_label},
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

/// The last line of the legend.
pub(super) const LEGEND_Y: f64 = 94.0;
const LEGEND_LINE: f64 = 24.0;
/// Longest name in the legend.
const MAX_LEGEND_NAME: f64 = 460.0;
/// Room below the plot for labels that are turned.
const MAX_UPRIGHT_LABEL: f64 = 72.0;
/// Room at the side of the plot for the labels of a vertical axis.
const MAX_SIDE_LABEL: f64 = 62.0;

const TICK_SIZE: f64 = 15.0;
const AXIS_SIZE: f64 = 17.0;

pub(super) const FRAME: Stroke = Stroke::new(1.2, GREY);

/// Evenly spaced places along one axis, one for each value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots {
    pub(super) start: f64,
    /// From one place to the next; negative where values grow upwards.
    pub(super) step: f64,
}

pub(super) enum LegendEntry {
    Dot(Colour, String),
    Dash(Stroke, String),
    Words(String),
}

/// A value to compare with.
pub(super) struct Reference {
    pub(super) value: f64,
    pub(super) name: String,
    pub(super) stroke: Stroke,
}

impl ValueAxis {
    /// `lambda_p = 0.1` for each of its values.
    pub(super) fn named_values(&self) -> Vec<String> {
        let labels = labels(&self.values).into_iter();
        labels
            .map(|label| format!("{} = {label}", self.parameter))
            .collect()
    }
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

/// The title; below it the sweep, how much of it is shown and what is pooled; and the legend, in as
/// many lines as it takes. The picture grows upwards for them, so that they never reach the plot.
pub(super) fn heading(
    scene: &mut Scene,
    title: &str,
    caption: &Caption,
    entries: Vec<LegendEntry>,
) {
    title.clone_into(&mut scene.title);
    scene.raised = legend(scene, entries);
    let width = WIDTH - LEFT - 40.0;
    let style = TextStyle::new(24.0, INK, Anchor::Start);
    let at = (LEFT, 34.0 - scene.raised);
    scene.text(at, fitted(title, 24.0, width), style);
    let scope = fitted(&scope(caption), TICK_SIZE, width * 0.7);
    let name_width = width - text_width(&scope, TICK_SIZE);
    let subtitle = fitted(&caption.sweep, TICK_SIZE, name_width) + &scope;
    let style = TextStyle::new(TICK_SIZE, GREY, Anchor::Start);
    scene.text((LEFT, 64.0 - scene.raised), subtitle, style);
}

fn scope(caption: &Caption) -> String {
    let Caption {
        trials_shown,
        trials_expected,
        pooled,
        ..
    } = caption;
    if *trials_expected == 0 {
        return String::new();
    }
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

/// Draws the legend, its last line at [`LEGEND_Y`], and says how high its other lines are.
fn legend(scene: &mut Scene, entries: Vec<LegendEntry>) -> f64 {
    let mut lines: Vec<Vec<(f64, LegendEntry)>> = vec![Vec::new()];
    let mut x = LEFT;
    for entry in entries {
        let width = entry.width();
        if x + width > WIDTH - 20.0 && x > LEFT {
            lines.push(Vec::new());
            x = LEFT;
        }
        lines.last_mut().expect("there is a line").push((x, entry));
        x += width + 24.0;
    }
    let mut height = 0.0;
    for line in lines.into_iter().rev() {
        for (x, entry) in line {
            entry.draw(scene, (x, LEGEND_Y - height));
        }
        height += LEGEND_LINE;
    }
    height - LEGEND_LINE
}

impl LegendEntry {
    fn text(&self) -> String {
        match self {
            Self::Dot(_, text) | Self::Dash(_, text) => fitted(text, TICK_SIZE, MAX_LEGEND_NAME),
            Self::Words(text) => fitted(text, TICK_SIZE, WIDTH - LEFT - 20.0),
        }
    }

    /// From its mark to its text.
    const fn indent(&self) -> f64 {
        match self {
            Self::Words(_) => 0.0,
            Self::Dot(..) => 19.0,
            Self::Dash(..) => 38.0,
        }
    }

    fn width(&self) -> f64 {
        self.indent() + text_width(&self.text(), TICK_SIZE)
    }

    fn draw(self, scene: &mut Scene, (x, y): Point) {
        let (text, at) = (self.text(), (x + self.indent(), y));
        match self {
            Self::Words(_) => {}
            Self::Dot(colour, _) => {
                scene.circle((x + 6.0, y), 6.0, colour);
            }
            Self::Dash(stroke, _) => {
                scene.line([(x, y), (x + 30.0, y)], stroke);
            }
        }
        scene.text(at, text, TextStyle::new(TICK_SIZE, INK, Anchor::Start));
    }
}

/// The vertical axis of a quantity: grid lines, tick labels and what they measure.
pub(super) fn quantity_axis(scene: &mut Scene, scale: &Scale, name: &str) {
    let (values, texts): (Vec<f64>, Vec<String>) = ticks(scale.domain, 8).into_iter().unzip();
    let size = size_that_fits(&texts, TICK_SIZE, MAX_SIDE_LABEL);
    for (value, text) in values.into_iter().zip(texts) {
        let y = scale.at(value);
        scene.line([(LEFT, y), (RIGHT, y)], Stroke::new(1.0, FAINT));
        let style = TextStyle::new(size, GREY, Anchor::End);
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
    let size = size_that_fits(&texts, size, MAX_UPRIGHT_LABEL);
    let fits = texts.iter().all(|text| text_width(text, TICK_SIZE) <= room);
    let size = if fits { TICK_SIZE } else { size };
    let style = TextStyle::new(size, GREY, Anchor::Middle);
    for (position, text) in texts.iter().enumerate() {
        let x = slots.centre(position);
        scene.line([(x, BOTTOM), (x, BOTTOM + 5.0)], FRAME);
        if fits {
            scene.text((x, BOTTOM + 20.0), text.clone(), style);
        } else {
            let text = fitted_label(text, size, MAX_UPRIGHT_LABEL);
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
    let fits = |text: &str| text_width(text, size) <= MAX_SIDE_LABEL;
    let texts = labels_that_fit(&axis.values, fits);
    let size = size_that_fits(&texts, size, MAX_SIDE_LABEL);
    for (position, text) in texts.iter().enumerate() {
        let y = slots.centre(position);
        let text = fitted_label(text, size, MAX_SIDE_LABEL);
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

/// The size at which the longest label fits, if it is legible there.
fn size_that_fits(texts: &[String], size: f64, room: f64) -> f64 {
    const LEGIBLE: f64 = 9.0;
    let widths = texts.iter().map(|text| text_width(text, 1.0));
    let widest = widths.fold(0.0, f64::max);
    size.min((room / widest).max(LEGIBLE))
}

/// Lines across the plot, named at its right; names of lines that touch are moved apart.
pub(super) fn reference_lines(scene: &mut Scene, scale: &Scale, references: &[Reference]) {
    const SIZE: f64 = 14.0;
    let mut drawn: Vec<&Reference> = references
        .iter()
        .filter(|reference| scale.covers(reference.value))
        .collect();
    drawn.sort_by(|a, b| b.value.total_cmp(&a.value));
    let mut free = TOP;
    for reference in drawn {
        let y = scale.at(reference.value);
        scene.line([(LEFT, y), (RIGHT, y)], reference.stroke);
        let style = TextStyle::new(SIZE, GREY, Anchor::Start);
        let name = fitted(&reference.name, SIZE, WIDTH - RIGHT - 16.0);
        scene.text((RIGHT + 10.0, y.max(free)), name, style);
        free = y.max(free) + SIZE + 2.0;
    }
}

/// What the legend says of reference values that lie beyond the axis.
pub(super) fn beyond_the_axis(
    scale: &Scale,
    references: &[Reference],
) -> impl Iterator<Item = LegendEntry> {
    let beyond = references
        .iter()
        .filter(|reference| !scale.covers(reference.value));
    beyond.map(|Reference { value, name, .. }| {
        let side = if *value < scale.domain.0 {
            "below"
        } else {
            "above"
        };
        LegendEntry::Words(format!("{name}: {side} this axis"))
    })
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
