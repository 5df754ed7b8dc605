//! Different machines, one truth: who works where is listed, what a sweep waits for is said, and a
//! table that two kinds of machines made says so.

use pondersweep_proto::wire;
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Peer, Running, Sandbox, Serve, TINY, wait_until};

/// A sweep that does not finish by accident.
fn endless() -> String {
    TINY.replace("updates = 40", "updates = 10000000")
}

fn explain(sandbox: &Sandbox, name: &str) -> String {
    let explained = sandbox.run(&["explain", name]);
    assert_eq!(explained.code, 0, "{}", explained.stderr);
    explained.stdout
}

/// Looks until `explain` says it.
fn wait_until_explained(sandbox: &Sandbox, name: &str, expected: &str) {
    let mut said = String::new();
    wait_until(expected, || {
        said = explain(sandbox, name);
        said.contains(expected)
    });
}

/// The workers, in JSON.
fn workers(sandbox: &Sandbox, more: &[&str]) -> Vec<Value> {
    let arguments = [&["status", "--workers", "--output", "json"], more].concat();
    let listed = sandbox.run(&arguments);
    assert_eq!(listed.code, 0, "{}", listed.stderr);
    serde_json::from_str(&listed.stdout).expect("a list")
}

fn worker(sandbox: &Sandbox, url: &str, more: &[&str]) -> Running {
    let arguments = ["worker", "--coordinator", url, "--slots", "1"];
    sandbox.start(&[&arguments, more].concat())
}

fn one_that(standing: &'static str) -> impl Fn(&Value) -> bool {
    move |worker| worker["standing"] == standing
}

#[test]
fn every_worker_is_listed_with_its_machine_and_what_it_did() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let serve = Serve::start(&sandbox);
    assert_eq!(workers(&sandbox, &[]), Vec::<Value>::new());
    serve.submit(&sandbox, "tiny.toml");
    let ended = worker(&sandbox, &serve.url, &["--exit-when-idle"]).finish();
    assert_eq!(ended.code, 0, "{}", ended.stderr);

    // From the database and from the coordinator alike. One that left is listed when asked for.
    assert_eq!(workers(&sandbox, &[]), Vec::<Value>::new());
    let all = workers(&sandbox, &["--all"]);
    assert_eq!(
        all,
        workers(&sandbox, &["--all", "--coordinator", &serve.url])
    );
    let [one] = all.as_slice() else {
        panic!("one worker: {all:?}")
    };
    assert_eq!(
        (&one["standing"], &one["device"]),
        (&"left".into(), &"cpu".into())
    );
    assert_eq!(
        (&one["done"], &one["failed"], &one["holds"]),
        (&8.into(), &0.into(), &0.into())
    );
    let instructions = one["instructions"].as_str().expect("a text");
    assert!(
        ["avx512", "avx2", "portable"].contains(&instructions),
        "{one}"
    );
    assert_ne!(one["cpu"], "");
    assert_eq!(one["binary_sha256"].as_str().map(str::len), Some(64));
    let table = sandbox.run(&["status", "--workers", "--all"]);
    assert!(table.stdout.contains("last_heard_at"), "{}", table.stdout);
    assert!(!table.stdout.contains("binary_sha256"), "{}", table.stdout);

    let trial = explain(&sandbox, "1");
    let host = one["host"].as_str().expect("a text");
    assert!(
        trial.contains(&format!("({host}, cpu, {instructions}, ")),
        "{trial}"
    );
    assert!(explain(&sandbox, "last").contains("why: every trial has ended"));
}

