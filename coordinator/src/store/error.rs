//! What can go wrong with the database, and what to do about it. SQLite's result codes are
//! understood here and nowhere else.

use std::{
    error::Error,
    io,
    path::{Path, PathBuf},
};

use pondersweep_proto::{error::SweepError, spec::SpecError};
use rusqlite::ErrorCode;

use super::{holder::Holder, name::UnknownName};

/// Why a database was not opened. Nothing was changed in the file.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such file, and only a coordinator makes one.
    #[error(
        "no database at {path}\nhint: `pondersweep run SWEEP.toml --db {path}` creates one; --db names another, --coordinator URL a running coordinator"
    )]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The folder that should hold it is not there.
    #[error("no directory {path}\nhint: create it first: mkdir -p {path}")]
    NoDirectory {
        /// The missing folder.
        path: PathBuf,
    },
    /// The path is a folder or a device.
    #[error("{path} is not a file\nhint: --db names a file, for example results.db")]
    NotAFile {
        /// What was named.
        path: PathBuf,
    },
    /// The operating system refuses to read or write it.
    #[error(
        "cannot {action} {path}: {source}\nhint: check the owner and permissions of the file and its directory"
    )]
    Denied {
        /// "read" or "write".
        action: &'static str,
        /// The file concerned.
        path: PathBuf,
        /// The refusal.
        source: io::Error,
    },
    /// SQLite's locks and shared memory do not work across machines.
    #[error(
        "{path} lies on a file system that is not known to be local ({kind} at {mount_point})\n\
         hint: put the database on a local disk; SQLite loses data on network file systems. Where only this \
         machine writes there, say --trust-file-system"
    )]
    UnknownFileSystem {
        /// The database.
        path: PathBuf,
        /// Such as "nfs4".
        kind: String,
        /// Where that file system is mounted.
        mount_point: String,
    },
    /// The main file of a database, copied or left without its log.
    #[error(
        "{path} comes without its log {path}-wal, where its content is\n\
         hint: copy {path}-wal from where the file comes from, too, or use `pondersweep backup` there; if nothing \
         was ever in it, delete it"
    )]
    LogMissing {
        /// The database.
        path: PathBuf,
    },
    /// A log with content whose database is empty or gone.
    #[error(
        "{path} is empty or gone, but there is still its log {path}-wal\n\
         hint: put the file back to where its log is; to start a new database, move the log away"
    )]
    OnlyLog {
        /// The database.
        path: PathBuf,
    },
    /// Another process writes this database.
    #[error("{path} is in use by {holder}\nhint: {hint}", hint = .holder.hint(.path))]
    InUse {
        /// The database.
        path: PathBuf,
        /// Who writes it.
        holder: Holder,
    },
    /// The SQLite library of this program has a known corruption bug.
    #[error(
        "the SQLite library is {found}, older than {minimum}, which may damage databases in WAL mode\nhint: build with the bundled library"
    )]
    OldLibrary {
        /// Its version.
        found: String,
        /// The least that is accepted.
        minimum: String,
    },
    /// The file is something else.
    #[error(
        "{path} is not a SQLite database\nhint: --db names the results of a sweep; nothing was changed"
    )]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// A SQLite database of another program.
    #[error(
        "{path} is a SQLite database of another program\nhint: choose another --db; nothing was changed"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// Written by a later version of this program.
    #[error(
        "{path} has schema {found}, newer than this program's {known}\nhint: use the version of pondersweep that wrote it, or a later one"
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its schema's number.
        found: i64,
        /// The latest number this program knows.
        known: i64,
    },
    /// Written by an earlier version; a coordinator brings it up to date.
    #[error(
        "{path} has schema {found}, older than this program's {known}\nhint: start a coordinator on it once: `pondersweep serve --db {path}`"
    )]
    OlderSchema {
        /// The file.
        path: PathBuf,
        /// Its schema's number.
        found: i64,
        /// The number this program needs.
        known: i64,
    },
    /// Written by an earlier version; to be read it is copied, and there is no room for the copy.
    #[error(
        "{path} was written by an older version, and cannot be copied to bring the copy up to date: {source}\nhint: make room in the directory that TMPDIR names, or start a coordinator on it once: `pondersweep serve --db {path}`"
    )]
    NoCopy {
        /// The file.
        path: PathBuf,
        /// What is wrong with the directory of temporary files.
        source: io::Error,
    },
    /// Its migrations are not the ones of this program.
    #[error(
        "{path} was made with other migrations: {problem}\nhint: use the build of pondersweep that wrote it"
    )]
    OtherSchema {
        /// The file.
        path: PathBuf,
        /// Which migration, and how it differs.
        problem: String,
    },
    /// The file is damaged, the disk full, or similar.
    #[error("{path}: {source}")]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: DatabaseError,
    },
}

