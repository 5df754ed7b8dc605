//! The write-ahead log: carried over into the database file whenever there is time, and at the end,
//! so that the file by itself is everything. Told of when a reader makes it grow.

use std::{path::Path, time::Duration};

use rusqlite::Connection;

use super::{
    error::DatabaseError,
    inspect::log_of,
    open::{BUSY_TIMEOUT, Cache, connect_writer},
    statement::statements,
};

statements! {
    /// Carries over what no reader still needs from the log, and cuts the log if that was all.
    CHECKPOINT = "PRAGMA wal_checkpoint(TRUNCATE)";
    /// Does nothing, and counts the frames of the log.
    COUNT_FRAMES = "PRAGMA wal_checkpoint(NOOP)";
}

/// How often the log's file is looked for after the end, while readers of this process close, and
/// how long apart.
const LOOKS: u32 = 25;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Frames of the log that the next reader would read, or that wait to be written over.
pub(super) fn frames(connection: &Connection) -> Result<u64, rusqlite::Error> {
    let mut statement = connection.prepare_cached(COUNT_FRAMES)?;
    let frames: i64 = statement.query_row([], |row| row.get(1))?;
    // Without a log it is -1.
    Ok(u64::try_from(frames).unwrap_or(0))
}

/// Carries the log over into the database file and cuts it. Whether that could be done: a reader in
/// the middle of something keeps the rest.
pub(super) fn fold(connection: &Connection, patience: Duration) -> Result<bool, rusqlite::Error> {
    connection.busy_timeout(patience)?;
    let busy = connection.query_row(CHECKPOINT, [], |row| row.get::<_, bool>(0));
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(!busy?)
}

/// Closes the last connection that writes a database, and leaves one file that is complete.
pub(super) async fn close(connection: Connection, path: &Path) -> Result<(), DatabaseError> {
    if !fold(&connection, BUSY_TIMEOUT)? {
        tracing::warn!(
            "another program is reading {path}: what it keeps from being carried over is in {log} only\n\
             hint: copy both, or use `pondersweep backup`",
            path = path.display(),
            log = log_of(path).display()
        );
    }
    connection.close().map_err(|(_, error)| error)?;
    for _ in 0..LOOKS {
        if !log_of(path).exists() {
            break;
        }
        // Somebody had it open: a reader of this process that is being closed, or another program.
        tokio::time::sleep(BETWEEN_LOOKS).await;
        let last = connect_writer(path, Cache::Small)?;
        frames(&last)?;
        last.close().map_err(|(_, error)| error)?;
    }
    Ok(())
}
