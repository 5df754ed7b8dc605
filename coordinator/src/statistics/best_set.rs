//! Which cells cannot be told apart from the best one.

use serde::Serialize;

use super::{
    Interval,
    bootstrap::{IntervalMethod, Strata, bootstrap_interval},
    few::{FEW, Scale, student_interval, welch_interval},
    holm::holm,
    rank_sum::{rank_sum_p, smallest_rank_sum_p},
    signed_rank::{signed_rank_p, smallest_signed_rank_p},
    summary::mean,
};

/// Replicates that are looked at: they are enough for millions of comparisons.
const MAX_SEEDS_TO_DECIDE: usize = 64;

/// Whether the replicates of two cells belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Pairing {
    /// Replicate r of every cell shares its random streams: differences are taken by replicate and
    /// tested by signed ranks.
    CommonSeeds,
    /// Replicates are independent: groups are compared by the sum of ranks. Pairing them by number
    /// would only lose power.
    Independent,
}

/// The best cell and how every other one compares with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BestSet {
    /// The cell with the highest mean; the first of several.
    pub best: usize,
    /// Every other cell with a score, in order.
    pub comparisons: Vec<Comparison>,
}

/// A cell compared with the best one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Which cell.
    pub cell: usize,
    /// How much higher the best cell's mean is.
    pub difference: f64,
    /// Its interval, not corrected for the number of comparisons, by resampling pairs or both
    /// groups; Student's or Welch's with fewer than [`FEW`] replicates in either, `None` with fewer
    /// than two.
    pub interval: Option<Interval>,
    /// Two-sided p-value of the test that the pairing asks for.
    pub p: f64,
    /// Adjusted by Holm over all comparisons.
    pub adjusted_p: f64,
    /// The smallest p-value that so few replicates can have.
    pub smallest_p: f64,
    /// What the comparison comes to.
    pub verdict: Verdict,
}

/// What a comparison with the best cell comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The adjusted p-value is at most alpha.
    Worse,
    /// It is not: the cell belongs to the set of the best.
    Indistinguishable,
    /// So few replicates can never reach alpha after correction, however far apart they are: the
    /// cell stays in the set for want of evidence.
    TooFewReplicates,
}

impl Verdict {
    /// Whether the cell is in the set of those indistinguishable from the best.
    #[must_use]
    pub const fn is_in_set(self) -> bool {
        !matches!(self, Self::Worse)
    }
}

impl BestSet {
    /// Compares the cells, each with its score by replicate (`None` where there is none), with the
    /// best of them. `None` if no cell has a score.
    ///
    /// The best is chosen by the same data, which is why a cell in the set is not shown to be equal
    /// to it: what holds is that the truly best cell is left out with a probability of at most
    /// alpha (2 % where 5 % are allowed, in this room's coverage study).
    #[must_use]
    pub fn of(cells: &[Vec<Option<f64>>], pairing: Pairing, alpha: f64, seed: u64) -> Option<Self> {
        let best = best(cells)?;
        let others: Vec<usize> = (0..cells.len())
            .filter(|&cell| cell != best && cells[cell].iter().flatten().next().is_some())
            .collect();
        let pairs: Vec<Pair> = others
            .iter()
            .map(|&cell| Pair::new(&cells[best], &cells[cell], pairing))
            .collect();
        let p_values: Vec<f64> = pairs.iter().map(Pair::p).collect();
        let adjusted = holm(&p_values);
        let comparisons = others.iter().enumerate().map(|(index, &cell)| {
            let pair = &pairs[index];
            let smallest_p = pair.smallest_p();
            Comparison {
                cell,
                difference: mean_of(&cells[best]) - mean_of(&cells[cell]),
                interval: pair.interval(seed),
                p: p_values[index],
                adjusted_p: adjusted[index],
                smallest_p,
                verdict: verdict(adjusted[index], smallest_p * pairs.len() as f64, alpha),
            }
        });
        Some(Self {
            best,
            comparisons: comparisons.collect(),
        })
    }
}

/// `first_step` is the smallest p-value at the strictest of Holm's steps: a cell that fails it can
/// only be told apart after others were.
fn verdict(adjusted_p: f64, first_step: f64, alpha: f64) -> Verdict {
    if adjusted_p <= alpha {
        Verdict::Worse
    } else if first_step > alpha {
        Verdict::TooFewReplicates
    } else {
        Verdict::Indistinguishable
    }
}

/// The fewest replicates of each cell with which all comparisons can be decided at a level, if the
/// scores are far enough apart; `None` if there are none that few.
#[must_use]
pub fn seeds_to_decide(pairing: Pairing, comparisons: usize, alpha: f64) -> Option<usize> {
    let smallest = |seeds: usize| match pairing {
        Pairing::CommonSeeds => smallest_signed_rank_p(seeds),
        Pairing::Independent => smallest_rank_sum_p(seeds, seeds),
    };
    (2..=MAX_SEEDS_TO_DECIDE).find(|&seeds| smallest(seeds) * comparisons as f64 <= alpha)
}

fn best(cells: &[Vec<Option<f64>>]) -> Option<usize> {
    let scored = (0..cells.len()).filter(|&cell| cells[cell].iter().flatten().next().is_some());
    scored.reduce(|best, cell| {
        if mean_of(&cells[cell]) > mean_of(&cells[best]) {
            cell
        } else {
            best
        }
    })
}

fn mean_of(cell: &[Option<f64>]) -> f64 {
    mean(&scores(cell))
}

fn scores(cell: &[Option<f64>]) -> Vec<f64> {
    cell.iter().flatten().copied().collect()
}

/// The scores of two cells as their test needs them.
enum Pair {
    Differences(Vec<f64>),
    Groups(Vec<f64>, Vec<f64>),
}

impl Pair {
    fn new(best: &[Option<f64>], other: &[Option<f64>], pairing: Pairing) -> Self {
        match pairing {
            Pairing::CommonSeeds => {
                let pairs = best.iter().zip(other);
                let both = pairs.filter_map(|(best, other)| Some((*best)? - (*other)?));
                Self::Differences(both.collect())
            }
            Pairing::Independent => Self::Groups(scores(best), scores(other)),
        }
    }

    fn p(&self) -> f64 {
        match self {
            Self::Differences(differences) => signed_rank_p(differences),
            Self::Groups(best, other) => rank_sum_p(best, other),
        }
    }

    fn smallest_p(&self) -> f64 {
        match self {
            Self::Differences(differences) => smallest_signed_rank_p(differences.len()),
            Self::Groups(best, other) => smallest_rank_sum_p(best.len(), other.len()),
        }
    }

    /// At widened levels: replicates are few; where they are very few, none is resampled.
    fn interval(&self, seed: u64) -> Option<Interval> {
        match self {
            Self::Differences(few) if few.len() < FEW => {
                return student_interval(few, Scale::Linear);
            }
            Self::Groups(best, other) if best.len().min(other.len()) < FEW => {
                return welch_interval(best, other);
            }
            _ => {}
        }
        let difference = |scores: &Strata| match scores.as_slice() {
            [differences] => mean(differences),
            [best, other] => mean(best) - mean(other),
            _ => unreachable!("a pair has one or two strata"),
        };
        let strata = match self {
            Self::Differences(differences) => Strata::single(differences),
            Self::Groups(best, other) => Strata::new(vec![best.clone(), other.clone()]),
        };
        bootstrap_interval(&strata?, difference, IntervalMethod::Expanded, seed)
    }
}
