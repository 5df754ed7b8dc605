//! Trials trained again, audits of sweeps, and reports that are bound to their database.

use std::fs;

use parquet::{
    file::reader::{FileReader as _, SerializedFileReader},
    record::{Field, Row},
};
use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use crate::harness::{Finished, Sandbox, TINY};

/// [`TINY`], trained to its end.
fn trained() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let finished = sandbox.run(&["run", "tiny.toml", "--out", "report"]);
    finished.assert_code(0);
    sandbox
}

/// Changes a database behind the program's back.
fn tamper(sandbox: &Sandbox, sql: &'static str) {
    let options = SqliteConnectOptions::new().filename(sandbox.path("results.db"));
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(async {
        let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
        let done = sqlx::query(sql).execute(&mut connection).await.unwrap();
        assert_eq!(done.rows_affected(), 1, "{sql}");
        connection.close().await.unwrap();
    });
}

const ONE_OBSERVATION: &str = "
    update observation set value = value + 0.001
    where trial_id = 3 and step = 20 and metric = 'loss_training'";
const ONE_RESULT: &str = "
    update measurement set value = 1.0 where trial_id = 3
    and metric_id = (select metric_id from metric where name = 'accuracy_interpolation')";
const ONE_COUNT: &str = "
    update breakdown set count = count + 1 where trial_id = 3 and table_name = 'halting'
    and group_name = 'interpolation' and row_name = '1'";

fn json(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("no JSON: {finished:?}"))
}

#[test]
fn a_trial_trained_again_from_its_row_is_exact() {
    let sandbox = trained();
    let before = fs::read(sandbox.path("results.db")).unwrap();

    let replayed = sandbox.run(&["trial", "replay", "3"]);

    replayed.assert_code(0);
    assert!(
        replayed.stdout.starts_with("EXACT: trial 3 ("),
        "{}",
        replayed.stdout
    );
    let told = json(&sandbox.run(&["trial", "replay", "3", "--output", "json"]));
    let stored = sandbox.count("select count(*) from observation where trial_id = 3");
    assert_eq!(told["verdict"], "EXACT");
    assert_eq!(told["observations"].as_u64(), Some(stored));
    assert_eq!(
        told["stored_origin"]["binary_sha256"],
        told["replay_origin"]["binary_sha256"]
    );
    assert_eq!(fs::read(sandbox.path("results.db")).unwrap(), before);
}

#[test]
fn a_trial_that_diverged_is_trained_again_to_the_same_update() {
    let sandbox = Sandbox::new();
    let diverging = TINY.replace("learning_rate = 3e-3", "learning_rate = 1e300");
    sandbox.write("diverging.toml", diverging);
    assert_eq!(sandbox.run(&["run", "diverging.toml"]).code, 0);

    assert_eq!(sandbox.run(&["trial", "replay", "1"]).code, 0);

    tamper(
        &sandbox,
        "update attempt set message = 'diverged at update 2: it did not' where trial_id = 1",
    );
    let replayed = sandbox.run(&["trial", "replay", "1"]);
    replayed
        .assert_code(1)
        .assert_printed("its end: stored infeasible");
}

#[test]
fn a_changed_observation_is_named_by_the_replay() {
    let sandbox = trained();
    tamper(&sandbox, ONE_OBSERVATION);

    let replayed = sandbox.run(&["trial", "replay", "3", "--output", "json"]);

    replayed.assert_code(1);
    let told = json(&replayed);
    let difference = &told["difference"];
    assert_eq!(told["verdict"], "DIFFERS");
    assert_eq!(difference["place"], "observation");
    assert_eq!(difference["step"], 20);
    assert_eq!(difference["metric"], "loss_training");
    assert!(difference["ulps"].as_u64().unwrap() > 1_000, "{told}");
    let apart = difference["stored"].as_f64().unwrap() - difference["replayed"].as_f64().unwrap();
    assert!((apart - 0.001).abs() < 1e-12, "{told}");
    // The same program on the same machine: nothing else explains it.
    let reason = told["reason"].as_str().unwrap();
    assert!(reason.contains("the stored rows were changed"), "{reason}");
}

