//! Accuracy or share solved over two parameters.

use pondersweep_proto::{
    metric::Metric,
    setting::{ParameterValue, Setting},
};

use super::{CHANCE, Caption, ValueAxis};
use crate::{
    report::{
        estimate::{share, values},
        input::ReportInput,
        number::label,
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
    /// The one value of a third parameter that is shown; `None` where all others are pooled.
    pub at: Option<(Setting, ParameterValue)>,
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
        third: Option<(usize, usize)>,
    ) -> Self {
        let size = |axis: usize| input.terms.axes[axis].values.len();
        let (horizontal, vertical) = if size(second) > size(first) {
            (second, first)
        } else {
            (first, second)
        };
        let mut groups = vec![Vec::new(); size(horizontal) * size(vertical)];
        let shown = trials
            .iter()
            .filter(|trial| third.is_none_or(|(axis, at)| trial.positions[axis] == at));
        for trial in shown {
            let place = &trial.positions;
            groups[place[vertical] * size(horizontal) + place[horizontal]].push(trial);
        }
        let threshold = input.terms.solved_threshold;
        let cells = groups
            .iter()
            .map(|group| HeatMapCell::new(group, threshold, quantity));
        let settled = third.map(|(axis, _)| axis);
        let settled: Vec<usize> = [horizontal, vertical].into_iter().chain(settled).collect();
        Self {
            caption: Caption::new(input, &settled),
            at: third.map(|(axis, at)| {
                let axis = &input.terms.axes[axis];
                (axis.parameter, axis.values[at].clone())
            }),
            quantity,
            horizontal: ValueAxis::new(input, horizontal),
            vertical: ValueAxis::new(input, vertical),
            cells: cells.collect(),
        }
    }

    /// The values at the two ends of the colours. Accuracy begins at chance, or lower if it must.
    pub(in crate::report) fn domain(&self) -> (f64, f64) {
        let values = self.cells.iter().filter_map(|cell| cell.value);
        let lowest = match self.quantity {
            HeatMapQuantity::MeanAccuracy => values.fold(CHANCE, f64::min),
            HeatMapQuantity::ShareSolved => 0.0,
        };
        (((lowest + 1e-9) * 20.0).floor() / 20.0, 1.0)
    }

    /// What the figure shows.
    #[must_use]
    pub fn title(&self) -> String {
        let (horizontal, vertical) = (self.horizontal.parameter, self.vertical.parameter);
        let quantity = self.quantity.name();
        let at = self.at.as_ref();
        let at = at.map(|(parameter, value)| format!(" at {parameter} = {}", label(value)));
        format!(
            "{quantity} over {horizontal} and {vertical}{}",
            at.unwrap_or_default()
        )
    }
}

impl HeatMapFigure {
    /// A name that no other heat map of its sweep has.
    pub(in crate::report) fn file_name(&self) -> String {
        let axes = format!("{}_{}", self.horizontal.parameter, self.vertical.parameter);
        let at = self.at.as_ref();
        let at = at.map(|(parameter, value)| format!("_at_{parameter}_{value}"));
        let at = at.unwrap_or_default();
        match self.quantity {
            HeatMapQuantity::MeanAccuracy => format!("heat_map_{axes}{at}"),
            HeatMapQuantity::ShareSolved => format!("heat_map_solved_{axes}{at}"),
        }
    }
}

impl HeatMapQuantity {
    /// Its name, at the start of a line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MeanAccuracy => "Mean accuracy",
            Self::ShareSolved => "Share of trials solved",
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
