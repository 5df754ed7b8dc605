//! Reading: hand-computed views, names of sweeps and trials, and a person's own SQL.

use std::ops::Range;

use pondersweep_proto::{
    error::SweepError,
    id::{Attempt, TrialId},
    metric::built_in,
};

use super::super::{
    Batch, CellTally, ReadError, Reader, Sighting, Value, WorkerStanding, WorkerState,
    WorkerStatus,
    testing::{Fixture, NOW_MS, batch, ended, leased, panicked, spec, token, worker},
};
use crate::{
    scheduler::{Change, Ending, SweepState, TrialState},
    sweep::SweepSpec,
};

fn close(found: Option<f64>, expected: f64) {
    let found = found.expect("a number");
    assert!(
        (found - expected).abs() < 1e-12,
        "{found} instead of {expected}"
    );
}

fn whole(value: &Value) -> i64 {
    let Value::Integer(whole) = value else {
        panic!("{value:?}")
    };
    *whole
}

fn real(value: &Value) -> Option<f64> {
    match value {
        Value::Null => None,
        Value::Real(number) => Some(*number),
        other => panic!("{other:?}"),
    }
}

/// A row of `cell_result`.
struct Cell {
    counts: [i64; 7],
    share: Option<f64>,
    interval: [Option<f64>; 2],
    accuracy_mean: Option<f64>,
    accuracy_range: [Option<f64>; 2],
    accuracy_sd: Option<f64>,
    ponder_steps_mean: Option<f64>,
}

impl Cell {
    fn new(row: &[Value]) -> Self {
        let (counts, numbers) = row.split_at(7);
        let number = |index: usize| real(&numbers[index]);
        Self {
            counts: std::array::from_fn(|index| whole(&counts[index])),
            share: number(0),
            interval: [number(1), number(2)],
            accuracy_mean: number(3),
            accuracy_range: [number(4), number(5)],
            accuracy_sd: number(6),
            ponder_steps_mean: number(7),
        }
    }

    /// n, succeeded, infeasible and solved.
    const fn results(&self) -> [i64; 4] {
        let [n, succeeded, infeasible, _, _, _, solved] = self.counts;
        [n, succeeded, infeasible, solved]
    }

    /// failed, cancelled and pending.
    const fn others(&self) -> [i64; 3] {
        let [_, _, _, failed, cancelled, pending, _] = self.counts;
        [failed, cancelled, pending]
    }
}

async fn cells(fixture: &Fixture) -> Vec<Cell> {
    let sql = "SELECT n, succeeded, infeasible, failed, cancelled, pending, solved,
            solved_share, solved_share_low, solved_share_high, accuracy_interpolation_mean,
            accuracy_interpolation_min, accuracy_interpolation_max, accuracy_interpolation_sd,
            ponder_steps_interpolation_mean
        FROM cell_result ORDER BY position";
    let rows = fixture.ask(sql).await;
    rows.iter().map(|row| Cell::new(row)).collect()
}

#[tokio::test]
async fn a_cell_summarises_its_replicates() {
    let mut fixture = Fixture::new().await;
    fixture.succeed(1, 0.98, 2.5).await;
    fixture.succeed(3, 0.5, 3.0).await;
    let cells = cells(&fixture).await;
    assert_eq!(cells.len(), 2);
    let cell = &cells[0];
    assert_eq!((cell.results(), cell.others()), ([2, 2, 0, 1], [0, 0, 0]));
    assert_eq!(cell.share, Some(0.5));
    // Wilson, one of two: (0.5 + z^2/4 -+ z sqrt(0.125 + z^2/16)) / (1 + z^2/2), z^2 = 3.8414588.
    close(cell.interval[0], 0.094_531_205_734_230_74);
    close(cell.interval[1], 0.905_468_794_265_769_3);
    close(cell.accuracy_mean, 0.74);
    assert_eq!(cell.accuracy_range, [Some(0.5), Some(0.98)]);
    close(cell.accuracy_sd, 0.24 * 2_f64.sqrt());
    close(cell.ponder_steps_mean, 2.75);
    let sd = "SELECT ponder_steps_interpolation_sd FROM cell_result ORDER BY position LIMIT 1";
    close(real(&fixture.ask(sd).await[0][0]), 0.25 * 2_f64.sqrt());
    // Nothing has ended in the other cell.
    let cell = &cells[1];
    assert_eq!((cell.results(), cell.others()), ([0, 0, 0, 0], [0, 0, 2]));
    assert_eq!((cell.share, cell.interval), (None, [None, None]));
    assert_eq!((cell.accuracy_mean, cell.accuracy_sd), (None, None));
}

