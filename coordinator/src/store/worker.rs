//! Workers that never ran anything and are long gone. What an attempt names stays: it says who
//! computed a result.

use pondersweep_proto::id::WorkerId;
use rusqlite::Connection;

use super::{Store, create::begin, error::DatabaseError, statement::statements};

statements! {
    /// Never those that an attempt names, so the reference needs no check, which would look through
    /// all attempts for each worker.
    FORGET_WORKERS = "
        DELETE FROM worker
        WHERE last_heard_at_ms < ?1 AND worker_id NOT IN (SELECT worker_id FROM attempt)
        RETURNING worker_id";
    COUNT_IDLE_WORKERS = "
        SELECT count(*) FROM worker WHERE worker_id NOT IN (SELECT worker_id FROM attempt)";
}

/// What became of the workers that never ran anything.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct IdleWorkers {
    /// Those that were forgotten.
    pub forgotten: Vec<WorkerId>,
    /// How many are left.
    pub left: usize,
}

impl Store {
    /// Forgets the workers that never ran anything and were not heard of since a moment, in
    /// milliseconds since 1970-01-01 UTC.
    ///
    /// # Errors
    /// The disk failed.
    pub fn forget_idle_workers(&mut self, before_ms: i64) -> Result<IdleWorkers, DatabaseError> {
        self.files.check(&self.writer)?;
        self.writer.pragma_update(None, "foreign_keys", false)?;
        let forgotten = forget(&mut self.writer, before_ms);
        self.writer.pragma_update(None, "foreign_keys", true)?;
        Ok(forgotten?)
    }
}

fn forget(connection: &mut Connection, before_ms: i64) -> Result<IdleWorkers, rusqlite::Error> {
    let transaction = begin(connection)?;
    let mut statement = transaction.prepare(FORGET_WORKERS)?;
    let names = statement.query_map([before_ms], |row| row.get::<_, String>(0))?;
    let names: Vec<String> = names.collect::<Result<_, _>>()?;
    drop(statement);
    let left: i64 = transaction.query_row(COUNT_IDLE_WORKERS, [], |row| row.get(0))?;
    transaction.commit()?;
    Ok(IdleWorkers {
        // An id that cannot be one is no worker that anybody could be.
        forgotten: names.iter().filter_map(|name| name.parse().ok()).collect(),
        left: usize::try_from(left).unwrap_or(usize::MAX),
    })
}
