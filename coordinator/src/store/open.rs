//! Opens the database file, for writing or for reading, after making sure that it is ours, whole
//! enough to be read, and of a schema this program knows. A file that is refused is not changed.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rusqlite::OpenFlags;
use rustix::fs::Access;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, SqliteConnection,
    migrate::{MigrateError, Migrator},
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};
use tokio::runtime::Handle;

use super::{
    error::{DatabaseError, OpenError, code, primary_code},
    lock::WriterLock,
    mount::network_mount,
    statement::statements,
    upgrade::{UpgradedCopy, complete, stale_views},
};

/// The migrations, embedded in the program.
pub(super) static MIGRATOR: Migrator = sqlx::migrate!("../migrations");

/// Marks the file as ours in its header: "pond" in ASCII.
pub(super) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"pond");

/// Older libraries may corrupt a database in WAL mode when a checkpoint and a writer meet.
const MINIMUM_LIBRARY: [u32; 3] = [3, 51, 3];

/// How long a statement waits for a lock. Readers never wait in WAL mode and there is one writer,
/// so only a foreign program, or a token that is made or revoked, can make it wait.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Pages that a connection keeps in memory; they are only taken when they are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cache {
    /// Room for the indices of a million trials, whose keys arrive in no order.
    Large,
    /// Room for what neighbouring trials need. A commit in which a page was split looks through all of
    /// the cache (SQLite's `pcache1TruncateUnsafe`), so it should not be larger.
    Small,
}

impl Cache {
    /// In KiB: that is what the sign means.
    const fn size(self) -> i64 {
        match self {
            Self::Large => -262_144,
            Self::Small => -8_192,
        }
    }
}

/// Pages of the log, 64 MiB, after which a commit also carries them over into the database: with the
/// thousand pages that are SQLite's default, this is what most commits of a fast sweep wait for. A log
/// of this length is read back in a fraction of a second.
const CHECKPOINT_PAGES: u32 = 16_384;

/// Rows that are read ahead: with SQLite's thread and the reader taking turns after every fifty, most
/// of the time of reading a million rows is spent on waking each other.
const ROWS_AHEAD: usize = 2_048;

/// Prepared statements kept: all that commits have.
const STATEMENT_CACHE: usize = 64;

statements! {
    LIBRARY_VERSION = "SELECT sqlite_version()";
    SCHEMA_VERSION = "PRAGMA user_version";
    /// 0x706f6e64 is [`APPLICATION_ID`].
    MARK_AS_OURS = "PRAGMA application_id = 0x706f6e64";
    WRITE_AHEAD = "PRAGMA journal_mode = WAL";
    QUERY_ONLY = "PRAGMA query_only = ON";
}

/// Opens the database for writing, making or migrating it as needed. The lock lives as long as the
/// connection does.
pub(super) async fn open_writer(path: &Path) -> Result<(SqliteConnection, WriterLock), OpenError> {
    let path = resolve(path)?;
    let found = inspect(&path)?;
    let lock = WriterLock::take(&path)?;
    if found == Found::Ours {
        check_writable(&path)?;
    }
    let options = options(&path).create_if_missing(true);
    let mut connection = connect(&path, &options).await?;
    check_library(&mut connection, &path).await?;
    if found == Found::Nothing {
        // The first write of all: from here on the file is known as ours, even if this process
        // ends before the tables are made.
        execute(&mut connection, &path, MARK_AS_OURS).await?;
    }
    refuse_newer(&path, schema_version(&mut connection, &path).await?)?;
    execute(&mut connection, &path, WRITE_AHEAD).await?;
    migrate(&mut connection, &path).await?;
    complete(&path)?;
    Ok((connection, lock))
}

/// Opens a database once more, for writing on the calling thread. [`open_writer`] has judged it before,
/// and holds the lock.
pub(super) fn connect_writer(
    path: &Path,
    cache: Cache,
) -> Result<rusqlite::Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = rusqlite::Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    connection.pragma_update(None, "foreign_keys", true)?;
    // Every commit reaches the disk before it is answered.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", cache.size())?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    Ok(connection)
}

