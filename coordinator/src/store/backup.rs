//! Copies a database as it is at one moment, whether a coordinator writes it or not (SQLite's
//! online backup). It changes nothing in what it copies, and what it makes is complete or not there
//! at all.

use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use rusqlite::{
    OpenFlags,
    backup::{Backup, StepResult},
};

use super::{
    error::{DatabaseError, OpenError},
    inspect::{Found, inspect, sibling},
    lock, mount,
    open::{open_scanner, resolve},
    statement::statements,
};
use crate::whole_file;

statements! {
    /// The copy is no one's yet: whatever fails, it is thrown away.
    WITHOUT_JOURNAL = "PRAGMA journal_mode = OFF";
    WITHOUT_SYNC = "PRAGMA synchronous = OFF";
    /// What is deleted is overwritten.
    WITHOUT_TRACES = "PRAGMA secure_delete = ON";
    RULE_OF_TOKENS = "SELECT sql FROM sqlite_schema WHERE name = 'token_is_never_deleted'";
    WITHOUT_RULE = "DROP TRIGGER token_is_never_deleted";
    WITHOUT_TOKENS = "DELETE FROM token";
}

/// Every page in one step: a copy in several would begin again with each commit of a coordinator.
const ALL_PAGES: i32 = -1;

/// Why a database was not copied. Where the copy should be, nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(OpenError),
    /// Something is there already.
    #[error("{path} is there already\nhint: name another file, or say --force to replace it")]
    Exists {
        /// Where the copy should be.
        path: PathBuf,
    },
    /// A coordinator writes what the copy would replace.
    #[error("{path} is served by a coordinator\nhint: end it first, or name another file")]
    Served {
        /// Where the copy should be.
        path: PathBuf,
    },
    /// A page could not be read or written.
    #[error("cannot copy to {path}: {source}")]
    Copy {
        /// Where the copy should be.
        path: PathBuf,
        /// What SQLite said.
        source: DatabaseError,
    },
    /// The copy cannot be put where it should be.
    #[error(
        "cannot write {path}: {source}\nhint: name a file in a folder that you may write to, on a disk with free space"
    )]
    Write {
        /// Where the copy should be.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Copies a database to a place where nothing is, or whose file may be replaced. Returns the length
/// of the copy in bytes, which is on the disk then.
///
/// # Errors
/// See [`BackupError`].
pub fn back_up(from: &Path, to: &Path, replace: bool) -> Result<u64, BackupError> {
    let from = resolve(from).map_err(BackupError::Open)?;
    mount::check(&from).map_err(BackupError::Open)?;
    if inspect(&from).map_err(BackupError::Open)? == Found::Nothing {
        return Err(BackupError::Open(OpenError::Missing { path: from }));
    }
    let to = resolve(to).map_err(BackupError::Open)?;
    let place = Place {
        path: &to,
        permissions: None,
    };
    place.refuse(replace)?;
    let copy = place.copy(&from)?;
    place.put(copy, replace)
}

/// Where a copy goes.
struct Place<'a> {
    path: &'a Path,
    /// Who may read the copy, if not who may read what is copied.
    permissions: Option<Permissions>,
}

/// A copy for readers elsewhere, gone with the value.
#[derive(Debug)]
pub(crate) struct CopyForReaders {
    pub(crate) file: tempfile::NamedTempFile,
    pub(crate) bytes: u64,
}

/// Room that is left for others where a copy is made.
const SPARE_BYTES: u64 = 64 * 1_024 * 1_024;

/// Copies a database into a folder, for its owner only and without its tokens, where that leaves as
/// much room again.
pub(crate) fn copy_for_readers(from: &Path, folder: &Path) -> Result<CopyForReaders, BackupError> {
    let from = resolve(from).map_err(BackupError::Open)?;
    let place = Place {
        path: &folder.join("copy.db"),
        permissions: Some(Permissions::from_mode(0o600)),
    };
    let length = fs::metadata(&from).map(|found| found.len());
    let log = fs::metadata(sibling(&from, "-wal")).map_or(0, |found| found.len());
    let wanted = length.map_err(|source| place.failed(source))? + log;
    let room = rustix::fs::statvfs(folder).map_err(|error| place.failed(error.into()))?;
    if room.f_bavail.saturating_mul(room.f_frsize) < 2 * wanted + SPARE_BYTES {
        return Err(place.failed(io::ErrorKind::StorageFull.into()));
    }
    let file = place.copy(&from)?;
    remove_tokens(file.path()).map_err(|error| BackupError::Copy {
        path: place.path.to_owned(),
        source: error.into(),
    })?;
    let bytes = file.as_file().metadata().map(|found| found.len());
    Ok(CopyForReaders {
        bytes: bytes.map_err(|source| place.failed(source))?,
        file,
    })
}

