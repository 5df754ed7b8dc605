//! Exact analysis of variance of a balanced full factorial: how much of the variation is due to
//! each factor, to every interaction, and to the seeds alone.
//!
//! On a balanced full factorial the effects are orthogonal, so there is one decomposition: types I,
//! II and III of sums of squares agree. With missing cells or unequal counts they do not; each
//! answers another question, and some effects cannot be told apart at all. Such data is refused
//! with the reason, and the caller may analyse the replicates that all cells have.

mod effect;

pub use effect::{Effect, Residual};

use serde::Serialize;

use self::effect::{Totals, ratio};
use super::{
    few::logit,
    quantile::ascending,
    summary::{mean, standard_deviation},
};

/// Factors of one analysis: 255 rows, more than anyone reads.
pub const MAX_FACTORS: usize = 8;

/// An analysis of variance with all interactions (Fisher 1925; Montgomery, *Design and Analysis of
/// Experiments*, chapter 5).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Anova {
    /// Main effects first, then interactions of two factors, and so on.
    pub effects: Vec<Effect>,
    /// The variation within cells.
    pub residual: Residual,
    /// Sum of squares around the grand mean.
    pub total_sum_of_squares: f64,
    /// How many numbers were analysed.
    pub observations: u64,
}

/// Why there is no analysis.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnovaError {
    /// There is nothing to compare.
    #[error("no factor has more than one level")]
    NoFactor,
    /// The table would be unreadable.
    #[error("{0} factors are more than {MAX_FACTORS}\nhint: fix some of them")]
    TooManyFactors(usize),
    /// A factor that does not vary has no effect.
    #[error("factor {factor} has {levels} level(s)\nhint: leave it out")]
    OneLevel {
        /// Its position.
        factor: usize,
        /// How many levels it has.
        levels: usize,
    },
    /// The grid is not full.
    #[error(
        "cell {cell} of the factorial has no observation, so that effects cannot be told apart"
    )]
    EmptyCell {
        /// Its position in the order of the grid.
        cell: usize,
    },
    /// The counts differ.
    #[error(
        "cell {cell} has {count} observations where the first has {expected}: the effects of an \
         unbalanced design overlap, and no share of the variation is theirs alone\n\
         hint: analyse the replicates that every cell has"
    )]
    Unbalanced {
        /// The first cell that differs.
        cell: usize,
        /// Its observations.
        count: usize,
        /// Those of the first cell.
        expected: usize,
    },
    /// Nothing tells an effect from the luck of a seed.
    #[error("one observation in each cell leaves no residual\nhint: run at least two replicates")]
    NoResidual,
}

impl Anova {
    /// Analyses the cells of the full factorial of factors with that many levels, in the order of
    /// the grid, the last factor varying fastest. Neither the order within a cell nor that of the
    /// levels matters.
    ///
    /// # Errors
    /// The design is not a balanced full factorial with at least two replicates.
    ///
    /// # Panics
    /// If there are not as many cells as the levels say.
    pub fn of(levels: &[usize], cells: &[Vec<f64>]) -> Result<Self, AnovaError> {
        let replicates = check(levels, cells)?;
        let sorted: Vec<Vec<f64>> = cells.iter().map(|cell| ascending(cell)).collect();
        let means: Vec<f64> = sorted.iter().map(|cell| mean(cell)).collect();
        let (within, total) = (within(&sorted, &means), total(&sorted, mean(&means)));
        let totals = Totals {
            residual: residual(within, cells.len() * (replicates - 1), total),
            total,
            observations: cells.len() * replicates,
        };
        let effects = subsets(levels.len()).into_iter().map(|factors| {
            let squares = sum_of_squares(&means, levels, &factors, replicates);
            let freedom = factors.iter().map(|&factor| levels[factor] as u64 - 1);
            Effect::new(factors.clone(), squares, freedom.product(), &totals)
        });
        Ok(Self {
            effects: effects.collect(),
            residual: totals.residual,
            total_sum_of_squares: total,
            observations: totals.observations as u64,
        })
    }
}

/// The scores of cells, all of them shares, on the logit scale: there a share moves as freely near
/// 1 as near a half, where the scale of shares lets a cell that is nearly done vary the less the
/// better it is. Shares within `floor` of 0 or 1 count as that far from it: how far they are was
/// not measured.
#[must_use]
pub fn logits(cells: &[Vec<f64>], floor: f64) -> Vec<Vec<f64>> {
    let of = |share: &f64| logit(share.clamp(floor, 1.0 - floor));
    cells
        .iter()
        .map(|cell| cell.iter().map(of).collect())
        .collect()
}

