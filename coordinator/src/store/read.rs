//! Reading the database, with or without a coordinator running: a connection that can change
//! nothing. Each answer is of one moment, even while trials end.

mod audit;
mod breakdown;
mod column;
mod completeness;
mod configuration;
mod curve;
mod digest;
mod fingerprint;
mod flat;
mod listing;
mod measurement;
mod query;
mod recorded;
mod sweep;
mod tally;
mod trial;
mod troubles;
mod worker;

use std::path::{Path, PathBuf};

use sqlx::{Connection as _, SqliteConnection};

pub use audit::AttemptCounts;
pub use completeness::Completeness;
pub use configuration::Configuration;
pub use curve::{CurveValue, Curves};
pub use digest::SweepDigest;
pub use fingerprint::{Producer, SweepFingerprint, TrialBlocks};
pub use listing::{ListedTrial, RunningAttempt};
pub use measurement::{Measurement, Measurements};
pub use query::{Rows, Value};
pub use recorded::RecordedTrial;
pub use sweep::SweepSummary;
pub(super) use sweep::database_id;
pub use tally::CellTally;
pub use trial::{AttemptDetail, Event, TrialDetail};
pub use troubles::{Deaths, RecentResults, Troubles};
pub use worker::{WorkerStanding, WorkerStatus};

use super::{error::OpenError, lock, open, upgrade::UpgradedCopy};

/// A read-only view of a database.
#[derive(Debug)]
pub struct Reader {
    pub(super) connection: SqliteConnection,
    /// The file that is read, for connections next to this one.
    pub(super) path: PathBuf,
    /// What is read instead of a file of an older schema.
    copy: Option<UpgradedCopy>,
    /// A view that queries find, besides those of the database.
    offered: Option<String>,
}

impl Reader {
    /// Opens a database that exists.
    ///
    /// # Errors
    /// There is none, or it is refused for a reason of [`OpenError`].
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let (connection, copy) = open::open_reader(path).await?;
        let path = match &copy {
            Some(copy) => copy.path.clone(),
            None => open::resolve(path)?,
        };
        Ok(Self {
            connection,
            path,
            copy,
            offered: None,
        })
    }

    /// The file that is read: of an older schema, the copy that is brought up to date.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same database once more, for questions that are asked at the same time.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub async fn another(&self) -> Result<Self, OpenError> {
        Self::open(&self.path).await
    }

    /// Whether the file is of an older schema, so that a copy of it is read that was brought up to date.
    #[must_use]
    pub const fn reads_a_copy(&self) -> bool {
        self.copy.is_some()
    }

    /// Closes the database now, and not some time after this value is gone: the coordinator of this
    /// process may be about to close it, too, and can remove the log only if it is the last.
    pub async fn close(self) {
        // Nothing was written that could be lost.
        let _ = self.connection.close().await;
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
        completeness::STATEMENTS,
        configuration::STATEMENTS,
        curve::STATEMENTS,
        digest::STATEMENTS,
        measurement::STATEMENTS,
        fingerprint::STATEMENTS,
        flat::STATEMENTS,
        listing::STATEMENTS,
        recorded::STATEMENTS,
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
