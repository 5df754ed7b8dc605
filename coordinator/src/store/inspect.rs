//! Looks at a database file before it is opened: whether it is ours, whole, has its log with it,
//! and is of a schema that this program knows. It changes nothing.

use std::{
    fs, io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use sqlx::migrate::MigrateError;

use super::{
    error::{DatabaseError, OpenError},
    lock::with_file,
    open::{APPLICATION_ID, MIGRATOR, connect_immutable, connect_scanner, denied, known_version},
    statement::statements,
};

statements! {
    USER_VERSION = "PRAGMA user_version";
    APPLIED_MIGRATIONS = "
        SELECT version, checksum, success FROM _sqlx_migrations ORDER BY version";
}

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// No file, or an empty one: to SQLite they are the same.
    Nothing,
    /// A database of this program, and its schema unless a log next to the file may have a newer
    /// one.
    Ours(Option<i64>),
}

/// Looks at the file without the help of SQLite, which might change it.
pub(super) fn inspect(path: &Path) -> Result<Found, OpenError> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return nothing(path),
        Err(source) => return Err(denied("read", path, source)),
        Ok(metadata) if !metadata.is_file() => {
            return Err(OpenError::NotAFile { path: path.into() });
        }
        Ok(_) => {}
    }
    // Pages may be on their way from the log into the file.
    let is_settled = !has_log(path);
    let (header, length) = head(path).map_err(|source| denied("read", path, source))?;
    if header.is_empty() {
        return nothing(path);
    }
    let header = Header::judge(path, &header)?;
    if !is_settled {
        return Ok(Found::Ours(None));
    }
    header.refuse_cut_off(path, length)?;
    let schema = header.number(SCHEMA_VERSION_AT).into();
    if schema == 0 && header.has_log_by_its_own_account() {
        return Err(OpenError::LogMissing { path: path.into() });
    }
    refuse_newer(path, schema)?;
    Ok(Found::Ours(Some(schema)))
}

/// SQLite would remove the log of an empty file, and with it the last that is left.
fn nothing(path: &Path) -> Result<Found, OpenError> {
    if has_log(path) {
        return Err(OpenError::OnlyLog { path: path.into() });
    }
    Ok(Found::Nothing)
}

/// The schema of a file that [`inspect`] has found, with what its log says: one whose migrations
/// are those of this program.
pub(super) fn judge(path: &Path) -> Result<i64, OpenError> {
    if has_content(&sibling(path, "-journal")) {
        // A creation was cut short; SQLite takes it back when the file is opened for writing.
        return Ok(0);
    }
    let reading = |error| OpenError::reading(path, error);
    // A log's file, with content or without, may belong to somebody who has the database open.
    let connection = if log_of(path).exists() {
        connect_scanner(path)
    } else {
        connect_immutable(path)
    };
    let connection = connection.map_err(reading)?;
    let schema = connection.query_row(USER_VERSION, [], |row| row.get(0));
    let schema = schema.map_err(reading)?;
    refuse_newer(path, schema)?;
    refuse_others_log(path, schema)?;
    if schema == 0 {
        // A creation was cut short.
        return Ok(0);
    }
    match strange_migration(&connection).map_err(reading)? {
        Some(problem) => Err(OpenError::OtherSchema {
            path: path.into(),
            problem: problem.to_string(),
        }),
        None => Ok(schema),
    }
}

/// The first migration of a database that is not one of this program's.
fn strange_migration(
    connection: &rusqlite::Connection,
) -> Result<Option<MigrateError>, rusqlite::Error> {
    let mut statement = connection.prepare(APPLIED_MIGRATIONS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (version, checksum): (i64, Vec<u8>) = (row.get(0)?, row.get(1)?);
        let known = MIGRATOR.iter().find(|known| known.version == version);
        let problem = match known {
            _ if !row.get(2)? => MigrateError::Dirty(version),
            None => MigrateError::VersionMissing(version),
            Some(known) if *known.checksum != *checksum => MigrateError::VersionMismatch(version),
            Some(_) => continue,
        };
        return Ok(Some(problem));
    }
    Ok(None)
}

