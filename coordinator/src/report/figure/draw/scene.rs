//! A picture as a list of marks in the order they are laid down. It knows nothing of file formats.

use super::{font::text_width, palette::Colour};

/// A point of a picture, in pixels of [`WIDTH`] x [`HEIGHT`]; y grows downwards.
pub(super) type Point = (f64, f64);

/// Width of every picture in pixels.
pub(super) const WIDTH: f64 = 1200.0;
/// Height of every picture in pixels.
pub(super) const HEIGHT: f64 = 750.0;

/// A picture of fixed size, not yet in any format.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scene {
    pub(super) marks: Vec<Mark>,
}

/// One thing to draw.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mark {
    Line {
        points: Vec<Point>,
        stroke: Stroke,
    },
    Polygon {
        corners: Vec<Point>,
        fill: Colour,
    },
    Rectangle {
        corners: (Point, Point),
        fill: Colour,
    },
    Circle {
        centre: Point,
        radius: f64,
        fill: Colour,
    },
    Text {
        at: Point,
        text: String,
        style: TextStyle,
    },
}

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Stroke {
    pub(super) width: f64,
    pub(super) colour: Colour,
}

/// How a text looks. `at` is its anchor: left, middle or right, halfway up its capitals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct TextStyle {
    pub(super) size: f64,
    pub(super) colour: Colour,
    pub(super) anchor: Anchor,
    /// Turned to be read from bottom to top.
    pub(super) upright: bool,
}

/// Which point of a text its position is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Scene {
    pub(super) fn line(&mut self, points: impl Into<Vec<Point>>, stroke: Stroke) {
        let points = points.into();
        self.marks.push(Mark::Line { points, stroke });
    }

    /// A straight line of dashes.
    pub(super) fn dashed(&mut self, (from, to): (Point, Point), dash: f64, stroke: Stroke) {
        let (dx, dy) = (to.0 - from.0, to.1 - from.1);
        let length = dx.hypot(dy);
        let mut start = 0.0;
        while start < length {
            let end = (start + dash).min(length);
            let at = |distance: f64| {
                (
                    from.0 + dx * distance / length,
                    from.1 + dy * distance / length,
                )
            };
            self.line([at(start), at(end)], stroke);
            start += 1.7 * dash;
        }
    }

    pub(super) fn polygon(&mut self, corners: Vec<Point>, fill: Colour) {
        self.marks.push(Mark::Polygon { corners, fill });
    }

    pub(super) fn rectangle(&mut self, corners: (Point, Point), fill: Colour) {
        self.marks.push(Mark::Rectangle { corners, fill });
    }

    pub(super) fn outline(
        &mut self,
        ((left, top), (right, bottom)): (Point, Point),
        stroke: Stroke,
    ) {
        let corners = [
            (left, top),
            (right, top),
            (right, bottom),
            (left, bottom),
            (left, top),
        ];
        self.line(corners, stroke);
    }

    pub(super) fn circle(&mut self, centre: Point, radius: f64, fill: Colour) {
        self.marks.push(Mark::Circle {
            centre,
            radius,
            fill,
        });
    }

    pub(super) fn text(&mut self, at: Point, text: impl Into<String>, style: TextStyle) {
        let text = text.into();
        self.marks.push(Mark::Text { at, text, style });
    }

    /// The box that each text covers: left, top, right, bottom.
    #[cfg(test)]
    pub(super) fn text_boxes(&self) -> Vec<(String, [f64; 4])> {
        let boxes = self.marks.iter().filter_map(|mark| match mark {
            Mark::Text { at, text, style } => Some((text.clone(), style.covered(*at, text))),
            _ => None,
        });
        boxes.collect()
    }
}

impl TextStyle {
    pub(super) const fn new(size: f64, colour: Colour, anchor: Anchor) -> Self {
        Self {
            size,
            colour,
            anchor,
            upright: false,
        }
    }

    pub(super) const fn upright(self) -> Self {
        Self {
            upright: true,
            ..self
        }
    }

    #[cfg(test)]
    fn covered(&self, (x, y): Point, text: &str) -> [f64; 4] {
        let width = text_width(text, self.size);
        let before = match self.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => width / 2.0,
            Anchor::End => width,
        };
        let half = self.size * 0.4;
        if self.upright {
            [x - half, y + before - width, x + half, y + before]
        } else {
            [x - before, y - half, x - before + width, y + half]
        }
    }
}

/// The text, cut to a width with an ellipsis if it is too long.
pub(super) fn fitted(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for character in text.chars() {
        kept.push(character);
        if text_width(&kept, size) + text_width("…", size) > width {
            kept.pop();
            break;
        }
    }
    format!("{}…", kept.trim_end())
}
