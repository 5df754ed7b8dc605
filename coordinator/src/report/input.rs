//! What a report is made from: plain rows, as the results database holds them.

use std::{ops::Range, sync::Arc};

use pondersweep_proto::{
    experiment::TaskWords,
    id::SweepId,
    metric::{Better, Metric, MetricName, MetricTable, built_in},
    setting::{ParameterValue, Setting},
    spec::EvaluationRange,
};
use serde::Serialize;

use crate::{
    scheduler::TrialState,
    statistics::{Counted, Counting, DIVERGED, Replicate},
    sweep::{Axis, Goal, SweepTerms},
};

/// A sweep and everything that is known about its trials.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportInput {
    /// Which sweep.
    pub sweep_id: SweepId,
    /// What was swept, and when a trial counts as solved.
    pub terms: SweepTerms,
    /// The metrics that tables and figures show, and the one that trials are judged by. The first
    /// is the headline.
    pub metrics: Vec<Metric>,
    /// When a trial counts as solved.
    pub goal: Goal,
    /// At least every trial that has ended; others are left out of all tables.
    pub trials: Vec<TrialRow>,
    /// The trials and attempts of the sweep, counted by the database.
    pub completeness: Completeness,
    /// The builds of the program among the accepted results, by hash.
    pub binaries: Vec<String>,
    /// The devices among the accepted results.
    pub devices: Vec<String>,
}

/// One trial.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialRow {
    /// Its value on every axis of the space, in the order of the axes; the replicates of a
    /// configuration share them.
    pub values: Arc<[ParameterValue]>,
    /// Index among the repetitions of its configuration.
    pub replicate: u32,
    /// Its state.
    pub outcome: TrialState,
    /// The final value of each metric of [`ReportInput::metrics`].
    pub metrics: MetricValues,
    /// What its evaluations measured, by updates done; empty where that was not read.
    pub curve: Vec<CurvePoint>,
    /// What its last evaluation measured by difficulty; empty where that was not measured.
    pub difficulty: Vec<DifficultyPoint>,
}

/// Where the headline stands among [`ReportInput::metrics`].
pub const HEADLINE: usize = 0;

/// What a trial measured, by place in [`ReportInput::metrics`]. The trials of a sweep share the
/// memory: a list of its own for every one of a million takes longer to make and to drop than to
/// read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricValues {
    all: Arc<Vec<Option<f64>>>,
    own: Range<usize>,
}

impl MetricValues {
    /// Those of the values in this range.
    #[must_use]
    pub fn new(all: &Arc<Vec<Option<f64>>>, own: Range<usize>) -> Self {
        let all = Arc::clone(all);
        Self { all, own }
    }

    fn get(&self, place: usize) -> Option<f64> {
        self.all[self.own.clone()].get(place).copied().flatten()
    }
}

impl From<Vec<Option<f64>>> for MetricValues {
    fn from(values: Vec<Option<f64>>) -> Self {
        let own = 0..values.len();
        let all = Arc::new(values);
        Self { all, own }
    }
}

/// One evaluation during training.
#[derive(Clone, Debug, PartialEq)]
pub struct CurvePoint {
    /// Parameter updates done.
    pub step: u64,
    /// What was measured then, by place in [`ReportInput::metrics`].
    pub values: Vec<Option<f64>>,
    /// Mean steps that training computed for a sample since the evaluation before, if it said so.
    pub computed_steps: Option<f64>,
}

/// What was measured on the samples of one difficulty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DifficultyPoint {
    /// The fewest non-zero elements of the samples.
    pub first_nonzeros: u32,
    /// The most.
    pub last_nonzeros: u32,
    /// Share of correct answers.
    pub accuracy: f64,
    /// Mean ponder steps.
    pub ponder_steps: f64,
}

