//! The hashes of a sweep that a manifest holds: of what was asked for, of the set of its trials, and
//! of its results, as a whole and trial by trial, so that a difference can be told by its place.

use pondersweep_proto::id::{SweepId, hexadecimal};
use sha2::{Digest as _, Sha256};
use sqlx::{Connection as _, Row as _, SqliteConnection};
use tokio_stream::StreamExt as _;

use super::{
    Reader, SweepDigest,
    column::whole,
    digest::{BEYOND, BROKEN_DOWN, OUTCOMES, digest, feed_row},
    sweep::{counts, trial_range},
};
use crate::{
    scheduler::TrialCounts,
    store::{error::ReadError, statement::statements},
};

statements! {
    NAME_AND_SPEC = "
        SELECT name, spec FROM sweep WHERE sweep_id = ?1";
    KEYS = "
        SELECT trial_key FROM trial WHERE trial_id >= ?1 AND trial_id < ?2 ORDER BY trial_id";
    /// As the digest of the sweep has them, but by trial.
    OBSERVATIONS_OF_TRIALS = "
        SELECT DISTINCT
            trial.trial_id, observation.step, observation.metric, observation.value
        FROM trial JOIN observation ON observation.trial_id = trial.trial_id
        WHERE trial.trial_id >= ?1 AND trial.trial_id < ?2
            AND trial.state IN ('succeeded', 'infeasible', 'failed')
        ORDER BY trial.trial_id, step, metric, value";
    PRODUCERS = "
        SELECT binary_sha256, version, device, backend, count(*) AS results
        FROM trial
        JOIN attempt ON attempt.trial_id = trial.trial_id AND attempt.attempt = trial.attempt
        JOIN worker ON worker.worker_id = attempt.worker_id
        WHERE trial.trial_id >= ?1 AND trial.trial_id < ?2
            AND trial.state IN ('succeeded', 'infeasible')
        GROUP BY binary_sha256, version, device, backend
        ORDER BY binary_sha256, version, device, backend";
}

/// Most hashes by trial; a sweep of more trials has one hash for several of them.
const MAX_BLOCKS: u64 = 1_024;
/// Hexadecimal digits of each: enough to find a place, the whole is hashed in full.
const BLOCK_DIGITS: usize = 16;

/// A sweep in hashes, of one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepFingerprint {
    /// The sweep's name.
    pub name: String,
    /// SHA-256 of its frozen specification, as hexadecimal digits.
    pub spec_sha256: String,
    /// SHA-256 of the keys of its trials, in their order.
    pub trial_set_sha256: String,
    /// Its trials by state.
    pub counts: TrialCounts,
    /// Its results.
    pub results: SweepDigest,
    /// Its results by trial.
    pub blocks: TrialBlocks,
    /// What computed them.
    pub producers: Vec<Producer>,
    /// The number of its first trial in this database; no part of the content.
    pub first_trial_id: u64,
}

/// The results of a sweep hashed in blocks of consecutive trials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialBlocks {
    /// Trials of a block; the last may have fewer.
    pub trials_per_block: u64,
    /// The first digits of each block's SHA-256.
    pub hashes: Vec<String>,
}

/// A program on a kind of device, and how many results it gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    /// SHA-256 of the program's file.
    pub binary_sha256: String,
    /// Its version.
    pub version: String,
    /// On what it computed.
    pub device: String,
    /// With which library.
    pub backend: String,
    /// Trials whose result it computed.
    pub results: u64,
}

impl Reader {
    /// A sweep in hashes.
    ///
    /// # Errors
    /// There is no such sweep, or the disk failed.
    pub async fn fingerprint(&mut self, sweep_id: SweepId) -> Result<SweepFingerprint, ReadError> {
        let mut snapshot = self.connection.begin().await?;
        let range = trial_range(&mut snapshot, sweep_id).await?;
        let row = sqlx::query(NAME_AND_SPEC).bind(sweep_id.to_string());
        let row = row.fetch_one(&mut *snapshot).await?;
        Ok(SweepFingerprint {
            name: row.try_get("name")?,
            spec_sha256: hexadecimal(&Sha256::digest(row.try_get::<&str, _>("spec")?)),
            trial_set_sha256: trial_set(&mut snapshot, range).await?,
            counts: counts(&mut snapshot, range).await?,
            results: digest(&mut snapshot, range).await?,
            blocks: blocks(&mut snapshot, range).await?,
            producers: producers(&mut snapshot, range).await?,
            first_trial_id: range.0.unsigned_abs(),
        })
    }
}

async fn trial_set(
    snapshot: &mut SqliteConnection,
    (first, end): (i64, i64),
) -> Result<String, ReadError> {
    let mut hash = Sha256::new();
    let mut keys = sqlx::query_scalar::<_, String>(KEYS)
        .bind(first)
        .bind(end)
        .fetch(snapshot);
    while let Some(key) = keys.try_next().await? {
        // Keys have one length, so none can run into the next.
        hash.update(key);
    }
    Ok(hexadecimal(&hash.finalize()))
}

async fn blocks(
    snapshot: &mut SqliteConnection,
    (first, end): (i64, i64),
) -> Result<TrialBlocks, ReadError> {
    // In a damaged file the range may be anything.
    let trials = u64::try_from(end.saturating_sub(first)).unwrap_or_default();
    let trials_per_block = trials.div_ceil(MAX_BLOCKS).max(1);
    let mut hashes: Vec<Sha256> = (0..trials.div_ceil(trials_per_block))
        .map(|_| Sha256::new())
        .collect();
    let statements = [OUTCOMES, OBSERVATIONS_OF_TRIALS];
    for statement in statements.into_iter().chain(BROKEN_DOWN).chain(BEYOND) {
        let query = sqlx::query(statement).bind(first).bind(end);
        let mut rows = query.fetch(&mut *snapshot);
        while let Some(row) = rows.try_next().await? {
            let index = whole(&row, "trial_id")? - first.unsigned_abs();
            let block = usize::try_from(index / trials_per_block).unwrap_or(usize::MAX);
            // The name of a trial in its file is no content, but which trial it is of its block is.
            let hash = hashes
                .get_mut(block)
                .expect("rows are of trials in the range");
            hash.update((index % trials_per_block).to_be_bytes());
            feed_row(hash, &row)?;
        }
    }
    let short = |hash: Sha256| hexadecimal(&hash.finalize())[..BLOCK_DIGITS].to_owned();
    Ok(TrialBlocks {
        trials_per_block,
        hashes: hashes.into_iter().map(short).collect(),
    })
}

async fn producers(
    snapshot: &mut SqliteConnection,
    (first, end): (i64, i64),
) -> Result<Vec<Producer>, ReadError> {
    let query = sqlx::query(PRODUCERS).bind(first).bind(end);
    let rows = query.fetch_all(snapshot).await?;
    let producer = |row| {
        Ok(Producer {
            binary_sha256: sqlx::Row::try_get(row, "binary_sha256")?,
            version: sqlx::Row::try_get(row, "version")?,
            device: sqlx::Row::try_get(row, "device")?,
            backend: sqlx::Row::try_get(row, "backend")?,
            results: whole(row, "results")?,
        })
    };
    rows.iter().map(producer).collect()
}
