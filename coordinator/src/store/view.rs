//! The views people read, made from the tables of settings and metrics. A row of those tables is a
//! column here, and its meaning stands in the view's own text (`.schema trial_result` shows it).
//! Columns stay what they are: one may be added, none is renamed or dropped.
//!
//! How outcomes count. A trial that diverged is `infeasible`: that is a result, so it counts in n,
//! and as not solved. A trial that `failed` (its machinery did, more often than allowed) or was
//! cancelled says nothing about the configuration: it is left out of n and shown next to it.
//!
//! A metric of a trial is looked up row by row, so that a query pays for the columns that it names
//! and for the trials that it wants; a walk over a million results reads `measurement` instead.

mod text;

use std::fmt::Write as _;

use pondersweep_proto::{
    experiment::Experiment,
    metric::Metric,
    setting::{Kind, LeftOut, ParameterValue, Setting, SettingTable, training::TRAINING},
};

use crate::sweep::SweepTerms;
use text::{CELLS, COMPUTE, DIFFICULTY, HALTING, JSON, METRICS, PARAMETERS, TRIALS};

/// A column's type, in exports too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColumnType {
    /// A whole number.
    Integer,
    /// A number.
    Real,
    /// A text.
    Text,
}

/// A view and the statement that makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct View {
    pub(super) name: &'static str,
    body: String,
}

impl View {
    /// The statement, as the database keeps it.
    pub(super) fn text(&self) -> String {
        format!("CREATE VIEW {} {}", self.name, self.body)
    }

    /// The statement that makes it for one connection only.
    pub(super) fn temporary_text(&self) -> String {
        format!("CREATE TEMP VIEW {} {}", self.name, self.body)
    }
}

/// Every view.
pub(super) fn views() -> Vec<View> {
    let made = [
        ("trial_result", TRIALS),
        ("cell_result", CELLS),
        ("difficulty_result", DIFFICULTY),
        ("halting_result", HALTING),
        ("compute_result", COMPUTE),
        ("trial_parameter", PARAMETERS),
        ("trial_metric", METRICS),
        ("trial_json", JSON),
    ];
    let fill = |(name, text): (&'static str, &str)| View {
        name,
        body: filled(text),
    };
    made.into_iter().map(fill).collect()
}

/// The types of the columns of a sweep's tables.
pub(crate) struct ColumnTypes {
    settings: &'static SettingTable,
    experiment: Experiment,
}

impl ColumnTypes {
    /// Those of a sweep.
    pub(crate) fn of(terms: &SweepTerms) -> Self {
        Self {
            settings: terms.template.table(),
            experiment: terms.experiment(),
        }
    }

    /// Of columns that follow from the sweep's tables, and of all others.
    pub(crate) fn column(&self, name: &str) -> ColumnType {
        if let Ok(setting) = self.settings.parameter(name) {
            return match setting.kind {
                Kind::Number(_) => ColumnType::Real,
                Kind::Integer { .. } | Kind::Whole | Kind::Flag => ColumnType::Integer,
                Kind::Choice(_) | Kind::Text => ColumnType::Text,
            };
        }
        let metric = name.rsplit_once('_').map_or(name, |(metric, _)| metric);
        let metrics = self.experiment.metrics();
        if [name, metric]
            .iter()
            .any(|name| metrics.get(name).is_some())
        {
            return ColumnType::Real;
        }
        of_every_sweep(name)
    }
}

/// The types of the columns that every sweep has.
fn of_every_sweep(name: &str) -> ColumnType {
    match name {
        "trial_id" | "configuration_id" | "position" | "replicate" | "solved" | "step"
        | "attempts" | "attempt" | "n" | "succeeded" | "infeasible" | "failed" | "cancelled"
        | "pending" => ColumnType::Integer,
        "seconds" | "value" | "solved_share" | "solved_share_low" | "solved_share_high" => {
            ColumnType::Real
        }
        _ => ColumnType::Text,
    }
}

/// A text with what the tables say in place of `{parameters}` and the like.
fn filled(text: &str) -> String {
    let experiment = Experiment::built_in();
    let settings: Vec<Setting> = TRAINING.parameters().collect();
    let metrics: Vec<&Metric> = experiment.metrics().iter().collect();
    let shown: Vec<&Metric> = experiment.metrics().shown().collect();
    text.trim()
        .replace(
            "{parameters}",
            &joined(&settings, |setting| setting_column(*setting)),
        )
        .replace(
            "{metrics}",
            &joined(&metrics, |metric| metric_column(metric)),
        )
        .replace("{solved}", text::SOLVED.trim())
        .replace("{sums}", &joined(&shown, |metric| sums(metric)))
        .replace("{values}", &joined(&shown, |metric| value_of(metric)))
        .replace("{variances}", &joined(&shown, |metric| variance(metric)))
        .replace("{deviations}", &joined(&shown, |metric| deviation(metric)))
        .replace("{summaries}", &joined(&shown, |metric| summaries(metric)))
}

