//! Databases as files: that one of them is everything after a clean end, that only one process
//! writes it, and what happens when it is taken away, cut, copied or has no room.

use std::{fs, io::Write as _, os::unix::fs::symlink, path::Path, process::Command};

use rustix::process::Signal;

use crate::harness::{Peer, Sandbox, Serve, TINY, program, skip, wait_until};

const TRIALS: &str = "select count(*) from trial";
const OBSERVATIONS: &str = "select count(*) from observation";
const TOKENS: &str = "select count(*) from token";

/// A database with the tiny sweep, without a coordinator yet.
fn submitted() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    sandbox.submit("tiny.toml");
    sandbox
}

/// The number that a query finds in the database file alone.
fn count_in_copy(sandbox: &Sandbox, sql: &str) -> u64 {
    let copy = Sandbox::new();
    fs::copy(sandbox.path("results.db"), copy.path("results.db")).unwrap();
    copy.count(sql)
}

/// A database file that is everything: no other file with content goes with it.
#[track_caller]
fn assert_complete(sandbox: &Sandbox, sql: &str, expected: u64) {
    let log = fs::metadata(sandbox.path("results.db-wal"));
    assert!(log.map_or(0, |log| log.len()) == 0, "the log has content");
    assert_eq!(count_in_copy(sandbox, sql), expected);
}

#[test]
fn a_clean_end_of_any_command_that_writes_leaves_one_complete_file() {
    let sandbox = submitted();
    assert_complete(&sandbox, TRIALS, 8);
    let mut tokens = 0;
    for _ in 0..5 {
        tokens += 1;
        sandbox
            .run(&["token", "new", "--role", "worker"])
            .assert_code(0);
        assert!(!sandbox.has("results.db-wal"), "no process has it open");
        assert_complete(&sandbox, TOKENS, tokens);
        let serve = Serve::start(&sandbox);
        // Also with somebody who looks on.
        sandbox.run(&["status"]).assert_code(0);
        assert_eq!(serve.stop(), 0);
        assert_complete(&sandbox, TOKENS, tokens);
    }
    let pause = "select count(*) from sweep where state = 'paused'";
    sandbox.run(&["pause", "--db", "results.db"]).assert_code(0);
    assert_complete(&sandbox, pause, 1);
    // What fails leaves it complete, too.
    sandbox
        .run(&["pause", "nothing", "--db", "results.db"])
        .assert_code(5);
    assert_complete(&sandbox, pause, 1);
    sandbox
        .run(&["resume", "--db", "results.db"])
        .assert_code(0);
    sandbox.run(&["run", "tiny.toml"]).assert_code(0);
    assert_complete(&sandbox, "select count(*) from trial_result", 8);
}

#[tokio::test]
async fn an_idle_coordinator_leaves_everything_in_the_file() {
    let sandbox = submitted();
    let serve = Serve::start(&sandbox);
    let mut peer = Peer::register(&serve.url, "w").await;
    let token = peer.acquire().await;
    peer.report(token, 0..20).await.unwrap();
    wait_until("the log is carried over", || {
        count_in_copy(&sandbox, OBSERVATIONS) == 20
    });
    // It goes on after that; the lease may have lapsed meanwhile.
    let token = peer.acquire().await;
    peer.report(token, 20..40).await.unwrap();
    assert_eq!(sandbox.count(OBSERVATIONS), 40);
    assert_eq!(serve.stop(), 0);
    assert_complete(&sandbox, OBSERVATIONS, 40);
}

#[test]
fn no_other_name_of_a_file_gets_round_its_lock() {
    let sandbox = submitted();
    let serve = Serve::start(&sandbox);
    let served = sandbox.path("results.db");
    fs::hard_link(&served, sandbox.path("hard.db")).unwrap();
    symlink(&served, sandbox.path("soft.db")).unwrap();
    let mut names = vec!["hard.db", "soft.db", "results.db"];
    sandbox.write("bound.db", "");
    let bound = Mounted::bind(&served, &sandbox.path("bound.db"));
    if bound.is_some() {
        names.push("bound.db");
    }
    for name in names {
        let refused = sandbox.run(&["serve", "--listen", "127.0.0.1:0", "--db", name]);
        refused.assert_code(75).assert_told("in use by another");
        sandbox
            .run(&["submit", "tiny.toml", "--db", name])
            .assert_code(75);
    }
    assert_eq!(serve.stop(), 0);
}