/// What became of a sweep's trials and attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Completeness {
    /// Trials of the sweep that are not withheld.
    pub expected: u64,
    /// Trials whose result was accepted, the infeasible ones included.
    pub accepted: u64,
    /// Accepted trials whose training diverged.
    pub infeasible: u64,
    /// Trials given up because the machinery failed too often.
    pub failed: u64,
    /// Trials ended by a person.
    pub cancelled: u64,
    /// Trials that wait for a worker.
    pub pending: u64,
    /// Trials a worker runs.
    pub leased: u64,
    /// Trials that are withheld until they are allocated: not among the expected ones.
    #[serde(skip_serializing_if = "is_zero")]
    pub withheld: u64,
    /// Messages refused because they spoke for an attempt that was no longer current.
    pub refused_stale: u64,
    /// Attempts beyond the first of their trial.
    pub retried: u64,
    /// Different builds of the program among the accepted results.
    pub distinct_binaries: u64,
    /// Different devices among the accepted results.
    pub distinct_devices: u64,
}

const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// The metrics that a report on this experiment shows, the headline first, then the same quantity
/// on other difficulties, and so on with every quantity; last the metric that trials are judged by,
/// if it is none of them.
#[must_use]
pub fn shown_metrics(table: &MetricTable, headline: &Metric, goal: &MetricName) -> Vec<Metric> {
    let mut shown: Vec<Metric> = Vec::new();
    let add = |metric: &Metric, shown: &mut Vec<Metric>| {
        if !shown.iter().any(|other| other.name == metric.name) {
            shown.push(metric.clone());
        }
    };
    let of_quantity = |metric: &Metric, shown: &mut Vec<Metric>| {
        add(metric, shown);
        for range in EvaluationRange::ALL {
            if let Some(sibling) = table
                .sibling(metric, *range)
                .filter(|_| metric.range.is_some())
            {
                add(sibling, shown);
            }
        }
    };
    of_quantity(headline, &mut shown);
    for metric in table.shown() {
        of_quantity(metric, &mut shown);
    }
    if let Some(metric) = table.get(goal) {
        add(metric, &mut shown);
    }
    shown
}

impl ReportInput {
    /// The metric that is shown first and analysed.
    ///
    /// # Panics
    /// If the report is of no metric.
    #[must_use]
    pub fn headline(&self) -> &Metric {
        &self.metrics[HEADLINE]
    }

    /// Where a metric stands among those that are shown.
    #[must_use]
    pub fn place_of(&self, name: &MetricName) -> Option<usize> {
        self.metrics.iter().position(|metric| metric.name == *name)
    }

    /// Where the headline of more difficult samples stands.
    pub(super) fn extrapolation(&self) -> Option<usize> {
        self.on(HEADLINE, EvaluationRange::Extrapolation)
    }

    /// Where the same quantity on other difficulties stands.
    fn on(&self, place: usize, range: EvaluationRange) -> Option<usize> {
        let metric = &self.metrics[place];
        let mut metrics = self.metrics.iter();
        metrics.position(|other| {
            other.range == Some(range)
                && other.quantity == metric.quantity
                && other.condition == metric.condition
        })
    }

    /// What the learning problem is called where its results are shown; `None` for a user's
    /// program.
    pub(super) fn task(&self) -> Option<TaskWords> {
        self.terms.task()
    }

    /// Whether the built-in training trained it, so that its settings and metrics are there.
    pub(super) const fn is_trained(&self) -> bool {
        self.terms.program.is_none()
    }

    /// What a user's program reports besides the headline: where it stands and what it is called.
    pub(super) fn others(&self) -> Vec<(usize, String)> {
        let metrics = self.metrics.iter().enumerate().skip(HEADLINE + 1);
        let others = metrics.filter(|_| !self.is_trained());
        others
            .map(|(place, metric)| (place, metric.quantity.to_string()))
            .collect()
    }

    /// Where the ponder steps stand, in an experiment that counts them.
    pub(super) fn ponder_steps(&self) -> Option<usize> {
        self.place_of(&built_in::PONDER_STEPS_INTERPOLATION)
            .filter(|_| self.is_trained())
    }

    /// The level of guessing of a metric that has one.
    pub(super) fn chance(&self, metric: &Metric) -> Option<f64> {
        let task = self.task().filter(|_| metric.has_chance);
        task.and_then(|task| task.chance)
    }

    /// A trial's headline as the statistics count it: higher is better. What a diverged trial
    /// measured before it diverged is not a result.
    #[must_use]
    pub fn score(&self, trial: &TrialRow) -> Replicate {
        let sign = match self.headline().better {
            Better::Lower => -1.0,
            Better::Higher | Better::Neither => 1.0,
        };
        match trial.outcome {
            TrialState::Infeasible => Replicate::Infeasible,
            TrialState::Succeeded => trial.metric(HEADLINE).map_or(Replicate::Missing, |value| {
                Replicate::Measured(sign * value)
            }),
            _ => Replicate::Missing,
        }
    }

