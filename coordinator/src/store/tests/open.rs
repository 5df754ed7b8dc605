//! Opening: what is made, what is refused, and that a refusal changes nothing.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};

use super::super::{OpenError, Reader, Store, open, testing::Fixture};

async fn refusal(path: &Path) -> OpenError {
    Store::open(path)
        .await
        .expect_err("the file must be refused")
}

async fn reader_refusal(path: &Path) -> OpenError {
    Reader::open(path)
        .await
        .expect_err("the file must be refused")
}

/// Runs SQL on a file as a foreign program would.
async fn tamper(path: &Path, sql: &'static str) {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_new_database_is_marked_as_ours_and_has_the_latest_schema() {
    let mut fixture = Fixture::new().await;
    assert_eq!(
        fixture.number("PRAGMA application_id").await,
        i64::from(open::APPLICATION_ID)
    );
    assert_eq!(
        fixture.number("PRAGMA user_version").await,
        open::known_version()
    );
    assert_eq!(fixture.number("PRAGMA synchronous").await, 2, "FULL");
    assert_eq!(fixture.number("PRAGMA foreign_keys").await, 1);
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode")
        .fetch_one(&mut fixture.store.connection)
        .await
        .unwrap();
    assert_eq!(mode, "wal");
}

#[tokio::test]
async fn opening_again_finds_what_was_there() {
    let mut fixture = Fixture::new().await;
    let path = fixture.path();
    let before = fixture.store.restore().await.unwrap();
    fixture.store.close().await.unwrap();
    let mut store = Store::open(&path).await.unwrap();
    assert_eq!(store.restore().await.unwrap(), before);
}

#[tokio::test]
async fn an_empty_file_becomes_a_database() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("results.db");
    fs::write(&path, "").unwrap();
    Store::open(&path).await.unwrap();
}

#[tokio::test]
async fn a_second_coordinator_is_refused_until_the_first_ends() {
    let fixture = Fixture::new().await;
    let path = fixture.path();
    let error = refusal(&path).await;
    assert!(matches!(error, OpenError::InUse { .. }), "{error}");
    assert!(error.to_string().contains("hint:"));
    // Readers are welcome all the while.
    Reader::open(&path).await.unwrap();
    drop(fixture.store);
    Store::open(&path).await.unwrap();
}

#[tokio::test]
async fn a_symbolic_link_does_not_get_round_the_lock() {
    let fixture = Fixture::new().await;
    let link = fixture.directory.path().join("link.db");
    std::os::unix::fs::symlink(fixture.path(), &link).unwrap();
    assert!(matches!(refusal(&link).await, OpenError::InUse { .. }));
}

#[tokio::test]
async fn a_hard_link_does_not_get_round_the_lock() {
    let fixture = Fixture::new().await;
    let link = fixture.directory.path().join("link.db");
    fs::hard_link(fixture.path(), &link).unwrap();
    assert!(matches!(refusal(&link).await, OpenError::InUse { .. }));
    assert!(Reader::is_served(&link));
    drop(fixture.store);
    assert!(!Reader::is_served(&link));
}

/// Every file of a folder with its content.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let file = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        (name, fs::read(entry.path()).unwrap())
    };
    let mut files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| file(e.unwrap()))
        .collect();
    // Shared memory is no content.
    files.retain(|(name, _)| !name.ends_with("-shm"));
    files.sort();
    files
}

/// As a coordinator leaves it that is killed: with results in the log.
async fn killed() -> (tempfile::TempDir, std::path::PathBuf) {
    let mut fixture = Fixture::new().await;
    fixture.succeed(1, 0.9, 3.0).await;
    let directory = tempfile::tempdir().unwrap();
    for name in ["results.db", "results.db-wal"] {
        fs::copy(
            fixture.directory.path().join(name),
            directory.path().join(name),
        )
        .unwrap();
    }
    let path = directory.path().join("results.db");
    (directory, path)
}

#[tokio::test]
async fn a_file_without_the_log_that_holds_its_content_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("results.db");
    tamper(
        &path,
        "PRAGMA application_id = 0x706f6e64; PRAGMA journal_mode = WAL",
    )
    .await;
    let before = files(directory.path());
    for error in [refusal(&path).await, reader_refusal(&path).await] {
        assert!(matches!(error, OpenError::LogMissing { .. }), "{error}");
        assert!(error.to_string().contains("-wal"), "{error}");
    }
    assert_eq!(files(directory.path()), before);
    // Another's log is none.
    fs::write(directory.path().join("results.db-wal"), [7; 5_000]).unwrap();
    let before = files(directory.path());
    for error in [refusal(&path).await, reader_refusal(&path).await] {
        assert!(matches!(error, OpenError::LogMissing { .. }), "{error}");
    }
    assert_eq!(files(directory.path()), before);
}

#[tokio::test]
async fn a_log_without_its_file_is_refused_and_left_alone() {
    let (directory, path) = killed().await;
    for empty in [false, true] {
        fs::remove_file(&path).unwrap();
        if empty {
            fs::write(&path, "").unwrap();
        }
        let before = files(directory.path());
        for error in [refusal(&path).await, reader_refusal(&path).await] {
            assert!(matches!(error, OpenError::OnlyLog { .. }), "{error}");
        }
        assert_eq!(files(directory.path()), before);
        fs::write(&path, "").unwrap();
    }
}

