//! Figures: first as data (what is shown, value by value), then drawn. Nothing here writes a file.

mod band;
mod box_plot;
mod colour_key;
pub mod draw;
mod heat_map;
mod ponder_steps;
mod prior;

use pondersweep_proto::{
    metric::{Better, Metric},
    setting::{ParameterValue, Setting},
    spec::EvaluationRange,
};

pub(super) use self::band::{MAX_SERIES, Sample};
pub(super) use self::prior::truncated_prior_mean;
pub use self::{
    band::{BandFigure, BandPoint, BandSeries, Boundary, Height},
    box_plot::{BoxPlotFigure, SeedsOfValue},
    colour_key::{ColourKey, SeedPoint},
    heat_map::{HeatMapCell, HeatMapFigure, HeatMapQuantity},
    ponder_steps::{MeanOfValue, PonderStepsFigure, PriorLine},
};
use super::{
    input::{HEADLINE, ReportInput},
    number::significant,
    placement::PlacedTrial,
};
use crate::sweep::Goal;

/// Values on one axis of a figure: beyond them labels can no longer be read.
const MAX_FIGURE_VALUES: usize = 60;

/// Heat maps of one report: all pairs of five parameters.
const MAX_HEAT_MAP_PAIRS: usize = 10;

/// Heat maps of the first two parameters, for each value of the third.
const MAX_FACETS: usize = 6;

/// A figure of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Figure {
    /// A metric over seeds.
    BoxPlot(BoxPlotFigure),
    /// Ponder steps next to the prior's.
    PonderSteps(PonderStepsFigure),
    /// A quantity over two parameters.
    HeatMap(HeatMapFigure),
    /// Lines with bands against a quantity.
    Band(BandFigure),
}

/// The figures of a report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// The headline over seeds against each swept parameter; `lambda_p` gives the paper's Figure
    /// 2b.
    pub headline: Vec<BoxPlotFigure>,
    /// Ponder steps against each swept parameter.
    pub ponder_steps: Vec<PonderStepsFigure>,
    /// The headline and the share solved over each pair of swept numbers.
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
    /// When a trial is solved.
    pub goal: Goal,
    /// The axes of the space, in the order of a trial's values; empty where there are several
    /// sweeps.
    pub axes: Vec<ValueAxis>,
    /// Swept parameters that are on no axis of the figure: all their values are pooled.
    pub pooled: Vec<Setting>,
}

/// One axis of a figure: a parameter and its values, evenly spaced in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueAxis {
    /// What varies.
    pub parameter: Setting,
    /// Its values.
    pub values: Vec<ParameterValue>,
}

impl Figure {
    /// What it shows.
    #[must_use]
    pub fn title(&self) -> String {
        match self {
            Self::BoxPlot(figure) => figure.title(),
            Self::PonderSteps(figure) => figure.title(),
            Self::HeatMap(figure) => figure.title(),
            Self::Band(figure) => figure.title.clone(),
        }
    }
}

/// What a metric measures, without the word that says that each value is a mean already.
pub(super) fn quantity(metric: &Metric) -> &str {
    metric
        .quantity
        .strip_prefix("mean ")
        .unwrap_or(&metric.quantity)
}

/// Words at the start of a sentence.
pub(super) fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}", first.unwrap_or_default(), letters.as_str())
}

/// What a metric measures and on what, at the start of a title.
pub(super) fn heading(metric: &Metric) -> String {
    let range = match metric.range {
        Some(EvaluationRange::Extrapolation) => " in extrapolation",
        _ => "",
    };
    format!("{}{range}", sentence(quantity(metric)))
}

/// `solved ≥ 0.95`.
pub(super) fn threshold_name(goal: &Goal) -> String {
    let sign = match goal.better {
        Better::Lower => '≤',
        Better::Higher | Better::Neither => '≥',
    };
    if goal.is_set() {
        format!("solved {sign} {}", significant(goal.threshold, 6))
    } else {
        "solved: not said".to_owned()
    }
}

