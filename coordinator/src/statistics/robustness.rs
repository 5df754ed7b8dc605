//! How much a result depends on hitting the right spot of a grid.

use serde::Serialize;

use super::{
    Interval,
    bootstrap::{IntervalMethod, Strata, bootstrap_interval},
    few::{FEW, welch_interval},
    summary::mean,
};

/// An axis of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct GridAxis {
    /// How many values it has.
    pub levels: usize,
    /// Whether they have an order. One step goes to the next value of an ordered axis, and to any
    /// other value of an axis of choices.
    pub ordered: bool,
}

/// How robust a method is over a grid of settings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Robustness {
    /// The cell with the highest mean, in the order of the grid; the first of several.
    pub best: usize,
    /// Its mean.
    pub best_mean: f64,
    /// Cells with a score.
    pub cells: u64,
    /// The robustness index: the share of them whose mean is within epsilon of the best one's.
    pub share_within: f64,
    /// Its bootstrap interval over replicates; `None` where a cell has fewer than [`FEW`].
    pub share_interval: Option<Interval>,
    /// The neighbour of the best cell with the lowest mean; `None` without a neighbour.
    pub worst_step: Option<WorstStep>,
}

/// The worst that one step away from the best cell can do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct WorstStep {
    /// Where it leads.
    pub cell: usize,
    /// How much lower the mean is there.
    pub drop: f64,
    /// Its bootstrap interval over replicates, the best cell held fixed; Welch's where either cell
    /// has fewer than [`FEW`], `None` where it has a single one.
    pub interval: Option<Interval>,
}

impl Robustness {
    /// The robustness over the cells of a grid, the last axis varying fastest. Cells without a
    /// score are not counted. `None` if there is no other.
    ///
    /// The best of many means is too high by luck, more so on a resample, so that index and
    /// interval lean towards calling a method fragile (see the coverage study of this room).
    ///
    /// # Panics
    /// If there are not as many cells as the axes say.
    #[must_use]
    pub fn of(axes: &[GridAxis], cells: &[Vec<f64>], epsilon: f64, seed: u64) -> Option<Self> {
        let size: usize = axes.iter().map(|axis| axis.levels).product();
        assert_eq!(size, cells.len(), "a cell for every point of the grid");
        let scored: Vec<usize> = (0..size).filter(|&cell| !cells[cell].is_empty()).collect();
        let scores = Strata::new(scored.iter().map(|&cell| cells[cell].clone()).collect())?;
        let best = scored[highest(&means(&scores))];
        let share = |scores: &Strata| share_within(&means(scores), epsilon);
        Some(Self {
            best,
            best_mean: mean(&cells[best]),
            cells: scored.len() as u64,
            share_within: share(&scores),
            share_interval: (scores.smallest() >= FEW)
                .then(|| bootstrap_interval(&scores, share, IntervalMethod::Percentile, seed))
                .flatten(),
            worst_step: worst_step(axes, cells, best, seed),
        })
    }
}

fn means(scores: &Strata) -> Vec<f64> {
    scores.as_slice().iter().map(|cell| mean(cell)).collect()
}

/// The position of the highest mean, the first of several.
fn highest(means: &[f64]) -> usize {
    (0..means.len())
        .reduce(|best, cell| {
            if means[cell] > means[best] {
                cell
            } else {
                best
            }
        })
        .expect("strata are not empty")
}

fn share_within(means: &[f64], epsilon: f64) -> f64 {
    let limit = means[highest(means)] - epsilon;
    let within = means.iter().filter(|&&mean| mean >= limit).count();
    within as f64 / means.len() as f64
}

fn worst_step(axes: &[GridAxis], cells: &[Vec<f64>], best: usize, seed: u64) -> Option<WorstStep> {
    let scored = neighbours(axes, best)
        .into_iter()
        .filter(|&cell| !cells[cell].is_empty());
    let cell = scored.min_by(|&a, &b| mean(&cells[a]).total_cmp(&mean(&cells[b])))?;
    let both = Strata::new(vec![cells[best].clone(), cells[cell].clone()])?;
    let drop = |both: &Strata| {
        let means = means(both);
        means[0] - means[1]
    };
    Some(WorstStep {
        cell,
        drop: drop(&both),
        interval: if both.smallest() < FEW {
            welch_interval(&cells[best], &cells[cell])
        } else {
            bootstrap_interval(&both, drop, IntervalMethod::Expanded, seed)
        },
    })
}

/// The cells one step away along one axis.
fn neighbours(axes: &[GridAxis], cell: usize) -> Vec<usize> {
    let mut neighbours = Vec::new();
    let mut stride: usize = axes.iter().map(|axis| axis.levels).product();
    for axis in axes {
        stride /= axis.levels;
        let level = cell / stride % axis.levels;
        let reachable = (0..axis.levels)
            .filter(|&other| other != level && (!axis.ordered || other.abs_diff(level) == 1));
        neighbours.extend(reachable.map(|other| cell - level * stride + other * stride));
    }
    neighbours
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ordered(levels: usize) -> GridAxis {
        GridAxis {
            levels,
            ordered: true,
        }
    }

    const fn choice(levels: usize) -> GridAxis {
        GridAxis {
            levels,
            ordered: false,
        }
    }

    fn sorted_neighbours(axes: &[GridAxis], cell: usize) -> Vec<usize> {
        let mut found = neighbours(axes, cell);
        found.sort_unstable();
        found
    }

    #[test]
    fn a_step_goes_to_the_next_value_of_one_axis_or_to_any_choice() {
        let grid = [ordered(3), ordered(4)];
        assert_eq!(sorted_neighbours(&grid, 0), [1, 4]);
        assert_eq!(sorted_neighbours(&grid, 5), [1, 4, 6, 9]);
        assert_eq!(sorted_neighbours(&[choice(3), ordered(2)], 0), [1, 2, 4]);
    }

    #[test]
    fn index_and_worst_step_are_counted_by_hand() {
        // Means 0.9, 1.0, 0.5, nothing, 0.97: the last is not next to the best one.
        let cells = [
            vec![0.88, 0.92],
            vec![1.0, 1.0],
            vec![0.5, 0.5],
            vec![],
            vec![0.96, 0.98],
        ];
        let robustness = Robustness::of(&[ordered(5)], &cells, 0.05, 0).unwrap();
        assert_eq!((robustness.best, robustness.cells), (1, 4));
        assert_eq!(robustness.share_within, 0.5);
        let step = robustness.worst_step.unwrap();
        assert_eq!((step.cell, step.drop), (2, 0.5));
        // Neither cell varies over its two replicates: nothing says that none would.
        assert_eq!((step.interval, robustness.share_interval), (None, None));
    }

    #[test]
    fn without_scores_there_is_nothing_to_say_and_without_neighbours_no_step() {
        assert_eq!(
            Robustness::of(&[ordered(2)], &[vec![], vec![]], 0.1, 0),
            None
        );
        let lonely = Robustness::of(&[ordered(1)], &[vec![0.9]], 0.1, 0).unwrap();
        assert_eq!((lonely.share_within, lonely.worst_step), (1.0, None));
        assert_eq!(lonely.share_interval, None);
    }
}