/// Removes every token from a copy that is no one's yet, and its bytes with it.
fn remove_tokens(copy: &Path) -> Result<(), rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(copy, flags)?;
    connection.query_row(WITHOUT_TRACES, [], |_| Ok(()))?;
    let rule: String = connection.query_row(RULE_OF_TOKENS, [], |row| row.get(0))?;
    connection.execute(WITHOUT_RULE, [])?;
    connection.execute(WITHOUT_TOKENS, [])?;
    connection.execute(&rule, [])?;
    connection.close().map_err(|(_, error)| error)
}

impl Place<'_> {
    fn refuse(&self, replace: bool) -> Result<(), BackupError> {
        let path = || self.path.to_owned();
        whole_file::check_place(self.path).map_err(|source| self.failed(source))?;
        // A log next to the copy would be taken for the copy's own.
        let is_there = |path: &Path| path.symlink_metadata().is_ok();
        if !replace && (is_there(self.path) || is_there(&sibling(self.path, "-wal"))) {
            return Err(BackupError::Exists { path: path() });
        }
        if lock::is_taken(self.path) {
            return Err(BackupError::Served { path: path() });
        }
        Ok(())
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// A complete copy in the folder it will be moved within, gone with the value.
    fn copy(&self, from: &Path) -> Result<tempfile::NamedTempFile, BackupError> {
        let failed = |error: rusqlite::Error| BackupError::Copy {
            path: self.path.to_owned(),
            source: error.into(),
        };
        let source = open_scanner(from)
            .map_err(|error| BackupError::Open(OpenError::reading(from, error)))?;
        let permissions = match &self.permissions {
            Some(permissions) => Ok(permissions.clone()),
            None => fs::metadata(from).map(|found| found.permissions()),
        };
        let copy = tempfile::Builder::new()
            .prefix(".pondersweep-")
            .permissions(permissions.map_err(|source| self.failed(source))?)
            .tempfile_in(self.folder());
        let copy = copy.map_err(|source| self.failed(source))?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut target =
            rusqlite::Connection::open_with_flags(copy.path(), flags).map_err(failed)?;
        for setting in [WITHOUT_JOURNAL, WITHOUT_SYNC] {
            target
                .query_row(setting, [], |_| Ok(()))
                .or_else(|error| match error {
                    rusqlite::Error::QueryReturnedNoRows => Ok(()),
                    error => Err(failed(error)),
                })?;
        }
        let backup = Backup::new(&source, &mut target).map_err(failed)?;
        if backup.step(ALL_PAGES).map_err(failed)? != StepResult::Done {
            let held = "its lock was not given back in time".to_owned();
            return Err(BackupError::Copy {
                path: self.path.to_owned(),
                source: DatabaseError::Locked(held),
            });
        }
        drop(backup);
        target.close().map_err(|(_, error)| failed(error))?;
        copy.as_file()
            .sync_all()
            .map_err(|source| self.failed(source))?;
        Ok(copy)
    }

    /// Gives the copy its name.
    fn put(&self, copy: tempfile::NamedTempFile, replace: bool) -> Result<u64, BackupError> {
        let put = if replace {
            for ending in ["-wal", "-shm"] {
                match fs::remove_file(sibling(self.path, ending)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(self.failed(error));
                    }
                    _ => {}
                }
            }
            copy.persist(self.path)
        } else {
            copy.persist_noclobber(self.path)
        };
        let file = put.map_err(|error| self.failed(error.error))?;
        let folder = File::open(self.folder()).and_then(|folder| folder.sync_all());
        folder.map_err(|source| self.failed(source))?;
        let length = file.metadata().map(|found| found.len());
        length.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: io::Error) -> BackupError {
        BackupError::Write {
            path: self.path.to_owned(),
            source,
        }
    }
}