#[test]
fn a_changed_result_is_named_although_its_observations_are_right() {
    let sandbox = trained();
    tamper(&sandbox, ONE_RESULT);

    let replayed = sandbox.run(&["trial", "replay", "3"]);

    replayed.assert_code(1);
    let named = "first at result step 40 accuracy_interpolation: stored 1.0, replayed ";
    replayed.assert_printed(named);
}

#[test]
fn a_changed_count_is_named_by_the_replay_and_by_the_manifest() {
    let sandbox = trained();
    tamper(&sandbox, ONE_COUNT);

    let replayed = sandbox.run(&["trial", "replay", "3"]);

    assert_eq!(replayed.code, 1, "{}", replayed.stderr);
    let named = "first at halting interpolation, row 1, examples: stored ";
    assert!(replayed.stdout.contains(named), "{}", replayed.stdout);
    let verified = sandbox.run(&["report", "--verify", "report/manifest.json"]);
    let named = "of trial 3 are not the published ones";
    assert!(verified.stdout.contains(named), "{}", verified.stdout);
}

#[test]
fn another_binary_is_named_as_the_likely_reason() {
    let sandbox = trained();
    tamper(&sandbox, ONE_RESULT);
    tamper(
        &sandbox,
        "update worker set binary_sha256 = 'ab' where worker_id =
             (select worker_id from trial join attempt using (trial_id, attempt) where trial_id = 3)",
    );
    let replayed = sandbox.run(&["trial", "replay", "3"]);
    replayed
        .assert_code(1)
        .assert_printed("another build of the same version");
}

#[test]
fn what_cannot_be_replayed_says_why() {
    let sandbox = trained();
    let missing = sandbox.run(&["trial", "replay", "99"]);
    missing.assert_code(5);

    tamper(
        &sandbox,
        "update worker set device = 'cuda:0' where worker_id =
             (select worker_id from trial join attempt using (trial_id, attempt) where trial_id = 3)",
    );
    let absent = sandbox.run(&["trial", "replay", "3"]);
    assert_eq!((absent.code, &*absent.stdout), (1, ""));
    absent.assert_told("was computed on cuda:0");
    let elsewhere = sandbox.run(&["trial", "replay", "3", "--device", "cpu"]);
    elsewhere.assert_code(0);

    sandbox.write("other.toml", TINY.replace("tiny", "other"));
    sandbox.submit("other.toml");
    let pending = sandbox.run(&["trial", "replay", "9"]);
    pending.assert_code(1).assert_told("trial 9 is pending");
}

#[test]
fn an_audit_replays_a_sample_and_bounds_what_it_has_not_seen() {
    let sandbox = trained();

    let audit = sandbox.run(&["audit", "tiny", "--fraction", "0.25", "--output", "json"]);

    audit.assert_code(0);
    let told = json(&audit);
    let trials = told["trials"].as_array().unwrap();
    assert_eq!(told["exact"].as_u64(), Some(trials.len() as u64));
    assert!(!trials.is_empty() && trials.len() < 8, "{told}");
    let bound = told["wrong_share_upper_bound"].as_f64().unwrap();
    assert!(bound > 0.0 && bound < 1.0, "{told}");
    let again = sandbox.run(&["audit", "tiny", "--fraction", "0.25", "--output", "json"]);
    assert_eq!(json(&again), told);
}

#[test]
fn an_audit_of_everything_finds_the_one_changed_result() {
    let sandbox = trained();
    tamper(&sandbox, ONE_RESULT);

    let audit = sandbox.run(&["audit", "--fraction", "1", "--workers", "2"]);

    audit.assert_code(1);
    let wrong = audit.stdout.lines().filter(|line| line.contains("DIFFERS"));
    assert_eq!(wrong.count(), 1, "{}", audit.stdout);
    audit.assert_printed("7 of 8 EXACT");
    audit.assert_told("trial 3 DIFFERS: result step 40");
}

#[test]
fn an_audit_of_nothing_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    sandbox.submit("tiny.toml");
    let audit = sandbox.run(&["audit"]);
    audit.assert_code(1).assert_told("has no results yet");
}

