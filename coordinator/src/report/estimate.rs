//! What is said about a group of trials: how many solved the task, and each metric's location with
//! its interval.

use pondersweep_proto::metric::{Bound, Metric, MetricName};
use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::{
    input::{HEADLINE, ReportInput, TrialRow},
    placement::PlacedTrial,
};
use crate::{
    scheduler::TrialState,
    statistics::{
        Cluster, Interval, Scale, Summary, clustered_mean_interval, clustered_share_interval,
        confidence_sequence, mean_intervals, wilson_interval,
    },
};

/// How the trials of a group were drawn, on which its intervals depend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Drawn {
    /// Each by itself, and as many as there are whatever they showed.
    Independently,
    /// Each by itself, and perhaps more of them for what the first showed.
    AfterLooking,
    /// Those of one replicate together: they are of configurations that share their seeds.
    ByReplicate,
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
    /// The interval of the share: Wilson's (over configurations that share their seeds, of
    /// replicates), or of a configuration whose number of trials may depend on their results, the
    /// confidence sequence's.
    pub share_solved_interval: Option<Interval>,
    /// Of `n`, those whose training diverged: not solved, and without any metric.
    pub infeasible: u64,
    /// Trials the machinery failed on; not in `n`.
    pub failed: u64,
    /// Each metric, the headline first.
    #[serde(flatten)]
    pub estimates: Estimates,
}

/// The metrics of a group of trials, in the order of [`ReportInput::metrics`]; `None` for one that
/// none of them measured.
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
    /// Of the mean: a seeded percentile bootstrap; Student's of few trials, and over configurations
    /// that share their seeds. `None` for a single trial, and where it was not asked for.
    pub mean_interval: Option<Interval>,
}

impl Drawn {
    /// Those of one configuration.
    pub(super) const fn in_cell(input: &ReportInput) -> Self {
        if input.is_adaptive() {
            Self::AfterLooking
        } else {
            Self::Independently
        }
    }

    /// Those of several configurations, which are the replicates that were run whatever they
    /// showed.
    pub(super) const fn over_cells(input: &ReportInput) -> Self {
        if input.terms.common_seeds {
            Self::ByReplicate
        } else {
            Self::Independently
        }
    }
}

impl Sensitivity {
    /// Of trials that have ended. Without a seed the means have no intervals: drawing those is most
    /// of the work.
    pub(super) fn of(
        trials: &[&PlacedTrial<'_>],
        input: &ReportInput,
        bootstrap_seed: Option<u64>,
        drawn: Drawn,
    ) -> Self {
        let mut found = Tally::of(trials, input);
        // Once for summaries and intervals, which sort what they are given.
        for list in &mut found.values {
            list.sort_unstable_by(f64::total_cmp);
        }
        let n = found.succeeded + found.infeasible;
        let names = input.metrics.iter().map(|metric| metric.name.clone());
        let intervals = bootstrap_seed.map(|seed| match drawn {
            Drawn::ByReplicate => clustered_means(trials, input),
            Drawn::Independently | Drawn::AfterLooking => found.mean_intervals(input, seed),
        });
        let estimates = Estimate::of_all(&found.values, intervals.unwrap_or_default());
        Self {
            n,
            solved: found.solved,
            share_solved: share(found.solved, n),
            share_solved_interval: match drawn {
                Drawn::Independently => wilson_interval(found.solved, n),
                Drawn::AfterLooking => (n > 0).then(|| confidence_sequence(found.solved, n)),
                Drawn::ByReplicate => clustered_share(trials, input),
            },
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

    /// The interval of each metric's mean.
    fn mean_intervals(&self, input: &ReportInput, seed: u64) -> Vec<Option<Interval>> {
        let scales: Vec<Scale> = input.metrics.iter().map(scale_of).collect();
        let lists = self.values.chunks(TOGETHER).zip(scales.chunks(TOGETHER));
        let intervals = lists.flat_map(|(lists, scales)| {
            let list = |index: usize| lists.get(index).map_or(&[][..], Vec::as_slice);
            let scale = |index: usize| scales.get(index).copied().unwrap_or(Scale::Linear);
            let all: [&[f64]; TOGETHER] = std::array::from_fn(list);
            mean_intervals(all, std::array::from_fn(scale), seed)
        });
        intervals.collect()
    }
}

/// The interval of each metric's mean over configurations that share their seeds.
fn clustered_means(trials: &[&PlacedTrial<'_>], input: &ReportInput) -> Vec<Option<Interval>> {
    let metrics = input.metrics.iter().enumerate();
    let intervals = metrics.map(|(place, metric)| {
        let value = |row: &TrialRow| match row.outcome {
            TrialState::Succeeded => row.metric(place),
            _ => None,
        };
        clustered_mean_interval(&by_replicate(trials, value), scale_of(metric))
    });
    intervals.collect()
}

/// The interval of the share solved over configurations that share their seeds.
fn clustered_share(trials: &[&PlacedTrial<'_>], input: &ReportInput) -> Option<Interval> {
    let solved = |row: &TrialRow| match row.outcome {
        TrialState::Succeeded | TrialState::Infeasible => {
            Some(u8::from(input.is_solved(row)).into())
        }
        _ => None,
    };
    clustered_share_interval(&by_replicate(trials, solved))
}

fn by_replicate(
    trials: &[&PlacedTrial<'_>],
    number: impl Fn(&TrialRow) -> Option<f64>,
) -> Vec<Cluster> {
    let mut clusters = Vec::new();
    for row in trials.iter().map(|trial| trial.row) {
        let replicate = row.replicate as usize;
        if clusters.len() <= replicate {
            clusters.resize(replicate + 1, Cluster::default());
        }
        if let Some(number) = number(row) {
            clusters[replicate].add(number);
        }
    }
    clusters
}

/// On which scale few values of a metric are symmetric: a share has ends.
pub(super) fn scale_of(metric: &Metric) -> Scale {
    if is_share(metric) {
        Scale::Logit
    } else {
        Scale::Linear
    }
}

/// Whether a metric is a share, of correct answers for one.
pub(super) fn is_share(metric: &Metric) -> bool {
    metric.bounds == [0.0, 1.0].map(Bound::Number)
}

/// Metrics whose means are resampled together.
const TOGETHER: usize = 4;

impl Estimate {
    /// The estimate of numbers of trials that are independent; `None` of none.
    pub(super) fn of(mut numbers: Vec<f64>, scale: Scale, bootstrap_seed: u64) -> Option<Self> {
        numbers.sort_unstable_by(f64::total_cmp);
        let [mean_interval] = mean_intervals([&numbers], [scale], bootstrap_seed);
        Some(Self {
            summary: Summary::of(&numbers)?,
            mean_interval,
        })
    }

    /// The estimate of each list of numbers, with its interval if it has one; `None` of none.
    fn of_all(lists: &[Vec<f64>], intervals: Vec<Option<Interval>>) -> Vec<Option<Self>> {
        let intervals = intervals.into_iter().chain(std::iter::repeat(None));
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
