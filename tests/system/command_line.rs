//! The commands around a sweep: what they print, and how they exit.

use std::process::Stdio;

use crate::harness::{Sandbox, Serve, TINY};

/// A sandbox whose sweep has been run.
fn finished() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let run = sandbox.run(&["run", "tiny.toml"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    sandbox
}

#[test]
fn two_submissions_of_one_file_create_one_sweep() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    // The same content, differently written.
    sandbox.write(
        "same.toml",
        TINY.replace("3e-3", "0.003")
            .replace("[0.2, 0.5]", "[0.20, 5e-1]"),
    );
    let serve = Serve::start(&sandbox);

    let first = sandbox.run(&["submit", "tiny.toml", "--coordinator", &serve.url]);
    let second = sandbox.run(&["submit", "same.toml", "--coordinator", &serve.url]);

    assert_eq!(
        (first.code, second.code),
        (0, 0),
        "{}{}",
        first.stderr,
        second.stderr
    );
    assert_eq!(first.stdout, second.stdout);
    assert!(
        second.stderr.contains("submitted before"),
        "{}",
        second.stderr
    );
    assert_eq!(sandbox.count("select count(*) from sweep"), 1);
    assert_eq!(sandbox.count("select count(*) from trial"), 8);
}

#[test]
fn a_sweep_is_paused_resumed_cancelled_and_brought_back() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let serve = Serve::start(&sandbox);
    let at = ["--coordinator", serve.url.as_str()];
    let steer = |command: &[&str]| sandbox.run(&[command, &at].concat());
    let state = || sandbox.query("select state from sweep")[0]["state"].clone();
    assert_eq!(steer(&["submit", "tiny.toml"]).code, 0);

    assert_eq!(steer(&["pause", "last"]).code, 0);
    assert_eq!(state(), "paused");
    let idle = sandbox.run(&["worker", "--coordinator", &serve.url, "--exit-when-idle"]);
    assert_eq!(idle.code, 0, "{}", idle.stderr);
    assert_eq!(sandbox.count("select count(*) from attempt"), 0);

    assert_eq!(steer(&["resume", "last"]).code, 0);
    assert_eq!(state(), "active");
    let unconfirmed = steer(&["cancel", "last"]);
    assert_eq!(unconfirmed.code, 1);
    assert!(
        unconfirmed.stderr.contains("--yes"),
        "{}",
        unconfirmed.stderr
    );
    assert_eq!(steer(&["cancel", "last", "--yes"]).code, 0);
    assert_eq!(state(), "cancelled");
    assert_eq!(
        sandbox.count("select count(*) from trial where state = 'cancelled'"),
        8
    );

    let retried = steer(&["retry", "last", "--state", "cancelled"]);
    assert!(
        retried.stderr.contains("8 trials are pending again"),
        "{}",
        retried.stderr
    );
    assert_eq!(state(), "active");
    let worked = sandbox.run(&["worker", "--coordinator", &serve.url, "--exit-when-idle"]);
    assert_eq!(worked.code, 0, "{}", worked.stderr);
    assert_eq!(steer(&["wait", "last", "--timeout", "60"]).code, 0);
    assert_eq!(state(), "finished");
}

#[test]
fn a_sweep_is_shown_alike_from_the_database_and_from_the_coordinator() {
    let sandbox = finished();
    let of_database = sandbox.run(&["ls", "--output", "json"]);
    let status = sandbox.run(&["status", "--output", "json"]);
    let serve = Serve::start(&sandbox);
    let of_coordinator = sandbox.run(&["ls", "--output", "json", "--coordinator", &serve.url]);

    assert_eq!(of_database.code, 0, "{}", of_database.stderr);
    assert_eq!(of_database.stdout, of_coordinator.stdout);
    assert_eq!(of_database.stdout, status.stdout);
    let rows: serde_json::Value = serde_json::from_str(&of_database.stdout).unwrap();
    assert_eq!(rows[0]["state"], "finished");
    assert_eq!(rows[0]["succeeded"], 8);
}

#[test]
fn watch_follows_to_the_end_from_either_source() {
    let sandbox = finished();
    let serve = Serve::start(&sandbox);
    for source in [&["--db", "results.db"][..], &["--coordinator", &serve.url]] {
        let watched = sandbox.run(&[&["watch", "last"], source].concat());
        assert_eq!(watched.code, 0, "{}", watched.stderr);
        assert!(watched.stderr.contains("8 succeeded"), "{}", watched.stderr);
    }
}

#[test]
fn a_wait_that_takes_too_long_exits_with_124() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    sandbox.submit("tiny.toml");
    let waited = sandbox.run(&["wait", "last", "--timeout", "1"]);
    assert_eq!(waited.code, 124, "{}", waited.stderr);
}

