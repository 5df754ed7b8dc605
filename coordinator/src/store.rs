//! The one SQLite database: open, migrate, commit, restore, read. The only room with SQL, and the
//! only one that touches the database file.
//!
//! [`Store`] is the coordinator's: the connections that write, in one process and never at once.
//! [`Reader`] is everybody's: it can change nothing. Neither decides anything about trials; that is
//! the scheduler's, and the schema in `migrations/` states the same rules again as constraints.

mod backup;
mod checkpoint;
mod commit;
mod create;
mod error;
#[cfg(test)]
pub(crate) mod fault;
mod files;
mod holder;
mod inspect;
mod lock;
mod log;
mod metric;
mod mount;
mod name;
mod open;
mod program;
mod read;
mod record;
mod restore;
mod statement;
mod token;
mod upgrade;
mod view;
mod worker;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::config::DbConfig;
use sqlx::{Connection, SqliteConnection};

pub use backup::{BackupError, back_up};
pub(crate) use backup::{CopyForReaders, copy_for_readers};
pub(crate) use create::{Creation, ROWS_OF_A_PIECE};
pub use error::{CommitError, DatabaseError, OpenError, ReadError, RestoreError};
pub use holder::Holder;
pub use mount::trust_file_systems;
pub use name::UnknownName;
pub use read::{
    AttemptCounts, AttemptDetail, CellTally, Completeness, Configuration, CurveValue, Curves,
    Deaths, Event, ListedTrial, Measurement, Measurements, Producer, Reader, RecentResults,
    RecordedTrial, Rows, RunningAttempt, SweepDigest, SweepFingerprint, SweepSummary, TrialBlocks,
    TrialDetail, Troubles, Value, WorkerStanding, WorkerStatus,
};
pub use record::{
    AttemptReport, Batch, MachineRecord, RECORD_SIGHTINGS_EVERY, Restored, RestoredSweep, Sighting,
    StoredSweep, WorkerRecord, WorkerState,
};
pub use token::{TokenAdministration, TokenError};
pub use worker::IdleWorkers;

pub(crate) use view::{ColumnType, ColumnTypes};

use files::{Disturbance, ServedFiles};
use lock::WriterLock;
use metric::MetricIds;
use open::Cache;

/// The coordinator's database: the only writer of its file.
#[derive(Debug)]
pub struct Store {
    /// Migrates the database, and reads it back at the start.
    connection: SqliteConnection,
    /// Writes, on the thread that asks for it.
    writer: rusqlite::Connection,
    /// Under which numbers results are written.
    metric_ids: MetricIds,
    /// The file, for further connections.
    path: PathBuf,
    files: ServedFiles,
    #[cfg(test)]
    pub(crate) failure: fault::PlannedFailure,
    /// Declared after the connections, so it is released after the last write.
    _lock: WriterLock,
}

impl Store {
    /// Opens the database, making it if there is none and migrating it if it is older.
    ///
    /// # Errors
    /// The file is another program's, from a newer version, in use by another coordinator, on a
    /// file system that is not known to be local, not accessible, or damaged. See [`OpenError`].
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let (connection, lock) = open::open_writer(path).await?;
        let path = open::resolve(path)?;
        let opened = open::connect_writer(&path, Cache::Large).and_then(|mut writer| {
            create::remove_unfinished(&mut writer)?;
            let writer = open::connect_writer(&path, Cache::Small)?;
            // It reads something before the other goes, which would else remove the log's file.
            Ok((MetricIds::load(&writer)?, writer))
        });
        let (metric_ids, writer) = opened.map_err(|error| OpenError::reading(&path, error))?;
        let files = ServedFiles::of(&path, &writer)?;
        Ok(Self {
            connection,
            writer,
            metric_ids,
            path,
            files,
            #[cfg(test)]
            failure: fault::PlannedFailure::default(),
            _lock: lock,
        })
    }

    /// Looks after the files, as a coordinator does every second: whether they are still there, and
    /// whether there is time to carry the log over into the database.
    ///
    /// # Errors
    /// The files are not what they were when they were opened: whatever is committed would be lost.
    pub fn verify_files(&mut self) -> Result<(), DatabaseError> {
        if self.files.look(&self.writer)?
            && let Err(error) = log::fold(&self.writer, Duration::ZERO)
        {
            // It is all in the log, and stays there until there is room.
            tracing::warn!(%error, "the log cannot be carried over into the database yet");
        }
        Ok(())
    }

    /// Closes the database and folds its log into the file, which then is complete by itself. Not
    /// closing loses nothing.
    ///
    /// # Errors
    /// The disk failed; everything committed is still in the log.
    pub async fn close(self) -> Result<(), DatabaseError> {
        self.connection.close().await?;
        match self.files.disturbance {
            None => return log::close(self.writer, &self.path).await,
            // Into the file that was opened, wherever it is now.
            Some(Disturbance::Name) => drop(log::fold(&self.writer, Duration::ZERO)?),
            // What SQLite believes to be in the log would end up in the database.
            Some(Disturbance::Content) => {
                let keep = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
                self.writer.set_db_config(keep, true)?;
            }
        }
        let closed = self.writer.close();
        Ok(closed.map_err(|(_, error)| error)?)
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
