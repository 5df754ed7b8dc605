//! PURE: how many lanes a bundle of one shape has on a device, decided from a short curve of
//! measurements. It trains nothing and times nothing.

use std::fmt;

/// The share of the best rate that is good enough: of all such widths the narrowest is taken, since
/// a narrow bundle leaves more of a sweep to other workers and takes fewer lanes with it when it is
/// lost.
const GOOD_ENOUGH: f64 = 0.97;
/// The widest bundle that is tried: a device that is still not full then has other bounds than
/// width.
const WIDEST: u32 = 128;
/// Doublings in a row that bring nothing, after which no wider bundle is tried.
const PATIENCE: usize = 2;
/// Parts of the available memory, and how many of them a bundle may take: the rest is for what
/// grows later, such as an evaluation.
const MEMORY_PARTS: u64 = 5;
const MEMORY_PARTS_OF_A_BUNDLE: u64 = 4;

/// What was measured of bundles of one width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// Of all lanes together.
    pub(super) updates_per_second: f64,
    /// Memory that the lanes took.
    pub(super) bytes: u64,
}

/// Widths 1, 2, 4, .. and what was measured of each.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Curve {
    points: Vec<Point>,
    /// Bytes a bundle may take, where that is known.
    memory: Option<u64>,
}

impl Curve {
    /// Measures ever wider bundles, until twice and four times the lanes do no more together, or
    /// twice the lanes do not fit into the available memory (in bytes; `None` if it is not known),
    /// or a width cannot be measured.
    pub(super) fn climb(
        available: Option<u64>,
        mut measure: impl FnMut(u32) -> Option<Point>,
    ) -> Self {
        let mut curve = Self {
            points: Vec::new(),
            memory: available.map(|bytes| bytes / MEMORY_PARTS * MEMORY_PARTS_OF_A_BUNDLE),
        };
        while let Some(point) = curve.next_lanes().and_then(&mut measure) {
            curve.points.push(point);
        }
        curve
    }

    /// The width to train with: the narrowest that is good enough and fits; 1 if nothing is known.
    pub(super) fn width(&self) -> u32 {
        let fitting = || self.widths().filter(|(_, point)| self.fits(point.bytes));
        let enough = best(fitting().map(|(_, point)| point)) * GOOD_ENOUGH;
        let good = fitting().find(|(_, point)| point.updates_per_second >= enough);
        good.map_or(1, |(lanes, _)| lanes)
    }

    fn next_lanes(&self) -> Option<u32> {
        let Some((lanes, last)) = self.widths().last() else {
            return Some(1);
        };
        let fits = self.fits(last.bytes.saturating_mul(2));
        (fits && self.still_gains() && lanes < WIDEST).then_some(2 * lanes)
    }

    /// Whether one of the last two widths beat all before: a single slow moment of a busy machine
    /// does not end the curve.
    fn still_gains(&self) -> bool {
        let Some(before) = self.points.len().checked_sub(PATIENCE).filter(|&n| n > 0) else {
            return true;
        };
        let (before, last) = self.points.split_at(before);
        best(last) * GOOD_ENOUGH > best(before)
    }

    fn fits(&self, bytes: u64) -> bool {
        self.memory.is_none_or(|memory| bytes <= memory)
    }

    fn widths(&self) -> impl Iterator<Item = (u32, &Point)> {
        (0..).map(|doublings| 1 << doublings).zip(&self.points)
    }
}

fn best<'a>(points: impl IntoIterator<Item = &'a Point>) -> f64 {
    let rates = points.into_iter().map(|point| point.updates_per_second);
    rates.fold(0.0, f64::max)
}

/// For the log: `1: 20.0/s, 2: 38.5/s`.
impl fmt::Display for Curve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (lanes, point) in self.widths() {
            let separator = if lanes == 1 { "" } else { ", " };
            write!(f, "{separator}{lanes}: {:.1}/s", point.updates_per_second)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The curve of a device with these rates at 1, 2, 4, .. lanes, each of `bytes_per_lane`.
    fn climb(rates: &[f64], bytes_per_lane: u64, available: Option<u64>) -> Curve {
        Curve::climb(available, |lanes| {
            Some(Point {
                updates_per_second: *rates.get(lanes.ilog2() as usize)?,
                bytes: u64::from(lanes) * bytes_per_lane,
            })
        })
    }

    #[test]
    fn a_device_that_computes_lane_by_lane_gets_one_lane() {
        let curve = climb(&[100.0, 101.0, 102.0, 500.0], 1, None);
        assert_eq!(curve.width(), 1);
        // It is not measured beyond the second doubling that brought nothing.
        assert_eq!(curve.to_string(), "1: 100.0/s, 2: 101.0/s, 4: 102.0/s");
    }

    #[test]
    fn a_bundle_is_as_wide_as_it_gains_and_no_wider() {
        assert_eq!(climb(&[47.0, 80.0, 92.0, 93.0, 90.0], 1, None).width(), 4);
        // One slow moment at 2 lanes.
        assert_eq!(climb(&[47.0, 20.0, 92.0, 93.0, 90.0], 1, None).width(), 4);
        let ever_better: Vec<f64> = (0..20).map(|n| f64::from(1 << n)).collect();
        assert_eq!(climb(&ever_better, 1, None).width(), WIDEST);
    }

    #[test]
    fn memory_bounds_what_is_tried() {
        let rates = [1.0, 2.0, 4.0, 8.0, 16.0];
        // Four fifths of 100 hold 8 lanes of 10, exactly; of 99, not quite.
        assert_eq!(climb(&rates, 10, Some(100)).width(), 8);
        assert_eq!(
            climb(&rates, 10, Some(99)).to_string().matches('/').count(),
            3
        );
    }

    #[test]
    fn a_width_that_cannot_be_measured_ends_the_curve() {
        assert_eq!(climb(&[1.0, 2.0], 1, None).width(), 2);
        assert_eq!(climb(&[], 1, None).width(), 1);
    }

    proptest! {
        #[test]
        fn the_width_is_the_narrowest_that_is_good_enough_and_fits(
            rates in prop::collection::vec(0.1..1e4_f64, 0..9),
            bytes_per_lane in 0..1_000_u64,
            available in prop::option::of(0..10_000_u64),
        ) {
            let curve = climb(&rates, bytes_per_lane, available);
            let memory = available.map_or(u64::MAX, |bytes| bytes / 5 * 4);
            let lanes = |index: usize| 1_u32 << index;
            let fits = |index: usize| u64::from(lanes(index)) * bytes_per_lane <= memory;
            let measured = curve.points.len();
            // Nothing that does not fit was tried, but for the one lane that must be.
            prop_assert!((1..measured).all(fits));
            prop_assert!(measured >= rates.len().min(3) || !fits(measured));
            let width = curve.width();
            prop_assert!(width.is_power_of_two() && width <= WIDEST);
            let best = (0..measured).filter(|&i| fits(i)).map(|i| rates[i]).fold(0.0, f64::max);
            let good = |index: usize| fits(index) && rates[index] >= 0.97 * best;
            let narrowest = (0..measured).find(|&index| good(index));
            prop_assert_eq!(width, narrowest.map_or(1, lanes));
        }
    }
}
