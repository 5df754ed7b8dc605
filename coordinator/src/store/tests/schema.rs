//! The schema itself: it accepts every statement of the program, refuses what must not be, and its
//! views have the documented columns.

use std::fmt::Write;

use pondersweep_proto::{metric::built_in, setting::training::TRAINING};
use sqlx::{AssertSqlSafe, Column, Executor, Row, SqlSafeStr, Statement};

use super::super::{
    Store, backup, checkpoint, commit, create, inspect, log, metric, open, program, read, restore,
    testing::Fixture, token, upgrade, worker,
};

#[tokio::test]
async fn every_statement_of_the_program_fits_the_schema() {
    let mut fixture = Fixture::new().await;
    let written = [
        open::STATEMENTS,
        backup::STATEMENTS,
        inspect::STATEMENTS,
        log::STATEMENTS,
        create::STATEMENTS,
        checkpoint::STATEMENTS,
        restore::STATEMENTS,
        metric::STATEMENTS,
        program::STATEMENTS,
        upgrade::STATEMENTS,
        token::STATEMENTS,
        worker::STATEMENTS,
    ];
    let statements: Vec<&str> = written
        .into_iter()
        .chain(commit::statements())
        .flatten()
        .copied()
        .chain(read::statements())
        .collect();
    assert!(statements.len() > 30);
    for statement in statements {
        let prepared = fixture
            .store
            .connection
            .prepare(statement.into_sql_str())
            .await;
        assert!(prepared.is_ok(), "{statement}\n{prepared:?}");
    }
}

/// Everything that a commit may run, also for several rows.
fn statements_of_commits() -> Vec<String> {
    let for_one = commit::statements().into_iter().flatten();
    let for_one = for_one.copied().chain(checkpoint::WRITING);
    let for_one = for_one.map(str::to_owned);
    for_one.chain(commit::statements_for_several()).collect()
}

/// A million trials or ten: what a commit costs must not depend on it.
#[tokio::test]
async fn no_statement_of_a_commit_reads_a_whole_table() {
    let mut fixture = Fixture::new().await;
    for statement in statements_of_commits() {
        let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let plan = sqlx::query(explain).fetch_all(&mut fixture.store.connection);
        for step in plan.await.unwrap() {
            let step: String = step.get("detail");
            for table in [
                "trial",
                "attempt",
                "observation",
                "result",
                "measurement",
                "event",
            ] {
                let scans = step.starts_with(&format!("SCAN {table}"));
                assert!(!scans, "{step}\n{statement}");
            }
        }
    }
}

/// A CHECK or a condition that needs a table of its own builds it at every row.
#[tokio::test]
async fn no_statement_of_a_commit_builds_a_table_to_check_a_row() {
    let mut fixture = Fixture::new().await;
    for statement in statements_of_commits() {
        let explain = AssertSqlSafe(format!("EXPLAIN {statement}"));
        let steps = sqlx::query(explain).fetch_all(&mut fixture.store.connection);
        let steps: Vec<String> = (steps.await.unwrap().iter())
            .map(|step| step.get("opcode"))
            .collect();
        assert!(steps.iter().any(|step| step == "Transaction"));
        // Workers that were heard of are rare and come as a list; an attempt that starts from a
        // checkpoint is rare, too, and reads the table that it writes.
        let may =
            statement.contains("json_each") || statement.contains("SELECT trial_id, ?2, step");
        let builds = steps.iter().any(|step| step == "OpenEphemeral");
        assert!(may || !builds, "{statement}");
    }
}

/// No statement hides from the test above: queries are made from constants only.
#[test]
fn every_statement_of_the_program_is_a_listed_constant() {
    let room = concat!(env!("CARGO_MANIFEST_DIR"), "/src/store");
    let mut files = 0;
    for folder in [
        room.to_owned(),
        format!("{room}/read"),
        format!("{room}/commit"),
    ] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let is_test = path.ends_with("testing.rs");
            if is_test || path.extension().is_none_or(|extension| extension != "rs") {
                continue;
            }
            files += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            for call in [
                "query(\"",
                "query_as(\"",
                "query_scalar(\"",
                "query_row(\"",
                "prepare(\"",
                "prepare_cached(\"",
                "execute(\"",
                "execute_batch(\"",
                "raw_sql(",
            ] {
                assert!(!text.contains(call), "{} hides a statement", path.display());
            }
        }
    }
    assert!(files > 15);
}

async fn columns(store: &mut Store, select: &'static str) -> Vec<String> {
    let statement = store
        .connection
        .prepare(select.into_sql_str())
        .await
        .unwrap();
    let columns = statement.columns().iter();
    columns.map(|column| column.name().to_owned()).collect()
}

fn parameters() -> Vec<&'static str> {
    TRAINING.parameters().map(|row| row.0.name).collect()
}

