//! Draws the trials of one value as points beside each other.

use super::{frame::LegendEntry, palette::category, scene::Scene, ticks::Scale};
use crate::report::figure::SeedPoint;

/// Points of one figure: more would hide each other and make a picture that no viewer opens.
const MAX_POINTS: usize = 10_000;

/// How the points of a figure are laid out.
pub(super) struct PointStyle {
    /// Pixels over which the points of one value are spread.
    spread: f64,
    /// One of this many trials is drawn.
    stride: usize,
    scale: Scale,
}

impl PointStyle {
    pub(super) const fn new(spread: f64, trials: usize, scale: Scale) -> Self {
        Self {
            spread,
            stride: if trials == 0 {
                1
            } else {
                trials.div_ceil(MAX_POINTS)
            },
            scale,
        }
    }

    /// What the legend must say about points that are left out.
    pub(super) fn legend_entry(&self) -> Option<LegendEntry> {
        let words = || LegendEntry::Words(format!("points: one of {} trials", self.stride));
        (self.stride > 1).then(words)
    }

    /// Points side by side in their order, so that none hides another and colours stand together.
    pub(super) fn draw(&self, scene: &mut Scene, points: &[SeedPoint], centre: f64) {
        let count = points.len() as f64;
        let radius = (2.4 * self.spread / count.max(1.0)).clamp(2.0, 4.6);
        for (index, point) in points.iter().enumerate().step_by(self.stride) {
            let offset = ((index as f64 + 0.5) / count - 0.5) * self.spread;
            let at = (centre + offset, self.scale.at(point.value));
            scene.circle(at, radius, category(point.colour).with_opacity(0.8));
        }
    }
}