#[tokio::test]
async fn a_large_spread_has_its_root() {
    let mut fixture = Fixture::new().await;
    fixture.succeed(1, 0.5, 1.0).await;
    fixture.succeed(3, 0.5, 201.0).await;
    let sd = "SELECT ponder_steps_interpolation_sd FROM cell_result ORDER BY position LIMIT 1";
    close(real(&fixture.ask(sd).await[0][0]), 100.0 * 2_f64.sqrt());
}

#[tokio::test]
async fn measurements_are_in_the_order_of_the_trials_whatever_became_of_them() {
    let mut fixture = Fixture::new().await;
    fixture.succeed(4, 0.98, 2.5).await;
    fixture.succeed(1, 1.0 / 3.0, 3.0).await;
    fixture
        .commit(vec![leased(3, 1, "w1"), leased(2, 1, "w1")])
        .await;
    let diverged = Ending::Infeasible("nan at update 7".into());
    fixture
        .commit(vec![ended(2, 1, diverged, TrialState::Infeasible)])
        .await;
    let mut reader = fixture.reader().await;
    let metrics = [
        built_in::PONDER_STEPS_INTERPOLATION,
        built_in::LOSS_TRAINING,
        "charm".parse().unwrap(),
        built_in::ACCURACY_INTERPOLATION,
    ];
    let measurements = reader.measurements(fixture.sweep.sweep_id, &metrics);
    let measurements = measurements.await.unwrap();
    let values = |of: Range<usize>| measurements.values[of].to_vec();
    let found: Vec<_> = (measurements.trials.iter())
        .map(|of| (of.trial_index, of.outcome, values(of.values.clone())))
        .collect();
    let measured = |accuracy, steps| vec![Some(steps), None, None, Some(accuracy)];
    // The third trial has not ended.
    assert_eq!(
        found,
        [
            (0, TrialState::Succeeded, measured(1.0 / 3.0, 3.0)),
            (1, TrialState::Infeasible, Vec::new()),
            (3, TrialState::Succeeded, measured(0.98, 2.5)),
        ]
    );
}

#[tokio::test]
async fn a_diverged_trial_counts_as_not_solved_and_a_failed_one_does_not_count() {
    let mut fixture = Fixture::new().await;
    fixture.succeed(1, 0.98, 2.5).await;
    fixture
        .commit(vec![leased(3, 1, "w1"), leased(2, 1, "w1")])
        .await;
    let diverged = Ending::Infeasible("nan at update 7".into());
    let failed = panicked();
    fixture
        .commit(vec![
            ended(3, 1, diverged, TrialState::Infeasible),
            ended(2, 1, failed, TrialState::Failed),
            Change::Trial {
                trial_id: TrialId(4),
                state: TrialState::Cancelled,
            },
        ])
        .await;
    let cells = cells(&fixture).await;
    let cell = &cells[0];
    assert_eq!(cell.results(), [2, 1, 1, 1]);
    assert_eq!((cell.share, cell.accuracy_mean), (Some(0.5), Some(0.98)));
    assert_eq!(cell.accuracy_sd, None, "one number has no spread");
    let cell = &cells[1];
    assert_eq!((cell.results(), cell.others()), ([0, 0, 0, 0], [1, 1, 0]));
    let outcomes = "SELECT trial_id, outcome, solved, message FROM trial_result ORDER BY trial_id";
    let text = |text: &str| Value::Text(text.into());
    let one = |trial_id, outcome, solved, message| {
        vec![
            Value::Integer(trial_id),
            text(outcome),
            solved,
            text(message),
        ]
    };
    assert_eq!(
        fixture.ask(outcomes).await,
        [
            one(1, "succeeded", Value::Integer(1), ""),
            one(2, "failed", Value::Null, "panicked"),
            one(3, "infeasible", Value::Integer(0), "nan at update 7"),
        ]
    );
}

