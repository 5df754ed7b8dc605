//! The scores of one method as they were drawn, for statistics of all of them together.

use super::{RESAMPLES, Replicates};
use crate::statistics::{Interval, SplitMix64, quantile::ascending};

/// Scores in units that are drawn together, in strata that are there anyway. Which configurations a
/// grid has is no accident, so each cell is a stratum, and its replicates are its units. Where
/// configurations share their seeds, a replicate is one draw for all of them: then there is one
/// stratum, and a unit has the scores of a replicate in every cell (Cameron and Miller 2015).
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    strata: Vec<Vec<Vec<f64>>>,
}

impl Sample {
    /// The scores of cells, each by replicate, `None` where there is none. `None` if no cell has a
    /// score.
    #[must_use]
    pub fn of_cells(cells: &[Vec<Option<f64>>], common_seeds: bool) -> Option<Self> {
        let strata = if common_seeds {
            vec![by_replicate(cells)]
        } else {
            cells.iter().map(|cell| units(cell)).collect()
        };
        let filled = strata.into_iter().filter(|units| !units.is_empty());
        let strata: Vec<_> = filled.collect();
        (!strata.is_empty()).then_some(Self { strata })
    }

    /// All scores.
    #[must_use]
    pub fn pooled(&self) -> Vec<f64> {
        self.strata.iter().flatten().flatten().copied().collect()
    }

    fn resampled(&self, generator: &mut SplitMix64) -> Vec<f64> {
        let mut pooled = Vec::new();
        for units in &self.strata {
            for _ in 0..units.len() {
                pooled.extend(&units[generator.below(units.len())]);
            }
        }
        pooled
    }

    fn sizes(&self) -> impl Iterator<Item = usize> {
        self.strata.iter().map(Vec::len)
    }
}

/// Every score by itself, in an order that does not depend on that of arrival.
fn units(cell: &[Option<f64>]) -> Vec<Vec<f64>> {
    let scores: Vec<f64> = cell.iter().flatten().copied().collect();
    ascending(&scores)
        .into_iter()
        .map(|score| vec![score])
        .collect()
}

/// The scores of each replicate in every cell that has it.
fn by_replicate(cells: &[Vec<Option<f64>>]) -> Vec<Vec<f64>> {
    let most = cells.iter().map(Vec::len).max().unwrap_or_default();
    let of = |replicate: usize| {
        let scores = cells.iter().filter_map(|cell| *cell.get(replicate)?);
        scores.collect::<Vec<f64>>()
    };
    let replicates = (0..most).map(of);
    replicates.filter(|scores| !scores.is_empty()).collect()
}

/// The intervals of several statistics of the pooled scores of samples, all on the same resamples
/// and at widened levels (see `Replicates::expanded`): cells have few replicates. `None` where a
/// stratum has a single unit, which says nothing about the spread.
pub(in crate::statistics) fn pooled_intervals(
    samples: &[&Sample],
    statistics: impl Fn(&[Vec<f64>]) -> Vec<f64>,
    seed: u64,
) -> Option<Vec<Interval>> {
    let sizes = || samples.iter().flat_map(|sample| sample.sizes());
    let smallest = sizes().min().filter(|&size| size > 1)?;
    let freedom = sizes().map(|size| size - 1).sum();
    let mut generator = SplitMix64::new(seed);
    let drawn: Vec<Vec<f64>> = (0..RESAMPLES)
        .map(|_| {
            let resamples = samples
                .iter()
                .map(|sample| sample.resampled(&mut generator));
            statistics(&resamples.collect::<Vec<_>>())
        })
        .collect();
    let interval = |index: usize| {
        let values = drawn.iter().map(|values| values[index]);
        Replicates::new(values.collect()).expanded(smallest, freedom)
    };
    Some((0..drawn[0].len()).map(interval).collect())
}
