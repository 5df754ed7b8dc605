//! Text that others wrote: what terminals and logs show of it, and which names a sweep may have.

use pondersweep_proto::{foreign::is_seen, wire};

use crate::harness::{Peer, Sandbox, Serve, TINY};

/// What a failed attempt may say: colours, a second line, another direction, nothing to see.
const EVIL: &str =
    "\u{1b}[31mred\u{1b}]0;title\u{7}\n- forged: \u{202e}dlrow\u{200b}\u{2028}\u{fffe}\u{85}end";

#[tokio::test]
async fn what_an_attempt_died_of_is_shown_and_never_obeyed() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let serve = Serve::start(&sandbox);
    serve.submit(&sandbox, "tiny.toml");
    let mut peer = Peer::register(&serve.url, "w").await;
    let token = peer.acquire().await;
    let request = wire::FinishRequest {
        worker_id: "w".into(),
        attempts: vec![wire::EndedAttempt {
            token: Some(token),
            ending: wire::Ending::Failed.into(),
            cause: wire::Cause::Other.into(),
            message: EVIL.into(),
            seconds: 1.0,
            ..wire::EndedAttempt::default()
        }],
        next: None,
    };
    peer.leases.finish(request).await.unwrap();
    let trial = token.trial_id.to_string();
    let sql = "select message from attempt where message != ''";
    for arguments in [
        &["explain", &*trial][..],
        &["explain"],
        &["trial", "show", &trial],
        &["query", sql],
        &["query", sql, "--output", "json"],
        &["trial", "show", &trial, "--output", "json"],
        &["explain", &trial, "--output", "json"],
    ] {
        let shown = sandbox.run(arguments);
        shown.assert_code(0).assert_printed("red");
        let unseen = shown.stdout.chars().find(|&c| !is_seen(c) && c != '\n');
        assert_eq!(unseen, None, "{arguments:?}: {}", shown.stdout);
        let forged = shown
            .stdout
            .lines()
            .any(|line| line.starts_with("- forged"));
        assert!(!forged, "{arguments:?}: {}", shown.stdout);
    }
    // Programs get what was said.
    let json = sandbox.run(&["query", sql, "--output", "json"]).stdout;
    let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(rows[0]["message"], EVIL);
    let csv = sandbox.run(&["query", sql, "--output", "csv"]).stdout;
    assert!(csv.contains(EVIL), "{csv}");
}

#[test]
fn a_name_that_names_nothing_or_something_else_is_refused() {
    for (name, words) in [
        ("", "is empty"),
        ("  ", "is blank"),
        ("last", "newest"),
        ("-v", "begins with '-'"),
        ("=1+2", "begins with '='"),
        ("@x", "begins with '@'"),
        ("\\uFF1D1", "begins with"),
        ("last ", "ends with a space"),
        (" =1", "begins or ends"),
        ("\\u2800", "no letter"),
        ("\\u0301", "no letter"),
        ("0123456789abcdef", "form of an id"),
        ("a\\u200Bb", "U+200B"),
        ("a\\u202Eb", "U+202E"),
        ("a\\u2028b", "U+2028"),
        ("a\\u001Bb", "control"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("bad.toml", TINY.replace("\"tiny\"", &format!("\"{name}\"")));
        for command in ["run", "plan", "submit"] {
            let refused = sandbox.run(&[command, "bad.toml"]);
            refused
                .assert_code(78)
                .assert_told("bad.toml:3")
                .assert_told(words);
            refused.assert_told("hint: ");
        }
        assert!(!sandbox.has("results.db"));
    }
}

#[test]
fn a_name_of_any_script_is_taken_and_names_its_sweep() {
    for name in [
        "Größe λ",
        "大きさ",
        "a b",
        "beef",
        "2026",
        "last one",
        "first-try_2",
    ] {
        let sandbox = Sandbox::new();
        sandbox.write(
            "tiny.toml",
            TINY.replace("\"tiny\"", &format!("\"{name}\"")),
        );
        sandbox.submit("tiny.toml");
        sandbox
            .run(&["status", name])
            .assert_code(0)
            .assert_printed(name);
        sandbox
            .run(&["explain", name])
            .assert_code(0)
            .assert_printed("sweep ");
    }
}

#[tokio::test]
async fn a_coordinator_refuses_such_a_name_from_anyone() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let serve = Serve::start(&sandbox);
    serve.submit(&sandbox, "tiny.toml");
    let specs = sandbox.query("select spec from sweep");
    let spec = specs[0]["spec"]
        .as_str()
        .unwrap()
        .replace("\"tiny\"", "\"last\"");
    let endpoint = tonic::transport::Endpoint::from_shared(serve.url.clone()).unwrap();
    let mut sweeps = wire::sweeps_client::SweepsClient::new(endpoint.connect().await.unwrap());
    let request = wire::CreateSweepRequest {
        spec: spec.into(),
        accept_large: false,
        ..wire::CreateSweepRequest::default()
    };
    let refused = sweeps.create_sweep(request).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{refused}");
}