#[tokio::test]
async fn equal_accuracies_have_no_spread_and_a_full_share_ends_at_one() {
    let mut fixture = Fixture::new().await;
    for trial in [1, 3] {
        fixture.succeed(trial, 0.9731, 2.0).await;
    }
    let cells = cells(&fixture).await;
    assert_eq!(cells[0].accuracy_sd, Some(0.0));
    // Wilson, two of two: 1 / (1 + z^2 / 2).
    close(cells[0].interval[0], 0.342_380_227_506_653_1);
    close(cells[0].interval[1], 1.0);
}

#[tokio::test]
async fn a_result_row_says_who_what_and_when() {
    let mut fixture = Fixture::new().await;
    fixture.succeed(2, 0.95, 2.0).await;
    let mut reader = fixture.reader().await;
    let sql = "SELECT sweep, trial_id, lambda_p, outcome, solved, accuracy_interpolation, seconds,
        host, device, binary_sha256, finished_at FROM trial_result";
    let row = reader
        .query(sql, None)
        .await
        .unwrap()
        .next()
        .await
        .unwrap()
        .unwrap();
    let text = |text: &str| Value::Text(text.into());
    assert_eq!(
        row,
        [
            text("robustness"),
            Value::Integer(2),
            Value::Real(0.9),
            text("succeeded"),
            Value::Integer(1),
            Value::Real(0.95),
            Value::Real(1.5),
            text("host"),
            text("cpu"),
            text(&"ab".repeat(32)),
            text("2023-11-14T22:13:20.000Z"),
        ]
    );
}

#[tokio::test]
async fn settings_and_metrics_of_a_trial_are_rows_and_json_too() {
    let mut fixture = Fixture::new().await;
    fixture.succeed(2, 0.95, 2.0).await;
    let text = |text: &str| Value::Text(text.into());
    let metrics = "SELECT metric, unit, better, value FROM trial_metric ORDER BY metric";
    assert_eq!(
        fixture.ask(metrics).await,
        [
            vec![
                text("accuracy_interpolation"),
                text("share"),
                text("higher"),
                Value::Real(0.95)
            ],
            vec![
                text("ponder_steps_interpolation"),
                text("steps"),
                text("neither"),
                Value::Real(2.0)
            ],
        ]
    );
    let parameter = "SELECT value FROM trial_parameter
        WHERE trial_id = 2 AND parameter = 'model.lambda_p'";
    assert_eq!(fixture.ask(parameter).await, [vec![Value::Real(0.9)]]);
    let json = "SELECT outcome, solved, parameters ->> '$.task.elements', metrics FROM trial_json";
    let metrics = r#"{"accuracy_interpolation":0.95,"ponder_steps_interpolation":2.0}"#;
    assert_eq!(
        fixture.ask(json).await,
        [vec![
            text("succeeded"),
            Value::Integer(1),
            Value::Integer(8),
            text(metrics)
        ]]
    );
}

#[tokio::test]
async fn a_sweep_may_be_solved_by_a_metric_that_falls() {
    let mut fixture = Fixture::new().await;
    for sql in [
        "UPDATE metric SET solved_threshold = NULL",
        "UPDATE metric SET solved_threshold = 2.0, better = 'lower' WHERE name LIKE 'ponder_steps_i%'",
    ] {
        sqlx::query(sql)
            .execute(&mut fixture.store.connection)
            .await
            .unwrap();
    }
    fixture.succeed(1, 0.5, 2.0).await;
    fixture.succeed(2, 0.99, 2.5).await;
    let solved = "SELECT solved FROM trial_result ORDER BY trial_id";
    assert_eq!(
        fixture.ask(solved).await,
        [[Value::Integer(1)], [Value::Integer(0)]]
    );
    let tallies = fixture
        .reader()
        .await
        .tallies(fixture.sweep.sweep_id, 0, 9)
        .await
        .unwrap();
    assert_eq!([tallies[0].solved, tallies[1].solved], [1, 0]);
    let cells = fixture
        .ask("SELECT solved FROM cell_result ORDER BY position")
        .await;
    assert_eq!(cells, [[Value::Integer(1)], [Value::Integer(0)]]);
}

