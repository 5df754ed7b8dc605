//! Lines with bands around them, against a quantity: learning curves, compute, difficulty, profiles.

use std::collections::BTreeMap;

use pondersweep_proto::metric::Metric;

use super::{Caption, heading};
use crate::{statistics::Summary, sweep::Goal};

/// Series of one figure: more cannot be told apart.
pub(in crate::report) const MAX_SERIES: usize = 10;

/// One line with its band for each series.
#[derive(Clone, Debug, PartialEq)]
pub struct BandFigure {
    /// What the figure shows.
    pub title: String,
    /// Which sweep.
    pub caption: Caption,
    /// What is measured along the horizontal axis.
    pub horizontal: String,
    /// Where that starts.
    pub horizontal_start: f64,
    /// What is measured along the vertical axis.
    pub height: Height,
    /// What tells the series apart.
    pub key: String,
    /// Whether the series are in the order of a number, which their colours then show.
    pub ordered: bool,
    /// The series.
    pub series: Vec<BandSeries>,
    /// The height that guessing reaches, where heights are accuracies.
    pub chance: Option<f64>,
    /// Another height to compare with, and its name.
    pub reference: Option<(f64, String)>,
    /// Where the places on its two sides differ in kind.
    pub boundary: Option<Boundary>,
}

/// A place along the horizontal axis, and what lies before and after it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Boundary {
    /// Where.
    pub at: f64,
    /// What lies before it.
    pub before: &'static str,
    /// What lies after it.
    pub after: &'static str,
}

/// What lines and bands of a figure are.
#[derive(Clone, Debug, PartialEq)]
pub enum Height {
    /// Medians of a metric over trials, and between which quartiles half of them lie.
    Metric(Metric),
    /// Shares of all trials, with their 95 % intervals.
    ShareOfTrials,
    /// What one trial measured.
    OneTrial(Metric),
}

/// One line with its band.
#[derive(Clone, Debug, PartialEq)]
pub struct BandSeries {
    /// Its name in the key.
    pub name: String,
    /// From left to right.
    pub points: Vec<BandPoint>,
}

/// The trials at one place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BandPoint {
    /// The median over trials of where they stand horizontally.
    pub at: f64,
    /// Lower end of the band.
    pub lower: f64,
    /// The line.
    pub line: f64,
    /// Upper end of the band.
    pub upper: f64,
    /// How many trials.
    pub n: u64,
}

/// What one trial measured at one place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::report) struct Sample {
    /// What the trials are compared at, such as the updates done.
    pub(in crate::report) place: u64,
    /// Where that is horizontally, in this trial.
    pub(in crate::report) at: f64,
    /// What it measured.
    pub(in crate::report) value: f64,
}

impl BandSeries {
    /// Medians and quartiles of all samples, whatever their order.
    pub(in crate::report) fn of(name: String, samples: impl IntoIterator<Item = Sample>) -> Self {
        let mut places: BTreeMap<u64, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
        for sample in samples {
            let (ats, values) = places.entry(sample.place).or_default();
            ats.push(sample.at);
            values.push(sample.value);
        }
        let points = places.values().filter_map(|(ats, values)| {
            let summary = Summary::of(values)?;
            Some(BandPoint {
                at: Summary::of(ats)?.median,
                lower: summary.lower_quartile,
                line: summary.median,
                upper: summary.upper_quartile,
                n: summary.count,
            })
        });
        Self {
            name,
            points: points.collect(),
        }
    }
}

impl BandFigure {
    /// The figure if a line can be drawn in it: some series has two points.
    pub(in crate::report) fn if_any(self) -> Option<Self> {
        let line = self.series.iter().any(|series| series.points.len() > 1);
        line.then_some(self)
    }
}

impl Height {
    /// What it measures and on what, as axes call it.
    pub(in crate::report) fn name(&self) -> String {
        match self {
            Self::Metric(metric) | Self::OneTrial(metric) => metric.title(),
            Self::ShareOfTrials => "share of trials".to_owned(),
        }
    }

    /// What the line is, and the band around it, if there is more than one trial.
    pub(in crate::report) const fn words(&self) -> Option<[&'static str; 2]> {
        match self {
            Self::Metric(_) => Some(["median", "quartiles"]),
            Self::ShareOfTrials => Some(["share", "95 % interval"]),
            Self::OneTrial(_) => None,
        }
    }
}

impl BandFigure {
    /// What one trial measured on its way: updates done, and the value.
    #[must_use]
    pub fn of_trial(trial: String, metric: &Metric, points: &[(u64, f64)], goal: Goal) -> Self {
        let point = |&(step, value): &(u64, f64)| BandPoint {
            at: step as f64,
            lower: value,
            line: value,
            upper: value,
            n: 1,
        };
        let series = BandSeries {
            name: metric.title(),
            points: points.iter().map(point).collect(),
        };
        Self {
            title: heading(metric),
            caption: Caption::of_trial(trial, goal),
            horizontal: "parameter updates".to_owned(),
            horizontal_start: 0.0,
            height: Height::OneTrial(metric.clone()),
            key: String::new(),
            ordered: false,
            series: vec![series],
            chance: None,
            reference: None,
            boundary: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_band_lies_between_the_quartiles_of_the_trials_at_a_place() {
        let sample = |place: u64, at: f64, value: f64| Sample { place, at, value };
        let series = BandSeries::of(
            "all".into(),
            [
                sample(2, 20.0, 0.9),
                sample(1, 10.0, 0.5),
                sample(1, 11.0, 0.6),
                sample(1, 15.0, 0.8),
            ],
        );
        assert_eq!(series.points.len(), 2);
        let first = series.points[0];
        assert_eq!((first.at, first.line, first.n), (11.0, 0.6, 3));
        assert!((first.lower - 0.55).abs() < 1e-12);
        assert!((first.upper - 0.7).abs() < 1e-12);
        assert_eq!(series.points[1].n, 1);
    }
}
