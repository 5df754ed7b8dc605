//! What is on the disk when a coordinator has answered, and what it does when the disk fails it.

use std::{fs, os::unix::fs::MetadataExt as _, time::Duration};

use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};

use crate::harness::{Peer, Sandbox, Serve, TINY};

const OBSERVATIONS: &str = "select count(*) from observation";

/// A database with the tiny sweep, without a coordinator yet.
fn submitted() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    sandbox.submit("tiny.toml");
    sandbox
}

/// Copies the database as it is on the disk, with its log, while a coordinator runs.
fn copy(from: &Sandbox) -> Sandbox {
    let to = Sandbox::new();
    for name in ["results.db", "results.db-wal"] {
        fs::copy(from.path(name), to.path(name)).expect("the coordinator has both files");
    }
    to
}

/// With `synchronous = FULL` a commit is in the log before it is answered: the files need neither
/// the process that wrote them nor its shared memory.
#[tokio::test]
async fn what_is_acknowledged_is_in_the_files_at_that_moment() {
    let sandbox = submitted();
    let serve = Serve::start(&sandbox);
    let mut peer = Peer::register(&serve.url, "w").await;
    let mut copies = Vec::new();
    for done in 1..=4 {
        let token = peer.acquire().await;
        peer.report(token, 1..4).await.unwrap();
        let reported = copy(&sandbox);
        peer.finish(token, 4).await.unwrap();
        copies.push((done, reported, copy(&sandbox)));
    }
    serve.kill();
    for (done, reported, finished) in copies {
        let results = "select count(*) from trial_result where outcome = 'succeeded'";
        let leased = "select count(*) from trial where state = 'leased'";
        assert_eq!(reported.count(results), done - 1);
        assert_eq!(reported.count(leased), 1);
        assert_eq!(reported.count(OBSERVATIONS), 4 * (done - 1) + 3);
        assert_eq!(finished.count(results), done);
        assert_eq!(finished.count(OBSERVATIONS), 4 * done);
        let whole = finished.query("pragma integrity_check");
        assert_eq!(whole[0]["integrity_check"], "ok");
        assert_eq!(
            finished.query("pragma foreign_key_check"),
            serde_json::json!([])
        );
    }
}

#[tokio::test]
async fn a_disk_that_fails_ends_the_coordinator_with_the_reason_and_loses_nothing() {
    let sandbox = Sandbox::new();
    let endless = TINY.replace("updates = 40", "updates = 100000000");
    sandbox.write("tiny.toml", endless);
    sandbox.submit("tiny.toml");
    // A megabyte for each file: the log reaches it after some dozens of commits.
    let serve = Serve::start_on_small_disk(&sandbox, 2_048);
    let mut peer = Peer::register(&serve.url, "w").await;
    let token = peer.acquire().await;
    let mut acknowledged = 0;
    while peer
        .report(token, acknowledged..acknowledged + 1_000)
        .await
        .is_ok()
    {
        acknowledged += 1_000;
        assert!(acknowledged < 1_000_000, "the disk never fails");
    }
    assert!(acknowledged > 0, "it fails too soon");

    let ended = serve.ended();

    assert_eq!(ended.code, 1, "{}", ended.stderr);
    let told = &ended.stderr;
    assert!(
        told.contains("the disk failed") && told.contains("hint: "),
        "{told}"
    );
    assert_eq!(told.matches("the disk failed").count(), 1, "{told}");
    // With room again, the same database goes on, and the same worker with the same lease.
    let serve = Serve::start(&sandbox);
    assert_eq!(sandbox.count(OBSERVATIONS), acknowledged);
    let mut peer = Peer::register(&serve.url, "w").await;
    peer.finish(token, acknowledged).await.unwrap();
    assert_eq!(serve.stop(), 0);
    assert_eq!(sandbox.count(OBSERVATIONS), acknowledged + 1);
    assert_eq!(sandbox.count("select count(*) from attempt"), 1);
}

#[tokio::test]
async fn a_database_locked_by_another_program_ends_the_coordinator_with_the_reason() {
    let sandbox = submitted();
    let serve = Serve::start(&sandbox);
    let mut peer = Peer::register(&serve.url, "w").await;
    let token = peer.acquire().await;
    let options = SqliteConnectOptions::new().filename(sandbox.path("results.db"));
    let mut other = options.connect().await.unwrap();

    // For a moment: the coordinator waits.
    let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let release = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        held.rollback().await.unwrap();
    };
    let (reported, ()) = tokio::join!(peer.report(token, 1..2), release);
    reported.unwrap();

    // For good: it says so and leaves.
    let held = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    peer.report(token, 2..3)
        .await
        .expect_err("not acknowledged");
    let ended = serve.ended();
    assert_eq!(ended.code, 75, "{}", ended.stderr);
    let told = &ended.stderr;
    assert!(
        told.contains("another program holds the database locked"),
        "{told}"
    );
    assert!(told.contains("hint: close it"), "{told}");
    held.rollback().await.unwrap();
    assert_eq!(sandbox.count(OBSERVATIONS), 1);
}

#[test]
fn a_damaged_database_is_refused_by_every_command_with_the_reason() {
    let sandbox = submitted();
    let path = sandbox.path("results.db");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    for command in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["run", "tiny.toml"],
        &["submit", "tiny.toml", "--db", "results.db"],
        &["ls"],
        &["status"],
        &["query", "select 1"],
        &["export", "--format", "csv"],
        &["report"],
    ] {
        let refused = sandbox.run(command);
        assert_eq!(refused.code, 1, "{command:?}: {}", refused.stderr);
        let told = &refused.stderr;
        assert!(
            told.contains("damaged") && told.contains("hint: "),
            "{command:?}: {told}"
        );
        assert!(!told.contains("panicked"), "{told}");
    }
    assert_eq!(
        fs::read(&path).unwrap().len(),
        whole.len() / 2,
        "nothing was changed"
    );
}

/// Without it, who closes the database takes itself for the last that had it open, and removes the
/// log (SQLite before 3.51). The coordinator would then write into a file without a name.
#[test]
fn a_running_coordinator_holds_its_lock_on_the_database() {
    let sandbox = submitted();
    let _serve = Serve::start(&sandbox);
    let inode = fs::metadata(sandbox.path("results.db")).unwrap().ino();
    let locks = fs::read_to_string("/proc/locks").unwrap();
    let on_database = format!(":{inode} ");
    let mut held = locks.lines().filter(|lock| lock.contains("POSIX"));
    assert!(held.any(|lock| lock.contains(&on_database)), "{locks}");
}
