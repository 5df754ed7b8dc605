//! What a program reports: names, directions, and patterns that find numbers in its output.

use std::collections::BTreeSet;

use regex_lite::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use crate::{
    limit::{MAX_METRICS, shown},
    metric::{Better, Bound, Metric, MetricName, MetricTable},
    setting::{SettingTable, program},
    spec::SpecError,
};

/// Bytes that a pattern may take once it is compiled.
const MAX_PATTERN_SIZE: usize = 1 << 20;

/// One number that a program reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramMetric {
    /// Its name.
    pub name: MetricName,
    /// Which direction is better.
    pub better: Better,
    /// Where the number stands in the program's output, as a regular expression whose first group
    /// is the number; the last one that matches counts. `None` where the program reports it itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pattern: Option<String>,
    /// A trial that reaches this value is solved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solved: Option<f64>,
    /// By how much two runs of the same trial may differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
    /// What it counts, in one word.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
}

impl ProgramMetric {
    /// A metric that the program reports itself.
    #[must_use]
    pub const fn new(name: MetricName, better: Better) -> Self {
        Self {
            name,
            better,
            pattern: None,
            solved: None,
            tolerance: None,
            unit: String::new(),
        }
    }

    /// Its pattern, compiled.
    ///
    /// # Errors
    /// It is no pattern, or has no group.
    pub fn compile(&self) -> Result<Option<Pattern>, SpecError> {
        let compiled = self.pattern.as_deref().map(Pattern::new).transpose();
        compiled.map_err(|problem| {
            let hint = "a regular expression with the number in its first group, such as 'accuracy: ([0-9.]+)'";
            SpecError::new(format!("metrics.{}.pattern", self.name), problem, hint)
        })
    }

    fn check(&self) -> Result<(), SpecError> {
        let refuse = |key: &str, problem: &str, hint: &str| {
            Err(SpecError::new(
                format!("metrics.{}.{key}", self.name),
                problem,
                hint,
            ))
        };
        self.compile()?;
        if self.solved.is_some_and(|solved| !solved.is_finite()) {
            return refuse("solved", "is no number", "a finite number");
        }
        if self.solved.is_some() && self.better == Better::Neither {
            return refuse(
                "solved",
                "is never reached",
                "say whether \"higher\" or \"lower\" is better",
            );
        }
        if self
            .tolerance
            .is_some_and(|most| !most.is_finite() || most < 0.0)
        {
            return refuse(
                "tolerance",
                "is out of range",
                "a finite number, 0 or above",
            );
        }
        if self.unit.len() > 64 || self.unit.chars().any(char::is_control) {
            return refuse("unit", "is too long", "one short word");
        }
        Ok(())
    }
}

/// Finds a number in a line.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    fn new(text: &str) -> Result<Self, String> {
        let built = RegexBuilder::new(text).size_limit(MAX_PATTERN_SIZE).build();
        let regex = built.map_err(|error| shown(&format!("is no pattern: {error}")))?;
        match regex.captures_len() {
            1 => Err("has no group".into()),
            _ => Ok(Self(regex)),
        }
    }

    /// What stands where the number is to be, wherever the pattern matches.
    pub fn find<'a>(&'a self, line: &'a str) -> impl Iterator<Item = &'a str> {
        let matches = self.0.captures_iter(line);
        matches.filter_map(|found| found.get(1).map(|group| group.as_str()))
    }
}

pub(super) fn check(metrics: &[ProgramMetric], table: &SettingTable) -> Result<(), SpecError> {
    let refuse = |path: String, problem: &str, hint: &str| Err(SpecError::new(path, problem, hint));
    if metrics.is_empty() || metrics.len() > MAX_METRICS {
        let hint = "name what the program reports: accuracy = { better = \"higher\" }; the first is what trials are judged by";
        return refuse("metrics".into(), "names none, or more than 256", hint);
    }
    let mut names = BTreeSet::new();
    for metric in metrics {
        let path = format!("metrics.{}", metric.name);
        program::check_name("metrics", &metric.name)?;
        let is_parameter =
            |row: crate::setting::Setting| row.name.eq_ignore_ascii_case(&metric.name);
        if table.parameters().any(is_parameter) {
            return refuse(
                path,
                "is a parameter, too",
                "rename one of them: both are columns",
            );
        }
        if !names.insert(&metric.name) {
            return refuse(path, "stands twice", "name each metric once");
        }
        metric.check()?;
    }
    match metrics
        .iter()
        .filter(|metric| metric.solved.is_some())
        .count()
    {
        0 | 1 => Ok(()),
        _ => refuse(
            "metrics".into(),
            "has several metrics that decide what is solved",
            "let one metric have `solved`",
        ),
    }
}

/// The metrics as a table: the first is the headline.
pub(crate) fn table(metrics: &[ProgramMetric]) -> MetricTable {
    let row = |(index, metric): (usize, &ProgramMetric)| Metric {
        name: metric.name.clone(),
        unit: metric.unit.clone().into(),
        better: metric.better,
        bounds: [f64::MIN, f64::MAX].map(Bound::Number),
        has_chance: false,
        range: None,
        is_headline: index == 0,
        is_shown: true,
        quantity: metric.name.replace('_', " ").into(),
        condition: "".into(),
        meaning: "As the program reported it.".into(),
    };
    let rows = metrics.iter().enumerate().map(row).collect();
    MetricTable::new(rows).expect("the program was checked")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metric(name: &str) -> ProgramMetric {
        ProgramMetric::new(name.parse().unwrap(), Better::Higher)
    }

    fn refused(metrics: &[ProgramMetric]) -> String {
        let table = program::table(vec![("depth".into(), program::ParameterKind::Whole)]).unwrap();
        check(metrics, table).unwrap_err().path
    }

    #[test]
    fn a_pattern_finds_every_number_that_it_matches() {
        let pattern = Pattern::new("acc: ([0-9.]+)").unwrap();
        let found: Vec<&str> = pattern.find("acc: 0.5, then acc: 0.75").collect();
        assert_eq!(found, ["0.5", "0.75"]);
        assert!(Pattern::new("acc: [0-9]+").is_err());
        assert!(Pattern::new("(").is_err());
    }

    #[test]
    fn metrics_that_cannot_be_are_refused_by_their_place() {
        assert_eq!(refused(&[]), "metrics");
        assert_eq!(refused(&[metric("depth")]), "metrics.depth");
        assert_eq!(refused(&[metric("a"), metric("a")]), "metrics.a");
        assert_eq!(refused(&[metric("seed")]), "metrics.seed");
        let solved = ProgramMetric {
            solved: Some(1.0),
            ..metric("a")
        };
        let second = ProgramMetric {
            solved: Some(1.0),
            ..metric("b")
        };
        assert_eq!(refused(&[solved.clone(), second]), "metrics");
        let never = ProgramMetric {
            better: Better::Neither,
            ..solved
        };
        assert_eq!(refused(&[never]), "metrics.a.solved");
        let pattern = ProgramMetric {
            pattern: Some("x".into()),
            ..metric("a")
        };
        assert_eq!(refused(&[pattern]), "metrics.a.pattern");
    }
}
