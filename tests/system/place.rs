//! Which database or coordinator a command uses: flags before the environment, and one default place for
//! all of them.

use crate::harness::{Finished, Sandbox, Serve, TINY};

/// A coordinator with one sweep called `served`, and a database in the same folder with one called `tiny`.
fn two_places() -> (Sandbox, Serve) {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    sandbox.write("served.toml", TINY.replace("\"tiny\"", "\"served\""));
    sandbox.submit("tiny.toml");
    let serve = Serve::start_with(&sandbox, "127.0.0.1:0", &["--db", "served.db"]);
    serve.submit(&sandbox, "served.toml");
    (sandbox, serve)
}

fn run_with(sandbox: &Sandbox, variables: &[(&str, &str)], arguments: &[&str]) -> Finished {
    let mut command = sandbox.command(arguments);
    command.envs(variables.iter().copied());
    Finished::from(command.output().expect("the program starts"))
}

#[test]
fn a_flag_beats_the_environment_in_every_command() {
    let (sandbox, serve) = two_places();
    let coordinator = ("PONDERSWEEP_COORDINATOR", &*serve.url);
    let database = ("PONDERSWEEP_DB", "results.db");
    let environments = [&[coordinator][..], &[database], &[coordinator, database]];
    for variables in environments {
        for (flag, value, expected) in [
            ("--db", "results.db", "tiny"),
            ("--coordinator", &*serve.url, "served"),
        ] {
            for command in ["ls", "status"] {
                let shown = run_with(&sandbox, variables, &[command, flag, value]);
                shown
                    .assert_code(0)
                    .assert_printed(&format!(" {expected} "));
            }
            for command in ["pause", "resume"] {
                let changed = run_with(&sandbox, variables, &[command, flag, value]);
                changed.assert_code(0).assert_told(&format!(" {expected} "));
                changed.assert_told(&format!("; at {value}"));
            }
            let waited = ["wait", "--timeout", "1", flag, value];
            run_with(&sandbox, variables, &waited).assert_code(124);
        }
    }
    // The environment alone, and the coordinator before the database.
    let asked = run_with(&sandbox, &[coordinator, database], &["ls"]);
    asked.assert_code(0).assert_printed(" served ");
    asked.assert_told("PONDERSWEEP_COORDINATOR");
    let read = run_with(&sandbox, &[database], &["ls"]);
    read.assert_code(0).assert_printed(" tiny ");
}

#[test]
fn two_flags_that_contradict_are_a_usage_error_that_names_both() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let both = ["--db", "results.db", "--coordinator", "http://127.0.0.1:1"];
    for command in [
        &["ls"][..],
        &["status"],
        &["watch"],
        &["wait"],
        &["pause"],
        &["resume"],
        &["cancel", "--yes"],
        &["retry"],
        &["allocate", "--until-ci", "0.1"],
        &["submit", "tiny.toml"],
        &["report"],
        &["query", "select 1"],
        &["explain"],
        &["export"],
        &["trial", "show", "1"],
        &["trial", "replay", "1"],
        &["audit"],
    ] {
        let refused = sandbox.run(&[command, &both].concat());
        refused
            .assert_code(2)
            .assert_told("--db")
            .assert_told("--coordinator");
    }
}

#[test]
fn every_command_looks_at_the_database_in_this_folder_and_makes_none_unasked() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    for command in [
        &["pause"][..],
        &["cancel", "--yes"],
        &["retry"],
        &["submit", "tiny.toml"],
        &["pause", "--db", "results.db"],
    ] {
        let refused = sandbox.run(command);
        refused
            .assert_code(5)
            .assert_told("no database at ")
            .assert_told("--coordinator");
        assert!(!sandbox.has("results.db"), "{command:?} made a database");
    }
    sandbox.submit("tiny.toml");
    let paused = sandbox.run(&["pause"]);
    paused.assert_code(0).assert_told("; at results.db");
    let again = sandbox.run(&["submit", "tiny.toml"]);
    again.assert_code(0).assert_told("results.db");
    sandbox
        .run(&["status"])
        .assert_code(0)
        .assert_printed("paused");
}