#[tokio::test]
async fn a_sweep_is_found_by_id_prefix_name_and_last() {
    let mut fixture = Fixture::new().await;
    let first = fixture.sweep.sweep_id;
    let mut terms = spec(1).terms().clone();
    terms.name = "pilot".into();
    let pilot = crate::sweep::SweepSpec::new(terms).unwrap();
    let second = fixture.store.create_sweep(&pilot, NOW_MS).unwrap().sweep_id;
    let mut reader = fixture.reader().await;
    for (text, expected) in [
        (first.to_string(), first),
        (first.to_string()[..8].to_uppercase(), first),
        ("robustness".into(), first),
        ("pilot".into(), second),
        ("last".into(), second),
    ] {
        assert_eq!(reader.find_sweep(&text).await.unwrap(), expected, "{text}");
    }
    for missing in ["", "nothing", "%", "last2"] {
        let error = reader.find_sweep(missing).await.unwrap_err();
        assert!(
            matches!(error, ReadError::Sweep(SweepError::NotFound(_))),
            "{missing}: {error}"
        );
        assert!(error.to_string().contains("hint: `pondersweep ls`"));
    }
    fixture.store.create_sweep(&spec(7), NOW_MS).unwrap();
    let error = reader.find_sweep("robustness").await.unwrap_err();
    assert!(matches!(error, ReadError::Sweep(SweepError::Ambiguous(_))));
    assert_eq!(reader.spec(first).await.unwrap(), spec(2));
}

#[tokio::test]
async fn last_in_an_empty_database_is_not_found() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("results.db");
    super::super::Store::open(&path).await.unwrap();
    let mut reader = Reader::open(&path).await.unwrap();
    assert!(matches!(
        reader.find_sweep("last").await,
        Err(ReadError::Sweep(SweepError::NotFound(_)))
    ));
    assert_eq!(reader.sweeps().await.unwrap(), []);
}

#[tokio::test]
async fn the_list_of_sweeps_counts_trials_by_state() {
    let mut fixture = Fixture::new().await;
    fixture.succeed(1, 0.95, 2.0).await;
    fixture.lease(2, 1, "w1").await;
    let sweeps = fixture.reader().await.sweeps().await.unwrap();
    let [sweep] = &*sweeps else {
        panic!("{sweeps:?}")
    };
    assert_eq!((sweep.configurations, sweep.replicates), (2, 2));
    assert_eq!(
        (&*sweep.name, sweep.state),
        ("robustness", SweepState::Active)
    );
    let counts = sweep.trials;
    assert_eq!((counts.pending, counts.leased, counts.succeeded), (2, 1, 1));
    assert_eq!(counts.total(), 4);
}

#[tokio::test]
async fn a_trial_shows_its_whole_story() {
    let mut fixture = Fixture::new().await;
    fixture.lease(1, 1, "w1").await;
    fixture
        .commit(vec![ended(1, 1, Ending::Lapsed, TrialState::Pending)])
        .await;
    fixture.lease(1, 2, "w2").await;
    let late = Change::Refused {
        token: token(1, 1),
        worker_id: "w1".parse().unwrap(),
        call: "finish",
    };
    fixture.commit(vec![late]).await;
    let mut reader = fixture.reader().await;
    let trial = reader.trial("1").await.unwrap();
    assert_eq!(
        (trial.state, trial.record.worker_losses),
        (TrialState::Leased, 1)
    );
    assert!(trial.attempts[0].blamed);
    let endings: Vec<_> = trial
        .attempts
        .iter()
        .map(|attempt| attempt.ended.clone())
        .collect();
    assert_eq!(endings, [Some((NOW_MS, Ending::Lapsed)), None]);
    let events: Vec<_> = trial
        .events
        .iter()
        .map(|event| (&*event.kind, event.attempt, &*event.detail))
        .collect();
    assert_eq!(
        events,
        [
            ("leased", Some(Attempt(1)), "request-1-1"),
            ("ended", Some(Attempt(1)), "lapsed (worker_lost, blamed)"),
            ("leased", Some(Attempt(2)), "request-1-2"),
            ("refused", Some(Attempt(1)), "finish"),
        ]
    );
    // By key, as by number.
    let key = trial.trial_key.to_string();
    assert_eq!(reader.trial(&key[..9]).await.unwrap(), trial);
    assert!(matches!(
        reader.trial("77").await,
        Err(ReadError::UnknownTrial { .. })
    ));
    assert!(matches!(
        reader.trial("").await,
        Err(ReadError::UnknownTrial { .. })
    ));
    // The same trial in a second sweep: its key alone no longer says which.
    fixture.store.create_sweep(&spec(1), NOW_MS).unwrap();
    let error = reader.trial(&key).await.unwrap_err();
    assert!(
        matches!(&error, ReadError::AmbiguousTrial { candidates, .. } if *candidates == ["1", "5"])
    );
}

