//! Intervals of a share whose number of trials was decided by their results, by the rule that
//! `run --until-ci` follows.

use super::streams;
use crate::{
    allocation::{Precision, Replicates},
    statistics::{SplitMix64, confidence_sequence, wilson_interval},
};

/// True shares studied.
pub(super) const SHARES: [f64; 4] = [0.5, 0.8, 0.9, 0.95];
/// What there is to be decided.
pub(super) const THRESHOLDS: [Option<f64>; 2] = [None, Some(0.9)];
/// Replicates before anybody looks.
pub(super) const FIRST: u32 = 4;
/// Replicates at most.
pub(super) const MOST: u32 = 40;
/// Half of the length of an interval that is narrow enough.
pub(super) const HALF_WIDTH: f64 = 0.15;

/// Shares of simulations whose last interval covers the truth, and how many replicates they took.
pub(super) struct Adaptive {
    pub(super) sequence: f64,
    pub(super) wilson: f64,
    pub(super) replicates: f64,
}

/// One configuration to its end: without a budget the others make no difference to it.
fn played(generator: &mut SplitMix64, share: f64, precision: &Precision) -> Replicates {
    let mut cell = Replicates::default();
    let mut next = FIRST;
    loop {
        let added = u64::from(next - cell.given);
        let solved = (0..added).filter(|_| generator.unit() < share).count() as u64;
        cell = Replicates {
            results: cell.results + added,
            solved: cell.solved + solved,
            waiting: 0,
            given: next,
        };
        match precision.allocate(&[cell], None).first() {
            Some(allocation) => next = allocation.replicates,
            None => return cell,
        }
    }
}

pub(super) fn of_adaptive(simulations: u64, share: f64, threshold: Option<f64>) -> Adaptive {
    let precision = Precision {
        half_width: HALF_WIDTH,
        threshold,
        most: MOST,
    };
    let (mut sequence, mut wilson, mut replicates) = (0.0, 0.0, 0.0);
    for mut generator in streams(simulations) {
        let Replicates {
            solved, results, ..
        } = played(&mut generator, share, &precision);
        sequence += f64::from(confidence_sequence(solved, results).contains(share));
        wilson += f64::from(wilson_interval(solved, results).unwrap().contains(share));
        replicates += results as f64;
    }
    let simulations = simulations as f64;
    Adaptive {
        sequence: sequence / simulations,
        wilson: wilson / simulations,
        replicates: replicates / simulations,
    }
}
