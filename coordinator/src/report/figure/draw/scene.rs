//! A picture as a list of marks in the order they are laid down. It knows nothing of file formats.

use super::{font::text_width, palette::Colour};

/// A point of a picture, in pixels; y grows downwards.
pub(super) type Point = (f64, f64);

/// Width of every picture in pixels.
pub(super) const WIDTH: f64 = 1200.0;
/// Height of a picture in pixels, unless its legend takes several lines.
pub(super) const HEIGHT: f64 = 750.0;

/// A picture, not yet in any format.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scene {
    /// What it shows, for who cannot see it.
    pub(super) title: String,
    /// Room above [`HEIGHT`]: where y is negative.
    pub(super) raised: f64,
    pub(super) marks: Vec<Mark>,
}

/// One thing to draw.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mark {
    pub(super) shape: Shape,
    /// What a reader is told who points at it.
    pub(super) words: Option<String>,
}

/// What is drawn.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
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
    /// Lengths of a dash and of the gap after it; `None` where the line is solid.
    pub(super) dash: Option<[f64; 2]>,
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

impl Stroke {
    pub(super) const fn new(width: f64, colour: Colour) -> Self {
        Self {
            width,
            colour,
            dash: None,
        }
    }

    pub(super) const fn dashed(self, dash: f64, gap: f64) -> Self {
        Self {
            dash: Some([dash, gap]),
            ..self
        }
    }
}

impl Mark {
    /// Tells who points at the mark.
    pub(super) fn telling(&mut self, words: impl Into<String>) {
        self.words = Some(words.into());
    }
}

impl Scene {
    fn push(&mut self, shape: Shape) -> &mut Mark {
        self.marks.push(Mark { shape, words: None });
        self.marks.last_mut().expect("one was pushed")
    }

    pub(super) fn line(&mut self, points: impl Into<Vec<Point>>, stroke: Stroke) -> &mut Mark {
        let points = points.into();
        self.push(Shape::Line { points, stroke })
    }

    pub(super) fn polygon(&mut self, corners: Vec<Point>, fill: Colour) {
        self.push(Shape::Polygon { corners, fill });
    }

    pub(super) fn rectangle(&mut self, corners: (Point, Point), fill: Colour) -> &mut Mark {
        self.push(Shape::Rectangle { corners, fill })
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

    pub(super) fn circle(&mut self, centre: Point, radius: f64, fill: Colour) -> &mut Mark {
        self.push(Shape::Circle {
            centre,
            radius,
            fill,
        })
    }

    pub(super) fn text(&mut self, at: Point, text: impl Into<String>, style: TextStyle) {
        let text = text.into();
        self.push(Shape::Text { at, text, style });
    }

    /// The box that each text covers: left, top, right, bottom.
    #[cfg(test)]
    pub(super) fn text_boxes(&self) -> Vec<(String, [f64; 4])> {
        let boxes = self.marks.iter().filter_map(|mark| match &mark.shape {
            Shape::Text { at, text, style } => Some((text.clone(), style.covered(*at, text))),
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
    cut(text, size, width, |kept| (kept, 0))
}

/// The same with the ellipsis in its middle: labels often differ in their last digits only.
pub(super) fn fitted_label(text: &str, size: f64, width: f64) -> String {
    cut(text, size, width, |kept| (kept.div_ceil(2), kept / 2))
}

/// The text with as many characters as fit, split between its start and its end by `parts`.
fn cut(text: &str, size: f64, width: f64, parts: fn(usize) -> (usize, usize)) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let characters: Vec<char> = text.chars().collect();
    let shortened = |kept| {
        let (start, end) = parts(kept);
        let start: String = characters[..start].iter().collect();
        let end: String = characters[characters.len() - end..].iter().collect();
        format!("{}…{}", start.trim_end(), end.trim_start())
    };
    let mut shorter = (0..characters.len()).rev().map(shortened);
    let fits = |text: &String| text_width(text, size) <= width;
    shorter.find(fits).unwrap_or_else(|| "…".to_owned())
}
