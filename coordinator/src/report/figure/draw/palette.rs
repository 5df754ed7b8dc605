//! Colours that survive colour blindness and grey printing.

/// A colour with its opacity, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Colour {
    pub(super) red: u8,
    pub(super) green: u8,
    pub(super) blue: u8,
    pub(super) opacity: f64,
}

pub(super) const WHITE: Colour = Colour::new(0xFF_FF_FF);
/// Titles and data labels.
pub(super) const INK: Colour = Colour::new(0x1F_24_2B);
/// Tick labels, subtitles and frames.
pub(super) const GREY: Colour = Colour::new(0x5A_63_6E);
/// Grid lines and missing cells.
pub(super) const FAINT: Colour = Colour::new(0xE8_EB_EE);
/// The inside of a box.
pub(super) const BOX_FILL: Colour = Colour::new(0xEA_EE_F3);

/// Okabe and Ito's palette (2008), told apart by all common kinds of colour vision; its yellow,
/// which is lost on white, is replaced by a dark grey.
const CATEGORIES: [u32; super::super::colour_key::MAX_COLOURS] = [
    0x00_72_B2, 0xD5_5E_00, 0x00_9E_73, 0xCC_79_A7, 0xE6_9F_00, 0x56_B4_E9, 0x00_00_00, 0x7F_7F_7F,
];

/// Ten anchors of viridis (van der Walt and Smith 2015), evenly spaced.
const VIRIDIS: [u32; 10] = [
    0x44_01_54, 0x48_28_78, 0x3E_49_89, 0x31_68_8E, 0x26_82_8E, 0x1F_9E_89, 0x35_B7_79, 0x6E_CE_58,
    0xB5_DE_2B, 0xFD_E7_25,
];

/// The colour of a value of the colour key.
pub(super) const fn category(index: usize) -> Colour {
    Colour::new(CATEGORIES[index % CATEGORIES.len()])
}

/// Whether another value before has the same colour.
pub(super) const fn is_repeated(index: usize) -> bool {
    index >= CATEGORIES.len()
}

/// The colour of one of several lines: along the scale where they are in an order, without its
/// light end, which is lost on white.
pub(super) fn series_colour(index: usize, count: usize, ordered: bool) -> Colour {
    if ordered && count > 1 {
        viridis(0.88 * index as f64 / (count - 1) as f64)
    } else {
        category(index)
    }
}

/// The colour of a share of a scale, 0 to 1: perceptually uniform, dark to light.
pub(super) fn viridis(share: f64) -> Colour {
    let place = share.clamp(0.0, 1.0) * (VIRIDIS.len() - 1) as f64;
    let below = (place as usize).min(VIRIDIS.len() - 2);
    let (from, to) = (Colour::new(VIRIDIS[below]), Colour::new(VIRIDIS[below + 1]));
    let part = place - below as f64;
    let mix = |from: u8, to: u8| {
        (f64::from(from) + part * (f64::from(to) - f64::from(from))).round() as u8
    };
    Colour {
        red: mix(from.red, to.red),
        green: mix(from.green, to.green),
        blue: mix(from.blue, to.blue),
        opacity: 1.0,
    }
}

impl Colour {
    const fn new(rgb: u32) -> Self {
        Self {
            red: (rgb >> 16) as u8,
            green: (rgb >> 8) as u8,
            blue: rgb as u8,
            opacity: 1.0,
        }
    }

    pub(super) const fn with_opacity(self, opacity: f64) -> Self {
        Self { opacity, ..self }
    }

    /// Relative luminance, 0 to 1 (ITU-R BT.709 weights on gamma-expanded channels).
    fn luminance(self) -> f64 {
        let linear = |channel: u8| (f64::from(channel) / 255.0).powf(2.2);
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }

    /// As SVG writes it.
    pub(super) fn hexadecimal(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.red, self.green, self.blue)
    }

    /// The colour of text on this one.
    pub(super) fn readable_on(self) -> Self {
        // At this luminance black and white have the same contrast (WCAG 2).
        if self.luminance() > 0.179 { INK } else { WHITE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_share_is_always_lighter() {
        let shares: Vec<f64> = (0..=100)
            .map(|percent| f64::from(percent) / 100.0)
            .collect();
        let luminances: Vec<f64> = shares
            .iter()
            .map(|&share| viridis(share).luminance())
            .collect();
        assert!(luminances.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn the_ends_of_the_scale_are_its_anchors_and_nothing_lies_beyond() {
        assert_eq!(viridis(0.0), Colour::new(VIRIDIS[0]));
        assert_eq!(viridis(1.0), Colour::new(VIRIDIS[9]));
        assert_eq!(viridis(7.0), viridis(1.0));
    }
}