pub(super) fn refuse_newer(path: &Path, found: i64) -> Result<(), OpenError> {
    let (path, known) = (path.into(), known_version());
    if found > known {
        return Err(OpenError::NewerSchema { path, found, known });
    }
    Ok(())
}

pub(super) fn refuse_older(path: &Path, found: i64) -> Result<(), OpenError> {
    refuse_others_log(path, found)?;
    let (path, known) = (path.into(), known_version());
    if found < known {
        return Err(OpenError::OlderSchema { path, found, known });
    }
    Ok(())
}

/// A file that has nothing in it with its log either: the log is that of another file, or was cut.
fn refuse_others_log(path: &Path, schema: i64) -> Result<(), OpenError> {
    if schema == 0 && has_log(path) {
        return Err(OpenError::LogMissing { path: path.into() });
    }
    Ok(())
}

/// Whether there is a write-ahead log with content next to the file.
pub(super) fn has_log(path: &Path) -> bool {
    has_content(&log_of(path))
}

/// The write-ahead log of a database.
pub(super) fn log_of(path: &Path) -> PathBuf {
    sibling(path, "-wal")
}

/// A file that SQLite keeps next to a database.
pub(super) fn sibling(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn has_content(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.len() > 0)
}

/// Refuses a database file that ends before its last page; what it is of must be settled.
pub(super) fn refuse_cut_off(path: &Path) -> Result<(), OpenError> {
    let (header, length) = head(path).map_err(|source| denied("read", path, source))?;
    Header::judge(path, &header)?.refuse_cut_off(path, length)
}

/// The header of a file and, read after it, the file's length.
fn head(path: &Path) -> io::Result<(Vec<u8>, u64)> {
    with_file(path, |file| {
        let mut header = vec![0; HEADER_BYTES];
        let read = file.read_at(&mut header, 0)?;
        header.truncate(read);
        Ok((header, file.metadata()?.len()))
    })
}

/// Length of the header of a SQLite file, and where things are in it (sqlite.org/fileformat.html,
/// section 1.3).
const HEADER_BYTES: usize = 100;
const SCHEMA_VERSION_AT: usize = 60;
const APPLICATION_ID_AT: usize = 68;

/// The header of a database of this program.
struct Header<'a>(&'a [u8]);

impl<'a> Header<'a> {
    fn judge(path: &Path, header: &'a [u8]) -> Result<Self, OpenError> {
        if header.len() < HEADER_BYTES || !header.starts_with(b"SQLite format 3\0") {
            return Err(OpenError::NotADatabase { path: path.into() });
        }
        let header = Self(header);
        if header.number(APPLICATION_ID_AT) != APPLICATION_ID.unsigned_abs() {
            return Err(OpenError::Foreign { path: path.into() });
        }
        Ok(header)
    }

    fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes([0, 1, 2, 3].map(|byte| self.0[at + byte]))
    }

    /// Whether it was written with a write-ahead log.
    fn has_log_by_its_own_account(&self) -> bool {
        self.0[18] == 2
    }

    /// SQLite itself reads what is missing of a last page as zeros.
    fn refuse_cut_off(&self, path: &Path, length: u64) -> Result<(), OpenError> {
        // Where these differ, something wrote the file that does not count its pages.
        if self.number(24) != self.number(92) {
            return Ok(());
        }
        let page_size = match u16::from_be_bytes([self.0[16], self.0[17]]) {
            1 => 65_536,
            page_size => u64::from(page_size),
        };
        let whole = page_size * u64::from(self.number(28));
        if length >= whole {
            return Ok(());
        }
        let problem = format!("the file has {length} bytes of {whole}");
        Err(OpenError::Database {
            path: path.into(),
            source: DatabaseError::Corrupt(problem),
        })
    }
}
