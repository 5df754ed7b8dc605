//! A scene as a PNG file: the marks that SVG writes, painted.

use tiny_skia::{
    Color, FillRule, LineJoin, Paint, Path, PathBuilder, Pixmap, Rect, Stroke as Pen, StrokeDash,
    Transform,
};

use super::{
    font::{CAPITAL_HEIGHT, narrowed, outline, text_width},
    palette::{Colour, WHITE},
    scene::{Anchor, HEIGHT, Point, Scene, Shape, Stroke, TextStyle, WIDTH},
};

impl Scene {
    /// The picture as a PNG file.
    ///
    /// # Panics
    /// If there is no memory for it.
    #[must_use]
    pub fn to_png(&self) -> Vec<u8> {
        let (width, height) = (pixels(WIDTH), pixels(HEIGHT + self.raised));
        let mut canvas = Canvas {
            pixmap: Pixmap::new(width, height).expect("a picture has a size"),
            placed: Transform::from_translate(0.0, narrowed(self.raised)),
        };
        canvas.pixmap.fill(ink(WHITE));
        for mark in &self.marks {
            canvas.draw(&mark.shape);
        }
        canvas
            .pixmap
            .encode_png()
            .expect("encoding into memory cannot fail")
    }
}

struct Canvas {
    pixmap: Pixmap,
    placed: Transform,
}

impl Canvas {
    fn draw(&mut self, shape: &Shape) {
        match shape {
            Shape::Line { points, stroke } => self.stroke(points, stroke),
            Shape::Polygon { corners, fill } => self.fill(path(corners, true), *fill),
            Shape::Rectangle { corners, fill } => self.fill(rectangle(*corners), *fill),
            Shape::Circle {
                centre: (x, y),
                radius,
                fill,
            } => {
                let circle =
                    PathBuilder::from_circle(narrowed(*x), narrowed(*y), narrowed(*radius));
                self.fill(circle, *fill);
            }
            Shape::Text { at, text, style } => self.text(*at, text, style),
        }
    }

    fn text(&mut self, (x, y): Point, text: &str, style: &TextStyle) {
        let before = match style.anchor {
            Anchor::Start => 0.0,
            Anchor::Middle => text_width(text, style.size) / 2.0,
            Anchor::End => text_width(text, style.size),
        };
        let placed = Transform::from_translate(narrowed(x), narrowed(y));
        let placed = if style.upright {
            placed.pre_rotate(-90.0)
        } else {
            placed
        };
        let below = style.size * CAPITAL_HEIGHT / 2.0;
        let placed = placed.pre_translate(narrowed(-before), narrowed(below));
        let outline = outline(text, style.size).and_then(|path| path.transform(placed));
        self.fill(outline, style.colour);
    }

    fn fill(&mut self, path: Option<Path>, colour: Colour) {
        // The painter warns of what it cannot paint: an area without a width or a height.
        let has_area = |path: &Path| path.bounds().width() > 0.0 && path.bounds().height() > 0.0;
        if let Some(path) = path.filter(has_area) {
            let (paint, rule) = (paint(colour), FillRule::Winding);
            self.pixmap
                .fill_path(&path, &paint, rule, self.placed, None);
        }
    }

    fn stroke(&mut self, points: &[Point], stroke: &Stroke) {
        let pen = Pen {
            width: narrowed(stroke.width),
            line_join: LineJoin::Round,
            dash: stroke
                .dash
                .and_then(|dash| StrokeDash::new(dash.map(narrowed).to_vec(), 0.0)),
            ..Pen::default()
        };
        // Of a line it warns whose points are all one.
        let has_length = |path: &Path| path.bounds().width() > 0.0 || path.bounds().height() > 0.0;
        if let Some(path) = path(points, false).filter(has_length) {
            let paint = paint(stroke.colour);
            self.pixmap
                .stroke_path(&path, &paint, &pen, self.placed, None);
        }
    }
}

fn path(points: &[Point], closed: bool) -> Option<Path> {
    let mut builder = PathBuilder::new();
    for (index, (x, y)) in points.iter().enumerate() {
        if index == 0 {
            builder.move_to(narrowed(*x), narrowed(*y));
        } else {
            builder.line_to(narrowed(*x), narrowed(*y));
        }
    }
    if closed {
        builder.close();
    }
    builder.finish()
}

fn rectangle(((left, top), (right, bottom)): (Point, Point)) -> Option<Path> {
    let [left, top, right, bottom] = [left, top, right, bottom].map(narrowed);
    Rect::from_ltrb(left, top, right, bottom).map(PathBuilder::from_rect)
}

fn paint(colour: Colour) -> Paint<'static> {
    let mut paint = Paint::default();
    paint.set_color(ink(colour));
    paint
}

fn ink(colour: Colour) -> Color {
    let mut color = Color::from_rgba8(colour.red, colour.green, colour.blue, 255);
    color.set_alpha(narrowed(colour.opacity));
    color
}

const fn pixels(length: f64) -> u32 {
    length.round() as u32
}