#[tokio::test]
async fn a_trial_shows_what_it_measured() {
    let mut fixture = Fixture::new().await;
    fixture.succeed(3, 0.75, 2.5).await;
    let trial = fixture.reader().await.trial("3").await.unwrap();
    let measured: Vec<_> = trial
        .observations
        .iter()
        .map(|(attempt, observation)| (attempt.0, observation.step, observation.metric.clone()))
        .collect();
    let metrics = [
        built_in::ACCURACY_INTERPOLATION,
        built_in::PONDER_STEPS_INTERPOLATION,
    ];
    assert_eq!(measured, metrics.map(|metric| (1, 100, metric)));
}

#[tokio::test]
async fn completeness_counts_what_a_report_must_confess() {
    let mut fixture = Fixture::new().await;
    let mut other = worker("w3");
    other.binary_sha256 = "cd".repeat(32);
    // Two instruction sets agree to rounding, not to the bit.
    other.machine.instructions = "avx512".into();
    let workers = Batch {
        at_ms: NOW_MS,
        workers: vec![other],
        ..Batch::default()
    };
    fixture.store.commit(&workers).unwrap();
    fixture.lease(1, 1, "w2").await;
    fixture
        .commit(vec![ended(1, 1, Ending::Lapsed, TrialState::Pending)])
        .await;
    fixture.lease(1, 2, "w3").await;
    let succeeded = ended(1, 2, Ending::Succeeded, TrialState::Succeeded);
    let late = |trial_id| Change::Refused {
        token: token(trial_id, 1),
        worker_id: "w2".parse().unwrap(),
        call: "finish",
    };
    // The second refused call names a trial that does not exist: it is in the log all the same.
    fixture
        .commit(vec![succeeded, late(1), late(u64::MAX)])
        .await;
    fixture.succeed(2, 0.95, 2.0).await;
    let mut reader = fixture.reader().await;
    let found = reader.completeness(fixture.sweep.sweep_id).await.unwrap();
    assert_eq!(
        (found.expected(), found.accepted(), found.trials.pending),
        (4, 2, 2)
    );
    assert_eq!((found.retried, found.refused), (1, 1));
    assert_eq!(found.binaries, ["ab".repeat(32), "cd".repeat(32)]);
    assert_eq!(found.devices, ["cpu (flex, avx2)", "cpu (flex, avx512)"]);
    assert!(!found.is_complete());
    assert_eq!(
        fixture
            .number("SELECT count(*) FROM event WHERE kind = 'refused'")
            .await,
        2
    );
    // Where the sweep is a small part of the log, its events are looked up instead.
    sqlx::query(
        "INSERT INTO event (at_ms, kind, trial_id)
         WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 100)
         SELECT 0, 'refused', 1000 + n FROM number",
    )
    .execute(&mut fixture.store.connection)
    .await
    .unwrap();
    let again = reader.completeness(fixture.sweep.sweep_id).await.unwrap();
    assert_eq!(again, found);
}

