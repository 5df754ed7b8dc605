//! Scenes to SVG text and PNG bytes with plotters' backends. Backends count whole pixels, so a scene
//! is drawn enlarged: SVG scales it back, PNG averages it down, which also smooths its edges.

use std::convert::Infallible;

use plotters::backend::{BitMapBackend, SVGBackend};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, FontFamily,
    FontTransform,
    text_anchor::{HPos, Pos, VPos},
};

use super::{
    font::{CAPITAL_HEIGHT, FAMILY, X_HEIGHT, rasterise, text_width},
    palette::{Colour, WHITE},
    scene::{Anchor, HEIGHT, Mark, Point, Scene, Stroke, TextStyle, WIDTH},
};

/// Tenths of a pixel are finer than any screen.
const SVG_ENLARGEMENT: u32 = 10;

/// Nine samples for each pixel.
const PNG_ENLARGEMENT: u32 = 3;

/// What plotters divides a size by before SVG calls it the font's em.
const PLOTTERS_SIZE_PER_EM: f64 = 1.24;

const IN_MEMORY: &str = "drawing into memory cannot fail";

impl Scene {
    /// The picture as an SVG document.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let mut text = String::new();
        let (width, height) = enlarged_size(SVG_ENLARGEMENT);
        let mut backend = SVGBackend::with_string(&mut text, (width, height));
        draw(self, &mut backend, SVG_ENLARGEMENT);
        drop(backend);
        let enlarged = format!("width=\"{width}\" height=\"{height}\" viewBox");
        let natural = format!("width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox");
        text.replacen(&enlarged, &natural, 1)
    }

    /// The picture as a PNG file.
    #[must_use]
    pub fn to_png(&self) -> Vec<u8> {
        let (width, height) = enlarged_size(PNG_ENLARGEMENT);
        let mut pixels = vec![255; 3 * as_usize(width) * as_usize(height)];
        let mut backend = BitMapBackend::with_buffer(&mut pixels, (width, height));
        draw(self, &mut backend, PNG_ENLARGEMENT);
        drop(backend);
        let pixels = averaged(&pixels, as_usize(width), as_usize(PNG_ENLARGEMENT));
        encode_png(&pixels, width / PNG_ENLARGEMENT, height / PNG_ENLARGEMENT)
    }
}

fn draw<B: DrawingBackend>(scene: &Scene, backend: &mut B, enlargement: u32) {
    let mut canvas = Canvas {
        backend,
        enlargement: f64::from(enlargement),
    };
    canvas.rectangle(((0.0, 0.0), (WIDTH, HEIGHT)), WHITE);
    for mark in &scene.marks {
        match mark {
            Mark::Line { points, stroke } => canvas.line(points, *stroke),
            Mark::Polygon { corners, fill } => canvas.polygon(corners, *fill),
            Mark::Rectangle { corners, fill } => canvas.rectangle(*corners, *fill),
            Mark::Circle {
                centre,
                radius,
                fill,
            } => canvas.circle(*centre, *radius, *fill),
            Mark::Text { at, text, style } => canvas.text(*at, text, style),
        }
    }
    canvas.backend.present().expect(IN_MEMORY);
}

struct Canvas<'a, B> {
    backend: &'a mut B,
    enlargement: f64,
}

impl<B: DrawingBackend> Canvas<'_, B> {
    fn line(&mut self, points: &[Point], stroke: Stroke) {
        let path: Vec<BackendCoord> = points.iter().map(|&point| self.place(point)).collect();
        let style = LineStyle {
            colour: stroke.colour,
            width: self.length(stroke.width).max(1),
        };
        self.backend.draw_path(path, &style).expect(IN_MEMORY);
    }

    fn polygon(&mut self, corners: &[Point], fill: Colour) {
        let corners: Vec<BackendCoord> = corners.iter().map(|&point| self.place(point)).collect();
        let fill = BackendColor::from(fill);
        self.backend.fill_polygon(corners, &fill).expect(IN_MEMORY);
    }

    fn rectangle(&mut self, (from, to): (Point, Point), fill: Colour) {
        let (from, to) = (self.place(from), self.place(to));
        let fill = BackendColor::from(fill);
        self.backend
            .draw_rect(from, to, &fill, true)
            .expect(IN_MEMORY);
    }

    fn circle(&mut self, centre: Point, radius: f64, fill: Colour) {
        let (centre, radius) = (self.place(centre), self.length(radius));
        let fill = BackendColor::from(fill);
        self.backend
            .draw_circle(centre, radius, &fill, true)
            .expect(IN_MEMORY);
    }

    fn text(&mut self, (x, y): Point, text: &str, style: &TextStyle) {
        // Backends centre a text on half of its x-height; figures centre it on half of a capital.
        let shift = style.size * (CAPITAL_HEIGHT - X_HEIGHT) / 2.0;
        let at = if style.upright {
            (x + shift, y)
        } else {
            (x, y + shift)
        };
        let at = self.place(at);
        let style = EnlargedText {
            style,
            enlargement: self.enlargement,
        };
        self.backend.draw_text(text, &style, at).expect(IN_MEMORY);
    }

    fn place(&self, (x, y): Point) -> BackendCoord {
        (rounded(x * self.enlargement), rounded(y * self.enlargement))
    }

    fn length(&self, length: f64) -> u32 {
        rounded(length * self.enlargement).unsigned_abs()
    }
}

