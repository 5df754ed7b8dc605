//! What is said about a group of trials: how many solved the task, and each metric's location with
//! its interval.

use pondersweep_proto::metric::Metric;
use serde::Serialize;

use super::{input::ReportInput, placement::PlacedTrial};
use crate::{
    scheduler::TrialState,
    statistics::{
        Interval, Summary, bootstrap_mean_interval, confidence_sequence, wilson_interval,
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
        let count = |outcome| {
            let matching = trials.iter().filter(|trial| trial.row.outcome == outcome);
            matching.count() as u64
        };
        let infeasible = count(TrialState::Infeasible);
        let n = count(TrialState::Succeeded) + infeasible;
        let solved = trials.iter().filter(|trial| trial.row.is_solved(threshold));
        let solved = solved.count() as u64;
        let estimate = |metric| Estimate::of(&values(trials, metric), bootstrap_seed);
        Self {
            n,
            solved,
            share_solved: share(solved, n),
            share_solved_interval: share_interval.of(solved, n),
            infeasible,
            failed: count(TrialState::Failed),
            accuracy_interpolation: estimate(Metric::AccuracyInterpolation),
            accuracy_extrapolation: estimate(Metric::AccuracyExtrapolation),
            ponder_steps_interpolation: estimate(Metric::PonderStepsInterpolation),
            ponder_steps_extrapolation: estimate(Metric::PonderStepsExtrapolation),
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

impl Estimate {
    fn of(values: &[f64], bootstrap_seed: Option<u64>) -> Option<Self> {
        // Once for both, which sort what they are given.
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        Some(Self {
            summary: Summary::of(&sorted)?,
            mean_interval: bootstrap_seed.and_then(|seed| bootstrap_mean_interval(&sorted, seed)),
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

#[expect(clippy::cast_precision_loss, reason = "trials are far fewer than 2^53")]
pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
