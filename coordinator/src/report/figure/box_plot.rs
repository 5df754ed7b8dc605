//! A metric over seeds against one parameter: of accuracy the paper's Figure 2a when that is `tau`,
//! and its Figure 2b when that is `lambda_p`.

use pondersweep_proto::metric::Metric;

use super::{Caption, ColourKey, SeedPoint, ValueAxis, colour_key::points_by_value, heading};
use crate::{
    report::{
        input::ReportInput,
        number::{label, labels},
        placement::PlacedTrial,
    },
    scheduler::TrialState,
    statistics::BoxPlot,
};

/// A box plot over all trials with each value of a parameter, every trial a point.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxPlotFigure {
    /// What is measured along the vertical axis.
    pub metric: Metric,
    /// Which sweep, and how trials are judged.
    pub caption: Caption,
    /// The parameter along the horizontal axis.
    pub axis: ValueAxis,
    /// The one value that it is of, as it is called among those of the sweep; `None` for all of
    /// them.
    pub only: Option<String>,
    /// What the colour of a point tells, if the sweep has another parameter with few values.
    pub colour_key: Option<ColourKey>,
    /// The accuracy of guessing; `None` where the metric is not an accuracy.
    pub chance: Option<f64>,
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
    pub(in crate::report) fn new(
        input: &ReportInput,
        trials: &[PlacedTrial<'_>],
        axis: usize,
        place: usize,
    ) -> Self {
        let metric = input.metrics[place].clone();
        let colour_key = ColourKey::choose(input, axis, None);
        let values = input.terms.axes[axis].values.len();
        let points = points_by_value(trials, axis, values, colour_key.as_ref(), place);
        let mut groups: Vec<SeedsOfValue> = points.into_iter().map(SeedsOfValue::new).collect();
        for trial in trials {
            let group = &mut groups[trial.positions[axis]];
            group.n += u64::from(trial.row.outcome != TrialState::Failed);
            group.solved += u64::from(input.is_solved(trial.row));
        }
        Self {
            chance: input.chance(&metric),
            metric,
            caption: Caption::new(input, &[axis]),
            axis: ValueAxis::new(input, axis),
            only: None,
            colour_key,
            groups,
        }
    }

    /// The figure of one value of its axis alone.
    pub(in crate::report) fn at(mut self, position: usize) -> Self {
        self.only = Some(labels(&self.axis.values).swap_remove(position));
        self.axis.values = vec![self.axis.values[position].clone()];
        self.groups = vec![self.groups[position].clone()];
        self
    }

    /// What the figure shows.
    #[must_use]
    pub fn title(&self) -> String {
        let metric = heading(&self.metric);
        let parameter = &self.axis.parameter;
        match (&self.only, &self.axis.values[..]) {
            (Some(only), _) => format!("{metric} over seeds at {parameter} = {only}"),
            (None, [value]) => format!("{metric} over seeds at {parameter} = {}", label(value)),
            (None, _) => format!("{metric} over seeds against {parameter}"),
        }
    }

    /// Whether the solved threshold is one of this figure's metric.
    pub(in crate::report) fn has_threshold(&self) -> bool {
        self.metric.name == self.caption.goal.metric
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