impl Figures {
    pub(super) fn new(input: &ReportInput, trials: &[PlacedTrial<'_>]) -> Self {
        let axes: Vec<usize> = input
            .swept_axes()
            .into_iter()
            .filter(|&axis| input.terms.axes[axis].values.len() <= MAX_FIGURE_VALUES)
            .collect();
        let headline = axes
            .iter()
            .map(|&axis| BoxPlotFigure::new(input, trials, axis, HEADLINE));
        let ponder_steps = axes
            .iter()
            .filter_map(|&axis| PonderStepsFigure::new(input, trials, axis));
        let pooled = number_pairs(input, &axes)
            .into_iter()
            .map(|pair| (pair, None));
        let maps = pooled
            .chain(facets(input, &axes))
            .flat_map(|(pair, third)| {
                let quantities = [HeatMapQuantity::MeanHeadline, HeatMapQuantity::ShareSolved];
                let shown = quantities
                    .into_iter()
                    .take(if input.goal.is_set() { 2 } else { 1 });
                shown.map(move |quantity| HeatMapFigure::new(input, trials, pair, quantity, third))
            });
        Self {
            headline: headline.collect(),
            ponder_steps: ponder_steps.collect(),
            heat_maps: heat_map::compared(maps.collect()),
        }
    }
}

/// Pairs of the axes that hold numbers and more than one of them.
fn number_pairs(input: &ReportInput, axes: &[usize]) -> Vec<(usize, usize)> {
    let numeric = numeric_axes(input, axes);
    let firsts = numeric.iter().enumerate();
    let pairs = firsts.flat_map(|(index, &first)| {
        numeric[index + 1..]
            .iter()
            .map(move |&second| (first, second))
    });
    pairs.take(MAX_HEAT_MAP_PAIRS).collect()
}

/// Two axes of a heat map, and a third held at one of its values.
type Facet = ((usize, usize), Option<(usize, usize)>);

/// The first two axes of numbers at every value of the third, where there are exactly three.
fn facets(input: &ReportInput, axes: &[usize]) -> Vec<Facet> {
    let [first, second, third] = numeric_axes(input, axes)[..] else {
        return Vec::new();
    };
    let values = 0..input.terms.axes[third].values.len().min(MAX_FACETS);
    values
        .map(|value| ((first, second), Some((third, value))))
        .collect()
}

fn numeric_axes(input: &ReportInput, axes: &[usize]) -> Vec<usize> {
    let is_numeric = |&axis: &usize| {
        let axis = &input.terms.axes[axis];
        axis.parameter.is_ordered() && axis.values.len() > 1
    };
    axes.iter().copied().filter(is_numeric).collect()
}

impl Caption {
    pub(super) fn new(input: &ReportInput, shown: &[usize]) -> Self {
        use crate::scheduler::TrialState::{Infeasible, Succeeded};
        let trials = input.trials.iter();
        let with_result = trials.filter(|trial| matches!(trial.outcome, Succeeded | Infeasible));
        let swept = input.swept_axes().into_iter();
        let pooled = swept.filter(|axis| !shown.contains(axis));
        Self {
            sweep: input.terms.name.clone(),
            trials_shown: with_result.count(),
            trials_expected: input.completeness.expected,
            goal: input.goal.clone(),
            axes: (0..input.terms.axes.len())
                .map(|axis| ValueAxis::new(input, axis))
                .collect(),
            pooled: pooled
                .map(|axis| input.terms.axes[axis].parameter)
                .collect(),
        }
    }

    /// Of a figure on one trial, which has no counts.
    fn of_trial(trial: String, goal: Goal) -> Self {
        Self {
            sweep: trial,
            trials_shown: 0,
            trials_expected: 0,
            goal,
            axes: Vec::new(),
            pooled: Vec::new(),
        }
    }

    /// Of a figure on several sweeps; `None` where there are none.
    pub(super) fn of_all<'a>(inputs: impl Iterator<Item = &'a ReportInput>) -> Option<Self> {
        let all = inputs.map(|input| Self {
            axes: Vec::new(),
            pooled: Vec::new(),
            ..Self::new(input, &[])
        });
        all.reduce(|all, next| Self {
            sweep: format!("{}, {}", all.sweep, next.sweep),
            trials_shown: all.trials_shown + next.trials_shown,
            trials_expected: all.trials_expected + next.trials_expected,
            ..all
        })
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