struct LineStyle {
    colour: Colour,
    width: u32,
}

impl BackendStyle for LineStyle {
    fn color(&self) -> BackendColor {
        self.colour.into()
    }

    fn stroke_width(&self) -> u32 {
        self.width
    }
}

struct EnlargedText<'a> {
    style: &'a TextStyle,
    enlargement: f64,
}

impl EnlargedText<'_> {
    fn em(&self) -> f64 {
        self.style.size * self.enlargement
    }
}

impl BackendTextStyle for EnlargedText<'_> {
    type FontError = Infallible;

    fn color(&self) -> BackendColor {
        self.style.colour.into()
    }

    fn size(&self) -> f64 {
        self.em() * PLOTTERS_SIZE_PER_EM
    }

    fn transform(&self) -> FontTransform {
        if self.style.upright {
            FontTransform::Rotate270
        } else {
            FontTransform::None
        }
    }

    fn anchor(&self) -> Pos {
        let horizontal = match self.style.anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        Pos::new(horizontal, VPos::Center)
    }

    fn family(&self) -> FontFamily<'_> {
        FontFamily::Name(FAMILY)
    }

    /// As high as an x, so that centring it does what SVG's `0.5ex` does.
    fn layout_box(&self, text: &str) -> Result<(BackendCoord, BackendCoord), Infallible> {
        let width = rounded(text_width(text, self.em()));
        Ok(((0, 0), (width, rounded(self.em() * X_HEIGHT))))
    }

    fn draw<E, DrawFunc: FnMut(i32, i32, BackendColor) -> Result<(), E>>(
        &self,
        text: &str,
        (x, y): BackendCoord,
        mut draw: DrawFunc,
    ) -> Result<Result<(), E>, Infallible> {
        let baseline = y + rounded(self.em() * X_HEIGHT);
        let colour = self.color();
        let mut outcome = Ok(());
        rasterise(text, self.em(), |column, row, ink| {
            if outcome.is_ok() {
                let ink = colour.mix(f64::from(ink));
                outcome = draw(x + column, baseline + row, ink);
            }
        });
        Ok(outcome)
    }
}

impl From<Colour> for BackendColor {
    fn from(colour: Colour) -> Self {
        Self {
            alpha: colour.opacity,
            rgb: (colour.red, colour.green, colour.blue),
        }
    }
}

/// The mean of every square of `factor` x `factor` RGB pixels.
fn averaged(pixels: &[u8], width: usize, factor: usize) -> Vec<u8> {
    let samples = (factor * factor) as u32;
    let mut averaged = Vec::with_capacity(pixels.len() / (factor * factor));
    for rows in pixels.chunks_exact(3 * width * factor) {
        for column in 0..width / factor {
            for channel in 0..3 {
                let sum: u32 = (0..factor * factor)
                    .map(|sample| {
                        let (row, offset) = (sample / factor, sample % factor);
                        let pixel = row * width + column * factor + offset;
                        u32::from(rows[3 * pixel + channel])
                    })
                    .sum();
                averaged.push((sum / samples) as u8);
            }
        }
    }
    averaged
}

fn encode_png(pixels: &[u8], width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().expect(IN_MEMORY);
    writer.write_image_data(pixels).expect(IN_MEMORY);
    writer.finish().expect(IN_MEMORY);
    bytes
}

fn enlarged_size(enlargement: u32) -> (u32, u32) {
    let size = |length: f64| rounded(length).unsigned_abs() * enlargement;
    (size(WIDTH), size(HEIGHT))
}

fn rounded(coordinate: f64) -> i32 {
    coordinate.round() as i32
}

fn as_usize(pixels: u32) -> usize {
    usize::try_from(pixels).expect("a picture fits in memory")
}