#[tokio::test]
async fn a_file_that_is_taken_away_while_it_is_served_ends_the_coordinator() {
    type Take = fn(&Sandbox);
    let cases: [(&str, Take); 7] = [
        ("results.db is gone", |sandbox| {
            fs::remove_file(sandbox.path("results.db")).unwrap();
        }),
        ("results.db is gone", |sandbox| {
            fs::rename(sandbox.path("results.db"), sandbox.path("moved.db")).unwrap();
        }),
        ("results.db was replaced", |sandbox| {
            fs::copy(sandbox.path("results.db"), sandbox.path("other.db")).unwrap();
            fs::rename(sandbox.path("other.db"), sandbox.path("results.db")).unwrap();
        }),
        ("results.db-wal is gone", |sandbox| {
            fs::remove_file(sandbox.path("results.db-wal")).unwrap();
        }),
        ("results.db-shm is gone", |sandbox| {
            fs::remove_file(sandbox.path("results.db-shm")).unwrap();
        }),
        ("results.db was cut", |sandbox| {
            let database = fs::OpenOptions::new()
                .write(true)
                .open(sandbox.path("results.db"));
            database.unwrap().set_len(8_192).unwrap();
        }),
        ("results.db-wal was cut", |sandbox| {
            let log = fs::OpenOptions::new()
                .write(true)
                .open(sandbox.path("results.db-wal"));
            log.unwrap().set_len(0).unwrap();
        }),
    ];
    for (told, take_away) in cases {
        let sandbox = submitted();
        let serve = Serve::start(&sandbox);
        let mut peer = Peer::register(&serve.url, "w").await;
        let token = peer.acquire().await;
        peer.report(token, 0..10).await.unwrap();
        take_away(&sandbox);
        // Whether it was noticed by looking or by committing: nothing more is acknowledged.
        while peer.report(token, 10..20).await.is_ok() {
            // There was nothing in the log that had not been carried over.
            assert_eq!(told, "results.db-wal was cut");
            take_away(&sandbox);
        }
        let ended = serve.ended();
        ended.assert_code(1).assert_told(told).assert_told("hint: ");
        if told == "results.db-wal is gone" {
            assert_complete(&sandbox, OBSERVATIONS, 10);
        }
        if sandbox.has("moved.db") {
            fs::rename(sandbox.path("moved.db"), sandbox.path("results.db")).unwrap();
            assert_eq!(sandbox.count(OBSERVATIONS), 10);
        }
    }
}

#[tokio::test]
async fn a_backup_is_of_one_moment_complete_and_harms_nothing() {
    let sandbox = submitted();
    let serve = Serve::start(&sandbox);
    let mut peer = Peer::register(&serve.url, "w").await;
    let token = peer.acquire().await;
    peer.report(token, 0..20).await.unwrap();

    sandbox
        .run(&["backup", "results.db", "copy.db"])
        .assert_code(0);
    let count = |sql: &str| {
        let counted = sandbox.run(&["query", "--db", "copy.db", "--output", "csv", sql]);
        counted.assert_code(0);
        counted.stdout.lines().nth(1).unwrap().to_owned()
    };
    assert_eq!(count(OBSERVATIONS), "20");
    assert_eq!(count("pragma integrity_check"), "ok");

    // Not over something, unless that is said; never over what is served.
    let before = fs::read(sandbox.path("copy.db")).unwrap();
    sandbox
        .run(&["backup", "results.db", "copy.db"])
        .assert_code(1)
        .assert_told("is there already");
    assert_eq!(fs::read(sandbox.path("copy.db")).unwrap(), before);
    peer.report(token, 20..40).await.unwrap();
    sandbox
        .run(&["backup", "results.db", "copy.db", "--force"])
        .assert_code(0);
    assert_eq!(count(OBSERVATIONS), "40");
    sandbox
        .run(&["backup", "copy.db", "results.db", "--force"])
        .assert_code(75)
        .assert_told("is served");
    sandbox
        .run(&["backup", "nothing.db", "copy.db", "--force"])
        .assert_code(5);
    sandbox
        .run(&["backup", "results.db", "nowhere/copy.db"])
        .assert_told("no directory");

    // A killed coordinator's log is in the copy, too, and a copy can be served.
    serve.kill();
    sandbox
        .run(&["backup", "results.db", "after.db"])
        .assert_code(0);
    sandbox.run(&["pause", "--db", "after.db"]).assert_code(0);
    let left: Vec<_> = fs::read_dir(sandbox.path("."))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(".pondersweep-"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}

#[test]
fn a_database_on_a_medium_that_cannot_be_written_can_be_read_and_copied() {
    let sandbox = submitted();
    fs::create_dir(sandbox.path("medium")).unwrap();
    let medium = sandbox.path("medium");
    let Some(_mounted) = Mounted::memory(&medium, "size=4m") else {
        return;
    };
    fs::copy(sandbox.path("results.db"), medium.join("results.db")).unwrap();
    mount(&["-o", "remount,ro"], &medium).unwrap();
    sandbox
        .run(&["backup", "medium/results.db", "copy.db"])
        .assert_code(0);
    sandbox
        .run(&["query", "--db", "copy.db", TRIALS])
        .assert_code(0)
        .assert_printed("8");
    sandbox
        .run(&["backup", "results.db", "medium/copy.db"])
        .assert_told("hint: ");
}

/// A real full disk: a file system in memory of a few hundred kilobytes.
#[test]
fn a_full_disk_is_said_with_its_code_and_leaves_nothing_by_halves() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    fs::create_dir(sandbox.path("small")).unwrap();
    let Some(_mounted) = Mounted::memory(&sandbox.path("small"), "size=300k") else {
        return;
    };
    let full = sandbox.run(&["run", "tiny.toml", "--db", "small/results.db"]);
    full.assert_code(75).assert_told("the disk is full");
    assert!(!full.stderr.contains("panicked"), "{}", full.stderr);
    let elsewhere = sandbox.run(&["run", "tiny.toml"]);
    elsewhere.assert_code(0);
    fs::remove_file(sandbox.path("small/results.db")).unwrap();
    for name in ["-wal", "-shm", "-journal"] {
        let _ = fs::remove_file(sandbox.path(&format!("small/results.db{name}")));
    }
    let out = ["report", "--out", "small/report"];
    sandbox.run(&out).assert_code(75);
    let left = fs::read_dir(sandbox.path("small/report")).unwrap().count();
    assert_eq!(left, 0, "no page by halves");
    let mut filler = fs::File::create(sandbox.path("small/filler")).unwrap();
    while filler.write_all(&[0; 4_096]).is_ok() {}
    sandbox
        .run(&["submit", "tiny.toml", "--db", "small/results.db"])
        .assert_code(75)
        .assert_told("full");
    for format in ["csv", "jsonl", "parquet"] {
        let export = ["export", "--rows", "observations", "--format", format];
        let export = [&export[..], &["--out", "small/rows"]].concat();
        sandbox.run(&export).assert_code(75);
        assert!(!sandbox.has("small/rows"));
    }
    sandbox
        .run(&["backup", "results.db", "small/copy.db"])
        .assert_code(75)
        .assert_told("full");
    assert!(!sandbox.has("small/copy.db"));
}

