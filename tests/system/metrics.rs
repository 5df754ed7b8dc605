//! What a running coordinator tells of itself: metrics that Prometheus reads, and a log that
//! programs read.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::harness::{Sandbox, Serve, TINY, skip};

/// The answer to `GET /metrics`, head and body.
fn scrape(url: &str) -> (String, String) {
    let rest = url.strip_prefix("http://").expect("plain HTTP");
    let (address, path) = rest.split_once('/').expect("a path");
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .expect("a request is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
    (head.to_owned(), body.to_owned())
}

fn value(body: &str, series: &str) -> f64 {
    let line = body.lines().find_map(|line| line.strip_prefix(series));
    let line = line.unwrap_or_else(|| panic!("no {series} in {body}"));
    line.trim().parse().expect("a number")
}

/// A coordinator that has a sweep and has seen all of it trained.
fn trained() -> (Sandbox, Serve) {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let serve = Serve::start_with_metrics(&sandbox);
    serve.submit(&sandbox, "tiny.toml");
    let worker = ["worker", "--coordinator", &serve.url, "--exit-when-idle"];
    let worked = sandbox.run(&worker);
    assert_eq!(worked.code, 0, "{}", worked.stderr);
    (sandbox, serve)
}

#[test]
fn prometheus_reads_what_a_sweep_did() {
    let (_sandbox, serve) = trained();
    let (head, body) = scrape(serve.metrics_url.as_deref().expect("it was asked for"));
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    assert_eq!(
        value(&body, r#"pondersweep_trials{state="succeeded"}"#),
        8.0
    );
    assert_eq!(value(&body, r#"pondersweep_trials{state="pending"}"#), 0.0);
    let succeeded = r#"pondersweep_trial_attempts_total{outcome="succeeded"}"#;
    assert_eq!(value(&body, succeeded), 8.0);
    assert!(value(&body, "pondersweep_dispatch_latency_seconds_count") >= 1.0);
    assert!(value(&body, "pondersweep_store_commit_duration_seconds_sum") > 0.0);
    check_with_promtool(&body);
}

/// The judgement of Prometheus's own tool, where it is installed.
fn check_with_promtool(body: &str) {
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = started else {
        skip(
            "promtool",
            "not installed (Debian: apt-get install prometheus)",
        );
        return;
    };
    let mut stdin = promtool.stdin.take().expect("piped");
    stdin.write_all(body.as_bytes()).expect("promtool reads");
    drop(stdin);
    let judged = promtool.wait_with_output().expect("promtool ends");
    let complaints =
        String::from_utf8_lossy(&judged.stdout) + String::from_utf8_lossy(&judged.stderr);
    assert!(judged.status.success(), "{complaints}\n{body}");
    assert_eq!(complaints.trim(), "", "{body}");
}

#[test]
fn metrics_are_not_shown_to_other_machines_unasked() {
    let sandbox = Sandbox::new();
    let arguments = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--metrics-listen",
        "0.0.0.0:0",
    ];
    let refused = sandbox.run(&arguments);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("hint: say --insecure"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_log_in_json_can_be_searched_by_sweep_trial_attempt_and_worker() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let run = ["run", "tiny.toml", "--log-format", "json"];
    let output = sandbox
        .command(&run)
        .env("PONDERSWEEP_LOG", "pondersweep=debug")
        .output()
        .expect("the program starts");
    assert!(output.status.success());
    let talk = String::from_utf8(output.stderr).expect("UTF-8");
    let lines: Vec<Value> = talk
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let leased: Vec<&Value> = lines
        .iter()
        .filter(|line| line["message"] == "leased")
        .collect();
    assert_eq!(leased.len(), 8, "{talk}");
    for line in leased {
        assert_eq!(line["sweep"].as_str().map(str::len), Some(16), "{line}");
        assert_eq!(line["attempt"], 1, "{line}");
        assert!(
            line["trial"].is_u64() && line["worker"].is_string(),
            "{line}"
        );
    }
    let spans = lines.iter().filter(|line| line["message"] == "served");
    let finishing: Vec<&Value> = spans
        .map(|line| &line["span"])
        .filter(|span| span["call"] == "finish")
        .collect();
    assert_eq!(finishing.len(), 8, "{talk}");
    for span in finishing {
        assert_eq!(span["sweep"].as_str().map(str::len), Some(16), "{span}");
        assert!(span["trial"].is_u64() && span["attempt"] == 1, "{span}");
        assert!(span["worker"].is_string(), "{span}");
    }
    let finished = lines.iter().find(|line| line["message"] == "sweep");
    assert_eq!(finished.expect("the sweep's end")["state"], "finished");
}
