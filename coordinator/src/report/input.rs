//! What a report is made from: plain rows, as the results database holds them.

use std::sync::Arc;

use pondersweep_proto::{
    id::SweepId,
    metric::Metric,
    setting::{ParameterValue, Setting},
};
use serde::Serialize;

use crate::{
    scheduler::TrialState,
    statistics::Replicate,
    sweep::{Axis, SweepTerms},
};

/// A sweep and everything that is known about its trials.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportInput {
    /// Which sweep.
    pub sweep_id: SweepId,
    /// What was swept, and when a trial counts as solved.
    pub terms: SweepTerms,
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
    /// The final value of every metric it reported, of those that reports show.
    pub metrics: ShownMetrics,
    /// What its evaluations measured, by updates done; empty where that was not read.
    pub curve: Vec<CurvePoint>,
    /// What its last evaluation measured by difficulty; empty where that was not measured.
    pub difficulty: Vec<DifficultyPoint>,
}

/// The metrics that reports show, in the order of the exported columns.
pub const SHOWN_METRICS: [Metric; 4] = [
    Metric::AccuracyInterpolation,
    Metric::AccuracyExtrapolation,
    Metric::PonderStepsInterpolation,
    Metric::PonderStepsExtrapolation,
];

/// What a trial measured of [`SHOWN_METRICS`]: a place for each, since a map of its own for every one of a
/// million trials takes longer to make and to drop than to read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ShownMetrics([Option<f64>; SHOWN_METRICS.len()]);

impl ShownMetrics {
    /// A metric's value; `None` where it was not measured or is not shown.
    #[must_use]
    pub fn get(&self, metric: Metric) -> Option<f64> {
        self.0[place(metric)?]
    }

    /// Sets a metric's value, if it is one that is shown.
    pub fn insert(&mut self, metric: Metric, value: f64) {
        if let Some(place) = place(metric) {
            self.0[place] = Some(value);
        }
    }
}

impl FromIterator<(Metric, f64)> for ShownMetrics {
    fn from_iter<I: IntoIterator<Item = (Metric, f64)>>(metrics: I) -> Self {
        let mut shown = Self::default();
        for (metric, value) in metrics {
            shown.insert(metric, value);
        }
        shown
    }
}

fn place(metric: Metric) -> Option<usize> {
    SHOWN_METRICS.iter().position(|shown| *shown == metric)
}

/// One evaluation during training, on as many non-zeros as in training, sampled halting.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CurvePoint {
    /// Parameter updates done.
    pub step: u64,
    /// Share of correct answers.
    pub accuracy: Option<f64>,
    /// Mean ponder steps.
    pub ponder_steps: Option<f64>,
}

/// What was measured on the samples of one difficulty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DifficultyPoint {
    /// The samples have so many non-zero elements at least.
    pub first_nonzeros: u32,
    /// And so many at most.
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
    /// Trials that are withheld until they are allotted: not among the expected ones.
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

impl ReportInput {
    /// Whether replicates are added to some configurations after looking at results.
    pub(super) const fn is_adaptive(&self) -> bool {
        self.terms.initial_replicates.is_some()
    }

    /// Replicates of every configuration that are run whatever they show: all of them, unless some are
    /// added after looking at results.
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
    /// A metric's final value; `None` where it was not measured or is not a number.
    #[must_use]
    pub fn metric(&self, metric: Metric) -> Option<f64> {
        self.metrics.get(metric).filter(|value| value.is_finite())
    }

    /// Its accuracy as the statistics count it. What a diverged trial measured before it diverged is
    /// not a result.
    #[must_use]
    pub fn as_replicate(&self) -> Replicate {
        match self.outcome {
            TrialState::Infeasible => Replicate::Infeasible,
            TrialState::Succeeded => self
                .metric(Metric::AccuracyInterpolation)
                .map_or(Replicate::Missing, Replicate::Measured),
            _ => Replicate::Missing,
        }
    }

    /// Whether the trial reached the threshold on the samples it was trained for.
    #[must_use]
    pub fn is_solved(&self, threshold: f64) -> bool {
        let accuracy = self.metric(Metric::AccuracyInterpolation);
        self.outcome == TrialState::Succeeded && accuracy.is_some_and(|value| value >= threshold)
    }
}