#[tokio::test]
async fn any_sql_may_be_asked_and_none_can_write() {
    let fixture = Fixture::new().await;
    let mut reader = fixture.reader().await;
    let mut rows = reader
        .query(
            "SELECT 1 AS one, 2.5, 'x', x'0f', NULL UNION ALL SELECT 2, 0, '', x'', 1",
            Some(1),
        )
        .await
        .unwrap();
    assert_eq!(rows.columns()[0], "one");
    let row = rows.next().await.unwrap().unwrap();
    let text = Value::Text("x".into());
    let blob = Value::Blob(vec![15]);
    assert_eq!(
        row,
        [Value::Integer(1), Value::Real(2.5), text, blob, Value::Null]
    );
    assert_eq!(rows.next().await.unwrap(), None);
    assert!(rows.truncated());
    drop(rows);

    let rows = reader
        .query("SELECT trial_id FROM trial_result", None)
        .await
        .unwrap();
    assert_eq!(
        rows.columns(),
        ["trial_id"],
        "columns are named even without a row"
    );
    drop(rows);

    let outside = fixture.directory.path().join("outside.db");
    let attach = format!("ATTACH '{}' AS outside", outside.display());
    for sql in [
        "DELETE FROM trial",
        "UPDATE sweep SET state = 'paused'",
        "PRAGMA query_only = OFF; DELETE FROM trial",
        "SELECT nothing FROM nowhere",
        "SELEKT",
        &attach,
    ] {
        let refused = match reader.query(sql, None).await {
            Ok(mut rows) => rows.next().await.map(drop),
            Err(error) => Err(error),
        };
        assert!(refused.is_err(), "{sql}");
    }
    assert!(!outside.exists());
    let error = reader.query("SELEKT", None).await.map(drop).unwrap_err();
    assert!(matches!(error, ReadError::Sql { .. }), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("near \"SELEKT\": syntax error\nhint:"),
        "{error}"
    );
    let sweeps = fixture.reader().await.sweeps().await.unwrap();
    assert_eq!(
        (sweeps[0].trials.pending, sweeps[0].state),
        (4, SweepState::Active)
    );
}

#[tokio::test]
async fn a_reader_sees_one_moment_while_the_coordinator_writes_on() {
    let mut fixture = Fixture::new().await;
    let mut reader = fixture.reader().await;
    let mut rows = reader
        .query("SELECT trial_id FROM trial", None)
        .await
        .unwrap();
    assert!(rows.next().await.unwrap().is_some());
    // Neither waits for the other.
    fixture.store.create_sweep(&spec(5), NOW_MS).unwrap();
    let mut seen = 1;
    while rows.next().await.unwrap().is_some() {
        seen += 1;
    }
    assert_eq!(seen, 4);
    drop(rows);
    assert_eq!(reader.sweeps().await.unwrap().len(), 2);
    fixture
        .store
        .commit(&batch(vec![leased(1, 1, "w1")]))
        .unwrap();
    assert_eq!(reader.sweeps().await.unwrap()[0].trials.leased, 1);
}

#[tokio::test]
async fn a_worker_is_listed_with_what_it_did_and_when_it_was_last_heard_of() {
    let mut fixture = Fixture::new().await;
    fixture.succeed(1, 0.95, 2.0).await;
    fixture.lease(2, 1, "w2").await;
    fixture
        .commit(vec![ended(2, 1, Ending::Lapsed, TrialState::Pending)])
        .await;
    fixture.lease(3, 1, "w2").await;
    let sighting = |worker_id: &str, state| Sighting {
        worker_id: worker_id.parse().unwrap(),
        state,
    };
    let sighted = Batch {
        at_ms: NOW_MS + 9_000,
        sightings: vec![sighting("w2", WorkerState::Draining)],
        ..Batch::default()
    };
    fixture.store.commit(&sighted).unwrap();

    let workers = fixture.reader().await.workers().await.unwrap();

    let told = |status: &WorkerStatus| {
        let WorkerStatus {
            holds,
            done,
            failed,
            lapsed,
            ..
        } = *status;
        (holds, done, failed, lapsed)
    };
    assert_eq!(workers[0].worker, worker("w2"));
    assert_eq!(workers[0].last_heard_at_ms, NOW_MS + 9_000);
    assert_eq!(told(&workers[0]), (1, 0, 0, 1));
    assert_eq!(workers[1].worker, worker("w1"));
    assert_eq!(told(&workers[1]), (0, 1, 0, 0));
    // The fixture's workers were told of a term of no length.
    let standing = |later_ms| workers[0].standing(NOW_MS + 9_000 + later_ms);
    assert_eq!(standing(0), WorkerStanding::Draining);
    assert_eq!(standing(-60_000), WorkerStanding::Draining);
    assert_eq!(standing(5_000), WorkerStanding::Draining);
    assert_eq!(standing(5_001), WorkerStanding::Silent);
    // A worker that is not registered is not noted.
    let unknown = Batch {
        sightings: vec![sighting("w9", WorkerState::Working)],
        ..sighted
    };
    fixture.store.commit(&unknown).unwrap_err();
}

