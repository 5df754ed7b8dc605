//! Scores in strata, and how they are resampled.

use crate::statistics::{SplitMix64, quantile::ascending};

/// Scores in strata: the runs on each task, or the replicates of each cell. A resample draws from
/// every stratum as many scores as it has, so no stratum gains or loses weight (Agarwal et al.
/// 2021, section 4.1). Strata may differ in size.
#[derive(Clone, Debug, PartialEq)]
pub struct Strata {
    strata: Vec<Vec<f64>>,
}

impl Strata {
    /// Strata of these scores; `None` if there is none or one of them is empty.
    ///
    /// # Panics
    /// If a score is not a number: the caller says how replicates without one are counted.
    #[must_use]
    pub fn new(strata: Vec<Vec<f64>>) -> Option<Self> {
        assert!(
            strata.iter().flatten().all(|score| score.is_finite()),
            "every score is a finite number"
        );
        let filled = !strata.is_empty() && strata.iter().all(|stratum| !stratum.is_empty());
        filled.then_some(Self { strata })
    }

    /// The scores of one stratum; `None` without any.
    ///
    /// # Panics
    /// If a score is not a number.
    #[must_use]
    pub fn single(scores: &[f64]) -> Option<Self> {
        Self::new(vec![scores.to_vec()])
    }

    /// The scores of each stratum.
    #[must_use]
    pub fn as_slice(&self) -> &[Vec<f64>] {
        &self.strata
    }

    /// Overwrites `resample`, which has the same shape, with a resample of these strata.
    pub(super) fn resample_into(&self, resample: &mut Self, generator: &mut SplitMix64) {
        for (source, target) in self.strata.iter().zip(&mut resample.strata) {
            for score in target {
                *score = source[generator.below(source.len())];
            }
        }
    }

    /// Each stratum in ascending order, so that no result depends on the order of arrival.
    pub(super) fn ascending(&self) -> Self {
        Self {
            strata: self
                .strata
                .iter()
                .map(|stratum| ascending(stratum))
                .collect(),
        }
    }

    /// The size of the smallest stratum.
    pub(in crate::statistics) fn smallest(&self) -> usize {
        let sizes = self.strata.iter().map(Vec::len);
        sizes.min().expect("there is a stratum")
    }
}