    /// What a trial without a score counts as in the statistics: a diverged one as guessing, or
    /// just below the worst that was measured where that is lower, so that no setting that diverges
    /// ever beats one that was measured; a missing one as nothing.
    #[must_use]
    pub fn counting(&self) -> Counting {
        let scores = self.trials.iter().map(|trial| self.score(trial));
        let measured = scores.filter_map(|score| match score {
            Replicate::Measured(score) => Some(score),
            Replicate::Infeasible | Replicate::Missing => None,
        });
        let worst = measured.min_by(f64::total_cmp);
        let guessing = self.chance(self.headline());
        let counted = match (guessing, worst) {
            (Some(guessing), Some(worst)) if guessing < worst => Some(guessing),
            // By more than means of equal scores are rounded by.
            (_, Some(worst)) => Some(worst - 1e-12 * worst.abs().max(1.0)),
            (guessing, None) => guessing,
        };
        Counting {
            infeasible: counted.map_or(Counted::LeftOut, Counted::As),
            missing: Counted::LeftOut,
            infeasible_is: self.infeasible_is(),
        }
    }

    /// What makes a trial infeasible, in words.
    pub(super) const fn infeasible_is(&self) -> &'static str {
        if self.is_trained() {
            DIVERGED
        } else {
            "its program said so, or reported no number"
        }
    }

    /// Whether a trial is solved.
    #[must_use]
    pub fn is_solved(&self, trial: &TrialRow) -> bool {
        self.reaches(&self.goal, trial)
    }

    /// Whether a trial would be solved by another goal.
    pub(super) fn reaches(&self, goal: &Goal, trial: &TrialRow) -> bool {
        let place = self.place_of(&goal.metric);
        let value = place.and_then(|place| trial.metric(place));
        trial.outcome == TrialState::Succeeded
            && value.is_some_and(|value| goal.is_reached_by(value))
    }

    /// Whether replicates are added to some configurations after looking at results.
    pub(super) const fn is_adaptive(&self) -> bool {
        self.terms.initial_replicates.is_some()
    }

    /// Replicates of every configuration that are run whatever they show: all of them, unless some
    /// are added after looking at results.
    pub(super) fn fixed_replicates(&self) -> u32 {
        let terms = &self.terms;
        terms.initial_replicates.unwrap_or(terms.replicates)
    }

    /// Whether a trial was run whatever the others had shown.
    pub(super) fn is_fixed(&self, trial: &TrialRow) -> bool {
        trial.replicate < self.fixed_replicates()
    }

    /// The positions of the axes that the report compares along.
    pub(super) fn swept_axes(&self) -> Vec<usize> {
        swept_axes(&self.terms.axes)
    }

    /// The position of a parameter's axis; `None` if it is not an axis of the space.
    pub(super) fn axis_of(&self, parameter: Setting) -> Option<usize> {
        let mut axes = self.terms.axes.iter();
        axes.position(|axis| axis.parameter == parameter)
    }
}

/// Axes with more than one value. Where there are none, the first axis, so that a sweep of one cell
/// has something to be shown along.
pub(super) fn swept_axes(axes: &[Axis]) -> Vec<usize> {
    let indices = 0..axes.len();
    let varying: Vec<usize> = indices
        .filter(|&index| axes[index].values.len() > 1)
        .collect();
    if varying.is_empty() {
        (0..axes.len().min(1)).collect()
    } else {
        varying
    }
}

impl TrialRow {
    /// The final value of the metric at this place of [`ReportInput::metrics`]; `None` where it was
    /// not measured or is not a number.
    #[must_use]
    pub fn metric(&self, place: usize) -> Option<f64> {
        self.metrics.get(place).filter(|value| value.is_finite())
    }

    /// Gives the trial another value.
    #[cfg(test)]
    pub(super) fn set(&mut self, place: usize, value: f64) {
        let MetricValues { all, own } = &self.metrics;
        let mut values = all[own.clone()].to_vec();
        values[place] = Some(value);
        self.metrics = values.into();
    }
}