fn joined<T>(rows: &[T], column: impl Fn(&T) -> String) -> String {
    let mut text = String::new();
    for row in rows {
        if !text.is_empty() {
            text.push_str("\n    ");
        }
        let _ = write!(text, "{}", column(row));
    }
    text
}

/// A setting that the method does not take is NULL; one at its default may be left out of the form.
fn setting_column(setting: Setting) -> String {
    let (section, name) = (setting.section, setting.name);
    let stored = format!("configuration.spec ->> '$.{section}.{name}'");
    let implied = setting.uses.iter().find_map(|taken| match taken.left_out {
        LeftOut::Implied(default) => Some((taken.kind, literal(&default.value()))),
        _ => None,
    });
    let value = match implied {
        None => stored,
        Some((None, default)) => format!("coalesce({stored}, {default})"),
        Some((Some(kind), default)) => format!(
            "CASE configuration.spec ->> '$.{section}.{}' WHEN '{kind}'
        THEN coalesce({stored}, {default}) END",
            setting.decided_by
        ),
    };
    format!("-- {}\n    {value} AS \"{name}\",", setting.meaning)
}

/// A value as SQL has it.
fn literal(value: &ParameterValue) -> String {
    match value {
        ParameterValue::Number(number) => format!("{number:?}"),
        ParameterValue::Integer(whole) => whole.to_string(),
        ParameterValue::Negative(whole) => whole.to_string(),
        ParameterValue::Flag(flag) => u8::from(*flag).to_string(),
        ParameterValue::Choice(name) => format!("'{}'", name.replace('\'', "''")),
    }
}

fn metric_column(metric: &Metric) -> String {
    let Metric { name, meaning, .. } = metric;
    format!(
        "-- {meaning}
    (
        SELECT value FROM measurement WHERE measurement.trial_id = trial.trial_id
            AND metric_id = (
                SELECT metric_id FROM metric
                WHERE metric.sweep_id = trial.sweep_id AND metric.name = '{name}'
            )
    ) AS \"{name}\","
    )
}

fn value_of(metric: &Metric) -> String {
    let name = &metric.name;
    format!(
        "LEFT JOIN measurement AS \"{name}\" ON \"{name}\".trial_id = trial.trial_id
        AND \"{name}\".metric_id = (
            SELECT metric_id FROM metric
            WHERE metric.sweep_id = trial.sweep_id AND metric.name = '{name}'
        )"
    )
}

fn sums(metric: &Metric) -> String {
    let name = &metric.name;
    format!(
        ",
        count(\"{name}\".value) AS \"{name}_count\",
        avg(\"{name}\".value) AS \"{name}_mean\",
        min(\"{name}\".value) AS \"{name}_min\",
        max(\"{name}\".value) AS \"{name}_max\",
        sum(\"{name}\".value * \"{name}\".value) AS \"{name}_squares\""
    )
}

/// With n - 1, from the sum of squares: exactly zero when all are equal, which rounding would miss.
fn variance(metric: &Metric) -> String {
    let name = &metric.name;
    format!(
        ",
        CASE
            WHEN \"{name}_min\" = \"{name}_max\" THEN 0.0
            ELSE max(0.0, \"{name}_squares\" - \"{name}_count\" * \"{name}_mean\" * \"{name}_mean\")
                / (\"{name}_count\" - 1)
        END AS \"{name}_variance\""
    )
}

fn deviation(metric: &Metric) -> String {
    let name = &metric.name;
    format!(
        ",
        CASE WHEN \"{name}_count\" < 2 THEN NULL WHEN \"{name}_variance\" = 0 THEN 0.0 ELSE (
            WITH RECURSIVE newton (root) AS (
                SELECT max(1.0, \"{name}_variance\")
                UNION ALL
                SELECT (root + \"{name}_variance\" / root) / 2 FROM newton
                WHERE (root + \"{name}_variance\" / root) / 2 < root
            )
            SELECT min(root) FROM newton
        ) END AS \"{name}_sd\""
    )
}

fn summaries(metric: &Metric) -> String {
    let Metric { name, meaning, .. } = metric;
    format!(
        ",
    -- {meaning} Over the trials that succeeded; sd divides by n - 1.
    \"{name}_mean\",
    \"{name}_min\",
    \"{name}_max\",
    \"{name}_sd\""
    )
}
