//! The one font of all pictures. It is part of the program, so that pictures look the same on a
//! machine without any font.

use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};

/// The family that SVG names: the font itself where it is installed, else a similar one.
pub(super) const FAMILY: &str = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif";

/// Height of a lower-case x, in units of the size: what SVG calls `ex`.
pub(super) const X_HEIGHT: f64 = 0.547;

/// Height of a capital, in units of the size.
pub(super) const CAPITAL_HEIGHT: f64 = 0.729;

/// Width of a text in pixels, at a size in pixels per em.
pub(super) fn text_width(text: &str, size: f64) -> f64 {
    glyph_positions(text, size).1
}

/// Coverage of each pixel of a text whose baseline starts at the origin: x, y, and how much of the
/// pixel is ink, 0 to 1.
pub(super) fn rasterise(text: &str, size: f64, mut pixel: impl FnMut(i32, i32, f32)) {
    let scale = scale(size);
    for (glyph, x) in glyph_positions(text, size).0 {
        let placed = glyph.with_scale_and_position(scale, point(x, 0.0));
        let Some(outline) = font().outline_glyph(placed) else {
            continue;
        };
        let corner = outline.px_bounds().min;
        outline.draw(|column, row, ink| {
            pixel(
                whole(corner.x) + offset(column),
                whole(corner.y) + offset(row),
                ink,
            );
        });
    }
}

/// Each glyph with the x of its origin, and the width of them all.
fn glyph_positions(text: &str, size: f64) -> (Vec<(ab_glyph::GlyphId, f32)>, f64) {
    let font = font().as_scaled(scale(size));
    let mut x = 0.0;
    let mut previous = None;
    let mut positions = Vec::with_capacity(text.len());
    for character in text.chars() {
        let glyph = font.glyph_id(character);
        x += previous.map_or(0.0, |previous| font.kern(previous, glyph));
        positions.push((glyph, x));
        x += font.h_advance(glyph);
        previous = Some(glyph);
    }
    (positions, f64::from(x))
}

/// The font measures by the height of its lines, people by the em.
fn scale(size: f64) -> PxScale {
    let em = font().units_per_em().expect("the font states its em");
    let size = size as f32;
    PxScale::from(size * font().height_unscaled() / em)
}

fn whole(coordinate: f32) -> i32 {
    coordinate.round() as i32
}

fn offset(pixels: u32) -> i32 {
    i32::try_from(pixels).expect("a glyph is smaller than a picture")
}

fn font() -> &'static FontRef<'static> {
    static BYTES: &[u8] = include_bytes!("../../../../assets/DejaVuSans.subset.ttf");
    static FONT: OnceLock<FontRef<'static>> = OnceLock::new();
    FONT.get_or_init(|| FontRef::try_from_slice(BYTES).expect("the bundled font is sound"))
}
