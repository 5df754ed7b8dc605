//! A linear axis: what it covers, and the round numbers to label it with.

/// Maps values to pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    /// Values at the two ends.
    pub(super) domain: (f64, f64),
    /// Pixels at the two ends.
    pub(super) range: (f64, f64),
}

impl Scale {
    pub(super) fn at(&self, value: f64) -> f64 {
        let (low, high) = self.domain;
        let (start, end) = self.range;
        start + (value - low) / (high - low) * (end - start)
    }

    /// Whether a value lies on the axis.
    pub(super) fn covers(&self, value: f64) -> bool {
        (self.domain.0..=self.domain.1).contains(&value)
    }
}

/// Share of an axis that is left free at each end, so that no mark touches the frame.
const AIR: f64 = 0.04;

/// Shortest axis, as a share of its largest value: around values that are all alike.
const LEAST_SPAN: f64 = 0.01;

/// What an axis covers: the values with some air, and each reference value that makes it at most
/// twice as long. Where there is no value, it covers the references.
pub(super) fn domain(values: impl Iterator<Item = f64>, references: &[f64]) -> (f64, f64) {
    let reach = |values: &mut dyn Iterator<Item = f64>| {
        let values = values.filter(|value| value.is_finite());
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        })
    };
    let (mut low, mut high) = reach(&mut values.into_iter());
    if low > high {
        (low, high) = reach(&mut references.iter().copied());
    }
    if low > high {
        (low, high) = (0.0, 1.0);
    }
    let largest = low.abs().max(high.abs());
    let least = if largest > 0.0 {
        LEAST_SPAN * largest
    } else {
        1.0
    };
    let lacking = least - (high - low);
    if lacking > 0.0 {
        (low, high) = (low - lacking / 2.0, high + lacking / 2.0);
    }
    let span = high - low;
    for &reference in references {
        if (low - reference).max(reference - high) <= span {
            (low, high) = (low.min(reference), high.max(reference));
        }
    }
    let air = AIR * (high - low);
    (low - air, high + air)
}

/// The same of shares, of which none is below 0 or above 1.
pub(super) fn share_domain(values: impl Iterator<Item = f64>, references: &[f64]) -> (f64, f64) {
    let (low, high) = domain(values, references);
    let air = AIR * (high - low);
    (low.max(-air), high.min(1.0 + air))
}

/// Round numbers within the range, about as many as wanted, with as many digits as tell them apart.
pub(super) fn ticks((low, high): (f64, f64), wanted: u32) -> Vec<(f64, String)> {
    let step = round_step((high - low) / f64::from(wanted));
    let first = (low / step - 1e-9).ceil();
    let last = (high / step + 1e-9).floor();
    let indices = std::iter::successors(Some(first), |index| Some(index + 1.0));
    let indices = indices.take_while(|&index| index <= last);
    let largest = low.abs().max(high.abs());
    let tick = |index: f64| {
        // Negative zero is zero.
        let value = index * step + 0.0;
        (value, tick_label(value, step, largest))
    };
    indices.map(tick).collect()
}

/// All labels of an axis have the form of its largest value.
fn tick_label(value: f64, step: f64, largest: f64) -> String {
    let last_digit = (step.log10() + 1e-9).floor() as i32;
    let digits = |count: i32| usize::try_from(count).unwrap_or(0);
    if (1e-3..1e7).contains(&largest) {
        return format!("{value:.*}", digits(-last_digit));
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let first_digit = value.abs().log10().floor() as i32;
    format!("{value:.*e}", digits(first_digit - last_digit))
}

/// The smallest of 1, 2, 5 times a power of ten that is not below the step.
fn round_step(step: f64) -> f64 {
    assert!(step > 0.0 && step.is_finite(), "an axis has a length");
    let power = 10_f64.powf(step.log10().floor());
    let factor = step / power;
    let round = [1.0, 2.0, 5.0]
        .into_iter()
        .find(|round| factor <= round + 1e-9);
    round.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn labels(range: (f64, f64), wanted: u32) -> Vec<String> {
        ticks(range, wanted)
            .into_iter()
            .map(|(_, label)| label)
            .collect()
    }

    #[test]
    fn ticks_are_round_and_within_the_axis() {
        assert_eq!(
            labels((0.45, 1.01), 6),
            ["0.5", "0.6", "0.7", "0.8", "0.9", "1.0"]
        );
        assert_eq!(labels((-0.1, 1.1), 3), ["0.0", "0.5", "1.0"]);
        assert_eq!(labels((0.0, 21.0), 6), ["0", "5", "10", "15", "20"]);
        assert_eq!(labels((0.97, 1.0), 3), ["0.97", "0.98", "0.99", "1.00"]);
        assert_eq!(
            labels((0.0, 4e-5), 4),
            ["0", "1e-5", "2e-5", "3e-5", "4e-5"]
        );
        assert_eq!(
            labels((1.2e9, 1.21e9), 2),
            ["1.200e9", "1.205e9", "1.210e9"]
        );
    }

    proptest! {
        #[test]
        fn ticks_are_told_apart(low in -1e12..1e12_f64, relative in 1e-6..10.0_f64) {
            let span = relative * low.abs().max(1e-6);
            let labels = labels((low, low + span), 8);
            prop_assert!((2..=9).contains(&labels.len()), "{labels:?}");
            prop_assert_eq!(labels.iter().collect::<HashSet<_>>().len(), labels.len());
        }

        #[test]
        fn an_axis_covers_its_values(values in prop::collection::vec(-1e6..1e6_f64, 1..20)) {
            let (low, high) = domain(values.iter().copied(), &[0.0]);
            prop_assert!(values.iter().all(|value| (low..=high).contains(value)));
        }
    }

    #[test]
    fn an_axis_is_that_of_its_values_and_of_references_near_them() {
        let near = |a: f64, b: f64| (a - b).abs() < 0.01;
        let (low, high) = domain([0.97, 0.99, 1.0].into_iter(), &[0.5, 0.95]);
        assert!(near(low, 0.95) && near(high, 1.0), "{low} {high}");
        let (low, _) = domain([0.6, 1.0].into_iter(), &[0.5]);
        assert!(low < 0.5, "{low}");
        let (low, high) = domain([0.7; 5].into_iter(), &[0.5]);
        assert!(near(low, 0.7) && near(high, 0.7) && low < high);
        assert_ne!(
            domain([].into_iter(), &[]),
            domain([].into_iter(), &[0.5, 0.95])
        );
    }

    #[test]
    fn a_scale_maps_ends_to_ends() {
        let scale = Scale {
            domain: (0.5, 1.0),
            range: (600.0, 100.0),
        };
        assert_eq!(
            (scale.at(0.5), scale.at(1.0), scale.at(0.75)),
            (600.0, 100.0, 350.0)
        );
    }
}
