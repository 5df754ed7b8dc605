//! What strata of scores are summed up as, by the definitions of rliable.

use crate::statistics::{
    bootstrap::Strata,
    quantile::{ascending, quantile},
    summary::mean,
};

/// An aggregate of scores (Agarwal et al., *Deep Reinforcement Learning at the Edge of the
/// Statistical Precipice*, 2021, section 4.3; the functions `aggregate_*` of rliable).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// Mean over strata of the mean of each: rliable's `aggregate_mean`.
    Mean,
    /// Median over strata of the mean of each: rliable's `aggregate_median`. Of a single stratum it
    /// is the mean, which is seldom what is wanted: see [`Median`](Self::Median).
    MedianOfMeans,
    /// Median of all scores.
    Median,
    /// Mean of all scores without `floor(n / 4)` at each end: rliable's `aggregate_iqm`.
    InterquartileMean,
}

impl Statistic {
    /// The statistic of the scores.
    #[must_use]
    pub fn of(self, scores: &Strata) -> f64 {
        let value = match self {
            Self::Mean => mean(&means(scores)),
            Self::MedianOfMeans => quantile(&ascending(&means(scores)), 0.5),
            Self::Median => quantile(&pooled(scores), 0.5),
            Self::InterquartileMean => interquartile_mean(&pooled(scores)),
        };
        // Rounding must not carry the mean of equal numbers outside of their range.
        let all = || scores.as_slice().iter().flatten().copied();
        let lowest = all().fold(f64::INFINITY, f64::min);
        let highest = all().fold(f64::NEG_INFINITY, f64::max);
        value.clamp(lowest, highest)
    }
}

fn means(scores: &Strata) -> Vec<f64> {
    let strata = scores.as_slice().iter();
    strata.map(|stratum| mean(stratum)).collect()
}

/// All scores, ascending.
fn pooled(scores: &Strata) -> Vec<f64> {
    ascending(&scores.as_slice().concat())
}

fn interquartile_mean(sorted: &[f64]) -> f64 {
    let cut = sorted.len() / 4;
    mean(&sorted[cut..sorted.len() - cut])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strata_of_different_sizes_weigh_the_same_in_the_mean() {
        let scores = Strata::new(vec![vec![1.0], vec![0.0, 0.0, 0.0], vec![0.5, 0.6]]).unwrap();
        assert!((Statistic::Mean.of(&scores) - 1.55 / 3.0).abs() < 1e-15);
        assert_eq!(Statistic::MedianOfMeans.of(&scores), 0.55);
        assert_eq!(Statistic::Median.of(&scores), 0.25);
        // One of six is cut at each end: (0 + 0 + 0.5 + 0.6) / 4.
        assert!((Statistic::InterquartileMean.of(&scores) - 0.275).abs() < 1e-15);
    }

    #[test]
    fn equal_scores_are_their_own_statistic() {
        let scores = Strata::new(vec![vec![0.1; 7], vec![0.1; 3]]).unwrap();
        for statistic in [Statistic::Mean, Statistic::InterquartileMean] {
            assert_eq!(statistic.of(&scores), 0.1);
        }
    }
}