#[test]
fn a_report_holds_until_a_row_a_file_or_the_database_is_another() {
    let sandbox = trained();
    let verify = || sandbox.run(&["report", "--verify", "report/manifest.json"]);
    let holds = verify();
    assert_eq!(holds.code, 0, "{}{}", holds.stdout, holds.stderr);
    for line in [
        "ok       database tiny (",
        "ok       file     cells.csv",
        "ok       tables   report.md",
    ] {
        assert!(holds.stdout.contains(line), "{line}: {}", holds.stdout);
    }

    let table = sandbox.path("report/cells.csv");
    let published = fs::read_to_string(&table).unwrap();
    fs::write(&table, published.replacen("0.", "1.", 1)).unwrap();
    let changed = verify();
    changed
        .assert_code(1)
        .assert_printed("DIFFERS  file     cells.csv");
    changed.assert_printed("DIFFERS  tables   cells.csv: line 2 is");
    fs::write(&table, published).unwrap();
    assert_eq!(verify().code, 0);

    tamper(&sandbox, ONE_OBSERVATION);
    let changed = verify();
    changed.assert_code(1);
    let named = "the result or the observations of trial 3 are not the published ones";
    changed.assert_printed(named);
    let report = [
        "report",
        "--verify",
        "report/manifest.json",
        "--format",
        "json",
    ];
    let told = json(&sandbox.run(&report));
    assert_eq!(
        (&told["holds"], &told["complete"]),
        (&Value::Bool(false), &Value::Bool(true))
    );
}

#[test]
fn a_report_holds_for_its_database_only() {
    let sandbox = trained();
    let other = Sandbox::new();
    other.write("other.toml", TINY.replace("tiny", "other"));
    other.submit("other.toml");
    let manifest = sandbox.path("report/manifest.json");
    let verified = other.run(&["report", "--verify", manifest.to_str().unwrap()]);
    verified
        .assert_code(1)
        .assert_printed("no such sweep in this database");
}

#[test]
fn a_manifest_of_an_unfinished_sweep_says_so() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    sandbox.submit("tiny.toml");
    assert_eq!(sandbox.run(&["report", "--out", "report"]).code, 0);

    let manifest = fs::read_to_string(sandbox.path("report/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["complete"], false);
    assert_eq!(manifest["sweeps"][0]["trials"]["pending"], 8);
    let verified = sandbox.run(&["report", "--verify", "report/manifest.json"]);
    verified
        .assert_code(0)
        .assert_printed("while 8 trials had no result");

    assert_eq!(sandbox.run(&["run", "tiny.toml"]).code, 0);
    let later = sandbox.run(&["report", "--verify", "report/manifest.json"]);
    later.assert_code(1);
}

/// A row of a Parquet file as the line of JSON that it should equal.
fn json_of(row: &Row) -> Value {
    let value = |field: &Field| match field {
        Field::Null => Value::Null,
        Field::Long(whole) => Value::from(*whole),
        Field::Double(number) => Value::from(*number),
        Field::Str(text) => Value::from(text.clone()),
        other => panic!("no column has {other:?}"),
    };
    let columns = row.get_column_iter();
    columns
        .map(|(name, field)| (name.clone(), value(field)))
        .collect()
}

#[test]
fn a_parquet_export_reads_back_as_the_same_typed_rows() {
    let sandbox = trained();
    for rows in ["trials", "cells", "observations"] {
        let file = fs::File::create(sandbox.path("rows.parquet")).unwrap();
        let mut export = sandbox.command(&["export", "--format", "parquet", "--rows", rows]);
        assert!(export.stdout(file).status().unwrap().success());
        let jsonl = sandbox.run(&["export", "--format", "jsonl", "--rows", rows]);

        let file = fs::File::open(sandbox.path("rows.parquet")).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let found = reader.get_row_iter(None).unwrap();
        let found: Vec<Value> = found.map(|row| json_of(&row.unwrap())).collect();

        let expected: Vec<Value> = jsonl
            .stdout
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(found, expected, "{rows}");
        assert!(!found.is_empty());
    }
}
