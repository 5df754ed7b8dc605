//! What trials measured whose attempts succeeded: of every metric the last value that was observed.

use pondersweep_proto::{id::LeaseToken, metric::LastValues};

use super::{Row, Writer, attempt::columns, event::or_null};
use crate::store::{
    error::{CommitError, DatabaseError},
    statement::statements,
};

statements! {
    OBSERVED = "
        SELECT step, metric, value FROM observation WHERE trial_id = ?1 AND attempt = ?2";
    INSERT_RESULT = "
        INSERT INTO result (trial_id, attempt, step) VALUES (?, ?, ?)";
    INSERT_MEASUREMENT = "
        INSERT INTO measurement (trial_id, metric_id, value) VALUES (?, ?, ?)";
}

impl Writer<'_> {
    /// Writes the results of the attempts that succeeded, all together.
    pub(super) fn results(&mut self) -> Result<(), CommitError> {
        let tokens = std::mem::take(&mut self.succeeded);
        let (mut results, mut measurements): (Vec<Row<'_, 3>>, Vec<Row<'_, 3>>) =
            Default::default();
        let mut measured = Vec::new();
        for token in &tokens {
            let (trial_id, attempt) = columns(*token);
            let found = self.last_values(*token).map_err(DatabaseError::from)?;
            results.push([trial_id.into(), attempt.into(), or_null(found.step)]);
            let rows = found.values.iter();
            measurements
                .extend(rows.map(|(id, _, value)| [trial_id.into(), (*id).into(), value.into()]));
            measured.resize(measurements.len(), *token);
        }
        self.insert(INSERT_RESULT, &results, |row| {
            format!("the result of {}", tokens[row])
        })?;
        self.insert(INSERT_MEASUREMENT, &measurements, |row| {
            format!("a measurement of {}", measured[row])
        })
    }

    /// What an attempt observed last.
    fn last_values(&mut self, token: LeaseToken) -> Result<Found, rusqlite::Error> {
        let (names, ids) = self.metric_ids.of_trial(token.trial_id);
        let mut found = Found::default();
        let mut rows = self.prepared(OBSERVED, 1)?.query(columns(token))?;
        while let Some(row) = rows.next()? {
            let step: i64 = row.get(0)?;
            found.step = found.step.max(Some(step));
            let metric = row.get_ref(1)?.as_str()?;
            if let Some(place) = names.iter().position(|name| name == metric) {
                found
                    .values
                    .add(ids[place], step.unsigned_abs(), row.get(2)?);
            }
        }
        Ok(found)
    }
}

/// The observations of an attempt, as far as they are its result.
#[derive(Default)]
struct Found {
    /// The last step at which anything was observed.
    step: Option<i64>,
    /// By the number of the metric.
    values: LastValues<i64>,
}