#[test]
fn query_reads_and_never_writes() {
    let sandbox = finished();
    let read = sandbox.run(&[
        "query",
        "select count(*) as n from trial_result",
        "--output",
        "csv",
    ]);
    assert_eq!(read.stdout, "n\n8\n");
    for sql in [
        "delete from trial",
        "drop table trial",
        "pragma user_version = 9",
    ] {
        let refused = sandbox.run(&["query", sql]);
        assert_eq!(refused.code, 1, "{sql}: {}", refused.stdout);
    }
    let wrong = sandbox.run(&["query", "select nonsense from trial"]);
    assert!(wrong.stderr.contains("no such column"), "{}", wrong.stderr);
    assert_eq!(sandbox.count("select count(*) from trial"), 8);
}

#[test]
fn export_gives_every_finished_trial_as_csv_or_json_lines() {
    let sandbox = finished();
    let csv = sandbox.run(&["export", "last", "--format", "csv"]);
    let lines: Vec<&str> = csv.stdout.lines().collect();
    assert_eq!(lines.len(), 9, "{}", csv.stderr);
    assert!(lines[0].contains("lambda_p"));
    let jsonl = sandbox.run(&["export", "last", "--format", "jsonl"]);
    assert_eq!(jsonl.stdout.lines().count(), 8);
    let first: serde_json::Value =
        serde_json::from_str(jsonl.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(first["lambda_p"], 0.2);
    assert!(first["accuracy_interpolation"].is_f64());
}

#[test]
fn report_prints_every_form_of_the_same_table() {
    let sandbox = finished();
    for (format, sign) in [
        ("table", "lambda_p"),
        ("markdown", "| lambda_p"),
        ("csv", "lambda_p,"),
    ] {
        let printed = sandbox.run(&["report", "last", "--format", format]);
        assert_eq!(printed.code, 0, "{}", printed.stderr);
        assert!(
            printed.stdout.contains(sign),
            "{format}: {}",
            printed.stdout
        );
    }
    let json = sandbox.run(&["report", "last", "--format", "json"]);
    let report: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!(report["completeness"]["accepted"], 8);
}

#[test]
fn report_prints_each_analysis_in_every_form() {
    let sandbox = finished();
    for (analysis, sign) in [
        ("--anova", "(residual)"),
        ("--best", "verdict"),
        ("--robustness", "worst drop one step away"),
        ("--power", "seeds_needed"),
        ("--time-to=0.5", "median_updates"),
    ] {
        for format in ["table", "markdown", "csv", "json"] {
            let printed = sandbox.run(&["report", analysis, "--format", format]);
            assert_eq!(printed.code, 0, "{analysis}: {}", printed.stderr);
            let said = printed.stdout.contains(sign) || format == "json";
            assert!(said, "{analysis} {format}: {}", printed.stdout);
        }
        let json = sandbox
            .run(&["report", analysis, "--format", "json"])
            .stdout;
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["completeness"]["accepted"], 8);
        assert!(!json["rows"].as_array().unwrap().is_empty());
    }
    for wrong in [
        &["--anova", "--power"][..],
        &["--anova", "--out", "folder"],
        &["--epsilon", "0.1"],
        &["--robustness", "--epsilon", "2"],
        &["--time-to", "0.9", "--power"],
        &["--time-to", "inf"],
    ] {
        let refused = sandbox.run(&[&["report"][..], wrong].concat());
        assert_eq!(refused.code, 2, "{wrong:?}: {}", refused.stderr);
    }
}

#[test]
fn trial_show_tells_attempts_and_observations() {
    let sandbox = finished();
    let shown = sandbox.run(&["trial", "show", "1"]);
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    for sign in ["lambda_p", "succeeded", "accuracy_interpolation"] {
        assert!(shown.stdout.contains(sign), "{sign}: {}", shown.stdout);
    }
    assert_eq!(sandbox.run(&["trial", "show", "99"]).code, 5);
}

#[test]
fn plan_prices_a_sweep_without_touching_anything() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let planned = sandbox.run(&["plan", "tiny.toml", "--output", "json"]);
    assert_eq!(planned.code, 0, "{}", planned.stderr);
    let plan: serde_json::Value = serde_json::from_str(&planned.stdout).unwrap();
    assert_eq!(plan["trials"], 8);
    assert!(plan["minutes"].as_f64() > Some(0.0), "{plan}");
    assert!(!sandbox.has("results.db"));
    let text = sandbox.run(&["plan", "tiny.toml", "--workers", "2"]);
    text.assert_code(0)
        .assert_printed("on this machine with 2 workers");
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    let sandbox = finished();
    let sql = "with recursive n (i) as (select 1 union all select i + 1 from n where i < 3000)
               select printf('%1000d', i) from n";
    for arguments in [
        ["query", "--output", "csv", sql],
        ["query", "--output", "table", sql],
    ] {
        let mut command = sandbox.command(&arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        drop(child.stdout.take());
        let finished = child.wait_with_output().expect("the program ends");
        assert_eq!(finished.status.code(), Some(0));
        assert_eq!(String::from_utf8_lossy(&finished.stderr), "");
    }
}
