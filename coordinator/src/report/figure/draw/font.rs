//! The one font of all pictures. It is part of the program, so that pictures look the same on a
//! machine without any font.

use std::sync::OnceLock;

use tiny_skia::{Path, PathBuilder};
use ttf_parser::{Face, OutlineBuilder};

/// The family that SVG names: the font itself where it is installed, else a similar one.
pub(super) const FAMILY: &str = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif";

/// Height of a capital, in units of the size.
pub(super) const CAPITAL_HEIGHT: f64 = 0.729;

/// Width of a text in pixels, at a size in pixels per em.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    let units: u32 = text.chars().map(advance).sum();
    f64::from(units) * size / units_per_em()
}

/// The outline of a text whose baseline starts at the origin; `None` where it has no ink.
pub(super) fn outline(text: &str, size: f64) -> Option<Path> {
    let scale = size / units_per_em();
    let mut pen = Pen {
        path: PathBuilder::new(),
        scale: narrowed(scale),
        x: 0.0,
    };
    let mut units = 0;
    for character in text.chars() {
        pen.x = narrowed(f64::from(units) * scale);
        font().outline_glyph(glyph(character), &mut pen);
        units += advance(character);
    }
    pen.path.finish()
}

/// The glyph of a character; of one that the font lacks, that of a missing one.
fn glyph(character: char) -> ttf_parser::GlyphId {
    font().glyph_index(character).unwrap_or_default()
}

fn advance(character: char) -> u32 {
    font()
        .glyph_hor_advance(glyph(character))
        .unwrap_or(0)
        .into()
}

/// Draws glyphs in pixels, where y grows downwards.
struct Pen {
    path: PathBuilder,
    scale: f32,
    x: f32,
}

impl Pen {
    fn place(&self, x: f32, y: f32) -> (f32, f32) {
        (x.mul_add(self.scale, self.x), -y * self.scale)
    }
}

impl OutlineBuilder for Pen {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.place(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.place(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.place(x1, y1), self.place(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2)) = (self.place(x1, y1), self.place(x2, y2));
        let (x, y) = self.place(x, y);
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

pub(super) const fn narrowed(pixels: f64) -> f32 {
    pixels as f32
}

fn units_per_em() -> f64 {
    font().units_per_em().into()
}

fn font() -> &'static Face<'static> {
    static BYTES: &[u8] = include_bytes!("../../../../assets/DejaVuSans.subset.ttf");
    static FONT: OnceLock<Face<'static>> = OnceLock::new();
    FONT.get_or_init(|| Face::parse(BYTES, 0).expect("the bundled font is sound"))
}