/// How many times the least deviation of a cell the greatest is: infinite where one cell does not
/// vary and another does. `None` where none varies.
#[must_use]
pub fn fold_of_spreads(cells: &[Vec<f64>]) -> Option<f64> {
    let spreads = cells.iter().filter_map(|cell| standard_deviation(cell));
    let (least, greatest) = spreads.fold((f64::INFINITY, 0.0_f64), |(least, greatest), spread| {
        (least.min(spread), greatest.max(spread))
    });
    (greatest > 0.0).then(|| greatest / least)
}

/// The replicates of every cell.
fn check(levels: &[usize], cells: &[Vec<f64>]) -> Result<usize, AnovaError> {
    assert_eq!(levels.iter().product::<usize>(), cells.len(), "a full grid");
    if levels.is_empty() {
        return Err(AnovaError::NoFactor);
    }
    if levels.len() > MAX_FACTORS {
        return Err(AnovaError::TooManyFactors(levels.len()));
    }
    if let Some(factor) = levels.iter().position(|&levels| levels < 2) {
        let levels = levels[factor];
        return Err(AnovaError::OneLevel { factor, levels });
    }
    if let Some(cell) = cells.iter().position(Vec::is_empty) {
        return Err(AnovaError::EmptyCell { cell });
    }
    let expected = cells[0].len();
    if let Some(cell) = cells.iter().position(|cell| cell.len() != expected) {
        let count = cells[cell].len();
        return Err(AnovaError::Unbalanced {
            cell,
            count,
            expected,
        });
    }
    if expected < 2 {
        return Err(AnovaError::NoResidual);
    }
    Ok(expected)
}

fn within(cells: &[Vec<f64>], means: &[f64]) -> f64 {
    let pairs = cells.iter().zip(means);
    pairs.map(|(cell, &mean)| squares_around(cell, mean)).sum()
}

fn total(cells: &[Vec<f64>], grand_mean: f64) -> f64 {
    let squares = cells.iter().map(|cell| squares_around(cell, grand_mean));
    squares.sum()
}

fn squares_around(values: &[f64], centre: f64) -> f64 {
    values.iter().map(|value| (value - centre).powi(2)).sum()
}

fn residual(squares: f64, freedom: usize, total: f64) -> Residual {
    Residual {
        sum_of_squares: squares,
        degrees_of_freedom: freedom as u64,
        mean_square: squares / freedom as f64,
        eta_squared: ratio(squares, total),
    }
}

/// Every combination of the factors but the empty one, by the number of factors, then by position.
fn subsets(factors: usize) -> Vec<Vec<usize>> {
    let members = |bits: u32| (0..factors).filter(move |factor| bits >> factor & 1 == 1);
    let mut subsets: Vec<Vec<usize>> = (1..1_u32 << factors)
        .map(|bits| members(bits).collect())
        .collect();
    subsets.sort_by_key(|subset| (subset.len(), subset.clone()));
    subsets
}

/// The sum of squares of an interaction: the cell means, taken as deviations along its factors and
/// averaged along all others, are the effect itself. Nothing large is subtracted from anything
/// large, as the textbook's correction terms would do.
fn sum_of_squares(means: &[f64], levels: &[usize], factors: &[usize], replicates: usize) -> f64 {
    let mut effect = means.to_vec();
    let mut shape = levels.to_vec();
    for factor in 0..levels.len() {
        if factors.contains(&factor) {
            centre(&mut effect, &shape, factor);
        } else {
            effect = averaged(&effect, &shape, factor);
            shape[factor] = 1;
        }
    }
    let behind_each = means.len() / effect.len() * replicates;
    squares_around(&effect, 0.0) * behind_each as f64
}

/// The distance between neighbours along a factor.
fn stride(shape: &[usize], factor: usize) -> usize {
    shape[factor + 1..].iter().product()
}

/// The mean along one factor, which then has one level.
fn averaged(values: &[f64], shape: &[usize], factor: usize) -> Vec<f64> {
    let stride = stride(shape, factor);
    let blocks = values.chunks(stride * shape[factor]);
    let lines = blocks.flat_map(|block| (0..stride).map(|offset| line_mean(block, offset, stride)));
    lines.collect()
}

fn centre(values: &mut [f64], shape: &[usize], factor: usize) {
    let stride = stride(shape, factor);
    for block in values.chunks_mut(stride * shape[factor]) {
        for offset in 0..stride {
            let mean = line_mean(block, offset, stride);
            let line = block.iter_mut().skip(offset).step_by(stride);
            line.for_each(|value| *value -= mean);
        }
    }
}

fn line_mean(block: &[f64], offset: usize, stride: usize) -> f64 {
    let line = block.iter().skip(offset).step_by(stride);
    line.sum::<f64>() / (block.len() / stride) as f64
}