#[test]
fn a_run_that_was_killed_goes_on_at_once_and_makes_progress_however_often() {
    let sandbox = Sandbox::new();
    let slower = TINY.replace("updates = 40", "updates = 1500");
    sandbox.write("tiny.toml", slower);
    let leases = "select count(*) from attempt";
    let succeeded = "select count(*) from trial where state = 'succeeded'";
    // As many workers as trials: whatever a run leases, the one before held.
    for _ in 0..3 {
        let before = sandbox.count(leases);
        let running = sandbox.start(&["run", "tiny.toml", "--workers", "8"]);
        wait_until("a trial runs", || sandbox.count(leases) > before);
        running.signal(Signal::KILL);
        drop(running);
    }
    sandbox.run(&["run", "tiny.toml"]).assert_code(0);
    assert_eq!(sandbox.count(succeeded), 8);
    let lapsed = "select count(*) from attempt where ending = 'lapsed'";
    assert_eq!(sandbox.count(lapsed), 0, "no lease had to lapse");
    let blamed = "select count(*) from trial where worker_losses > 0";
    assert_eq!(sandbox.count(blamed), 0);
    // What lost attempts observed is in no export.
    let exported = sandbox.run(&["export", "--rows", "observations"]);
    let rows = exported.stdout.lines().count() as u64 - 1;
    let distinct = "select count(*) from (select distinct trial_id, step, metric from observation)";
    assert_eq!(rows, sandbox.count(distinct));
}

/// A mount that ends with the value.
struct Mounted(std::path::PathBuf);

impl Mounted {
    fn memory(folder: &Path, options: &str) -> Option<Self> {
        Self::new(&["-t", "tmpfs", "-o", options, "tmpfs"], folder)
    }

    fn bind(from: &Path, to: &Path) -> Option<Self> {
        Self::new(&["--bind", from.to_str().unwrap()], to)
    }

    /// None, with a word about it, where nothing may be mounted.
    fn new(arguments: &[&str], place: &Path) -> Option<Self> {
        match mount(arguments, place) {
            Ok(()) => Some(Self(place.to_owned())),
            Err(reason) => {
                skip("mount", &reason);
                None
            }
        }
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(arguments: &[&str], place: &Path) -> Result<(), String> {
    let tool = program("mount").ok_or("mount is not installed")?;
    let output = Command::new(tool).args(arguments).arg(place).output();
    let output = output.map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
}
