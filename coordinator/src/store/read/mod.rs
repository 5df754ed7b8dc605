//! Reading the database, with or without a coordinator running: a connection that can change
//! nothing. Each answer is of one moment, even while trials end.

mod audit;
mod breakdown;
mod cell;
mod column;
mod completeness;
mod configuration;
mod curve;
mod digest;
mod fingerprint;
mod measurement;
mod query;
mod recorded;
mod result;
mod sweep;
mod tally;
mod trial;
mod troubles;
mod worker;

use std::path::{Path, PathBuf};

use sqlx::SqliteConnection;

pub use audit::AttemptCounts;
pub use breakdown::{ForwardPasses, TrialDifficulty, TrialHalting};
pub use cell::CellResult;
pub use completeness::Completeness;
pub use configuration::Configuration;
pub use curve::Curves;
pub use digest::SweepDigest;
pub use fingerprint::{Producer, SweepFingerprint, TrialBlocks};
pub use measurement::Measurement;
pub use query::{Rows, Value};
pub use recorded::RecordedTrial;
pub use result::{Metrics, TrialResult};
pub use sweep::SweepSummary;
pub use tally::CellTally;
pub use trial::{AttemptDetail, Event, TrialDetail};
pub use troubles::{Deaths, RecentResults, Troubles};
pub use worker::{WorkerStanding, WorkerStatus};

use super::{error::OpenError, lock, open};

/// A read-only view of a database.
#[derive(Debug)]
pub struct Reader {
    pub(super) connection: SqliteConnection,
    /// The file, for connections beside this one.
    path: PathBuf,
}

impl Reader {
    /// Opens a database that exists.
    ///
    /// # Errors
    /// There is none, or it is refused for a reason of [`OpenError`].
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let connection = open::open_reader(path).await?;
        let path = open::resolve(path)?;
        Ok(Self { connection, path })
    }

    /// Whether a coordinator holds the database now. It is asked by trying the lock for a moment, in
    /// which a coordinator that starts would find it taken: ask only when nothing else tells.
    #[must_use]
    pub fn is_served(path: &Path) -> bool {
        lock::is_taken(path)
    }
}

/// Every statement of the readers.
#[cfg(test)]
pub(super) fn statements() -> impl Iterator<Item = &'static str> {
    [
        audit::STATEMENTS,
        breakdown::STATEMENTS,
        cell::STATEMENTS,
        completeness::STATEMENTS,
        configuration::STATEMENTS,
        curve::STATEMENTS,
        digest::STATEMENTS,
        measurement::STATEMENTS,
        fingerprint::STATEMENTS,
        recorded::STATEMENTS,
        result::STATEMENTS,
        sweep::STATEMENTS,
        tally::STATEMENTS,
        trial::STATEMENTS,
        troubles::STATEMENTS,
        worker::STATEMENTS,
    ]
    .into_iter()
    .flatten()
    .copied()
}
