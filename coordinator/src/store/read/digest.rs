//! What the result tables of a sweep say, as one hash. Two databases in which a sweep was measured
//! alike have the same, whatever faults, workers and attempts lie between; who measured it, when and
//! how fast is left out. It is the oracle of every test that disturbs a sweep.

use pondersweep_proto::id::{SweepId, hexadecimal};
use sha2::{Digest as _, Sha256};
use sqlx::{Column as _, Connection as _, Row as _, SqliteConnection, sqlite::SqliteRow};
use tokio_stream::StreamExt as _;

use super::{Reader, Value, query::value, sweep::trial_range};
use crate::store::{error::ReadError, statement::statements};

statements! {
    /// Every column, so that one that is added later counts unless [`NOT_CONTENT`] names it.
    CONTENT = "
        SELECT * FROM trial_result WHERE trial_id >= ?1 AND trial_id < ?2 ORDER BY trial_id";
    /// Of all attempts together: what a lost attempt saw must be what its heir sees, and then it is
    /// one row. Two attempts that disagree are two rows, which no undisturbed sweep has.
    MEASURED = "
        SELECT DISTINCT trial.trial_key, observation.step, observation.metric, observation.value
        FROM trial JOIN observation ON observation.trial_id = trial.trial_id
        WHERE trial.trial_id >= ?1 AND trial.trial_id < ?2
            AND trial.state IN ('succeeded', 'infeasible', 'failed')
        ORDER BY trial_key, step, metric, value";
    DIFFICULTY = "
        SELECT * FROM difficulty_result WHERE trial_id >= ?1 AND trial_id < ?2
        ORDER BY trial_id, range, first_nonzeros";
    HALTING = "
        SELECT * FROM halting_result WHERE trial_id >= ?1 AND trial_id < ?2
        ORDER BY trial_id, range, step";
}

/// The last evaluations broken down, by trial.
pub(super) const BROKEN_DOWN: [&str; 2] = [DIFFICULTY, HALTING];

/// Columns of `trial_result` that are not the result: numbers of this file, who computed it, how
/// often it was tried, when and how fast.
const NOT_CONTENT: [&str; 10] = [
    "trial_id",
    "configuration_id",
    "attempts",
    "seconds",
    "worker_id",
    "host",
    "device",
    "backend",
    "binary_sha256",
    "finished_at",
];

/// The content of a sweep's results. Equal values mean equal tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepDigest {
    /// Rows of `trial_result`.
    pub trials: u64,
    /// Different observations of those trials.
    pub observations: u64,
    /// SHA-256 of both and of the last evaluations broken down, as hexadecimal digits.
    pub sha256: String,
}

impl Reader {
    /// The content of a sweep's results; of one version of this program it can be compared.
    ///
    /// # Errors
    /// There is no such sweep, or the disk failed.
    pub async fn digest(&mut self, sweep_id: SweepId) -> Result<SweepDigest, ReadError> {
        let mut snapshot = self.connection.begin().await?;
        let range = trial_range(&mut snapshot, sweep_id).await?;
        digest(&mut snapshot, range).await
    }
}

/// The content of the results of a range of trials.
pub(super) async fn digest(
    snapshot: &mut SqliteConnection,
    range: (i64, i64),
) -> Result<SweepDigest, ReadError> {
    let mut hash = Sha256::new();
    let trials = feed(&mut hash, snapshot, CONTENT, range).await?;
    let observations = feed(&mut hash, snapshot, MEASURED, range).await?;
    for statement in BROKEN_DOWN {
        feed(&mut hash, snapshot, statement, range).await?;
    }
    Ok(SweepDigest {
        trials,
        observations,
        sha256: hexadecimal(&hash.finalize()),
    })
}

/// Hashes the rows of a statement and counts them.
async fn feed(
    hash: &mut Sha256,
    connection: &mut SqliteConnection,
    statement: &'static str,
    (first, end): (i64, i64),
) -> Result<u64, ReadError> {
    let query = sqlx::query(statement).bind(first).bind(end);
    let mut rows = query.fetch(connection);
    let mut count = 0_u64;
    while let Some(row) = rows.try_next().await? {
        feed_row(hash, &row)?;
        count += 1;
    }
    hash.update(count.to_be_bytes());
    Ok(count)
}

/// Each value with its column's name, its type and its length, so that no two rows look alike.
pub(super) fn feed_row(hash: &mut Sha256, row: &SqliteRow) -> Result<(), ReadError> {
    for (index, column) in row.columns().iter().enumerate() {
        if NOT_CONTENT.contains(&column.name()) {
            continue;
        }
        let (kind, bytes) = match value(row, index)? {
            Value::Null => (0_u8, Vec::new()),
            Value::Integer(whole) => (1, whole.to_be_bytes().to_vec()),
            Value::Real(number) => (2, number.to_bits().to_be_bytes().to_vec()),
            Value::Text(text) => (3, text.into_bytes()),
            Value::Blob(bytes) => (4, bytes),
        };
        hash.update(column.name());
        hash.update([0, kind]);
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
    Ok(())
}