impl OpenError {
    /// What SQLite said when it looked at a file.
    pub(super) fn reading(path: &Path, error: rusqlite::Error) -> Self {
        let path = path.into();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => Self::NotADatabase { path },
            _ => Self::Database {
                path,
                source: error.into(),
            },
        }
    }
}

/// What SQLite reported.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// Pages of the file contradict each other.
    #[error(
        "the database is damaged ({0})\nhint: restore a copy, or save what can be read with `sqlite3 FILE .recover`"
    )]
    Corrupt(String),
    /// No space is left.
    #[error(
        "the disk is full ({0})\nhint: make space and start again; nothing that was acknowledged is lost"
    )]
    DiskFull(String),
    /// Reading or writing the disk failed.
    #[error(
        "the disk failed ({0})\nhint: look into the system's log; nothing that was acknowledged is lost"
    )]
    DiskFailed(String),
    /// The file was taken away, replaced or cut while it was written.
    #[error(
        "{0}\nhint: put the file back as it was, with its -wal, and start again; nothing was \
         acknowledged since"
    )]
    Disturbed(String),
    /// Somebody else holds the write lock, such as an editor of databases.
    #[error(
        "another program holds the database locked ({0})\nhint: close it; reading is always possible, writing belongs to the coordinator"
    )]
    Locked(String),
    /// The operating system does not let this user write the file, or its log and lock next to it.
    #[error(
        "the database cannot be written ({0})\nhint: check the owner and permissions of the file, of its -wal and -shm, and of their directory"
    )]
    ReadOnly(String),
    /// Anything else, such as a column that holds what this program does not write.
    #[error(
        "{0}\nhint: `pondersweep query --db FILE \"pragma integrity_check\"` says whether the file is whole"
    )]
    Other(Box<dyn Error + Send + Sync>),
}

impl From<sqlx::Error> for DatabaseError {
    fn from(error: sqlx::Error) -> Self {
        let known = extended_code(&error).and_then(|code| Self::of(code, error.to_string()));
        known.unwrap_or_else(|| Self::Other(error.into()))
    }
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        let code = error.sqlite_error().map(|error| error.extended_code);
        let known = code.and_then(|code| Self::of(code, error.to_string()));
        known.unwrap_or_else(|| Self::Other(error.into()))
    }
}

impl DatabaseError {
    /// The error that an extended result code stands for, if it means something to us.
    fn of(extended: i32, text: String) -> Option<Self> {
        match extended {
            code::SHORT_READ => return Some(Self::Corrupt(text)),
            // Its shared memory is a file, too, and only a full disk keeps it from growing.
            code::NO_ROOM_FOR_MEMORY => return Some(Self::DiskFull(text)),
            _ => {}
        }
        Some(match extended & 0xff {
            code::CORRUPT | code::NOT_A_DATABASE => Self::Corrupt(text),
            code::FULL => Self::DiskFull(text),
            code::IO => Self::DiskFailed(text),
            code::BUSY | code::LOCKED => Self::Locked(text),
            code::PERMISSION | code::READ_ONLY | code::CANNOT_OPEN => Self::ReadOnly(text),
            _ => return None,
        })
    }
}

