//! The right to be the one coordinator of a database: an exclusive lock of the operating system on
//! `<database>.lock`. The kernel releases it when the process ends, however it ends, so a lock is
//! never stale. The file itself is left where it is: deleting it would let two processes lock two
//! files of one name.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::error::OpenError;

/// Held for as long as the database may be written.
#[derive(Debug)]
pub(super) struct WriterLock {
    _file: File,
}

impl WriterLock {
    /// Takes the lock of a database, or refuses at once.
    pub(super) fn take(database: &Path) -> Result<Self, OpenError> {
        let path = lock_path(database);
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| denied(&path, source))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
                path: database.into(),
            }),
            Err(TryLockError::Error(source)) => Err(denied(&path, source)),
        }
    }
}

/// Whether somebody holds the lock of a database. One that cannot be asked counts as free.
pub(super) fn is_taken(database: &Path) -> bool {
    // The lock lies beside the file itself, wherever a symbolic link to it lies.
    let database = std::fs::canonicalize(database).unwrap_or_else(|_| database.into());
    let asked = File::open(lock_path(&database)).map(|file| file.try_lock_shared());
    matches!(asked, Ok(Err(TryLockError::WouldBlock)))
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

fn denied(path: &Path, source: io::Error) -> OpenError {
    OpenError::Denied {
        action: "write",
        path: path.into(),
        source,
    }
}
