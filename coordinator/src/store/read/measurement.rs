//! What a report needs of every ended trial, and no more: a sweep has a million of them. No text is
//! parsed: where a trial stands in its sweep follows from its number. And no row is handed from
//! thread to thread, as sqlx does it, which would take longer than all the rest.

use std::{ops::Range, sync::Arc};

use pondersweep_proto::{id::SweepId, metric::MetricName};
use rusqlite::{Connection, Rows};

use super::{Reader, sweep::trial_range};
use crate::{
    scheduler::TrialState,
    store::{error::ReadError, name::trial_state, open::open_scanner, statement::statements},
};

statements! {
    METRICS = "
        SELECT metric_id, name FROM metric WHERE sweep_id = ?1";
    /// Trials that succeeded: they are those that have a result.
    RESULTS = "
        SELECT trial_id FROM result WHERE trial_id >= ?1 AND trial_id < ?2 ORDER BY trial_id";
    /// Both walks are in the order of the trials.
    VALUES = "
        SELECT trial_id, metric_id, value FROM measurement
        WHERE trial_id >= ?1 AND trial_id < ?2 ORDER BY trial_id";
    /// The other ended trials, which measured nothing that counts.
    WITHOUT_RESULT = "
        SELECT trial_id, state FROM trial
        WHERE trial_id >= ?1 AND trial_id < ?2 AND state IN ('infeasible', 'failed')
        ORDER BY trial_id";
}

/// The outcomes of trials, and what those that succeeded measured of some metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measurements {
    /// Every trial that has an outcome, in the order of the trials.
    pub trials: Vec<Measurement>,
    /// The values of each trial that succeeded, one trial after the other.
    pub values: Arc<Vec<Option<f64>>>,
}

/// The outcome of a trial and what it measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measurement {
    /// Its place among the trials of its sweep, from 0.
    pub trial_index: u64,
    /// `Succeeded`, `Infeasible` or `Failed`.
    pub outcome: TrialState,
    /// Where among [`Measurements::values`] it has a value for each metric that was asked for, in
    /// their order; nowhere unless it succeeded.
    pub values: Range<usize>,
}

impl Reader {
    /// Every trial of a sweep that has an outcome, and what it measured of these metrics. A metric
    /// that the sweep does not have was measured by none.
    ///
    /// # Errors
    /// There is no such sweep, the disk failed, or what is stored is of another version.
    ///
    /// # Panics
    /// If the walk panicked.
    pub async fn measurements(
        &mut self,
        sweep_id: SweepId,
        metrics: &[MetricName],
    ) -> Result<Measurements, ReadError> {
        // Which trials a sweep has never changes: what is read of them is of one moment all the
        // same.
        let range = trial_range(&mut self.connection, sweep_id).await?;
        let (path, metrics) = (self.path.clone(), metrics.to_vec());
        let walk = tokio::task::spawn_blocking(move || {
            measurements(open_scanner(&path)?, sweep_id, range, &metrics)
        });
        walk.await.expect("it panics for a bug only")
    }
}

fn measurements(
    mut connection: Connection,
    sweep_id: SweepId,
    (first, end): (i64, i64),
    metrics: &[MetricName],
) -> Result<Measurements, ReadError> {
    let snapshot = connection.transaction()?;
    let places = places(&snapshot, sweep_id, metrics)?;
    let (mut trials, mut all) = (Vec::new(), Vec::new());
    let (mut results, mut values) = (snapshot.prepare(RESULTS)?, snapshot.prepare(VALUES)?);
    let mut results = results.query([first, end])?;
    let mut values = Values(values.query([first, end])?, None);
    while let Some(row) = results.next()? {
        let trial_id: i64 = row.get(0)?;
        let start = all.len();
        all.resize(start + metrics.len(), None);
        trials.push(Measurement {
            trial_index: trial_id.abs_diff(first),
            outcome: TrialState::Succeeded,
            values: start..all.len(),
        });
        while let Some((metric_id, value)) = values.next_of(trial_id)? {
            if let Some((_, place)) = places.iter().find(|(known, _)| *known == metric_id) {
                all[start + place] = Some(value);
            }
        }
    }
    let mut others = snapshot.prepare(WITHOUT_RESULT)?;
    let mut others = others.query([first, end])?;
    while let Some(row) = others.next()? {
        let trial_id: i64 = row.get(0)?;
        trials.push(Measurement {
            trial_index: trial_id.abs_diff(first),
            outcome: trial_state(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)?,
            values: 0..0,
        });
    }
    // Two runs in ascending order, which this merges.
    trials.sort_by_key(|trial| trial.trial_index);
    let values = Arc::new(all);
    Ok(Measurements { trials, values })
}

/// The numbers of the metrics in this database, and where each stands among those asked for.
fn places(
    connection: &Connection,
    sweep_id: SweepId,
    metrics: &[MetricName],
) -> Result<Vec<(i64, usize)>, ReadError> {
    let mut statement = connection.prepare(METRICS)?;
    let mut rows = statement.query([sweep_id.to_string()])?;
    let mut places = Vec::new();
    while let Some(row) = rows.next()? {
        let name: String = row.get(1)?;
        let place = metrics.iter().position(|metric| metric.as_str() == name);
        if let Some(place) = place {
            places.push((row.get(0)?, place));
        }
    }
    Ok(places)
}

/// A walk over measurements, and one that was read but is of a later trial.
struct Values<'a>(Rows<'a>, Option<(i64, i64, f64)>);

impl Values<'_> {
    /// The next metric of this trial; those of trials before it are passed over.
    fn next_of(&mut self, trial_id: i64) -> Result<Option<(i64, f64)>, rusqlite::Error> {
        loop {
            let next = match self.1.take() {
                Some(ahead) => ahead,
                None => match self.0.next()? {
                    Some(row) => (row.get(0)?, row.get(1)?, row.get(2)?),
                    None => return Ok(None),
                },
            };
            match next.0 {
                of if of == trial_id => return Ok(Some((next.1, next.2))),
                of if of > trial_id => {
                    self.1 = Some(next);
                    return Ok(None);
                }
                _ => {}
            }
        }
    }
}