/// Opens a database to write who may call its coordinator, whether one runs or not: the one table
/// that another process than the coordinator writes. A database that is not there is made.
pub(super) async fn open_administrator(path: &Path) -> Result<SqliteConnection, OpenError> {
    match open_writer(path).await {
        // Made or migrated; the lock is for coordinators, and goes here.
        Ok((connection, _lock)) => return Ok(connection),
        Err(OpenError::InUse { .. }) => {}
        Err(error) => return Err(error),
    }
    let path = resolve(path)?;
    let mut connection = connect(&path, &options(&path)).await?;
    check_library(&mut connection, &path).await?;
    let found = schema_version(&mut connection, &path).await?;
    refuse_newer(&path, found)?;
    refuse_older(&path, found)?;
    Ok(connection)
}

/// Opens the database for reading only; whether a coordinator runs makes no difference. One of an older
/// schema is not changed: what is read is a copy of it, brought up to date, that goes with the value.
pub(super) async fn open_reader(
    path: &Path,
) -> Result<(SqliteConnection, Option<UpgradedCopy>), OpenError> {
    let path = resolve(path)?;
    if inspect(&path)? == Found::Nothing {
        return Err(OpenError::Missing { path });
    }
    let (mut connection, found) = connect_reader(&path).await?;
    refuse_newer(&path, found)?;
    if found == 0 {
        refuse_older(&path, found)?;
    }
    let mut copy = None;
    if found < known_version() {
        // On a thread of its own: what migrates cannot be moved between threads.
        let of = path.clone();
        let upgrading = move || Handle::current().block_on(UpgradedCopy::of(&of));
        let upgraded = tokio::task::spawn_blocking(upgrading).await;
        let upgraded = upgraded.expect("it panics for a bug only")?;
        (connection, _) = connect_reader(&upgraded.path).await?;
        copy = Some(upgraded);
    }
    let read = copy.as_ref().map_or(&path, |copy| &copy.path);
    prepare_views(&mut connection, read).await?;
    execute(&mut connection, &path, QUERY_ONLY).await?;
    Ok((connection, copy))
}

/// Lets this connection alone see the views of this program, where the file has those of another build.
async fn prepare_views(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let stale = open_scanner(path).and_then(|scanner| stale_views(&scanner));
    let stale = stale.map_err(|error| OpenError::Database {
        path: path.into(),
        source: error.into(),
    })?;
    for view in stale {
        let made = sqlx::query(AssertSqlSafe(view.temporary_text())).execute(&mut *connection);
        made.await.map_err(|error| failed(path, error))?;
    }
    Ok(())
}

/// A connection that reads, and the number of the schema that it found.
async fn connect_reader(path: &Path) -> Result<(SqliteConnection, i64), OpenError> {
    let options = options(path).read_only(true);
    let mut connection = match connect(path, &options).await {
        // In a directory that cannot be written, SQLite cannot make its shared memory. Without a
        // log beside it the file is complete by itself and nobody writes it.
        Err(OpenError::Database { .. }) if !has_log(path) => {
            connect(path, &options.immutable(true)).await?
        }
        other => other?,
    };
    check_library(&mut connection, path).await?;
    let found = schema_version(&mut connection, path).await?;
    Ok((connection, found))
}

/// Opens a database once more, for walking through very many rows on the calling thread. [`open_reader`] has
/// judged it before.
pub(super) fn open_scanner(path: &Path) -> Result<rusqlite::Connection, rusqlite::Error> {
    let opened = connect_scanner(path);
    if opened.is_ok() || has_log(path) {
        return opened;
    }
    // As for readers: in a directory that cannot be written, only a file that nobody writes is read.
    let escaped = path.display().to_string();
    let escaped = escaped.replace('%', "%25").replace('?', "%3f");
    let uri = format!("file:{}?immutable=1", escaped.replace('#', "%23"));
    connect_scanner(Path::new(&uri))
}

fn connect_scanner(path: &Path) -> Result<rusqlite::Connection, rusqlite::Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    let connection = rusqlite::Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Connecting reads nothing yet; the first statement does.
    connection.query_row(SCHEMA_VERSION, [], |_| Ok(()))?;
    Ok(connection)
}