#[tokio::test]
async fn a_refusal_changes_no_byte_of_a_file_or_its_log() {
    for change in [
        "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1",
        "UPDATE _sqlx_migrations SET success = 0 WHERE version = 2",
        "PRAGMA user_version = 1000",
    ] {
        let (directory, path) = killed().await;
        {
            let other = rusqlite::Connection::open(&path).unwrap();
            let keep = rusqlite::config::DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            other.set_db_config(keep, true).unwrap();
            other.execute_batch(change).unwrap();
        }
        let before = files(directory.path());
        assert!(
            before
                .iter()
                .any(|(name, log)| name.ends_with("-wal") && !log.is_empty())
        );
        refusal(&path).await;
        assert_eq!(files(directory.path()), before, "{change}");
    }
}

#[tokio::test]
async fn what_is_no_database_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("results.db");
    for content in ["lambda_p,accuracy\n0.1,0.9\n".to_owned(), "x".repeat(5_000)] {
        fs::write(&path, &content).unwrap();
        let error = refusal(&path).await;
        assert!(matches!(error, OpenError::NotADatabase { .. }), "{error}");
        assert!(matches!(
            reader_refusal(&path).await,
            OpenError::NotADatabase { .. }
        ));
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
    }
    let files = fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(
        files, 1,
        "no lock and no log next to a file that is not ours"
    );
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("other.db");
    tamper(&path, "CREATE TABLE bookmark (url TEXT)").await;
    let before = fs::read(&path).unwrap();
    let error = refusal(&path).await;
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    assert!(matches!(
        reader_refusal(&path).await,
        OpenError::Foreign { .. }
    ));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_damaged_database_is_refused() {
    let fixture = Fixture::new().await;
    let path = fixture.path();
    fixture.store.close().await.unwrap();
    let mut bytes = fs::read(&path).unwrap();
    // Everything after the header of the first page, where the schema is.
    bytes[100..4_096].fill(0x5a);
    fs::write(&path, bytes).unwrap();
    let error = refusal(&path).await;
    assert!(error.to_string().contains("damaged"), "{error}");
    assert!(error.to_string().contains("hint:"), "{error}");
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let fixture = Fixture::new().await;
    let path = fixture.path();
    fixture.store.close().await.unwrap();
    tamper(&path, "PRAGMA user_version = 1000").await;
    let error = refusal(&path).await;
    assert!(
        matches!(error, OpenError::NewerSchema { found: 1_000, .. }),
        "{error}"
    );
    assert!(matches!(
        reader_refusal(&path).await,
        OpenError::NewerSchema { .. }
    ));
}

#[tokio::test]
async fn an_unknown_migration_is_refused() {
    let fixture = Fixture::new().await;
    let path = fixture.path();
    fixture.store.close().await.unwrap();
    tamper(
        &path,
        "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 1",
    )
    .await;
    let error = refusal(&path).await;
    assert!(matches!(error, OpenError::OtherSchema { .. }), "{error}");
}

#[tokio::test]
async fn an_older_schema_is_migrated_by_a_coordinator_but_not_by_a_reader() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("results.db");
    tamper(&path, "PRAGMA application_id = 0x706f6e64").await;
    let error = reader_refusal(&path).await;
    assert!(
        matches!(error, OpenError::OlderSchema { found: 0, .. }),
        "{error}"
    );
    Store::open(&path).await.unwrap();
    Reader::open(&path).await.unwrap();
}

#[tokio::test]
async fn a_reader_makes_no_database() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("results.db");
    let error = reader_refusal(&path).await;
    assert!(matches!(error, OpenError::Missing { .. }), "{error}");
    assert!(error.to_string().starts_with("no database at /"), "{error}");
    assert!(!path.exists());
}

#[tokio::test]
async fn a_missing_directory_and_a_directory_are_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let error = refusal(&directory.path().join("none/results.db")).await;
    assert!(matches!(error, OpenError::NoDirectory { .. }), "{error}");
    assert!(
        error
            .to_string()
            .contains("/none\nhint: create it first: mkdir -p /"),
        "{error}"
    );
    let error = refusal(directory.path()).await;
    assert!(matches!(error, OpenError::NotAFile { .. }), "{error}");
    assert!(matches!(
        refusal(Path::new("..")).await,
        OpenError::NotAFile { .. }
    ));
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_refused() {
    // Even root may not make a file there.
    let error = refusal(Path::new("/sys/results.db")).await;
    assert!(
        matches!(
            error,
            OpenError::Denied {
                action: "write",
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error
            .to_string()
            .starts_with("cannot write /sys/results.db: "),
        "{error}"
    );
}

/// Permissions do not bind root, so where root runs the tests this rule is not tried.
#[tokio::test]
async fn a_finished_database_is_readable_where_nothing_can_be_written() {
    let fixture = Fixture::new().await;
    let path = fixture.path();
    let directory = fixture.directory.path();
    fixture.store.close().await.unwrap();
    let allow = |mode| fs::set_permissions(directory, Permissions::from_mode(mode)).unwrap();
    allow(0o555);
    let is_root = fs::write(directory.join("probe"), "").is_ok();
    let mut reader = Reader::open(&path).await.unwrap();
    let sweeps = reader.sweeps().await;
    let measurements = reader.measurements(fixture.sweep.sweep_id, &[]).await;
    let written = Store::open(&path).await;
    allow(0o755);
    assert_eq!(sweeps.unwrap().len(), 1);
    assert_eq!(measurements.unwrap().trials, []);
    assert!(
        is_root
            || matches!(
                written,
                Err(OpenError::Denied {
                    action: "write",
                    ..
                })
            )
    );
}
