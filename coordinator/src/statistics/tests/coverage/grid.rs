//! Numbers of a whole grid: nine cells with levels and spreads of their own, the replicates of
//! which share half of their luck where they share their seeds.

use super::{population::NORMAL, share_of};
use crate::statistics::{
    Cluster, Sample, Scale, SplitMix64, clustered_mean_interval, clustered_share_interval,
    distribution::normal_probability_below, mean_interval, performance_profile,
    probability_of_improvement, wilson_interval,
};

/// Replicates studied.
pub(super) const SIZES: [usize; 3] = [3, 5, 10];

const CELLS: usize = 9;

/// What is said about a row over all cells, or a method.
#[derive(Clone, Copy, Debug)]
pub(super) enum Judged {
    /// The mean, as if all trials were independent.
    MeanOfTrials,
    /// The mean, each replicate one draw.
    Mean,
    /// The share above zero, as if all trials were independent.
    ShareOfTrials,
    /// The share above zero, each replicate one draw.
    Share,
    /// The performance profile at zero.
    Profile,
    /// The probability of improvement over a method half a deviation worse in every cell.
    Improvement,
}

/// The level and the spread of a cell: the better, the narrower.
fn shape(cell: usize) -> (f64, f64) {
    let level = cell as f64 / 4.0;
    (level, 1.5 - level / 2.0)
}

/// The scores of every cell.
fn scores(generator: &mut SplitMix64, common_seeds: bool, size: usize) -> Vec<Vec<Option<f64>>> {
    let shared = NORMAL.sample(generator, size);
    let mut cell = |cell: usize| {
        let own = NORMAL.sample(generator, size);
        let luck = own.iter().zip(&shared).map(|(own, shared)| {
            if common_seeds {
                (own + shared) * 0.5_f64.sqrt()
            } else {
                *own
            }
        });
        let (level, spread) = shape(cell);
        luck.map(|luck| Some(level + spread * luck)).collect()
    };
    (0..CELLS).map(&mut cell).collect()
}

fn mean_over_cells(of: impl Fn(usize) -> f64) -> f64 {
    (0..CELLS).map(of).sum::<f64>() / CELLS as f64
}

fn share_above_zero() -> f64 {
    mean_over_cells(|cell| {
        let (level, spread) = shape(cell);
        normal_probability_below(level / spread)
    })
}

/// How far below the other method is.
const WORSE: f64 = 0.5;

fn improvement() -> f64 {
    mean_over_cells(|x| {
        mean_over_cells(|y| {
            let ((x, of_x), (y, of_y)) = (shape(x), shape(y));
            normal_probability_below((x - y + WORSE) / of_x.hypot(of_y))
        })
    })
}

fn clusters(cells: &[Vec<Option<f64>>], number: impl Fn(f64) -> f64) -> Vec<Cluster> {
    let mut clusters = vec![Cluster::default(); cells[0].len()];
    for (replicate, score) in cells
        .iter()
        .flat_map(|cell| cell.iter().flatten().enumerate())
    {
        clusters[replicate].add(number(*score));
    }
    clusters
}

/// How often the interval covers what it is of.
pub(super) fn of_grid(simulations: u64, judged: Judged, common_seeds: bool, size: usize) -> f64 {
    let solved = |score: f64| f64::from(u8::from(score > 0.0));
    let (level, share, better) = (
        mean_over_cells(|cell| shape(cell).0),
        share_above_zero(),
        improvement(),
    );
    share_of(simulations, |generator, seed| {
        let cells = scores(generator, common_seeds, size);
        let trials: Vec<f64> = cells.iter().flatten().flatten().copied().collect();
        let sample = Sample::of_cells(&cells, common_seeds).unwrap();
        let (interval, truth) = match judged {
            Judged::MeanOfTrials => (mean_interval(&trials, Scale::Linear, seed), level),
            Judged::Mean => (
                clustered_mean_interval(&clusters(&cells, |score| score), Scale::Linear),
                level,
            ),
            Judged::ShareOfTrials => {
                let above = trials.iter().filter(|score| **score > 0.0).count();
                (wilson_interval(above as u64, trials.len() as u64), share)
            }
            Judged::Share => (clustered_share_interval(&clusters(&cells, solved)), share),
            Judged::Profile => (
                performance_profile(&sample, &[0.0], seed)[0].interval,
                share,
            ),
            Judged::Improvement => {
                let other = scores(generator, common_seeds, size);
                let lower = |cell: &Vec<Option<f64>>| {
                    cell.iter().map(|score| Some((*score)? - WORSE)).collect()
                };
                let other: Vec<_> = other.iter().map(lower).collect();
                let other = Sample::of_cells(&other, common_seeds).unwrap();
                (
                    probability_of_improvement(&sample, &other, seed).interval,
                    better,
                )
            }
        };
        interval.is_some_and(|interval| interval.contains(truth))
    })
}
