//! Disks that are full, locked or read-only, and files that are damaged: a clear error, nothing
//! half written, and never a panic.

use std::{fs, path::Path, sync::mpsc, thread, time::Duration};

use pondersweep_proto::metric::built_in;
use rusqlite::TransactionBehavior;
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use super::super::{
    AttemptReport, Batch, CommitError, DatabaseError, Reader, Store,
    testing::{Fixture, NOW_MS, batch, ended, leased, observe, token},
};
use crate::{
    scheduler::{Ending, TrialState},
    statistics::SplitMix64,
};

/// Damaged files that are tried.
const SEEDS: u64 = 300;

/// Changes a setting of the connection that writes.
fn pragma(fixture: &Fixture, statement: &'static str) {
    fixture.store.writer.execute_batch(statement).unwrap();
}

async fn foreign(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .connect()
        .await
        .unwrap()
}

/// More than a page can hold.
fn large_batch() -> Batch {
    let steps = 0..4_000;
    let observations = steps
        .map(|step| observe(step, built_in::LOSS_TRAINING, 0.5))
        .collect();
    let report = AttemptReport {
        token: token(1, 1),
        observations,
    };
    Batch {
        reports: vec![report],
        ..batch(vec![ended(1, 1, Ending::Succeeded, TrialState::Succeeded)])
    }
}

/// The error of a commit, of which nothing may be stored.
fn refused(fixture: &mut Fixture) -> DatabaseError {
    let error = fixture.store.commit(&large_batch()).unwrap_err();
    assert!(error.to_string().contains("\nhint: "), "{error}");
    let CommitError::Database(error) = error else {
        panic!("{error}")
    };
    error
}

/// What was refused before can be stored now, and is stored once.
async fn goes_on(fixture: &mut Fixture) {
    assert_eq!(fixture.number("SELECT count(*) FROM observation").await, 0);
    let leased = "SELECT count(*) FROM trial WHERE state = 'leased'";
    assert_eq!(fixture.number(leased).await, 1);
    fixture.store.commit(&large_batch()).unwrap();
    assert_eq!(
        fixture.number("SELECT count(*) FROM observation").await,
        4_000
    );
    assert_eq!(fixture.number("SELECT count(*) FROM result").await, 1);
}

#[tokio::test]
async fn a_full_disk_is_told_of_and_nothing_is_half_written() {
    let mut fixture = Fixture::new().await;
    fixture.lease(1, 1, "w1").await;
    // SQLite's own limit: it fails where a full disk would, with the same code.
    pragma(&fixture, "PRAGMA max_page_count = 1");
    let error = refused(&mut fixture);
    assert!(matches!(error, DatabaseError::DiskFull(_)), "{error}");
    assert!(
        error
            .to_string()
            .contains("nothing that was acknowledged is lost")
    );
    pragma(&fixture, "PRAGMA max_page_count = 1000000");
    goes_on(&mut fixture).await;
}

#[tokio::test]
async fn a_database_that_another_program_locks_is_told_of_and_nothing_is_half_written() {
    let mut fixture = Fixture::new().await;
    fixture.lease(1, 1, "w1").await;
    pragma(&fixture, "PRAGMA busy_timeout = 20");
    let mut other = foreign(&fixture.path()).await;
    let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let error = refused(&mut fixture);
    assert!(matches!(error, DatabaseError::Locked(_)), "{error}");
    // Readers never wait.
    let mut reader = fixture.reader().await;
    assert_eq!(reader.sweeps().await.unwrap().len(), 1);
    held.rollback().await.unwrap();
    goes_on(&mut fixture).await;
}

#[tokio::test]
async fn a_lock_that_is_let_go_in_time_only_delays() {
    let mut fixture = Fixture::new().await;
    fixture.lease(1, 1, "w1").await;
    let mut other = rusqlite::Connection::open(fixture.path()).unwrap();
    let (locked, wait) = mpsc::channel();
    let (_never, released) = mpsc::channel::<()>();
    let holder = thread::spawn(move || {
        let held = other.transaction_with_behavior(TransactionBehavior::Immediate);
        locked.send(()).unwrap();
        assert!(released.recv_timeout(Duration::from_millis(100)).is_err());
        held.unwrap().rollback().unwrap();
    });
    wait.recv().unwrap();
    fixture.store.commit(&large_batch()).unwrap();
    holder.join().unwrap();
}

#[tokio::test]
async fn a_file_that_became_read_only_is_told_of_and_nothing_is_half_written() {
    let mut fixture = Fixture::new().await;
    fixture.lease(1, 1, "w1").await;
    pragma(&fixture, "PRAGMA query_only = ON");
    let error = refused(&mut fixture);
    assert!(matches!(error, DatabaseError::ReadOnly(_)), "{error}");
    pragma(&fixture, "PRAGMA query_only = OFF");
    goes_on(&mut fixture).await;
}