fn metrics() -> Vec<&'static str> {
    built_in::table()
        .iter()
        .map(|metric| metric.name.as_str())
        .collect()
}

#[tokio::test]
async fn trial_result_has_every_parameter_and_every_metric() {
    let mut fixture = Fixture::new().await;
    let expected = [
        vec![
            "sweep_id",
            "sweep",
            "trial_id",
            "trial_key",
            "configuration_id",
            "method",
        ],
        parameters(),
        vec!["replicate", "outcome", "solved"],
        metrics(),
        vec![
            "step",
            "attempts",
            "seconds",
            "worker_id",
            "host",
            "device",
            "backend",
            "binary_sha256",
            "message",
            "finished_at",
        ],
    ];
    let found = columns(&mut fixture.store, "SELECT * FROM trial_result").await;
    assert_eq!(found, expected.concat());
}

#[tokio::test]
async fn cell_result_has_every_parameter_and_the_documented_summaries() {
    let mut fixture = Fixture::new().await;
    let expected = [
        vec![
            "sweep_id",
            "sweep",
            "configuration_id",
            "configuration_key",
            "position",
            "method",
        ],
        parameters(),
        vec![
            "n",
            "succeeded",
            "infeasible",
            "failed",
            "cancelled",
            "pending",
            "solved",
            "solved_share",
            "solved_share_low",
            "solved_share_high",
            "accuracy_interpolation_mean",
            "accuracy_interpolation_min",
            "accuracy_interpolation_max",
            "accuracy_interpolation_sd",
            "ponder_steps_interpolation_mean",
        ],
    ];
    let found = columns(&mut fixture.store, "SELECT * FROM cell_result").await;
    let expected = expected.concat();
    assert_eq!(found[..expected.len()], expected);
    for metric in built_in::table().shown() {
        for summary in ["mean", "min", "max", "sd"] {
            assert!(found.contains(&format!("{}_{summary}", metric.name)));
        }
    }
}

#[tokio::test]
async fn the_views_of_last_evaluations_have_the_documented_columns() {
    let mut fixture = Fixture::new().await;
    let trial = [
        "sweep_id",
        "trial_id",
        "trial_key",
        "configuration_id",
        "replicate",
    ];
    let difficulty = [
        "range",
        "first_nonzeros",
        "last_nonzeros",
        "examples",
        "correct",
        "ponder_steps",
        "accuracy",
        "ponder_steps_mean",
    ];
    let compute = [
        "forward_passes_training",
        "forward_passes_interpolation",
        "forward_passes_extrapolation",
    ];
    for (select, own) in [
        ("SELECT * FROM difficulty_result", &difficulty[..]),
        (
            "SELECT * FROM halting_result",
            &["range", "step", "examples"],
        ),
        ("SELECT * FROM compute_result", &compute),
    ] {
        let found = columns(&mut fixture.store, select).await;
        assert_eq!(found, [&trial[..], own].concat());
    }
}

#[tokio::test]
async fn a_sweep_has_a_row_for_every_metric_and_one_of_them_decides() {
    let fixture = Fixture::new().await;
    let rows = fixture.ask("SELECT name, meaning, solved_threshold FROM metric ORDER BY position");
    let rows = rows.await;
    assert_eq!(rows.len(), built_in::table().len());
    for (row, metric) in rows.iter().zip(built_in::table().iter()) {
        let text = |text: &str| read::Value::Text(text.into());
        let threshold = if metric.is_headline {
            read::Value::Real(0.9)
        } else {
            read::Value::Null
        };
        assert_eq!(*row, [text(&metric.name), text(&metric.meaning), threshold]);
    }
}

#[tokio::test]
async fn a_view_says_what_each_column_means() {
    let fixture = Fixture::new().await;
    let rows = fixture
        .ask("SELECT sql FROM sqlite_schema WHERE name = 'trial_result'")
        .await;
    let [read::Value::Text(text)] = &rows[0][..] else {
        panic!("{rows:?}")
    };
    for metric in built_in::table().iter() {
        assert!(text.contains(&*metric.meaning), "{text}");
    }
    assert!(!text.contains('{'), "{text}");
}

#[tokio::test]
async fn views_show_each_parameter_as_the_configuration_has_it() {
    let mut fixture = Fixture::new().await;
    fixture.succeed(2, 0.95, 2.0).await;
    let configuration = fixture
        .reader()
        .await
        .trial("2")
        .await
        .unwrap()
        .configuration;
    for parameter in TRAINING.parameters() {
        let mut sql = String::new();
        write!(sql, "SELECT {} FROM trial_result", parameter.name).unwrap();
        let mut reader = fixture.reader().await;
        let mut rows = reader.query(&sql, None).await.unwrap();
        let shown = rows.next().await.unwrap().unwrap().remove(0);
        let expected = configuration.spec.get(parameter);
        let shown = match shown {
            read::Value::Null => None,
            read::Value::Integer(number) => Some(number.to_string()),
            read::Value::Real(number) => Some(number.to_string()),
            read::Value::Text(text) => Some(text),
            read::Value::Blob(_) => panic!("{parameter} is bytes"),
        };
        assert_eq!(shown, expected.map(ToString::to_string), "{parameter}");
    }
}

