//! What a trial may measure: a table of metrics, each stated once. A row says what the number is,
//! what it may be and how reports show it; everything outside of training works from the rows and
//! names no metric itself. A table is a value, since a user's own program brings one with its sweep
//! file.
//!
//! Inside the program, on the wire, in the database and in exports a metric goes by its name. An
//! index into the table would be smaller, but then nothing could say what an observation is without
//! the table that it came with; the names of built-in metrics cost nothing to copy.

pub mod built_in;

use std::{borrow::Cow, collections::BTreeMap, fmt, ops::Deref, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    limit::{MAX_METRIC_BYTES, MAX_METRICS, shown},
    setting::{ParameterValue, Setting},
    spec::{ConfigurationSpec, EvaluationRange, SpecError},
    wire,
};

/// A metric's name: lower-case letters, digits and underscores, with a letter first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct MetricName(Cow<'static, str>);

impl MetricName {
    /// A name that the program itself states.
    const fn stated(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for MetricName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MetricName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that no metric can be called.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} cannot be the name of a metric")]
pub struct InvalidMetricName(String);

impl TryFrom<String> for MetricName {
    type Error = InvalidMetricName;

    fn try_from(text: String) -> Result<Self, InvalidMetricName> {
        let is_word = text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        let starts_well = text.starts_with(|first: char| first.is_ascii_lowercase());
        if is_word && starts_well && text.len() <= MAX_METRIC_BYTES {
            return Ok(Self(Cow::Owned(text)));
        }
        Err(InvalidMetricName(shown(&text)))
    }
}

impl From<MetricName> for String {
    fn from(name: MetricName) -> Self {
        name.0.into_owned()
    }
}

impl FromStr for MetricName {
    type Err = InvalidMetricName;

    fn from_str(text: &str) -> Result<Self, InvalidMetricName> {
        text.to_owned().try_into()
    }
}

/// Which of two values of a metric is the better one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// The greater.
    Higher,
    /// The smaller.
    Lower,
    /// Neither: the metric only describes.
    Neither,
}

impl Better {
    /// Every direction.
    pub const ALL: [Self; 3] = [Self::Higher, Self::Lower, Self::Neither];

    /// Its name in the database.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Higher => "higher",
            Self::Lower => "lower",
            Self::Neither => "neither",
        }
    }

    /// Whether a value is as good as a threshold; never where neither direction is better.
    #[must_use]
    pub fn reaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::Higher => value >= threshold,
            Self::Lower => value <= threshold,
            Self::Neither => false,
        }
    }
}

/// The end of the values that a metric may have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// This number.
    Number(f64),
    /// The value of one of the trial's settings.
    Setting(Setting),
}

/// One row of the table: a quantity that a trial may measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its name, which says on which data it is measured.
    pub name: MetricName,
    /// What it counts: one word.
    pub unit: Cow<'static, str>,
    /// Which direction is better.
    pub better: Better,
    /// The least value that it can have, and the greatest.
    pub bounds: [Bound; 2],
    /// Whether guessing has a level, which the task says.
    pub has_chance: bool,
    /// The evaluation that measures it; `None` where it does not depend on one.
    pub range: Option<EvaluationRange>,
    /// Whether it is what trials are judged by where nothing else is said.
    pub is_headline: bool,
    /// Whether the tables and figures of reports show it.
    pub is_shown: bool,
    /// What it measures, in one or two words.
    pub quantity: Cow<'static, str>,
    /// How it is measured, in a few words; empty where that goes without saying.
    pub condition: Cow<'static, str>,
    /// What it means, in one sentence.
    pub meaning: Cow<'static, str>,
}

/// How far a value may lie beyond a bound, as a part of it: sums of probabilities are rounded.
const ROUNDING: f64 = 1e-6;

impl Metric {
    /// What it measures and on what, as axes call it.
    #[must_use]
    pub fn title(&self) -> String {
        let range = self.range.map(EvaluationRange::name).into_iter();
        let condition = Some(&*self.condition).filter(|words| !words.is_empty());
        let words: Vec<&str> = range.chain(condition).collect();
        match words[..] {
            [] => self.quantity.clone().into_owned(),
            _ => format!("{}  ({})", self.quantity, words.join(", ")),
        }
    }

