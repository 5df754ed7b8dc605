//! Ranks of numbers with ties.

/// Twice the rank of each number, from 2; tied numbers share the mean of their ranks, which doubled
/// is whole. Exact tests count sums of them without rounding.
pub(super) fn doubled_ranks(values: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0; values.len()];
    let mut before = 0;
    for tied in order.chunk_by(|&a, &b| values[a] == values[b]) {
        for &index in tied {
            ranks[index] = 2 * before + tied.len() + 1;
        }
        before += tied.len();
    }
    ranks
}

/// Twice the smaller of the probabilities of at most and at least the observed sum, at most one.
pub(super) fn two_sided(distribution: &[f64], observed: usize) -> f64 {
    let total: f64 = distribution.iter().sum();
    let below: f64 = distribution[..=observed].iter().sum();
    let above: f64 = distribution[observed..].iter().sum();
    (2.0 * below.min(above) / total).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tied_numbers_share_the_mean_of_their_ranks() {
        assert_eq!(doubled_ranks(&[0.3, 0.1, 0.3, 0.9]), [5, 2, 5, 8]);
        assert_eq!(doubled_ranks(&[1.0; 3]), [4, 4, 4]);
        assert!(doubled_ranks(&[]).is_empty());
    }
}
