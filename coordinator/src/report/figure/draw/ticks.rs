//! A linear axis and the round numbers to label it with.

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
}

/// Round numbers within the range, about as many as wanted, with the decimals they need.
pub(super) fn ticks((low, high): (f64, f64), wanted: u32) -> Vec<(f64, String)> {
    let step = round_step((high - low) / f64::from(wanted));
    let decimals = usize::try_from((-step.log10().floor()) as i32).unwrap_or(0);
    let first = (low / step - 1e-9).ceil() as i32;
    let last = (high / step + 1e-9).floor() as i32;
    let label = |index: i32| {
        let value = f64::from(index) * step;
        (value, format!("{value:.decimals$}"))
    };
    (first..=last).map(label).collect()
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
        assert_eq!(labels((0.0, 21.0), 6), ["0", "5", "10", "15", "20"]);
        assert_eq!(labels((0.97, 1.0), 3), ["0.97", "0.98", "0.99", "1.00"]);
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
