//! What is said about a group of trials: how many solved the task, and each metric's location with
//! its interval.

use std::array;

use pondersweep_proto::metric::Metric;
use serde::Serialize;

use super::{
    input::{ReportInput, SHOWN_METRICS, TrialRow},
    placement::PlacedTrial,
};
use crate::{
    scheduler::TrialState,
    statistics::{
        Interval, Summary, bootstrap_mean_intervals, confidence_sequence, wilson_interval,
    },
};

/// How the interval of a share solved is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ShareInterval {
    /// Wilson's, for a number of trials that did not depend on their results.
    Wilson,
    /// The confidence sequence's, for one that may have.
    ConfidenceSequence,
}

/// The sensitivity of one group of trials: a cell, or all trials with one value of a parameter.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sensitivity {
    /// Trials with a result: succeeded and infeasible ones, never failed ones.
    pub n: u64,
    /// Of them, those that reached the solved threshold.
    pub solved: u64,
    /// `solved / n`; `None` without a result.
    pub share_solved: Option<f64>,
    /// The interval of the share: Wilson's, or of a configuration whose number of trials may depend on
    /// their results, the confidence sequence's.
    pub share_solved_interval: Option<Interval>,
    /// Of `n`, those whose training diverged: not solved, and without any metric.
    pub infeasible: u64,
    /// Trials the machinery failed on; not in `n`.
    pub failed: u64,
    /// On as many non-zeros as in training, sampled halting: the headline.
    pub accuracy_interpolation: Option<Estimate>,
    /// On more non-zeros than training showed; `None` where that was not evaluated.
    pub accuracy_extrapolation: Option<Estimate>,
    /// Mean ponder steps of a trial, sampled halting.
    pub ponder_steps_interpolation: Option<Estimate>,
    /// The same on more non-zeros than training showed.
    pub ponder_steps_extrapolation: Option<Estimate>,
}

/// A metric over the trials that measured it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Location and spread over trials.
    #[serde(flatten)]
    pub summary: Summary,
    /// Seeded percentile bootstrap of the mean; `None` for a single trial, and where it was not asked
    /// for.
    pub mean_interval: Option<Interval>,
}

impl ShareInterval {
    /// That of one configuration.
    pub(super) const fn of_cells(input: &ReportInput) -> Self {
        if input.is_adaptive() {
            Self::ConfidenceSequence
        } else {
            Self::Wilson
        }
    }

    fn of(self, solved: u64, n: u64) -> Option<Interval> {
        match self {
            Self::Wilson => wilson_interval(solved, n),
            Self::ConfidenceSequence => (n > 0).then(|| confidence_sequence(solved, n)),
        }
    }
}

impl Sensitivity {
    /// Of trials that have ended. Without a seed the means have no intervals: drawing those is most of
    /// the work.
    pub(super) fn of(
        trials: &[&PlacedTrial<'_>],
        threshold: f64,
        bootstrap_seed: Option<u64>,
        share_interval: ShareInterval,
    ) -> Self {
        let found = Tally::of(trials, threshold);
        let n = found.succeeded + found.infeasible;
        let [
            accuracy_interpolation,
            accuracy_extrapolation,
            ponder_steps_interpolation,
            ponder_steps_extrapolation,
        ] = Estimate::of_all(found.values, bootstrap_seed);
        Self {
            n,
            solved: found.solved,
            share_solved: share(found.solved, n),
            share_solved_interval: share_interval.of(found.solved, n),
            infeasible: found.infeasible,
            failed: found.failed,
            accuracy_interpolation,
            accuracy_extrapolation,
            ponder_steps_interpolation,
            ponder_steps_extrapolation,
        }
    }

    /// Every estimate with its metric, in the order of the exported columns.
    pub(super) fn estimates(&self) -> [(Metric, Option<&Estimate>); 4] {
        [
            (
                Metric::AccuracyInterpolation,
                self.accuracy_interpolation.as_ref(),
            ),
            (
                Metric::AccuracyExtrapolation,
                self.accuracy_extrapolation.as_ref(),
            ),
            (
                Metric::PonderStepsInterpolation,
                self.ponder_steps_interpolation.as_ref(),
            ),
            (
                Metric::PonderStepsExtrapolation,
                self.ponder_steps_extrapolation.as_ref(),
            ),
        ]
    }
}

/// What trials that have ended came to, gathered in one walk: there may be a million of them.
#[derive(Default)]
struct Tally {
    succeeded: u64,
    infeasible: u64,
    failed: u64,
    solved: u64,
    /// Of those that succeeded, what they measured of each of [`SHOWN_METRICS`].
    values: [Vec<f64>; SHOWN_METRICS.len()],
}

impl Tally {
    fn of(trials: &[&PlacedTrial<'_>], threshold: f64) -> Self {
        let mut tally = Self::default();
        for row in trials.iter().map(|trial| trial.row) {
            match row.outcome {
                TrialState::Succeeded => tally.add_result(row, threshold),
                TrialState::Infeasible => tally.infeasible += 1,
                TrialState::Failed => tally.failed += 1,
                _ => {}
            }
        }
        tally
    }

    fn add_result(&mut self, row: &TrialRow, threshold: f64) {
        self.succeeded += 1;
        self.solved += u64::from(row.is_solved(threshold));
        for (values, metric) in self.values.iter_mut().zip(SHOWN_METRICS) {
            values.extend(row.metric(metric));
        }
    }
}

impl Estimate {
    /// The estimate of each list of numbers; `None` of none.
    fn of_all<const LISTS: usize>(
        mut lists: [Vec<f64>; LISTS],
        bootstrap_seed: Option<u64>,
    ) -> [Option<Self>; LISTS] {
        // Once for summaries and intervals, which sort what they are given.
        for list in &mut lists {
            list.sort_unstable_by(f64::total_cmp);
        }
        let lists = lists.each_ref().map(Vec::as_slice);
        let intervals = bootstrap_seed.map(|seed| bootstrap_mean_intervals(lists, seed));
        let intervals = intervals.unwrap_or([None; LISTS]);
        array::from_fn(|index| {
            Some(Self {
                summary: Summary::of(lists[index])?,
                mean_interval: intervals[index],
            })
        })
    }
}

/// The metric of every trial that succeeded and measured it. What a diverged trial reported before
/// it diverged is not a result.
pub(super) fn values(trials: &[&PlacedTrial<'_>], metric: Metric) -> Vec<f64> {
    let succeeded = trials
        .iter()
        .filter(|trial| trial.row.outcome == TrialState::Succeeded);
    succeeded
        .filter_map(|trial| trial.row.metric(metric))
        .collect()
}

pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
