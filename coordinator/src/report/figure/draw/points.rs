//! Draws the trials of one value as points: as high as their metric, and only so far from the
//! middle of their column that none hides another.

use super::{
    frame::{LegendEntry, Slots},
    palette::category,
    scene::{Point, Scene},
    ticks::Scale,
};
use crate::report::{
    figure::{Caption, ColourKey, SeedPoint, ValueAxis},
    number::significant,
};

/// Points of one figure: more would hide each other and make a picture that no viewer opens.
const MAX_POINTS: usize = 3_000;

/// How the points of a figure are laid out.
pub(super) struct PointStyle<'a> {
    axes: &'a [ValueAxis],
    /// What each value of each axis is called.
    names: Vec<Vec<String>>,
    slots: Slots,
    /// Pixels over which the points of one value are spread.
    spread: f64,
    /// Colours, each with a column of its own.
    colours: usize,
    /// One of this many trials is drawn.
    stride: usize,
    radius: f64,
    scale: Scale,
}

impl<'a> PointStyle<'a> {
    pub(super) fn new(
        caption: &'a Caption,
        key: Option<&ColourKey>,
        slots: Slots,
        groups: &[&[SeedPoint]],
        scale: Scale,
    ) -> Self {
        let colours = key.map_or(1, |key| key.axis.values.len());
        let trials: usize = groups.iter().map(|group| group.len()).sum();
        let most = groups.iter().map(|group| group.len()).max().unwrap_or(0);
        let stride = trials.div_ceil(MAX_POINTS).max(1);
        let crowd = (most / colours / stride).max(1);
        Self {
            axes: &caption.axes,
            names: caption.axes.iter().map(ValueAxis::named_values).collect(),
            slots,
            spread: (slots.step.abs() * 0.6).min(40.0 + 34.0 * colours as f64),
            colours,
            stride,
            radius: (20.0 / (crowd as f64).sqrt()).clamp(1.8, 4.4),
            scale,
        }
    }

    /// What the legend must say about points that are left out.
    pub(super) fn legend_entry(&self) -> Option<LegendEntry> {
        let words = || LegendEntry::Words(format!("points: one of {} trials", self.stride));
        (self.stride > 1).then(words)
    }

    /// The places of the values.
    pub(super) const fn slots(&self) -> Slots {
        self.slots
    }

    /// The middle of the column of a colour.
    pub(super) fn column(&self, position: usize, colour: usize) -> f64 {
        let share = (colour as f64 + 0.5) / self.colours as f64 - 0.5;
        self.slots.centre(position) + share * self.spread
    }

    /// The points of one value.
    pub(super) fn draw(&self, scene: &mut Scene, position: usize, points: &[SeedPoint]) {
        for column in points.chunk_by(|a, b| a.colour == b.colour) {
            let mut shown: Vec<&SeedPoint> = column.iter().step_by(self.stride).collect();
            shown.sort_by(|a, b| a.value.total_cmp(&b.value));
            let heights = shown.iter().map(|point| self.scale.at(point.value));
            let middle = self.column(position, column[0].colour);
            let width = self.spread / self.colours as f64;
            let places = spread(heights, middle, width, self.radius);
            for (point, place) in shown.into_iter().zip(places) {
                let fill = category(point.colour).with_opacity(0.8);
                let words = self.told(point);
                scene.circle(place, self.radius, fill).telling(words);
            }
        }
    }

    /// What a point measured, and which trial it is.
    fn told(&self, point: &SeedPoint) -> String {
        let values = self.axes.iter().zip(&self.names).zip(point.values.iter());
        let settings: String = values
            .filter_map(|((axis, names), value)| {
                let position = axis.values.iter().position(|of| of == value)?;
                Some(format!("{}, ", names[position]))
            })
            .collect();
        let value = significant(point.value, 6);
        format!("{value}: {settings}replicate {}", point.replicate)
    }
}

/// Places of points at these heights, the lowest value first: each as near to the middle as the
/// ones before leave it. Where a column is too narrow for all, the rest lie evenly over it.
fn spread(heights: impl Iterator<Item = f64>, middle: f64, width: f64, radius: f64) -> Vec<Point> {
    /// The golden ratio's multiples fill an interval evenly, however many there are.
    const GOLDEN: f64 = 0.618_033_988_749_895;
    let reach = (width / 2.0 - radius).max(0.0);
    let mut apart: Vec<Point> = Vec::new();
    let mut crowded = 0.0;
    let place = |y: f64| {
        let near = apart.iter().rev();
        let near = near.take_while(|(_, other)| (other - y).abs() < 2.0 * radius);
        let near: Vec<Point> = near.copied().collect();
        let is_free = |x: &f64| {
            near.iter()
                .all(|(other_x, other_y)| (x - other_x).hypot(y - other_y) > 1.9 * radius)
        };
        let mut places = offsets(reach, radius / 2.0).map(|offset| middle + offset);
        if let Some(x) = places.find(is_free) {
            apart.push((x, y));
            return (x, y);
        }
        crowded = (crowded + GOLDEN) % 1.0;
        (middle + reach * (2.0 * crowded - 1.0), y)
    };
    heights.map(place).collect()
}

/// 0, then further and further to the right and to the left.
fn offsets(reach: f64, step: f64) -> impl Iterator<Item = f64> {
    let steps = std::iter::successors(Some(step), move |offset| Some(offset + step));
    let pairs = steps.take_while(move |offset| *offset <= reach);
    std::iter::once(0.0).chain(pairs.flat_map(|offset| [offset, -offset]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_that_would_touch_stand_side_by_side_and_others_in_the_middle() {
        let places = spread([10.0, 10.0, 10.0, 200.0].into_iter(), 50.0, 60.0, 4.0);
        assert_eq!((places[0], places[3]), ((50.0, 10.0), (50.0, 200.0)));
        assert_eq!((places[1], places[2]), ((58.0, 10.0), (42.0, 10.0)));
    }

    #[test]
    fn a_crowd_stays_in_its_column() {
        let places = spread(std::iter::repeat_n(10.0, 500), 50.0, 60.0, 4.0);
        assert!(places.iter().all(|(x, _)| (20.0..=80.0).contains(x)));
    }
}