/// The path without symbolic links and relative parts. The file itself need not exist.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, OpenError> {
    let Some(name) = path.file_name() else {
        return Err(OpenError::NotAFile { path: path.into() });
    };
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let parent = fs::canonicalize(parent).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => OpenError::NoDirectory {
            path: parent.into(),
        },
        _ => denied("read", parent, source),
    })?;
    let path = parent.join(name);
    Ok(fs::canonicalize(&path).unwrap_or(path))
}

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// No file, or an empty one: to SQLite they are the same.
    Nothing,
    /// A database of this program.
    Ours,
}

/// Looks at the file without the help of SQLite, which might change it.
fn inspect(path: &Path) -> Result<Found, OpenError> {
    if let Some(mount) = network_mount(path) {
        return Err(OpenError::NetworkFileSystem {
            path: path.into(),
            kind: mount.kind,
            mount_point: mount.mount_point,
        });
    }
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(source) => return Err(denied("read", path, source)),
        Ok(metadata) if !metadata.is_file() => {
            return Err(OpenError::NotAFile { path: path.into() });
        }
        Ok(_) => {}
    }
    // Pages may be on their way from the log into the file.
    let is_settled = !has_log(path);
    let (header, length) = head(path).map_err(|source| denied("read", path, source))?;
    let found = judge_header(path, &header)?;
    if found == Found::Ours && is_settled {
        refuse_cut_off(path, &header, length)?;
    }
    Ok(found)
}

/// Files that were looked at, held open as long as they have a name. When a process closes a file, it
/// loses every lock that it has on it (POSIX), also that of a connection that is open beside; another
/// program that closes the database could then take itself for the last one, and remove the log.
static LOOKED_AT: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// The header of a file and, read after it, the file's length.
fn head(path: &Path) -> io::Result<(Vec<u8>, u64)> {
    let identity = |metadata: &fs::Metadata| (metadata.dev(), metadata.ino());
    let wanted = identity(&fs::metadata(path)?);
    let mut held = LOOKED_AT.lock().unwrap_or_else(PoisonError::into_inner);
    held.retain(|file| file.metadata().is_ok_and(|found| found.nlink() > 0));
    let is_wanted = |file: &File| {
        file.metadata()
            .is_ok_and(|found| identity(&found) == wanted)
    };
    let position = match held.iter().position(is_wanted) {
        Some(position) => position,
        None => {
            held.push(File::open(path)?);
            held.len() - 1
        }
    };
    let file = &held[position];
    let mut header = vec![0; HEADER_BYTES];
    let read = file.read_at(&mut header, 0)?;
    header.truncate(read);
    Ok((header, file.metadata()?.len()))
}

/// Length of the header of a SQLite file (sqlite.org/fileformat.html, section 1.3).
const HEADER_BYTES: usize = 100;

fn judge_header(path: &Path, header: &[u8]) -> Result<Found, OpenError> {
    if header.is_empty() {
        return Ok(Found::Nothing);
    }
    if header.len() < HEADER_BYTES || !header.starts_with(b"SQLite format 3\0") {
        return Err(OpenError::NotADatabase { path: path.into() });
    }
    if header[68..72] != APPLICATION_ID.to_be_bytes() {
        return Err(OpenError::Foreign { path: path.into() });
    }
    Ok(Found::Ours)
}

/// SQLite itself reads what is missing of a last page as zeros.
fn refuse_cut_off(path: &Path, header: &[u8], length: u64) -> Result<(), OpenError> {
    let number = |at| u32::from_be_bytes([0, 1, 2, 3].map(|byte: usize| header[at + byte]));
    // Where these differ, something wrote the file that does not count its pages.
    if number(24) != number(92) {
        return Ok(());
    }
    let page_size = match u16::from_be_bytes([header[16], header[17]]) {
        1 => 65_536,
        page_size => u64::from(page_size),
    };
    let whole = page_size * u64::from(number(28));
    if length >= whole {
        return Ok(());
    }
    let problem = format!("the file has {length} bytes of {whole}");
    Err(OpenError::Database {
        path: path.into(),
        source: DatabaseError::Corrupt(problem),
    })
}

