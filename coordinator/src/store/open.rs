//! Opens the database file, for writing or for reading, after making sure that it is ours, whole
//! enough to be read, and of a schema this program knows. A file that is refused is not changed.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::Duration,
};

use rusqlite::OpenFlags;
use rustix::fs::Access;
use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, SqlSafeStr as _, SqliteConnection,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};
use tokio::runtime::Handle;

use super::{
    error::{OpenError, code, primary_code},
    inspect::{Found, has_log, inspect, judge, refuse_newer, refuse_older},
    lock::WriterLock,
    mount,
    statement::statements,
    upgrade::{UpgradedCopy, complete, stale_views},
};

/// The migrations, embedded in the program. A file that was released is never edited.
pub(super) static MIGRATOR: LazyLock<Migrator> = LazyLock::new(|| {
    let files = [
        (
            "tables",
            include_str!("../../../migrations/0001_tables.sql"),
        ),
        ("views", include_str!("../../../migrations/0002_views.sql")),
        (
            "open results",
            include_str!("../../../migrations/0003_open_results.sql"),
        ),
        (
            "programs",
            include_str!("../../../migrations/0004_programs.sql"),
        ),
    ];
    let migrations = (1..).zip(files).map(|(version, (name, text))| {
        let kind = MigrationType::Simple;
        Migration::new(version, name.into(), kind, text.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
});

/// Marks the file as ours in its header: "pond" in ASCII.
pub(super) const APPLICATION_ID: i32 = i32::from_be_bytes(*b"pond");

/// Older libraries may corrupt a database in WAL mode when a checkpoint and a writer meet.
const MINIMUM_LIBRARY: [u32; 3] = [3, 51, 3];

/// How long a statement waits for a lock. Readers never wait in WAL mode and there is one writer,
/// so only a foreign program, or a token that is made or revoked, can make it wait.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Pages that a connection keeps in memory; they are only taken when they are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cache {
    /// Room for the indices of a million trials, whose keys arrive in no order.
    Large,
    /// Room for what neighbouring trials need. A commit in which a page was split looks through all
    /// of the cache (SQLite's `pcache1TruncateUnsafe`), so it should not be larger.
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

/// Pages of the log, 64 MiB, after which a commit also carries them over into the database: with
/// the thousand pages that are SQLite's default, this is what most commits of a fast sweep wait
/// for. A log of this length is read back in a fraction of a second.
const CHECKPOINT_PAGES: u32 = 16_384;
/// The same in bytes.
const LOG_BYTES: u32 = CHECKPOINT_PAGES * 4_096;

/// Rows that are read ahead: with SQLite's thread and the reader taking turns after every fifty,
/// most of the time of reading a million rows is spent on waking each other.
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
    mount::check(&path)?;
    inspect(&path)?;
    let lock = WriterLock::take(&path).await?;
    tell_of_other_names(&path);
    // Once more: only under the lock is no one else writing it.
    let found = inspect(&path)?;
    if found != Found::Nothing {
        check_writable(&path)?;
        judge(&path)?;
    }
    let mut connection = connect(&path, &options(&path)).await?;
    check_library(&mut connection, &path).await?;
    if found == Found::Nothing {
        // The first write of all: from here on the file is known as ours, even if this process
        // ends before the tables are made.
        execute(&mut connection, &path, MARK_AS_OURS).await?;
    }
    migrate(&mut connection, &path).await?;
    // After the tables: a file that says that it has a log and has no tables was parted from its
    // log.
    execute(&mut connection, &path, WRITE_AHEAD).await?;
    complete(&path)?;
    Ok((connection, lock))
}

/// Opens a database once more, for writing on the calling thread. [`open_writer`] has judged it
/// before, and holds the lock.
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
    // A log that a reader made longer is cut when it starts again.
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
    Ok(connection)
}

/// Opens a database to write who may call its coordinator, whether one runs or not: the one table
/// that another process than the coordinator writes. A database that is not there is made. Where no
/// coordinator has it, the lock comes along.
pub(super) async fn open_administrator(
    path: &Path,
) -> Result<(SqliteConnection, Option<WriterLock>), OpenError> {
    match open_writer(path).await {
        Ok((connection, lock)) => return Ok((connection, Some(lock))),
        Err(OpenError::InUse { .. }) => {}
        Err(error) => return Err(error),
    }
    let path = resolve(path)?;
    refuse_older(&path, judge(&path)?)?;
    let mut connection = connect(&path, &options(&path)).await?;
    check_library(&mut connection, &path).await?;
    Ok((connection, None))
}

/// Opens the database for reading only; whether a coordinator runs makes no difference. One of an
/// older schema is not changed: what is read is a copy of it, brought up to date, that goes with
/// the value.
pub(super) async fn open_reader(
    path: &Path,
) -> Result<(SqliteConnection, Option<UpgradedCopy>), OpenError> {
    let path = resolve(path)?;
    mount::check(&path)?;
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

/// Lets this connection alone see the views of this program, where the file has those of another
/// build.
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
        // log next to it the file is complete by itself and is not being written.
        Err(OpenError::Database { .. }) if !has_log(path) => {
            connect(path, &options.immutable(true)).await?
        }
        other => other?,
    };
    check_library(&mut connection, path).await?;
    let found = schema_version(&mut connection, path).await?;
    Ok((connection, found))
}

/// Opens a database once more, for walking through very many rows on the calling thread.
/// [`open_reader`] has judged it before.
pub(super) fn open_scanner(path: &Path) -> Result<rusqlite::Connection, rusqlite::Error> {
    let opened = connect_scanner(path);
    if opened.is_ok() || has_log(path) {
        return opened;
    }
    // As for readers: in a directory that cannot be written, only a file that no one writes is
    // read.
    connect_immutable(path)
}

/// Opens a file that no one writes and that has no log, leaving no file next to it.
pub(super) fn connect_immutable(path: &Path) -> Result<rusqlite::Connection, rusqlite::Error> {
    let escaped = path.display().to_string();
    let escaped = escaped.replace('%', "%25").replace('?', "%3f");
    let uri = format!("file:{}?immutable=1", escaped.replace('#', "%23"));
    connect_scanner(Path::new(&uri))
}

pub(super) fn connect_scanner(path: &Path) -> Result<rusqlite::Connection, rusqlite::Error> {
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

/// The lock is the file's, but the log is that of a name: what a killed coordinator leaves in it is
/// not found by another.
fn tell_of_other_names(path: &Path) {
    let is_linked = fs::metadata(path).is_ok_and(|found| found.nlink() > 1);
    if is_linked || mount::is_mounted_alone(path) {
        tracing::warn!(
            "{path} has other names, or is mounted by itself: its log {path}-wal belongs to this name only\n\
             hint: always serve it by the same name, and mount its folder rather than the file",
            path = path.display()
        );
    }
}

/// SQLite silently falls back to reading a file it may not write; we would rather know.
fn check_writable(path: &Path) -> Result<(), OpenError> {
    let allowed = rustix::fs::access(path, Access::WRITE_OK);
    allowed.map_err(|source| denied("write", path, source.into()))
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

pub(super) fn denied(action: &'static str, path: &Path, source: io::Error) -> OpenError {
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