    /// Whether a trial with these settings can have measured this value.
    ///
    /// # Errors
    /// It cannot.
    pub(crate) fn check(&self, value: f64, spec: &ConfigurationSpec) -> Result<(), SpecError> {
        let name = &self.name;
        if let Some(range) = self.range.filter(|range| !spec.evaluates(*range)) {
            let problem = format!(
                "{name} was not measured: there is no {} to evaluate",
                range.name()
            );
            let hint = "the trial's settings say which evaluations it has";
            return Err(SpecError::new("observation.metric", problem, hint));
        }
        let [least, most] = self.bounds.map(|bound| bound.of(spec));
        let slack = |bound: f64| bound.abs().max(1.0) * ROUNDING;
        if (least - slack(least)..=most + slack(most)).contains(&value) {
            return Ok(());
        }
        let problem = format!("{name} is {value:e}");
        let hint = format!("with the trial's settings it lies between {least:e} and {most:e}");
        Err(SpecError::new("observation.value", problem, hint))
    }
}

impl Bound {
    fn of(self, spec: &ConfigurationSpec) -> f64 {
        match self {
            Self::Number(number) => number,
            Self::Setting(setting) => match spec.get(setting) {
                Some(ParameterValue::Number(number)) => *number,
                Some(ParameterValue::Integer(whole)) => *whole as f64,
                _ => f64::INFINITY,
            },
        }
    }
}

/// The metrics of an experiment, in the order of columns.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricTable(Vec<Metric>);

/// Rows that make no table.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// None, or more than [`MAX_METRICS`].
    #[error("{0} metrics\nhint: an experiment has between 1 and {MAX_METRICS}")]
    Count(usize),
    /// Two rows have one name.
    #[error("two metrics are called {0}\nhint: rename one of them")]
    Twice(String),
    /// None is the headline, or several are.
    #[error("{0} metrics are the headline\nhint: exactly one is what trials are judged by")]
    Headlines(usize),
}

impl MetricTable {
    /// A table of these rows.
    ///
    /// # Errors
    /// See [`TableError`].
    pub fn new(rows: Vec<Metric>) -> Result<Self, TableError> {
        if rows.is_empty() || rows.len() > MAX_METRICS {
            return Err(TableError::Count(rows.len()));
        }
        for (index, row) in rows.iter().enumerate() {
            if rows[..index].iter().any(|other| other.name == row.name) {
                return Err(TableError::Twice(row.name.to_string()));
            }
        }
        match rows.iter().filter(|row| row.is_headline).count() {
            1 => Ok(Self(rows)),
            headlines => Err(TableError::Headlines(headlines)),
        }
    }

    /// The metric with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Metric> {
        self.0.iter().find(|metric| &*metric.name == name)
    }

    /// What trials are judged by where nothing else is said.
    ///
    /// # Panics
    /// Never: a table has one.
    #[must_use]
    pub fn headline(&self) -> &Metric {
        let headline = self.0.iter().find(|metric| metric.is_headline);
        headline.expect("a table has a headline")
    }

    /// The metrics that reports show.
    pub fn shown(&self) -> impl Iterator<Item = &Metric> {
        self.0.iter().filter(|metric| metric.is_shown)
    }

    /// The metric of the same quantity that another evaluation measures, in the same way.
    #[must_use]
    pub fn sibling(&self, metric: &Metric, range: EvaluationRange) -> Option<&Metric> {
        self.0.iter().find(|other| {
            other.range == Some(range)
                && other.quantity == metric.quantity
                && other.condition == metric.condition
        })
    }
}

impl Deref for MetricTable {
    type Target = [Metric];

    fn deref(&self) -> &[Metric] {
        &self.0
    }
}

/// One measured number of an attempt.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// Parameter updates done when it was measured.
    pub step: u64,
    /// What was measured.
    pub metric: MetricName,
    /// The measured number, always finite.
    pub value: f64,
}

/// What a trial measured: of every metric the last value that its deciding attempt observed.
#[derive(Clone, Debug)]
pub struct LastValues<M>(BTreeMap<M, (u64, f64)>);

