//! A scene as SVG text. What a mark tells stands in its `title`, which browsers show under the
//! pointer.

use std::fmt::Write;

use super::{
    font::{CAPITAL_HEIGHT, FAMILY},
    palette::{Colour, WHITE},
    scene::{Anchor, HEIGHT, Mark, Point, Scene, Shape, Stroke, TextStyle, WIDTH},
};
use crate::report::markup::escaped;

impl Scene {
    /// The picture as an SVG document that has no script, no link and no name of its own, so that
    /// many of them can stand in one page.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let (top, height) = (number(-self.raised), number(HEIGHT + self.raised));
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
             viewBox=\"0 {top} {WIDTH} {height}\" font-family=\"{FAMILY}\" role=\"img\" aria-label=\"{}\">\n\
             <rect class=\"paper\" y=\"{top}\" width=\"{WIDTH}\" height=\"{height}\"{}/>\n",
            escaped(&self.title),
            fill(WHITE)
        );
        for mark in &self.marks {
            push_mark(&mut svg, mark);
        }
        svg.push_str("</svg>\n");
        svg
    }
}

fn push_mark(svg: &mut String, Mark { shape, words }: &Mark) {
    let (name, attributes) = element(shape);
    let content = match (shape, words) {
        (Shape::Text { text, .. }, _) => escaped(text),
        (_, Some(words)) => format!("<title>{}</title>", escaped(words)),
        (_, None) => {
            let _ = writeln!(svg, "<{name}{attributes}/>");
            return;
        }
    };
    let _ = writeln!(svg, "<{name}{attributes}>{content}</{name}>");
}

/// The name of a shape's element, and its attributes.
fn element(shape: &Shape) -> (&'static str, String) {
    match shape {
        Shape::Line { points, stroke } => (
            "polyline",
            format!(" points=\"{}\"{}", places(points), stroked(stroke)),
        ),
        Shape::Polygon { corners, fill: of } => (
            "polygon",
            format!(" points=\"{}\"{}", places(corners), fill(*of)),
        ),
        Shape::Rectangle { corners, fill: of } => ("rect", rectangle(*corners) + &fill(*of)),
        Shape::Circle {
            centre: (x, y),
            radius,
            fill: of,
        } => (
            "circle",
            format!(
                " cx=\"{}\" cy=\"{}\" r=\"{}\"{}",
                number(*x),
                number(*y),
                number(*radius),
                fill(*of)
            ),
        ),
        Shape::Text { at, style, .. } => ("text", text_attributes(*at, style)),
    }
}

fn rectangle(((left, top), (right, bottom)): (Point, Point)) -> String {
    format!(
        " x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"",
        number(left),
        number(top),
        number(right - left),
        number(bottom - top)
    )
}

fn text_attributes((x, y): Point, style: &TextStyle) -> String {
    let anchor = match style.anchor {
        Anchor::Start => "",
        Anchor::Middle => " text-anchor=\"middle\"",
        Anchor::End => " text-anchor=\"end\"",
    };
    let below = style.size * CAPITAL_HEIGHT / 2.0;
    let place = if style.upright {
        let (x, y) = (number(x + below), number(y));
        format!(" transform=\"translate({x} {y}) rotate(-90)\"")
    } else {
        format!(" x=\"{}\" y=\"{}\"", number(x), number(y + below))
    };
    let size = number(style.size);
    format!("{place} font-size=\"{size}\"{anchor}{}", fill(style.colour))
}

fn fill(colour: Colour) -> String {
    painted("fill", colour)
}

fn stroked(stroke: &Stroke) -> String {
    let mut attributes = format!(
        " fill=\"none\"{} stroke-width=\"{}\" stroke-linejoin=\"round\"",
        painted("stroke", stroke.colour),
        number(stroke.width)
    );
    if let Some([dash, gap]) = stroke.dash {
        let (dash, gap) = (number(dash), number(gap));
        let _ = write!(attributes, " stroke-dasharray=\"{dash} {gap}\"");
    }
    attributes
}

fn painted(what: &str, colour: Colour) -> String {
    let opacity = if colour.opacity < 1.0 {
        format!(" {what}-opacity=\"{}\"", colour.opacity)
    } else {
        String::new()
    };
    format!(" {what}=\"{}\"{opacity}", colour.hexadecimal())
}

fn places(points: &[Point]) -> String {
    let places = points.iter();
    let places: Vec<String> = places
        .map(|(x, y)| format!("{},{}", number(*x), number(*y)))
        .collect();
    places.join(" ")
}

/// A tenth of a pixel is finer than any screen.
fn number(pixels: f64) -> String {
    let tenths = (pixels * 10.0).round() / 10.0;
    // Negative zero is zero.
    (tenths + 0.0).to_string()
}