/// SQLite's primary result codes that mean something to us (sqlite.org/rescode.html).
pub(super) mod code {
    /// The file may not be accessed so.
    pub(in crate::store) const PERMISSION: i32 = 3;
    /// A lock is held by another connection.
    pub(in crate::store) const BUSY: i32 = 5;
    /// A lock is held within this connection.
    pub(in crate::store) const LOCKED: i32 = 6;
    /// The file, or one of its companions, may only be read.
    pub(in crate::store) const READ_ONLY: i32 = 8;
    /// The operating system failed to read or write.
    pub(in crate::store) const IO: i32 = 10;
    /// The file ends before a page that it must have (an extended code).
    pub(in crate::store) const SHORT_READ: i32 = 522;
    /// The shared memory cannot be made longer (an extended code).
    pub(in crate::store) const NO_ROOM_FOR_MEMORY: i32 = 4874;
    /// The file is malformed.
    pub(in crate::store) const CORRUPT: i32 = 11;
    /// The disk is full.
    pub(in crate::store) const FULL: i32 = 13;
    /// A file next to the database cannot be made.
    pub(in crate::store) const CANNOT_OPEN: i32 = 14;
    /// The file is not a database.
    pub(in crate::store) const NOT_A_DATABASE: i32 = 26;
}

/// The primary part of SQLite's extended result code.
pub(super) fn primary_code(error: &sqlx::Error) -> Option<i32> {
    extended_code(error).map(|extended| extended & 0xff)
}

fn extended_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// Why a commit was not made. None of it was written; the process should stop and restart from the
/// database, since its memory is ahead of it.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The change does not fit what is stored: a bug in this program.
    #[error(
        "{change} contradicts the database: {problem}\nhint: this is a bug; restart the coordinator and report it"
    )]
    Contradiction {
        /// What was to be written.
        change: String,
        /// The constraint that bit, or what is stored instead.
        problem: String,
    },
    /// The disk or the file.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl CommitError {
    /// An error of writing `change`: a constraint that bites is a contradiction.
    pub(super) fn writing(change: impl FnOnce() -> String, error: rusqlite::Error) -> Self {
        if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) {
            let problem = error.to_string();
            let change = change();
            return Self::Contradiction { change, problem };
        }
        Self::Database(error.into())
    }
}

/// Why what is stored could not be restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// A stored sweep is not one this program can run.
    #[error(
        "sweep {sweep_id} cannot be read back: {problem}\nhint: use the version of pondersweep that created it"
    )]
    Sweep {
        /// Which.
        sweep_id: String,
        /// Why.
        problem: String,
    },
    /// A stored worker is not one this program can have stored.
    #[error(
        "a worker cannot be read back: {problem}\nhint: the file is damaged or was changed by hand; restore a copy"
    )]
    Worker {
        /// Why.
        problem: String,
    },
    /// The disk or the file.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<sqlx::Error> for RestoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No sweep, or several, have this name.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// No trial has this name.
    #[error(
        "no trial {text:?}\nhint: name it by its trial_id or by the first digits of its trial_key"
    )]
    UnknownTrial {
        /// What was asked for.
        text: String,
    },
    /// Several trials have this name.
    #[error("trial {text:?} may be {}\nhint: give more digits of the id", .candidates.join(", "))]
    AmbiguousTrial {
        /// What was asked for.
        text: String,
        /// Some of those it may be.
        candidates: Vec<String>,
    },
    /// A person's SQL is wrong.
    #[error(
        "{problem}\nhint: `pondersweep query \"select name, sql from sqlite_schema\"` shows the tables and views"
    )]
    Sql {
        /// What SQLite said.
        problem: String,
    },
    /// More than one statement.
    #[error(
        "these are several statements, and a query is one\nhint: give them one after the other, or as one select with \"with\""
    )]
    SeveralStatements,
    /// A statement that does something else than read.
    #[error(
        "a query only reads: {what}\nhint: copy the database (`pondersweep backup`) and change the copy with sqlite3"
    )]
    NotAQuery {
        /// What it would do.
        what: String,
    },
    /// A stored name or specification is not known to this program.
    #[error("{problem}\nhint: use the version of pondersweep that wrote the database")]
    Unreadable {
        /// What and why.
        problem: String,
    },
    /// The disk or the file.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl From<sqlx::Error> for ReadError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error.into())
    }
}

impl From<UnknownName> for ReadError {
    fn from(error: UnknownName) -> Self {
        let problem = error.to_string();
        Self::Unreadable { problem }
    }
}

impl From<SpecError> for ReadError {
    fn from(error: SpecError) -> Self {
        let problem = error.to_string();
        Self::Unreadable { problem }
    }
}
