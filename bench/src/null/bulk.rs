//! The floor of the disk under durable trials: the same rows by the fewest statements SQL allows,
//! which make up every value themselves. No program that is told what to write can reach it, but it
//! does not depend on how this one writes. The one room outside of the store with SQL.

use std::{ops::Range, path::Path};

use pondersweep::{clock, sweep::SweepSpec};
use rusqlite::{Connection, OpenFlags, ToSql, TransactionBehavior, params};

use super::commits::{self, FloorLoad, Pending, REQUEST, WORKER};

// In all of them, trials ?1 up to ?2, the latter excluded.
const LEASE_TRIALS: &str = "
    UPDATE trial SET state = 'leased', attempt = 1 WHERE trial_id >= ?1 AND trial_id < ?2";
const INSERT_ATTEMPTS: &str = "
    INSERT INTO attempt (trial_id, attempt, worker_id, request_id, started_at_ms)
    SELECT trial_id, 1, ?3, ?4, ?5 FROM trial WHERE trial_id >= ?1 AND trial_id < ?2";
const INSERT_LEASED: &str = "
    INSERT INTO event (at_ms, kind, trial_id, attempt, worker_id, state, detail)
    SELECT ?5, 'leased', trial_id, 1, ?3, 'leased', ?4
    FROM trial WHERE trial_id >= ?1 AND trial_id < ?2";
/// ?3 observations of each trial.
const INSERT_OBSERVATIONS: &str = "
    INSERT INTO observation (trial_id, attempt, step, metric, value)
    WITH RECURSIVE counted (step) AS (
        SELECT 1 UNION ALL SELECT step + 1 FROM counted WHERE step < ?3
    )
    SELECT trial_id, 1, step, 'accuracy_interpolation', 0.5
    FROM trial, counted WHERE trial_id >= ?1 AND trial_id < ?2";
const END_ATTEMPTS: &str = "
    UPDATE attempt SET ended_at_ms = ?3, ending = 'succeeded', seconds = 0.0
    WHERE trial_id >= ?1 AND trial_id < ?2 AND attempt = 1";
const END_TRIALS: &str = "
    UPDATE trial SET state = 'succeeded' WHERE trial_id >= ?1 AND trial_id < ?2";
const INSERT_RESULTS: &str = "
    INSERT INTO result (trial_id, attempt, step)
    SELECT trial_id, 1, ?3 FROM trial WHERE trial_id >= ?1 AND trial_id < ?2";
const INSERT_MEASUREMENTS: &str = "
    INSERT INTO measurement (trial_id, metric_id, value)
    SELECT trial_id, metric_id, 0.5
    FROM trial JOIN metric ON metric.sweep_id = trial.sweep_id
    WHERE trial_id >= ?1 AND trial_id < ?2 AND metric.name = 'accuracy_interpolation'";
const INSERT_ENDED: &str = "
    INSERT INTO event (at_ms, kind, trial_id, attempt, state, detail)
    SELECT ?3, 'ended', trial_id, 1, 'succeeded', 'succeeded'
    FROM trial WHERE trial_id >= ?1 AND trial_id < ?2";

/// A database whose trials are taken through a lease and a success.
pub(super) struct Bulk {
    connection: Connection,
    pending: Pending,
}

impl Bulk {
    /// A new database with this sweep in it.
    pub(super) async fn create(path: &Path, spec: &SweepSpec) -> anyhow::Result<Self> {
        let (store, pending) = commits::create(path, spec).await?;
        store.close().await?;
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // As the coordinator commits: to the disk, and carrying the log over as rarely.
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "wal_autocheckpoint", 16_384)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        Ok(Self {
            connection,
            pending,
        })
    }

    /// Takes the next trials from pending to succeeded.
    ///
    /// # Panics
    /// The sweep has fewer pending trials.
    pub(super) fn run(&mut self, load: FloorLoad) -> Result<(), rusqlite::Error> {
        for [ended, leased] in self.pending.take(load) {
            let behavior = TransactionBehavior::Immediate;
            let transaction = self.connection.transaction_with_behavior(behavior)?;
            end(&transaction, &ended, load.observations)?;
            lease(&transaction, &leased)?;
            transaction.commit()?;
        }
        Ok(())
    }
}

fn lease(connection: &Connection, trials: &Range<u64>) -> Result<(), rusqlite::Error> {
    if trials.is_empty() {
        return Ok(());
    }
    let [start, end] = ends(trials);
    run(connection, LEASE_TRIALS, params![start, end])?;
    let attempt = params![start, end, WORKER, REQUEST, clock::now_ms()];
    run(connection, INSERT_ATTEMPTS, attempt)?;
    run(connection, INSERT_LEASED, attempt)
}

fn end(
    connection: &Connection,
    trials: &Range<u64>,
    observations: u32,
) -> Result<(), rusqlite::Error> {
    if trials.is_empty() {
        return Ok(());
    }
    let [start, end] = ends(trials);
    let at_ms = clock::now_ms();
    let steps = (observations > 0).then_some(observations);
    if steps.is_some() {
        run(connection, INSERT_OBSERVATIONS, params![start, end, steps])?;
    }
    run(connection, END_ATTEMPTS, params![start, end, at_ms])?;
    run(connection, END_TRIALS, params![start, end])?;
    run(connection, INSERT_RESULTS, params![start, end, steps])?;
    if steps.is_some() {
        run(connection, INSERT_MEASUREMENTS, params![start, end])?;
    }
    run(connection, INSERT_ENDED, params![start, end, at_ms])
}

fn ends(trials: &Range<u64>) -> [i64; 2] {
    [trials.start, trials.end].map(|id| i64::try_from(id).expect("ids begin at 1"))
}

fn run(
    connection: &Connection,
    statement: &'static str,
    parameters: &[&dyn ToSql],
) -> Result<(), rusqlite::Error> {
    let mut prepared = connection.prepare_cached(statement)?;
    prepared.execute(parameters).map(drop)
}

#[cfg(test)]
mod tests {
    use pondersweep::store::Reader;

    use super::{super::commits::Commits, *};
    use crate::sweep::null_sweep;

    #[tokio::test]
    async fn both_floors_leave_the_same_results() {
        for observations in [0, 3] {
            let load = FloorLoad {
                trials: 10,
                batch: 4,
                observations,
            };
            let spec = null_sweep(10, observations).unwrap();
            let folder = tempfile::tempdir().unwrap();
            let (bulk, committed) = (folder.path().join("bulk.db"), folder.path().join("c.db"));
            Bulk::create(&bulk, &spec).await.unwrap().run(load).unwrap();
            let mut commits = Commits::create(&committed, &spec).await.unwrap();
            commits.run(load).unwrap();
            let mut found = Vec::new();
            for path in [&bulk, &committed] {
                let mut reader = Reader::open(path).await.unwrap();
                assert_eq!(reader.damage().await.unwrap(), Vec::<String>::new());
                let completeness = reader.completeness(spec.id()).await.unwrap();
                assert!(completeness.is_complete(), "{completeness:?}");
                found.push((reader.digest(spec.id()).await.unwrap(), completeness));
            }
            assert_eq!(found[0], found[1]);
        }
    }
}