#[tokio::test]
async fn workers_that_never_ran_anything_are_forgotten_and_those_that_did_stay() {
    let mut fixture = Fixture::new().await;
    fixture.succeed(1, 0.95, 2.0).await;
    let idle = ["idle-1", "idle-2"].map(worker);
    let came = Batch {
        at_ms: NOW_MS + 9_000,
        workers: idle.to_vec(),
        ..Batch::default()
    };
    fixture.store.commit(&came).unwrap();
    let known = async |fixture: &Fixture| {
        let workers = fixture.reader().await.workers().await.unwrap();
        workers.len()
    };
    let before = known(&fixture).await;

    let too_early = fixture.store.forget_idle_workers(NOW_MS + 9_000).unwrap();
    let forgotten = fixture.store.forget_idle_workers(NOW_MS + 9_001).unwrap();

    assert!(!too_early.forgotten.contains(&idle[0].worker_id));
    assert_eq!(forgotten.forgotten, idle.map(|worker| worker.worker_id));
    assert_eq!(forgotten.left, 0);
    let left = fixture.reader().await.workers().await.unwrap();
    assert!(left.iter().any(|status| status.worker == worker("w1")));
    assert!(left.len() + 2 <= before);
    assert_eq!(fixture.number("PRAGMA foreign_keys").await, 1);
    let mut reader = fixture.reader().await;
    assert_eq!(reader.damage().await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn the_replicates_of_every_configuration_are_counted_by_what_became_of_them() {
    let mut terms = spec(3).terms().clone();
    terms.initial_replicates = Some(2);
    let mut fixture = Fixture::of(SweepSpec::new(terms).unwrap()).await;
    // Trials 1, 3 and 5 are the first configuration's, 2, 4 and 6 the second's.
    fixture.succeed(1, 0.98, 2.5).await;
    fixture.lease(3, 1, "w1").await;
    fixture.succeed(2, 0.5, 2.5).await;
    fixture.lease(4, 1, "w1").await;
    let failed = ended(4, 1, panicked(), TrialState::Failed);
    fixture.commit(vec![failed]).await;
    let sweep_id = fixture.sweep.sweep_id;
    let mut reader = fixture.reader().await;
    let first = CellTally {
        position: 0,
        results: 1,
        solved: 1,
        waiting: 1,
        without_result: 0,
        withheld: 1,
    };
    let second = CellTally {
        position: 1,
        results: 1,
        solved: 0,
        waiting: 0,
        without_result: 1,
        withheld: 1,
    };
    assert_eq!(
        reader.tallies(sweep_id, 0, 9).await.unwrap(),
        [first, second]
    );
    assert_eq!(reader.tallies(sweep_id, 0, 1).await.unwrap(), [first]);
    assert_eq!(reader.tallies(sweep_id, 1, 9).await.unwrap(), [second]);
    assert_eq!(
        reader.tallies(sweep_id, u64::MAX, u32::MAX).await.unwrap(),
        []
    );
    let sweeps = reader.sweeps().await.unwrap();
    assert_eq!(
        (sweeps[0].trials.total(), sweeps[0].trials.withheld),
        (4, 2)
    );
    let completeness = reader.completeness(sweep_id).await.unwrap();
    assert_eq!((completeness.expected(), completeness.accepted()), (4, 2));
}