/// SQLite silently falls back to reading a file it may not write; we would rather know.
fn check_writable(path: &Path) -> Result<(), OpenError> {
    let allowed = rustix::fs::access(path, Access::WRITE_OK);
    allowed.map_err(|source| denied("write", path, source.into()))
}

/// Whether a write-ahead log with content lies beside the file.
fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    fs::metadata(log).is_ok_and(|log| log.len() > 0)
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .foreign_keys(true)
        // Every commit reaches the disk before it is answered.
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", Cache::Large.size().to_string())
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
        .busy_timeout(BUSY_TIMEOUT)
        .row_buffer_size(ROWS_AHEAD)
        .disable_statement_logging()
}

async fn connect(
    path: &Path,
    options: &SqliteConnectOptions,
) -> Result<SqliteConnection, OpenError> {
    let mut connection = SqliteConnection::connect_with(options)
        .await
        .map_err(|error| failed(path, error))?;
    // Connecting reads nothing yet; the first statement does.
    schema_version(&mut connection, path).await?;
    Ok(connection)
}

async fn schema_version(connection: &mut SqliteConnection, path: &Path) -> Result<i64, OpenError> {
    let version = sqlx::query_scalar(SCHEMA_VERSION).fetch_one(connection);
    version.await.map_err(|error| failed(path, error))
}

async fn execute(
    connection: &mut SqliteConnection,
    path: &Path,
    statement: &'static str,
) -> Result<(), OpenError> {
    let done = sqlx::query(statement).execute(connection).await;
    done.map(drop).map_err(|error| failed(path, error))
}

async fn check_library(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let version: String = sqlx::query_scalar(LIBRARY_VERSION)
        .fetch_one(connection)
        .await
        .map_err(|error| failed(path, error))?;
    judge_library(version)
}

fn judge_library(found: String) -> Result<(), OpenError> {
    let parts = found.split('.').map(|part| part.parse().unwrap_or(0));
    if parts.take(3).collect::<Vec<u32>>().as_slice() >= MINIMUM_LIBRARY.as_slice() {
        return Ok(());
    }
    let minimum = MINIMUM_LIBRARY.map(|part| part.to_string()).join(".");
    Err(OpenError::OldLibrary { found, minimum })
}

/// The number of the latest migration.
pub(super) fn known_version() -> i64 {
    let versions = MIGRATOR.iter().map(|migration| migration.version);
    versions.max().expect("there are migrations")
}

fn refuse_newer(path: &Path, found: i64) -> Result<(), OpenError> {
    let (path, known) = (path.into(), known_version());
    if found > known {
        return Err(OpenError::NewerSchema { path, found, known });
    }
    Ok(())
}

fn refuse_older(path: &Path, found: i64) -> Result<(), OpenError> {
    let (path, known) = (path.into(), known_version());
    if found < known {
        return Err(OpenError::OlderSchema { path, found, known });
    }
    Ok(())
}

pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    path: &Path,
) -> Result<(), OpenError> {
    let other = |error: &MigrateError| OpenError::OtherSchema {
        path: path.into(),
        problem: error.to_string(),
    };
    MIGRATOR.run(connection).await.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            failed(path, error)
        }
        error => other(&error),
    })
}

fn denied(action: &'static str, path: &Path, source: io::Error) -> OpenError {
    OpenError::Denied {
        action,
        path: path.into(),
        source,
    }
}

fn failed(path: &Path, error: sqlx::Error) -> OpenError {
    let path = path.into();
    match primary_code(&error) {
        Some(code::NOT_A_DATABASE) => OpenError::NotADatabase { path },
        _ => OpenError::Database {
            path,
            source: error.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_may_corrupt_the_log_is_refused() {
        for old in ["3.51.2", "3.45.1", "3.6.0", "2.8.17", "unknown"] {
            let error = judge_library(old.into()).expect_err(old).to_string();
            assert!(error.contains(old), "{error}");
            assert!(
                error.contains("3.51.3") && error.contains("hint: "),
                "{error}"
            );
        }
        for good in ["3.51.3", "3.51.10", "3.52.0", "4.0.0"] {
            judge_library(good.into()).expect(good);
        }
    }
}
