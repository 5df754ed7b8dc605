//! Accuracy over seeds against one parameter: the paper's Figure 2b when that is `lambda_p`.

use pondersweep_proto::metric::Metric;

use super::{Caption, ColourKey, SeedPoint, ValueAxis, colour_key::points_by_value};
use crate::{
    report::{input::ReportInput, placement::PlacedTrial},
    scheduler::TrialState,
    statistics::BoxPlot,
};

/// The accuracy a task's answers have when they are guessed: parity is even or odd.
const CHANCE: f64 = 0.5;

/// A box plot over all trials with each value of a parameter, every trial a point.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxPlotFigure {
    /// Which sweep, and how trials are judged.
    pub caption: Caption,
    /// The parameter along the horizontal axis.
    pub axis: ValueAxis,
    /// What the colour of a point tells, if the sweep has another parameter with few values.
    pub colour_key: Option<ColourKey>,
    /// Accuracy of guessing.
    pub chance: f64,
    /// The trials of each value of the axis.
    pub groups: Vec<SeedsOfValue>,
}

/// The trials with one value of the parameter.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedsOfValue {
    /// The box; `None` where no trial has an accuracy.
    pub box_plot: Option<BoxPlot>,
    /// Every trial that succeeded.
    pub points: Vec<SeedPoint>,
    /// Trials that reached the solved threshold.
    pub solved: u64,
    /// Trials with a result, the infeasible ones included.
    pub n: u64,
}

impl BoxPlotFigure {
    pub(super) fn new(input: &ReportInput, trials: &[PlacedTrial<'_>], axis: usize) -> Self {
        let colour_key = ColourKey::choose(input, axis, None);
        let values = input.terms.axes[axis].values.len();
        let metric = Metric::AccuracyInterpolation;
        let points = points_by_value(trials, axis, values, colour_key.as_ref(), metric);
        let mut groups: Vec<SeedsOfValue> = points.into_iter().map(SeedsOfValue::new).collect();
        for trial in trials {
            let group = &mut groups[trial.positions[axis]];
            group.n += u64::from(trial.row.outcome != TrialState::Failed);
            group.solved += u64::from(trial.row.is_solved(input.terms.solved_threshold));
        }
        Self {
            caption: Caption::new(input, &[axis]),
            axis: ValueAxis::new(input, axis),
            colour_key,
            chance: CHANCE,
            groups,
        }
    }
}

impl SeedsOfValue {
    fn new(points: Vec<SeedPoint>) -> Self {
        let values: Vec<f64> = points.iter().map(|point| point.value).collect();
        Self {
            box_plot: BoxPlot::of(&values),
            points,
            solved: 0,
            n: 0,
        }
    }
}
