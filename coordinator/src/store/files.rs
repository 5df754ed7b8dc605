//! Whether the names of a served database still stand for the files that SQLite writes. SQLite
//! holds them open and never looks at the names again: once they are gone, commits go on into files
//! that end with the process.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use rusqlite::Connection;

use super::{
    error::{DatabaseError, OpenError},
    inspect::{log_of, refuse_cut_off, sibling},
    lock::Identity,
    log,
};

/// Length of the log's header, and of what stands before each page in it
/// (sqlite.org/fileformat.html, section 4.1).
const LOG_HEADER_BYTES: u64 = 32;
const FRAME_HEADER_BYTES: u64 = 24;

/// The length of the log at which it is told of: four times what it is without readers.
const LONG_LOG_BYTES: u64 = 256 << 20;

/// What happened to the files of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Disturbance {
    /// A name is gone or stands for something else; what SQLite has open is as it was.
    Name,
    /// Content is missing: nothing may be carried over from the log.
    Content,
}

/// The files of a database that is being written.
#[derive(Debug)]
pub(super) struct ServedFiles {
    database: PathBuf,
    log: PathBuf,
    /// The database, its log and its shared memory, as SQLite has opened them.
    opened: [(PathBuf, Identity); 3],
    /// The length of the database when it was looked at last; it only grows.
    database_bytes: u64,
    frame_bytes: u64,
    /// Frames of the log when it was looked at last.
    frames: u64,
    /// The length of the log that is told of next.
    long_log: u64,
    /// What was found wrong.
    pub(super) disturbance: Option<Disturbance>,
}

impl ServedFiles {
    /// The files that a connection has open, which has read or written something.
    pub(super) fn of(database: &Path, connection: &Connection) -> Result<Self, OpenError> {
        let names = [
            database.to_owned(),
            log_of(database),
            sibling(database, "-shm"),
        ];
        let opened = names.map(|name| match fs::metadata(&name) {
            Ok(found) => Ok((name, Identity::of(&found))),
            Err(source) => Err(OpenError::Denied {
                action: "read",
                path: name,
                source,
            }),
        });
        let [database_file, log_file, memory] = opened;
        let page_bytes = connection.pragma_query_value(None, "page_size", |row| row.get(0));
        let page_bytes: u32 = page_bytes.map_err(|error| OpenError::reading(database, error))?;
        Ok(Self {
            database: database.to_owned(),
            log: log_of(database),
            opened: [database_file?, log_file?, memory?],
            database_bytes: 0,
            frame_bytes: FRAME_HEADER_BYTES + u64::from(page_bytes),
            frames: 0,
            long_log: LONG_LOG_BYTES,
            disturbance: None,
        })
    }

    /// Looks whether what is committed would be, or was, found again.
    ///
    /// # Errors
    /// A name is gone or stands for another file, the log is shorter than what was written to
    /// it, or the database than it was.
    pub(super) fn check(&mut self, connection: &Connection) -> Result<(), DatabaseError> {
        let (mut log_bytes, mut database_bytes) = (0, 0);
        for (name, opened) in &self.opened {
            let problem = match fs::metadata(name) {
                Ok(found) if Identity::of(&found) == *opened => {
                    if *name == self.log {
                        log_bytes = found.len();
                    } else if *name == self.database {
                        database_bytes = found.len();
                    }
                    continue;
                }
                Ok(_) => "was replaced by another file".to_owned(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => "is gone".to_owned(),
                Err(error) => format!("cannot be looked at: {error}"),
            };
            let error = disturbed(name, &problem);
            self.disturbance = Some(Disturbance::Name);
            return Err(error);
        }
        let frames = log::frames(connection)?;
        let needed = match frames {
            0 => 0,
            frames => LOG_HEADER_BYTES + frames * self.frame_bytes,
        };
        if log_bytes < needed {
            self.disturbance = Some(Disturbance::Content);
            let problem = format!("was cut: it has {log_bytes} bytes of {needed}");
            return Err(disturbed(&self.log, &problem));
        }
        if database_bytes < self.database_bytes {
            self.disturbance = Some(Disturbance::Content);
            let before = self.database_bytes;
            let problem = format!("was cut: it has {database_bytes} bytes of {before}");
            return Err(disturbed(&self.database, &problem));
        }
        self.database_bytes = database_bytes;
        self.tell_of_length(log_bytes);
        Ok(())
    }

    /// As [`Self::check`], and whether there is a log that has not grown since the last look.
    ///
    /// # Errors
    /// As [`Self::check`]; or the database file was cut.
    pub(super) fn look(&mut self, connection: &Connection) -> Result<bool, DatabaseError> {
        self.check(connection)?;
        let frames = log::frames(connection)?;
        // With a log the file may well end before its last page.
        if frames == 0
            && let Err(error) = refuse_cut_off(&self.database)
        {
            self.disturbance = Some(Disturbance::Content);
            let problem = format!("was changed by another program: {error}");
            return Err(disturbed(&self.database, &problem));
        }
        let is_at_rest = frames > 0 && frames == self.frames;
        self.frames = frames;
        Ok(is_at_rest)
    }

    /// Tells of a log that readers let grow, at each doubling.
    fn tell_of_length(&mut self, log_bytes: u64) {
        if log_bytes < LONG_LOG_BYTES {
            self.long_log = LONG_LOG_BYTES;
        }
        if log_bytes < self.long_log {
            return;
        }
        self.long_log = log_bytes.saturating_mul(2);
        tracing::warn!(
            "{log} has grown to {mebibytes} MiB, since another program has been reading the database for long\n\
             hint: end what reads it, such as a query that waits for its pager; the log shrinks then",
            log = self.log.display(),
            mebibytes = log_bytes >> 20
        );
    }
}

fn disturbed(name: &Path, problem: &str) -> DatabaseError {
    DatabaseError::Disturbed(format!("{} {problem}", name.display()))
}
