//! What is said about a group of trials: how many solved the task, and each metric's location with
//! its interval.

use pondersweep_proto::metric::MetricName;
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::{
    input::{HEADLINE, ReportInput, TrialRow},
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
    /// Each metric, the headline first.
    #[serde(flatten)]
    pub estimates: Estimates,
}

/// The metrics of a group of trials, in the order of [`ReportInput::metrics`]; `None` for one that none of
/// them measured.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Estimates(Vec<(MetricName, Option<Estimate>)>);

impl Serialize for Estimates {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, estimate) in &self.0 {
            map.serialize_entry(name.as_str(), estimate)?;
        }
        map.end()
    }
}

impl Estimates {
    /// Every metric with its estimate.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&MetricName, Option<&Estimate>)> {
        self.0
            .iter()
            .map(|(name, estimate)| (name, estimate.as_ref()))
    }

    /// The estimate at a place of [`ReportInput::metrics`].
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&Estimate> {
        self.0.get(place)?.1.as_ref()
    }

    /// The estimate of the headline.
    #[must_use]
    pub fn headline(&self) -> Option<&Estimate> {
        self.get(HEADLINE)
    }

    #[cfg(test)]
    pub(super) fn headline_mut(&mut self) -> Option<&mut Estimate> {
        self.0[HEADLINE].1.as_mut()
    }
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
        input: &ReportInput,
        bootstrap_seed: Option<u64>,
        share_interval: ShareInterval,
    ) -> Self {
        let found = Tally::of(trials, input);
        let n = found.succeeded + found.infeasible;
        let names = input.metrics.iter().map(|metric| metric.name.clone());
        let estimates = Estimate::of_all(found.values, bootstrap_seed);
        Self {
            n,
            solved: found.solved,
            share_solved: share(found.solved, n),
            share_solved_interval: share_interval.of(found.solved, n),
            infeasible: found.infeasible,
            failed: found.failed,
            estimates: Estimates(names.zip(estimates).collect()),
        }
    }
}

/// What trials that have ended came to, gathered in one walk: there may be a million of them.
struct Tally {
    succeeded: u64,
    infeasible: u64,
    failed: u64,
    solved: u64,
    /// Of those that succeeded, what they measured of each metric.
    values: Vec<Vec<f64>>,
}

impl Tally {
    fn of(trials: &[&PlacedTrial<'_>], input: &ReportInput) -> Self {
        let mut tally = Self {
            succeeded: 0,
            infeasible: 0,
            failed: 0,
            solved: 0,
            values: vec![Vec::new(); input.metrics.len()],
        };
        for row in trials.iter().map(|trial| trial.row) {
            match row.outcome {
                TrialState::Succeeded => tally.add_result(row, input),
                TrialState::Infeasible => tally.infeasible += 1,
                TrialState::Failed => tally.failed += 1,
                _ => {}
            }
        }
        tally
    }

    fn add_result(&mut self, row: &TrialRow, input: &ReportInput) {
        self.succeeded += 1;
        self.solved += u64::from(input.is_solved(row));
        for (place, values) in self.values.iter_mut().enumerate() {
            values.extend(row.metric(place));
        }
    }
}

/// Metrics whose means are resampled together.
const TOGETHER: usize = 4;

impl Estimate {
    /// The estimate of each list of numbers; `None` of none.
    fn of_all(mut lists: Vec<Vec<f64>>, bootstrap_seed: Option<u64>) -> Vec<Option<Self>> {
        // Once for summaries and intervals, which sort what they are given.
        for list in &mut lists {
            list.sort_unstable_by(f64::total_cmp);
        }
        let intervals = lists.chunks(TOGETHER).flat_map(|lists| {
            let list = |index: usize| lists.get(index).map_or(&[][..], Vec::as_slice);
            let all: [&[f64]; TOGETHER] = std::array::from_fn(list);
            let intervals = bootstrap_seed.map(|seed| bootstrap_mean_intervals(all, seed));
            intervals.unwrap_or([None; TOGETHER])
        });
        let estimates = lists.iter().zip(intervals).map(|(list, mean_interval)| {
            let summary = Summary::of(list)?;
            Some(Self {
                summary,
                mean_interval,
            })
        });
        estimates.collect()
    }
}

/// The metric of every trial that succeeded and measured it. What a diverged trial reported before
/// it diverged is not a result.
pub(super) fn values(trials: &[&PlacedTrial<'_>], place: usize) -> Vec<f64> {
    let succeeded = trials
        .iter()
        .filter(|trial| trial.row.outcome == TrialState::Succeeded);
    succeeded
        .filter_map(|trial| trial.row.metric(place))
        .collect()
}

pub(super) fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
