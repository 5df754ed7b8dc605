//! The one definition of a quantile that summaries, box plots and bootstrap intervals share.

/// The quantile at `probability` of ascending, non-empty values: linear interpolation between order
/// statistics at `(n - 1) * probability` (type 7 of Hyndman and Fan 1996; the default of R and
/// `NumPy`).
#[must_use]
pub fn quantile(ascending: &[f64], probability: f64) -> f64 {
    assert!(!ascending.is_empty() && (0.0..=1.0).contains(&probability));
    let position = (ascending.len() - 1) as f64 * probability;
    let below = position.floor() as usize;
    let above = position.ceil() as usize;
    let share = position - position.floor();
    // Written so that equal neighbours give exactly themselves.
    ascending[below] + share * (ascending[above] - ascending[below])
}

/// The values in ascending order. Sums over them do not depend on the order in which trials ended.
pub(super) fn ascending(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    // Equal numbers are the same bits, so no order of theirs can be lost.
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_r_type_7() {
        // R: quantile(c(1, 2, 4, 8, 16), c(.1, .25, .5, .9), type = 7)
        let values = [1.0, 2.0, 4.0, 8.0, 16.0];
        for (probability, expected) in [(0.1, 1.4), (0.25, 2.0), (0.5, 4.0), (0.9, 12.8)] {
            assert!((quantile(&values, probability) - expected).abs() < 1e-12);
        }
        assert_eq!(quantile(&values, 0.0), 1.0);
        assert_eq!(quantile(&values, 1.0), 16.0);
        assert_eq!(quantile(&[3.0], 0.7), 3.0);
    }
}
