//! One table of a sweep's trials with the sweep's own columns: its settings and its metrics,
//! whatever kind of trial it has; and one of its configurations. They are views of the connections
//! that answer queries.

use std::{collections::BTreeMap, fmt::Write as _};

use pondersweep_proto::{id::SweepId, setting::program::PROGRAM};
use serde_json::Value as Json;
use sqlx::Row as _;

use super::Reader;
use crate::store::{error::ReadError, statement::statements};

statements! {
    METRICS_OF_SWEEP = "
        SELECT metric_id, name FROM metric WHERE sweep_id = ?1 ORDER BY position";
}

/// The name of the table.
const FLAT_TABLE: &str = "trials";
/// The name of the table of configurations.
const CELL_TABLE: &str = "cells";

impl Reader {
    /// Offers the trials of a sweep that have an outcome as the table `trials`, and its
    /// configurations as the table `cells`, for queries.
    ///
    /// # Errors
    /// There is no such sweep, the disk failed, or what is stored is of another version.
    pub async fn offer_flat_table(&mut self, sweep_id: SweepId) -> Result<(), ReadError> {
        let spec = self.spec(sweep_id).await?;
        let template = serde_json::to_value(&spec.terms().template).unwrap_or_default();
        let swept = spec.terms().axes.iter();
        let swept = swept.map(|axis| axis.parameter.path());
        let settings = settings(&template, swept);
        let metrics = sqlx::query(METRICS_OF_SWEEP).bind(sweep_id.to_string());
        let metrics = metrics.fetch_all(&mut self.connection).await?;
        let metrics: Vec<(i64, String)> = (metrics.iter())
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<Result<_, sqlx::Error>>()?;
        let is_decided = spec.terms().goal().is_set();
        let trials = text(sweep_id, &settings, &metrics, is_decided);
        self.offered = Some(format!("{trials};\n{}", cells(&settings, &metrics)));
        Ok(())
    }
}

/// The settings of a sweep's configurations: section, name, and what the column is called, which is
/// the name alone where one section has it.
fn settings(template: &Json, swept: impl Iterator<Item = String>) -> Vec<[String; 3]> {
    let mut places: Vec<[String; 2]> = Vec::new();
    let sections = template.as_object().into_iter().flatten();
    // Which program it is, is the same for all.
    for (section, settings) in sections.filter(|(section, _)| *section != PROGRAM) {
        let names = settings.as_object().into_iter().flatten();
        places.extend(names.map(|(name, _)| [section.clone(), name.clone()]));
    }
    for path in swept {
        let (section, name) = path.split_once('.').unwrap_or(("", &path));
        let place = [section, name].map(str::to_owned);
        if !places.contains(&place) {
            places.push(place);
        }
    }
    let mut count: BTreeMap<String, u32> = BTreeMap::new();
    for [_, name] in &places {
        *count.entry(name.clone()).or_default() += 1;
    }
    let column = |[section, name]: [String; 2]| {
        let column = if count[&name] == 1 {
            name.clone()
        } else {
            format!("{section}.{name}")
        };
        [section, name, column]
    };
    places.into_iter().map(column).collect()
}

fn text(
    sweep_id: SweepId,
    settings: &[[String; 3]],
    metrics: &[(i64, String)],
    is_decided: bool,
) -> String {
    let solved = if is_decided {
        "trial_json.solved"
    } else {
        "NULL"
    };
    let mut text = format!(
        "CREATE TEMP VIEW {FLAT_TABLE} AS SELECT trial.trial_id AS trial_id, \
         trial.trial_key AS trial_key, trial.configuration_id AS configuration_id, \
         trial.replicate AS replicate, trial.state AS outcome, {solved} AS solved"
    );
    for [section, name, column] in settings {
        let (path, column) = (
            quoted(&format!("$.\"{section}\".\"{name}\""), '\''),
            quoted(column, '"'),
        );
        let _ = write!(text, ", configuration.spec ->> {path} AS {column}");
    }
    for (metric_id, name) in metrics {
        let column = quoted(name, '"');
        let _ = write!(
            text,
            ", (SELECT value FROM measurement WHERE measurement.trial_id = trial.trial_id \
             AND metric_id = {metric_id}) AS {column}"
        );
    }
    let _ = write!(
        text,
        " FROM trial \
         JOIN configuration ON configuration.configuration_id = trial.configuration_id \
         JOIN trial_json ON trial_json.trial_id = trial.trial_id \
         WHERE trial.sweep_id = '{sweep_id}'"
    );
    text
}

/// The same over the replicates of each configuration.
fn cells(settings: &[[String; 3]], metrics: &[(i64, String)]) -> String {
    let mut text = format!(
        "CREATE TEMP VIEW {CELL_TABLE} AS SELECT configuration.position AS position, \
         configuration.configuration_key AS configuration_key"
    );
    for [_, _, column] in settings {
        let _ = write!(text, ", {FLAT_TABLE}.{}", quoted(column, '"'));
    }
    text.push_str(", sum(outcome IN ('succeeded', 'infeasible')) AS n");
    for outcome in ["succeeded", "infeasible", "failed"] {
        let _ = write!(text, ", sum(outcome = '{outcome}') AS {outcome}");
    }
    text.push_str(", sum(solved) AS solved");
    for (_, name) in metrics {
        for (function, word) in [("avg", "mean"), ("min", "min"), ("max", "max")] {
            let (value, column) = (quoted(name, '"'), quoted(&format!("{name}_{word}"), '"'));
            let _ = write!(text, ", {function}({FLAT_TABLE}.{value}) AS {column}");
        }
    }
    let _ = write!(
        text,
        " FROM {FLAT_TABLE} JOIN configuration \
         ON configuration.configuration_id = {FLAT_TABLE}.configuration_id \
         GROUP BY configuration.configuration_id"
    );
    text
}

/// A name or a text as SQL has it.
fn quoted(text: &str, quote: char) -> String {
    let doubled = text.replace(quote, &format!("{quote}{quote}"));
    format!("{quote}{doubled}{quote}")
}
