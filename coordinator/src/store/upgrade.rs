//! Brings a database up to this program: migrations by its schema's number, then what follows from
//! the program's tables (the metrics of its sweeps, the views). Only who owns a file upgrades it; a
//! reader of an older one works on a private copy.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, backup::Backup};
use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use super::{
    create::begin,
    error::{DatabaseError, OpenError},
    metric::complete_metrics,
    open::{Cache, connect_writer, migrate, open_scanner},
    statement::statements,
    view::{View, views},
};
use crate::clock;

statements! {
    STORED_VIEW = "
        SELECT sql FROM main.sqlite_schema WHERE type = 'view' AND name = ?1";
}

/// Pages that are copied at once: all of them, so that the copy is of one moment.
const ALL_PAGES: i32 = i32::MAX;

/// How long a copy waits for another program's lock.
const PAUSE: Duration = Duration::from_millis(10);

/// Completes a migrated database from the program's tables. Where nothing is missing nothing is
/// written.
pub(super) fn complete(path: &Path) -> Result<(), OpenError> {
    let completed = connect_writer(path, Cache::Small).and_then(|mut connection| {
        let transaction = begin(&mut connection)?;
        complete_metrics(&transaction, clock::now_ms())?;
        for view in stale_views(&transaction)? {
            transaction.execute_batch(&format!(
                "DROP VIEW IF EXISTS {}; {}",
                view.name,
                view.text()
            ))?;
        }
        transaction.commit()
    });
    completed.map_err(|error| failed(path, error))
}

/// The views whose stored text is not the one of this program.
pub(super) fn stale_views(connection: &Connection) -> Result<Vec<View>, rusqlite::Error> {
    let mut stored = connection.prepare(STORED_VIEW)?;
    let mut stale = Vec::new();
    for view in views() {
        let mut rows = stored.query([view.name])?;
        let text: Option<String> = rows.next()?.map(|row| row.get(0)).transpose()?;
        if text.is_none_or(|text| text != view.text()) {
            stale.push(view);
        }
    }
    Ok(stale)
}

/// A copy of an older database, upgraded. It goes with the value.
#[derive(Debug)]
pub(super) struct UpgradedCopy {
    pub(super) path: PathBuf,
    _folder: TempDir,
}

impl UpgradedCopy {
    /// Copies a database and upgrades the copy; the file itself is not changed.
    pub(super) async fn of(path: &Path) -> Result<Self, OpenError> {
        let folder = tempfile::Builder::new().prefix("pondersweep-").tempdir();
        let folder = folder.map_err(|error| OpenError::NoCopy {
            path: path.into(),
            source: error,
        })?;
        let copy = folder.path().join("upgraded.db");
        back_up(path, &copy).map_err(|error| failed(path, error))?;
        let options = SqliteConnectOptions::new().filename(&copy);
        let connected = options.connect().await;
        let mut connection = connected.map_err(|error| failed(path, error))?;
        migrate(&mut connection, path).await?;
        connection
            .close()
            .await
            .map_err(|error| failed(path, error))?;
        complete(&copy)?;
        tracing::warn!(
            "{} is of an older version; a copy was brought up to date and is read instead",
            path.display()
        );
        Ok(Self {
            path: copy,
            _folder: folder,
        })
    }
}

fn back_up(from: &Path, to: &Path) -> Result<(), rusqlite::Error> {
    let from = open_scanner(from)?;
    let mut to = Connection::open(to)?;
    let copying = Backup::new(&from, &mut to)?;
    copying.run_to_completion(ALL_PAGES, PAUSE, None)?;
    drop(copying);
    to.close().map_err(|(_, error)| error)
}

fn failed(path: &Path, error: impl Into<DatabaseError>) -> OpenError {
    OpenError::Database {
        path: path.into(),
        source: error.into(),
    }
}
