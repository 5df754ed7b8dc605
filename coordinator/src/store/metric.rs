//! The metrics of every sweep in the database: their rows, and by which number a commit writes
//! each. The program's tables are the source; what stands here is written when a sweep is created
//! and completed when a newer program opens the file.

use std::sync::Arc;

use pondersweep_proto::{
    id::{LeaseToken, TrialId},
    metric::{Metric, MetricName, MetricTable},
};
use rusqlite::Connection;

use super::{Store, commit::as_i64, error::DatabaseError, statement::statements};
use crate::sweep::{Goal, SweepTerms};

statements! {
    /// The words of a metric may change, what it is called and whether it decides may not.
    UPSERT_METRIC = "
        INSERT INTO metric (
            sweep_id, position, name, unit, better, meaning, solved_threshold, added_at_ms
        )
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
        ON CONFLICT (sweep_id, name) DO UPDATE SET
            position = excluded.position, unit = excluded.unit, better = excluded.better,
            meaning = excluded.meaning
        WHERE (position, unit, better, meaning)
            IS NOT (excluded.position, excluded.unit, excluded.better, excluded.meaning)";
    HAS_OBSERVED = "
        SELECT EXISTS (
            SELECT 1 FROM observation WHERE trial_id = ?1 AND attempt = ?2 AND metric = ?3
        )";
    SPECS = "
        SELECT sweep_id, spec FROM sweep";
    METRICS = "
        SELECT sweep.first_trial_id, metric.name, metric.metric_id
        FROM metric JOIN sweep ON sweep.sweep_id = metric.sweep_id
        ORDER BY sweep.first_trial_id, metric.position";
    METRICS_OF_SWEEP = "
        SELECT sweep.first_trial_id, metric.name, metric.metric_id
        FROM metric JOIN sweep ON sweep.sweep_id = metric.sweep_id
        WHERE sweep.sweep_id = ?1
        ORDER BY metric.position";
}

impl Store {
    /// Whether an attempt has observed a metric, as far as that is committed.
    ///
    /// # Errors
    /// The disk failed.
    pub fn has_observed(
        &self,
        token: LeaseToken,
        metric: &MetricName,
    ) -> Result<bool, DatabaseError> {
        let mut statement = self.writer.prepare_cached(HAS_OBSERVED)?;
        let row = (as_i64(token.trial_id.0), token.attempt.0, metric.as_str());
        Ok(statement.query_row(row, |row| row.get(0))?)
    }
}

/// Writes the metrics of a new sweep.
pub(super) fn insert_metrics(
    connection: &Connection,
    sweep_id: &str,
    terms: &SweepTerms,
) -> Result<(), rusqlite::Error> {
    let (experiment, goal) = (terms.experiment(), terms.goal());
    upsert(
        connection,
        sweep_id,
        experiment.metrics(),
        Some(&goal),
        None,
    )
}

/// Adds to every sweep the metrics that its trials can measure from now on.
pub(super) fn complete_metrics(connection: &Connection, at_ms: i64) -> Result<(), rusqlite::Error> {
    let mut statement = connection.prepare(SPECS)?;
    let mut sweeps = statement.query([])?;
    while let Some(row) = sweeps.next()? {
        let (sweep_id, spec): (String, String) = (row.get(0)?, row.get(1)?);
        // One that cannot be read is reported when it is restored.
        if let Ok(terms) = serde_json::from_str::<SweepTerms>(&spec) {
            let experiment = terms.experiment();
            upsert(
                connection,
                &sweep_id,
                experiment.metrics(),
                None,
                Some(at_ms),
            )?;
        }
    }
    Ok(())
}

fn upsert(
    connection: &Connection,
    sweep_id: &str,
    table: &MetricTable,
    goal: Option<&Goal>,
    added_at_ms: Option<i64>,
) -> Result<(), rusqlite::Error> {
    let mut upsert = connection.prepare_cached(UPSERT_METRIC)?;
    for (position, metric) in (0_i64..).zip(table.iter()) {
        let Metric {
            name,
            unit,
            better,
            meaning,
            ..
        } = metric;
        let decides = goal.filter(|goal| goal.metric == *name && goal.is_set());
        let threshold = decides.map(|goal| goal.threshold);
        let row = (
            sweep_id,
            position,
            name.as_str(),
            unit,
            better.name(),
            meaning,
            threshold,
            added_at_ms,
        );
        upsert.execute(row)?;
    }
    Ok(())
}

/// The numbers of metrics, by sweep.
#[derive(Debug, Default)]
pub(super) struct MetricIds(Vec<IdsOfSweep>);

#[derive(Debug)]
struct IdsOfSweep {
    first_trial_id: i64,
    /// Sweeps of one experiment share them.
    names: Arc<Vec<String>>,
    ids: Vec<i64>,
}

impl MetricIds {
    /// Those of every sweep.
    pub(super) fn load(connection: &Connection) -> Result<Self, rusqlite::Error> {
        let mut known = Self::default();
        known.read(connection, METRICS, [])?;
        Ok(known)
    }

    /// Adds those of a sweep that was created, the newest one.
    pub(super) fn add(
        &mut self,
        connection: &Connection,
        sweep_id: &str,
    ) -> Result<(), rusqlite::Error> {
        self.read(connection, METRICS_OF_SWEEP, [sweep_id])
    }

    fn read(
        &mut self,
        connection: &Connection,
        statement: &'static str,
        parameters: impl rusqlite::Params,
    ) -> Result<(), rusqlite::Error> {
        let mut statement = connection.prepare(statement)?;
        let mut rows = statement.query(parameters)?;
        let mut found: Vec<(i64, Vec<String>, Vec<i64>)> = Vec::new();
        while let Some(row) = rows.next()? {
            let first_trial_id = row.get(0)?;
            if found.last().is_none_or(|last| last.0 != first_trial_id) {
                found.push((first_trial_id, Vec::new(), Vec::new()));
            }
            let (_, names, ids) = found.last_mut().expect("one was added");
            names.push(row.get(1)?);
            ids.push(row.get(2)?);
        }
        for (first_trial_id, names, ids) in found {
            let shared = self.0.last().filter(|last| *last.names == names);
            let names = shared.map_or_else(|| Arc::new(names), |last| Arc::clone(&last.names));
            self.0.push(IdsOfSweep {
                first_trial_id,
                names,
                ids,
            });
        }
        Ok(())
    }

    /// The metrics of a trial's sweep: name and number.
    pub(super) fn of_trial(&self, trial_id: TrialId) -> (&[String], &[i64]) {
        let trial_id = as_i64(trial_id.0);
        let after = self
            .0
            .partition_point(|sweep| sweep.first_trial_id <= trial_id);
        match after.checked_sub(1).and_then(|index| self.0.get(index)) {
            Some(sweep) => (&sweep.names, &sweep.ids),
            None => (&[], &[]),
        }
    }
}
