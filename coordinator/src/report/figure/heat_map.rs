//! Accuracy or share solved over two parameters.

use pondersweep_proto::metric::Metric;

use super::{Caption, ValueAxis};
use crate::{
    report::{
        estimate::{share, values},
        input::ReportInput,
        placement::PlacedTrial,
    },
    scheduler::TrialState,
    statistics::Summary,
};

/// What the colour of a heat map's cell tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeatMapQuantity {
    /// Mean accuracy of the trials that have one.
    MeanAccuracy,
    /// Share of trials that reached the solved threshold.
    ShareSolved,
}

/// A quantity over two parameters, all others pooled.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatMapFigure {
    /// Which sweep, and how trials are judged.
    pub caption: Caption,
    /// What the colours tell.
    pub quantity: HeatMapQuantity,
    /// The parameter along the horizontal axis: the one with more values.
    pub horizontal: ValueAxis,
    /// The parameter along the vertical axis, its first value at the bottom.
    pub vertical: ValueAxis,
    /// Row by row from the bottom, each from left to right.
    pub cells: Vec<HeatMapCell>,
}

/// The trials with one value of each parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HeatMapCell {
    /// `None` without a trial that has one.
    pub value: Option<f64>,
    /// Trials with a result.
    pub n: u64,
}

impl HeatMapFigure {
    pub(super) fn new(
        input: &ReportInput,
        trials: &[PlacedTrial<'_>],
        (first, second): (usize, usize),
        quantity: HeatMapQuantity,
    ) -> Self {
        let size = |axis: usize| input.terms.axes[axis].values.len();
        let (horizontal, vertical) = if size(second) > size(first) {
            (second, first)
        } else {
            (first, second)
        };
        let mut groups = vec![Vec::new(); size(horizontal) * size(vertical)];
        for trial in trials {
            let place = &trial.positions;
            groups[place[vertical] * size(horizontal) + place[horizontal]].push(trial);
        }
        let threshold = input.terms.solved_threshold;
        let cells = groups
            .iter()
            .map(|group| HeatMapCell::new(group, threshold, quantity));
        Self {
            caption: Caption::new(input, &[horizontal, vertical]),
            quantity,
            horizontal: ValueAxis::new(input, horizontal),
            vertical: ValueAxis::new(input, vertical),
            cells: cells.collect(),
        }
    }
}

impl HeatMapCell {
    fn new(trials: &[&PlacedTrial<'_>], threshold: f64, quantity: HeatMapQuantity) -> Self {
        let n = count(trials, |trial| trial.row.outcome != TrialState::Failed);
        let value = match quantity {
            HeatMapQuantity::MeanAccuracy => {
                let accuracies = values(trials, Metric::AccuracyInterpolation);
                Summary::of(&accuracies).map(|summary| summary.mean)
            }
            HeatMapQuantity::ShareSolved => {
                share(count(trials, |trial| trial.row.is_solved(threshold)), n)
            }
        };
        Self { value, n }
    }
}

fn count(trials: &[&PlacedTrial<'_>], test: impl Fn(&PlacedTrial<'_>) -> bool) -> u64 {
    trials.iter().filter(|trial| test(trial)).count() as u64
}