#[test]
fn a_database_that_is_served_is_changed_through_its_own_coordinator_only() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let serve = Serve::start(&sandbox);
    let other = Sandbox::new();
    let elsewhere = Serve::start(&other);
    serve.submit(&sandbox, "tiny.toml");
    let pause = ["pause", "--db", "results.db"];
    let at = |url: &str| run_with(&sandbox, &[("PONDERSWEEP_COORDINATOR", url)], &pause);
    let refused = at(&elsewhere.url);
    refused
        .assert_code(75)
        .assert_told("results.db is in use by another coordinator");
    refused.assert_told("hint: ");
    at(&serve.url).assert_code(0).assert_told(&serve.url);
    sandbox.run(&["status"]).assert_printed("paused");
}

/// Commands that read all of a database.
const READING: [&[&str]; 9] = [
    &["report"],
    &["report", "--format", "json"],
    &["report", "--best"],
    &[
        "query",
        "select count(*) as n, min(accuracy_interpolation) from trial_result",
    ],
    &["explain"],
    &["explain", "1"],
    &["export", "--rows", "observations"],
    &["export", "--format", "jsonl"],
    &["trial", "show", "1"],
];

#[test]
fn what_reads_a_database_reads_the_same_of_its_coordinator_and_leaves_no_copy() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    sandbox.run(&["run", "tiny.toml"]).assert_code(0);
    let serve = Serve::start(&sandbox);
    let elsewhere = Sandbox::new();
    std::fs::create_dir(elsewhere.path("copies")).unwrap();
    for command in READING {
        let expected = sandbox.run(command);
        let mut asking = elsewhere.command(command);
        asking.args(["--coordinator", &serve.url]);
        asking.env("TMPDIR", elsewhere.path("copies"));
        let asked = Finished::from(asking.output().expect("the program starts"));
        asked.assert_code(0);
        assert_eq!(asked.stdout, expected.stdout, "{command:?}");
    }
    let replayed = elsewhere.run(&["trial", "replay", "1", "--coordinator", &serve.url]);
    replayed.assert_code(0).assert_printed("EXACT");
    let missing = elsewhere.run(&["report", "missing", "--coordinator", &serve.url]);
    missing.assert_code(5).assert_told("\"missing\"");
    let left = std::fs::read_dir(elsewhere.path("copies")).unwrap().count();
    assert_eq!(left, 0, "a copy was left");
    let refused = elsewhere.run(&["report", "--db", "x.db", "--coordinator", &serve.url]);
    refused
        .assert_code(2)
        .assert_told("--db")
        .assert_told("--coordinator");
}

#[test]
fn a_copy_is_for_readers_and_has_no_tokens() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    sandbox.submit("tiny.toml");
    for role in ["viewer", "worker"] {
        sandbox
            .run(&["token", "new", "--role", role, "--out", role])
            .assert_code(0);
    }
    let serve = Serve::start(&sandbox);
    let count =
        "select (select count(*) from token) as tokens, (select count(*) from trial) as trials";
    let ask = |token: &str| {
        let flags = [
            "--coordinator",
            &serve.url,
            "--token-file",
            token,
            "--output",
            "csv",
        ];
        sandbox.run(&[&["query", count], &flags[..]].concat())
    };
    assert_eq!(ask("viewer").assert_code(0).stdout, "tokens,trials\n0,8\n");
    ask("worker")
        .assert_code(77)
        .assert_told("does not allow to get database copy");
    assert_eq!(sandbox.count("select count(*) from token"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_coordinator_that_is_too_old_to_give_a_copy_is_told_as_such() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (_, health) = tonic_health::server::health_reporter();
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    let server = tonic::transport::Server::builder().add_service(health);
    tokio::spawn(server.serve_with_incoming(incoming));
    let ask = move || Sandbox::new().run(&["report", "--coordinator", &url]);
    let refused = tokio::task::spawn_blocking(ask).await.unwrap();
    refused
        .assert_code(1)
        .assert_told("older version")
        .assert_told("hint: ");
}