impl<M: Ord> LastValues<M> {
    /// Notes an observation, in any order of the steps.
    pub fn add(&mut self, metric: M, step: u64, value: f64) {
        let kept = self.0.entry(metric).or_insert((step, value));
        if step > kept.0 {
            *kept = (step, value);
        }
    }

    /// The metrics in their order, each with its last step and value.
    pub fn iter(&self) -> impl Iterator<Item = (&M, u64, f64)> {
        self.0
            .iter()
            .map(|(metric, &(step, value))| (metric, step, value))
    }
}

impl<M> Default for LastValues<M> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl From<Observation> for wire::Observation {
    fn from(observation: Observation) -> Self {
        Self {
            step: observation.step,
            metric: observation.metric.0.into_owned(),
            value: observation.value,
        }
    }
}

impl TryFrom<wire::Observation> for Observation {
    type Error = SpecError;

    /// Whether a trial can have measured it, the experiment says.
    fn try_from(observation: wire::Observation) -> Result<Self, SpecError> {
        let wire::Observation {
            step,
            metric,
            value,
        } = observation;
        let metric = MetricName::try_from(metric).map_err(|error| {
            let hint = "a name has small letters, digits and underscores";
            SpecError::new("observation.metric", error.to_string(), hint)
        })?;
        if !value.is_finite() {
            return Err(SpecError::new(
                "observation.value",
                format!("{metric} is {value}"),
                "a diverged trial ends as infeasible instead of reporting such numbers",
            ));
        }
        Ok(Self {
            step,
            metric,
            value,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_infinite_observation_is_refused() {
        for value in [f64::NAN, f64::INFINITY] {
            let claimed = wire::Observation {
                step: 1,
                metric: "loss_training".into(),
                value,
            };
            let error = Observation::try_from(claimed).unwrap_err();
            assert_eq!(error.path, "observation.value");
        }
    }

    #[test]
    fn a_name_is_a_short_word() {
        for good in ["loss", "accuracy_2", "a"] {
            assert_eq!(good.parse::<MetricName>().unwrap().as_str(), good);
        }
        let long = "a".repeat(MAX_METRIC_BYTES + 1);
        for bad in ["", "Loss", "1st", "_x", "a b", "a-b", "é", "a\"b", &long] {
            assert!(bad.parse::<MetricName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_table_has_different_names_and_one_headline() {
        let rows = built_in::table().to_vec();
        assert_eq!(MetricTable::new(Vec::new()), Err(TableError::Count(0)));
        let mut twice = rows.clone();
        twice[1].name = twice[0].name.clone();
        let name = rows[0].name.to_string();
        assert_eq!(MetricTable::new(twice), Err(TableError::Twice(name)));
        let mut two = rows.clone();
        two[3].is_headline = true;
        assert_eq!(MetricTable::new(two), Err(TableError::Headlines(2)));
        assert_eq!(
            MetricTable::new(rows[1..].to_vec()),
            Err(TableError::Headlines(0))
        );
    }

    #[test]
    fn what_a_trial_measured_is_the_last_value_of_each_metric() {
        let mut last = LastValues::default();
        for (metric, step, value) in [
            ("b", 20, 0.25),
            ("b", 10, 0.5),
            ("a", 10, 0.75),
            ("b", 20, 1.0),
        ] {
            last.add(metric, step, value);
        }
        let last: Vec<_> = last.iter().collect();
        assert_eq!(last, [(&"a", 10, 0.75), (&"b", 20, 0.25)]);
    }

    #[test]
    fn a_threshold_is_reached_from_the_worse_side() {
        assert!(Better::Higher.reaches(0.95, 0.95) && !Better::Higher.reaches(0.9, 0.95));
        assert!(Better::Lower.reaches(0.1, 0.1) && !Better::Lower.reaches(0.2, 0.1));
        assert!(!Better::Neither.reaches(1.0, 1.0));
    }

    #[test]
    fn the_same_quantity_of_another_evaluation_is_found() {
        let table = built_in::table();
        let extrapolation = table.sibling(table.headline(), EvaluationRange::Extrapolation);
        assert_eq!(
            extrapolation.unwrap().name,
            built_in::ACCURACY_EXTRAPOLATION
        );
        let training = table.get("loss_training").unwrap();
        assert_eq!(
            table.sibling(training, EvaluationRange::Extrapolation),
            None
        );
    }
}