#[tokio::test]
async fn the_database_itself_refuses_what_must_not_be() {
    let mut fixture = Fixture::new().await;
    fixture.lease(1, 1, "w1").await;
    fixture.succeed(2, 0.5, 2.0).await;
    for (constraint, sql) in [
        // Two workers never hold the same trial.
        (
            "UNIQUE constraint failed: attempt.trial_id",
            "INSERT INTO attempt (trial_id, attempt, worker_id, request_id, started_at_ms)
             VALUES (1, 2, 'w2', 'r', 0)",
        ),
        // An attempt belongs to a trial and a worker that exist.
        (
            "FOREIGN KEY",
            "INSERT INTO attempt (trial_id, attempt, worker_id, request_id, started_at_ms)
             VALUES (99, 1, 'w2', 'r', 0)",
        ),
        (
            "FOREIGN KEY",
            "INSERT INTO attempt (trial_id, attempt, worker_id, request_id, started_at_ms)
             VALUES (3, 1, 'unknown', 'r', 0)",
        ),
        (
            "attempt_that_ended_says_how",
            "UPDATE attempt SET ended_at_ms = 1 WHERE trial_id = 1",
        ),
        (
            "attempt_ends_in_a_known_way",
            "UPDATE attempt SET ended_at_ms = 1, ending = 'vanished' WHERE trial_id = 1",
        ),
        // Who died has a cause, and only for one may a trial be blamed.
        (
            "attempt_has_a_cause_if_it_died",
            "UPDATE attempt SET ended_at_ms = 1, ending = 'lapsed' WHERE trial_id = 1",
        ),
        (
            "attempt_dies_of_a_known_cause",
            "UPDATE attempt SET ended_at_ms = 1, ending = 'failed', cause = 'fate' WHERE trial_id = 1",
        ),
        (
            "attempt_is_blamed_for_a_cause",
            "UPDATE attempt SET blamed = 1 WHERE trial_id = 1",
        ),
        // The same trial is never stored, nor its result accepted, twice.
        (
            "UNIQUE constraint failed: result",
            "INSERT INTO result (trial_id, attempt) VALUES (2, 1)",
        ),
        (
            "UNIQUE constraint failed: trial.configuration_id, trial.replicate",
            "INSERT INTO trial (sweep_id, configuration_id, replicate, trial_key)
             SELECT sweep_id, configuration_id, replicate, '00000000000000aa' FROM trial LIMIT 1",
        ),
        (
            "UNIQUE constraint failed: trial.trial_key, trial.sweep_id",
            "INSERT INTO trial (sweep_id, configuration_id, replicate, trial_key)
             SELECT sweep_id, configuration_id, 77, trial_key FROM trial LIMIT 1",
        ),
        (
            "UNIQUE constraint failed: configuration.sweep_id, configuration.position",
            "UPDATE configuration SET position = 0",
        ),
        ("trial_state_is_known", "UPDATE trial SET state = 'lost'"),
        (
            "trial_needs_an_attempt_for_a_result",
            "UPDATE trial SET state = 'failed'",
        ),
        ("sweep_state_is_known", "UPDATE sweep SET state = 'lost'"),
        (
            "sweep_id_is_the_head_of_its_hash",
            "UPDATE sweep SET spec_sha256 = replace(spec_sha256, substr(spec_sha256, 1, 16), '0123456789abcdef')",
        ),
        // A trial's configuration is one of its own sweep.
        (
            "FOREIGN KEY",
            "UPDATE trial SET sweep_id = '0123456789abcdef' WHERE trial_id = 3",
        ),
        // Numbers are numbers, and finite ones.
        ("cannot store TEXT", "UPDATE trial SET failures = 'many'"),
        (
            "CHECK",
            "INSERT INTO observation VALUES (1, 1, 1, 'loss_training', 9e999)",
        ),
        (
            "NOT NULL",
            "INSERT INTO observation VALUES (1, 1, 1, 'loss_training', NULL)",
        ),
        (
            "FOREIGN KEY",
            "INSERT INTO observation VALUES (1, 2, 1, 'loss_training', 0.5)",
        ),
        // What happened is never rewritten.
        ("append-only", "UPDATE event SET detail = ''"),
        ("append-only", "DELETE FROM event"),
    ] {
        let refusal = fixture.refusal(sql).await;
        assert!(refusal.contains(constraint), "{constraint}: {refusal}");
    }
}