#[tokio::test]
async fn a_truncated_file_is_refused_with_the_reason() {
    let fixture = Fixture::new().await;
    let path = fixture.path();
    fixture.store.close().await.unwrap();
    let whole = fs::read(&path).unwrap();
    let size = whole.len();
    for length in [
        4_096,
        size / 2,
        size - 4_097,
        size - 4_096,
        size - 4_000,
        size - 1,
    ] {
        fs::write(&path, &whole[..length]).unwrap();
        let error = Store::open(&path).await.unwrap_err().to_string();
        assert!(
            error.contains("damaged") && error.contains("hint: "),
            "{length}: {error}"
        );
        let error = Reader::open(&path).await.unwrap_err().to_string();
        assert!(
            error.contains("damaged") && error.contains("hint: "),
            "{length}: {error}"
        );
    }
    fs::write(&path, &whole).unwrap();
    Store::open(&path).await.unwrap();
}

/// Files of a coordinator that was killed: results in the database, and some only in its log.
async fn files_with_results() -> (Vec<u8>, Vec<u8>) {
    let mut fixture = Fixture::new().await;
    fixture.succeed(1, 0.9, 3.0).await;
    pragma(&fixture, "PRAGMA wal_checkpoint(TRUNCATE)");
    fixture.succeed(2, 0.8, 4.0).await;
    fixture.lease(3, 1, "w2").await;
    let mut log = fixture.path().into_os_string();
    log.push("-wal");
    (fs::read(fixture.path()).unwrap(), fs::read(log).unwrap())
}

/// Overwrites, flips or cuts off some of the bytes.
fn damage(bytes: &mut Vec<u8>, random: &mut SplitMix64) {
    let place = random.below(bytes.len());
    match random.below(3) {
        0 => bytes.truncate(place),
        1 => bytes[place] ^= 1 << random.below(8),
        _ => {
            let end = bytes.len().min(place + 1 + random.below(5_000));
            bytes[place..end].fill_with(|| random.below(256) as u8);
        }
    }
}

/// Everything a coordinator and a reader do with a file, as far as it goes.
async fn use_all_of(path: &Path) -> Result<(), String> {
    let text = |error: &dyn std::error::Error| error.to_string();
    let mut store = Store::open(path).await.map_err(|error| text(&error))?;
    let restored = store.restore().await.map_err(|error| text(&error))?;
    let batch = Batch {
        at_ms: NOW_MS,
        ..batch(vec![leased(4, 1, "w1")])
    };
    store.commit(&batch).map_err(|error| text(&error))?;
    let mut reader = Reader::open(path).await.map_err(|error| text(&error))?;
    for sweep in restored.sweeps {
        let sweep_id = sweep.spec.id();
        let read = async {
            for view in ["trial_result", "cell_result", "difficulty_result"] {
                let mut rows = reader.query(&format!("SELECT * FROM {view}"), None).await?;
                while rows.next().await?.is_some() {}
            }
            reader.completeness(sweep_id).await?;
            reader
                .measurements(sweep_id, &[built_in::ACCURACY_INTERPOLATION])
                .await?;
            reader.digest(sweep_id).await?;
            reader.trial("1").await?;
            reader.damage().await
        };
        let found = read.await.map_err(|error| text(&error))?;
        if !found.is_empty() {
            // What the check of the file finds is told as it is.
            return Err(format!("hint: {}", found.join(", ")));
        }
    }
    Ok(())
}

#[tokio::test]
async fn no_damage_to_the_files_is_a_panic() {
    let (database, log) = files_with_results().await;
    let (mut refused, mut harmless) = (0, 0);
    for seed in 0..SEEDS {
        let mut random = SplitMix64::new(seed);
        let (mut database, mut log) = (database.clone(), log.clone());
        let which = if random.below(3) == 0 {
            &mut log
        } else {
            &mut database
        };
        damage(which, &mut random);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.db");
        fs::write(&path, database).unwrap();
        fs::write(folder.path().join("results.db-wal"), log).unwrap();
        println!("seed {seed}");
        match use_all_of(&path).await {
            Ok(()) => harmless += 1,
            Err(error) => {
                refused += 1;
                assert!(error.contains("hint: "), "seed {seed}: {error}");
            }
        }
    }
    println!("{refused} refused, {harmless} harmless");
    assert!(refused > 50, "{refused} refused, {harmless} harmless");
}
