//! Figures: first as data (what is shown, value by value), then drawn. Nothing here writes a file.

mod box_plot;
mod colour_key;
pub mod draw;
mod heat_map;
mod ponder_steps;
mod prior;

use pondersweep_proto::parameter::{Parameter, ParameterKind, ParameterValue};

pub use self::{
    box_plot::{BoxPlotFigure, SeedsOfValue},
    colour_key::{ColourKey, SeedPoint},
    heat_map::{HeatMapCell, HeatMapFigure, HeatMapQuantity},
    ponder_steps::{MeanOfValue, PonderStepsFigure, PriorLine},
};
use super::{input::ReportInput, placement::PlacedTrial};

/// Values on one axis of a figure: beyond them labels can no longer be read.
const MAX_FIGURE_VALUES: usize = 60;

/// Heat maps of one report: all pairs of five parameters.
const MAX_HEAT_MAP_PAIRS: usize = 10;

/// The figures of a report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Accuracy over seeds against each swept parameter; `lambda_p` gives the paper's Figure 2b.
    pub accuracy: Vec<BoxPlotFigure>,
    /// Ponder steps against each swept parameter.
    pub ponder_steps: Vec<PonderStepsFigure>,
    /// Accuracy and share solved over each pair of swept numbers.
    pub heat_maps: Vec<HeatMapFigure>,
}

/// What every figure tells about its sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Caption {
    /// The sweep's name.
    pub sweep: String,
    /// Trials with a result.
    pub trials_shown: usize,
    /// Trials of the sweep.
    pub trials_expected: u64,
    /// A trial is solved when its accuracy reaches this share.
    pub solved_threshold: f64,
    /// Swept parameters that are on no axis of the figure: all their values are pooled.
    pub pooled: Vec<Parameter>,
}

/// One axis of a figure: a parameter and its values, evenly spaced in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueAxis {
    /// What varies.
    pub parameter: Parameter,
    /// Its values.
    pub values: Vec<ParameterValue>,
}

impl Figures {
    pub(super) fn new(input: &ReportInput, trials: &[PlacedTrial<'_>]) -> Self {
        let axes: Vec<usize> = input
            .swept_axes()
            .into_iter()
            .filter(|&axis| input.terms.axes[axis].values.len() <= MAX_FIGURE_VALUES)
            .collect();
        let accuracy = axes
            .iter()
            .map(|&axis| BoxPlotFigure::new(input, trials, axis));
        let ponder_steps = axes
            .iter()
            .map(|&axis| PonderStepsFigure::new(input, trials, axis));
        let heat_maps = number_pairs(input, &axes).into_iter().flat_map(|pair| {
            let quantities = [HeatMapQuantity::MeanAccuracy, HeatMapQuantity::ShareSolved];
            quantities.map(|quantity| HeatMapFigure::new(input, trials, pair, quantity))
        });
        Self {
            accuracy: accuracy.collect(),
            ponder_steps: ponder_steps.collect(),
            heat_maps: heat_maps.collect(),
        }
    }
}

/// Pairs of the axes that hold numbers and more than one of them.
fn number_pairs(input: &ReportInput, axes: &[usize]) -> Vec<(usize, usize)> {
    let is_numeric = |&axis: &usize| {
        let axis = &input.terms.axes[axis];
        !matches!(axis.parameter.kind(), ParameterKind::Choice(_)) && axis.values.len() > 1
    };
    let numeric: Vec<usize> = axes.iter().copied().filter(is_numeric).collect();
    let firsts = numeric.iter().enumerate();
    let pairs = firsts.flat_map(|(index, &first)| {
        numeric[index + 1..]
            .iter()
            .map(move |&second| (first, second))
    });
    pairs.take(MAX_HEAT_MAP_PAIRS).collect()
}

impl Caption {
    fn new(input: &ReportInput, shown: &[usize]) -> Self {
        use crate::scheduler::TrialState::{Infeasible, Succeeded};
        let trials = input.trials.iter();
        let with_result = trials.filter(|trial| matches!(trial.outcome, Succeeded | Infeasible));
        let swept = input.swept_axes().into_iter();
        let pooled = swept.filter(|axis| !shown.contains(axis));
        Self {
            sweep: input.terms.name.clone(),
            trials_shown: with_result.count(),
            trials_expected: input.completeness.expected,
            solved_threshold: input.terms.solved_threshold,
            pooled: pooled
                .map(|axis| input.terms.axes[axis].parameter)
                .collect(),
        }
    }
}

impl ValueAxis {
    fn new(input: &ReportInput, axis: usize) -> Self {
        let axis = &input.terms.axes[axis];
        Self {
            parameter: axis.parameter,
            values: axis.values.clone(),
        }
    }
}