#[test]
fn each_reason_to_wait_is_told() {
    let sandbox = Sandbox::new();
    sandbox.write("first.toml", endless());
    sandbox.write("second.toml", endless().replace("\"tiny\"", "\"second\""));
    let asking = endless().replace("\"tiny\"", "\"asking\"\ndevice = \"cuda\"");
    sandbox.write("asking.toml", asking);
    let serve = Serve::start(&sandbox);
    let url = serve.url.clone();
    for file in ["first.toml", "second.toml", "asking.toml"] {
        serve.submit(&sandbox, file);
    }

    assert!(explain(&sandbox, "tiny").contains("no worker has ever connected"));
    assert!(explain(&sandbox, "1").contains("it has never run"));
    let long = worker(&sandbox, &url, &["--grace", "3"]);
    wait_until_explained(
        &sandbox,
        "tiny",
        "all 1 slots of 1 connected workers are taken",
    );
    let first = sandbox.run(&[
        "query",
        "--output",
        "csv",
        "select sweep_id from sweep where name = 'tiny'",
    ]);
    let first = first.stdout.lines().nth(1).expect("an id").to_owned();
    let busy = format!("busy with older sweeps, which come first: {first} (tiny)");
    wait_until_explained(&sandbox, "second", &busy);
    let wanted = "no connected worker has the device cuda that the sweep asks for; there are cpu";
    wait_until_explained(&sandbox, "asking", wanted);

    let paused = sandbox.run(&["pause", "second", "--coordinator", &url]);
    assert_eq!(paused.code, 0, "{}", paused.stderr);
    assert!(explain(&sandbox, "second").contains("8 trials are pending until `pondersweep resume"));
    assert!(explain(&sandbox, "9").contains("it waits until its sweep is resumed"));

    // Killed, it is missed; told to leave, it is known to have left.
    long.signal(Signal::KILL);
    wait_until("it is missed", || {
        workers(&sandbox, &[]).iter().any(one_that("silent"))
    });
    assert!(explain(&sandbox, "tiny").contains("no worker is connected: 1 fell silent, 0 left"));
    let other = worker(&sandbox, &url, &["--sweep", &first]);
    wait_until("it holds a trial", || {
        workers(&sandbox, &[])
            .iter()
            .any(|worker| worker["holds"] == 1)
    });
    other.signal(Signal::TERM);
    assert_eq!(other.finish().code, 0);
    assert!(workers(&sandbox, &["--all"]).iter().any(one_that("left")));

    assert_eq!(serve.stop(), 0);
    wait_until_explained(&sandbox, "tiny", "no coordinator serves this database");
}

#[tokio::test]
async fn workers_that_are_all_about_to_leave_are_told_of() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let serve = Serve::start(&sandbox);
    serve.submit(&sandbox, "tiny.toml");
    let mut peer = Peer::register(&serve.url, "peer").await;
    peer.acquire().await;
    let draining = wire::RenewRequest {
        worker_id: "peer".into(),
        leases: Vec::new(),
        draining: true,
    };
    peer.leases.renew(draining).await.expect("an answer");
    let said = explain(&sandbox, "last");
    assert!(
        said.contains("all 1 connected workers are draining"),
        "{said}"
    );
}

#[tokio::test]
async fn a_table_that_two_machines_made_says_so_and_names_what_differs() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let serve = Serve::start(&sandbox);
    serve.submit(&sandbox, "tiny.toml");
    for (name, instructions, binary) in [("old", "avx2", "aa"), ("new", "avx512", "bb")] {
        let mut peer = Peer::register_as(
            &serve.url,
            wire::WorkerInfo {
                worker_id: name.into(),
                device: "cpu".into(),
                backend: "flex".into(),
                version: "0.0.0".into(),
                instructions: instructions.into(),
                binary_sha256: binary.repeat(32),
                slots: 1,
                ..wire::WorkerInfo::default()
            },
        )
        .await;
        let token = peer.acquire().await;
        peer.finish(token, 40).await.expect("accepted");
        let late = peer.report(token, 0..1).await.expect_err("it has ended");
        assert_eq!(late.code(), tonic::Code::FailedPrecondition);
    }

    let report = sandbox.run(&["report"]);
    assert!(
        report
            .stdout
            .contains("MIXED BINARIES: the results come from 2 builds"),
        "{report:?}"
    );
    assert!(
        report
            .stdout
            .contains("MIXED DEVICES: the results come from 2 devices"),
        "{report:?}"
    );
    let said = explain(&sandbox, "1");
    assert!(
        said.contains("cpu, avx2, version 0.0.0, binary aaaaaaaaaaaa"),
        "{said}"
    );
    assert!(
        said.contains("report of attempt 1 by old, which was no longer its lease"),
        "{said}"
    );
}
