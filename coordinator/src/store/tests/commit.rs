//! Committing: all or nothing, durable when it returns, and restored as it was.

use std::fs;

use pondersweep_proto::{
    failure::Failure,
    id::{Attempt, TrialId},
    metric::built_in,
};

use super::super::{
    AttemptReport, Batch, CommitError, Store, Value,
    testing::{Fixture, NOW_MS, batch, ended, leased, observe, panicked, spec, token, worker},
};
use crate::{
    scheduler::{
        Baseline, Change, Ending, Record, RestoredLease, RestoredTrial, Suspicion, SweepState,
        TrialState,
    },
    sweep::SweepSpec,
};

const PENDING: RestoredTrial = RestoredTrial {
    state: TrialState::Pending,
    attempt: Attempt(0),
    record: Record {
        failures: 0,
        out_of_memory: 0,
        worker_losses: 0,
        suspicion: Suspicion::None,
    },
    lease: None,
};

fn is_send<T: Send>(value: T) -> T {
    value
}

#[tokio::test]
async fn a_store_may_be_used_on_any_thread() {
    let mut fixture = Fixture::new().await;
    is_send(fixture.store.restore()).await.unwrap();
    is_send(fixture.store);
}

#[tokio::test]
async fn a_sweep_is_restored_with_all_its_trials_in_the_order_of_its_space() {
    let mut fixture = Fixture::new().await;
    let restored = fixture.store.restore().await.unwrap();
    let sweep = &restored.sweeps[0];
    assert_eq!(sweep.spec, spec(2));
    assert_eq!(sweep.spec.id(), fixture.sweep.sweep_id);
    assert_eq!(sweep.state, SweepState::Active);
    assert_eq!(sweep.created_at_ms, NOW_MS);
    assert_eq!(sweep.first_trial_id, TrialId(1));
    assert_eq!(sweep.trials, vec![PENDING; 4]);
    assert_eq!(restored.workers, [worker("w1"), worker("w2")]);
    for index in 0..4 {
        let trial = spec(2).trial(index);
        let detail = fixture
            .reader()
            .await
            .trial(&(index + 1).to_string())
            .await
            .unwrap();
        assert_eq!(detail.trial_key, trial.key());
        assert_eq!(detail.replicate, trial.replicate);
        assert_eq!(detail.configuration.spec, trial.configuration);
        assert_eq!(detail.configuration.key, trial.configuration.key());
        assert_eq!(detail.configuration.position, spec(2).place(index).0);
    }
}

#[tokio::test]
async fn replicates_beyond_the_first_are_stored_as_withheld_and_become_pending_once_allocated() {
    let mut terms = spec(2).terms().clone();
    terms.initial_replicates = Some(1);
    let spec = SweepSpec::new(terms).unwrap();
    let mut fixture = Fixture::of(spec.clone()).await;
    let withheld = RestoredTrial {
        state: TrialState::Withheld,
        ..PENDING
    };
    let restored = fixture.store.restore().await.unwrap();
    assert_eq!(restored.sweeps[0].spec, spec);
    let expected = [PENDING, PENDING, withheld.clone(), withheld.clone()];
    assert_eq!(restored.sweeps[0].trials, expected);
    let allocated = Change::Trial {
        trial_id: TrialId(4),
        state: TrialState::Pending,
    };
    fixture.commit(vec![allocated]).await;
    let restored = fixture.store.restore().await.unwrap();
    let expected = [PENDING, PENDING, withheld, PENDING];
    assert_eq!(restored.sweeps[0].trials, expected);
    // The database itself refuses to run what is withheld.
    let refusal = "update trial set attempt = 1 where trial_id = 3";
    let refused = fixture.refusal(refusal).await;
    assert!(
        refused.contains("trial_withheld_was_never_run"),
        "{refused}"
    );
}

#[tokio::test]
async fn the_trials_of_the_next_sweep_follow_those_of_the_last() {
    let mut fixture = Fixture::new().await;
    let other = fixture.store.create_sweep(&spec(3), NOW_MS + 6).unwrap();
    assert_eq!(other.first_trial_id, TrialId(5));
    assert_eq!(fixture.number("SELECT count(*) FROM trial").await, 4 + 6);
    let restored = fixture.store.restore().await.unwrap();
    assert_eq!(restored.sweeps[1].trials.len(), 6);
}

#[tokio::test]
async fn every_kind_of_change_is_restored() {
    let mut fixture = Fixture::new().await;
    fixture
        .commit(vec![
            leased(1, 1, "w1"),
            leased(2, 1, "w1"),
            leased(3, 1, "w2"),
            leased(4, 1, "w2"),
        ])
        .await;
    fixture
        .commit(vec![
            ended(1, 1, panicked(), TrialState::Pending),
            ended(2, 1, Ending::Lapsed, TrialState::Pending),
            ended(3, 1, Ending::Returned, TrialState::Pending),
            ended(
                4,
                1,
                Ending::Infeasible("nan at update 7".into()),
                TrialState::Infeasible,
            ),
            leased(1, 2, "w2"),
            Change::Trial {
                trial_id: TrialId(3),
                state: TrialState::Cancelled,
            },
            Change::Sweep {
                sweep_id: fixture.sweep.sweep_id,
                state: SweepState::Paused,
                reason: "lunch".into(),
                baseline: Baseline {
                    ended: 3,
                    failed: 2,
                },
            },
            Change::Refused {
                token: token(2, 1),
                worker_id: "w1".parse().unwrap(),
                call: "finish",
            },
        ])
        .await;
    let sweep = fixture.store.restore().await.unwrap().sweeps.remove(0);
    assert_eq!(
        (sweep.state, &*sweep.state_reason),
        (SweepState::Paused, "lunch")
    );
    assert_eq!((sweep.baseline.ended, sweep.baseline.failed), (3, 2));
    let once = RestoredTrial {
        attempt: Attempt(1),
        ..PENDING
    };
    let lease = RestoredLease {
        worker_id: "w2".parse().unwrap(),
        request_id: "request-1-2".into(),
    };
    assert_eq!(
        sweep.trials,
        [
            RestoredTrial {
                state: TrialState::Leased,
                attempt: Attempt(2),
                record: Record {
                    failures: 1,
                    ..PENDING.record
                },
                lease: Some(lease),
            },
            RestoredTrial {
                record: Record {
                    worker_losses: 1,
                    suspicion: Suspicion::LostOnce,
                    ..PENDING.record
                },
                ..once.clone()
            },
            RestoredTrial {
                state: TrialState::Cancelled,
                ..once.clone()
            },
            RestoredTrial {
                state: TrialState::Infeasible,
                ..once
            },
        ]
    );
}

#[tokio::test]
async fn becoming_pending_again_resets_the_counters() {
    let mut fixture = Fixture::new().await;
    for trial_id in [1, 2] {
        fixture.lease(trial_id, 1, "w1").await;
        fixture
            .commit(vec![ended(
                trial_id,
                1,
                Ending::Lapsed,
                TrialState::Pending,
            )])
            .await;
        fixture.lease(trial_id, 2, "w1").await;
        let failed = panicked();
        fixture
            .commit(vec![ended(trial_id, 2, failed, TrialState::Failed)])
            .await;
    }
    let retry = |id| Change::Trial {
        trial_id: TrialId(id),
        state: TrialState::Pending,
    };
    fixture.commit(vec![retry(1), retry(2)]).await;
    let trials = fixture
        .store
        .restore()
        .await
        .unwrap()
        .sweeps
        .remove(0)
        .trials;
    let expected = RestoredTrial {
        attempt: Attempt(2),
        ..PENDING
    };
    assert_eq!(trials, [expected.clone(), expected, PENDING, PENDING]);
    assert_eq!(
        fixture
            .number("SELECT count(*) FROM event WHERE kind = 'trial_state'")
            .await,
        2
    );
}

#[tokio::test]
async fn the_result_is_what_the_attempt_that_succeeded_measured_last() {
    let mut fixture = Fixture::new().await;
    fixture.lease(1, 1, "w1").await;
    let lost = AttemptReport {
        token: token(1, 1),
        observations: vec![observe(900, built_in::ACCURACY_INTERPOLATION, 0.11)],
    };
    let lapsed = ended(1, 1, Ending::Lapsed, TrialState::Pending);
    let first = Batch {
        reports: vec![lost],
        ..batch(vec![lapsed])
    };
    fixture.store.commit(&first).unwrap();
    fixture.lease(1, 2, "w2").await;
    let observations = vec![
        observe(100, built_in::ACCURACY_INTERPOLATION, 0.5),
        observe(100, built_in::LOSS_TRAINING, 0.7),
        observe(200, built_in::ACCURACY_INTERPOLATION, 0.1 + 0.2),
    ];
    let second = Batch {
        reports: vec![AttemptReport {
            token: token(1, 2),
            observations,
        }],
        seconds: vec![(token(1, 2), 12.25)],
        ..batch(vec![ended(1, 2, Ending::Succeeded, TrialState::Succeeded)])
    };
    fixture.store.commit(&second).unwrap();
    let result = "SELECT step, attempts, seconds, worker_id FROM trial_result";
    let expected = vec![
        Value::Integer(200),
        Value::Integer(2),
        Value::Real(12.25),
        Value::Text("w2".into()),
    ];
    assert_eq!(fixture.ask(result).await, [expected]);
    let metrics = "SELECT metric, value FROM trial_metric ORDER BY metric";
    let measured = |metric: &str, value| vec![Value::Text(metric.into()), Value::Real(value)];
    assert_eq!(
        fixture.ask(metrics).await,
        [
            measured("accuracy_interpolation", 0.1 + 0.2),
            measured("loss_training", 0.7),
        ],
        "to the last bit, and each when it was last measured"
    );
}

#[tokio::test]
async fn every_metric_reaches_its_own_column() {
    let mut fixture = Fixture::new().await;
    fixture.lease(1, 1, "w1").await;
    let numbered = built_in::table().iter().zip(1_u8..);
    let observations = numbered
        .clone()
        .map(|(metric, n)| observe(5, metric.name.clone(), f64::from(n)))
        .collect();
    let batch = Batch {
        reports: vec![AttemptReport {
            token: token(1, 1),
            observations,
        }],
        ..batch(vec![ended(1, 1, Ending::Succeeded, TrialState::Succeeded)])
    };
    fixture.store.commit(&batch).unwrap();
    for (metric, n) in numbered {
        let sql = format!("SELECT {} FROM trial_result", metric.name);
        assert_eq!(
            fixture.ask(&sql).await,
            [[Value::Real(n.into())]],
            "{}",
            metric.name
        );
    }
}

#[tokio::test]
async fn repeating_observations_changes_nothing() {
    let mut fixture = Fixture::new().await;
    fixture.lease(1, 1, "w1").await;
    // More than one statement holds, so that chunks are tried as well.
    let observations: Vec<_> = (0..150_u32)
        .map(|step| observe(step.into(), built_in::LOSS_TRAINING, step.into()))
        .collect();
    let report = AttemptReport {
        token: token(1, 1),
        observations,
    };
    let batch = Batch {
        at_ms: NOW_MS,
        reports: vec![report.clone(), report],
        ..Batch::default()
    };
    fixture.store.commit(&batch).unwrap();
    fixture.store.commit(&batch).unwrap();
    assert_eq!(
        fixture.number("SELECT count(*) FROM observation").await,
        150
    );
    assert_eq!(
        fixture
            .number("SELECT sum(step <> value) FROM observation")
            .await,
        0
    );
}

/// 160 trials: leased in one commit, ended in the next but for a few that fail in between.
fn two_busy_batches() -> [Batch; 2] {
    let leases = (1..=160).map(|trial_id| leased(trial_id, 1, "w1"));
    let end = |trial_id| match trial_id % 70 {
        0 => ended(
            trial_id,
            1,
            Ending::Failed(Failure::of_panic("panicked")),
            TrialState::Pending,
        ),
        _ => ended(trial_id, 1, Ending::Succeeded, TrialState::Succeeded),
    };
    let report = |trial_id: u64| AttemptReport {
        token: token(trial_id, 1),
        observations: (0..trial_id % 4)
            .map(|step| observe(step, built_in::LOSS_TRAINING, 0.1 * f64::from(step as u32)))
            .collect(),
    };
    // The new lease of a trial that failed in the same commit has to come after its end.
    let ends = (1..=160).map(end).chain([leased(70, 2, "w2")]);
    let second = Batch {
        reports: (1..=160).map(report).collect(),
        seconds: (1..=160)
            .map(|trial_id| (token(trial_id, 1), 0.25))
            .collect(),
        ..batch(ends.collect())
    };
    [batch(leases.collect()), second]
}

/// The same batch, in commits of one change each.
fn one_by_one(batch: Batch) -> impl Iterator<Item = Batch> {
    let alone = |change| Batch {
        changes: vec![change],
        ..Batch::default()
    };
    let reports = Batch {
        reports: batch.reports,
        ..Batch::default()
    };
    let seconds = Batch {
        seconds: batch.seconds,
        ..Batch::default()
    };
    let changes = batch.changes.into_iter().map(alone);
    let commits = [reports].into_iter().chain(changes).chain([seconds]);
    commits.map(|commit| Batch {
        at_ms: NOW_MS,
        ..commit
    })
}

#[tokio::test]
async fn many_changes_at_once_leave_what_they_leave_one_by_one() {
    let mut at_once = Fixture::of(spec(80)).await;
    let mut alone = Fixture::of(spec(80)).await;
    for batch in two_busy_batches() {
        at_once.store.commit(&batch).unwrap();
        for batch in one_by_one(batch) {
            alone.store.commit(&batch).unwrap();
        }
    }
    let content = at_once.content().await;
    assert!(content.len() > 160 * 5, "{} rows", content.len());
    assert_eq!(content, alone.content().await);
}

#[tokio::test]
async fn a_trial_that_succeeded_without_a_word_is_not_solved() {
    let mut fixture = Fixture::new().await;
    fixture.lease(1, 1, "w1").await;
    fixture
        .commit(vec![ended(1, 1, Ending::Succeeded, TrialState::Succeeded)])
        .await;
    let result = fixture.ask("SELECT step, solved FROM trial_result").await;
    assert_eq!(result, [[Value::Null, Value::Integer(0)]]);
}

#[tokio::test]
async fn one_row_of_many_that_does_not_fit_takes_all_of_them_down() {
    let mut fixture = Fixture::of(spec(20)).await;
    let before = fixture.content().await;
    let worker = |trial_id| if trial_id == 3 { "unknown" } else { "w1" };
    let leases = (1..=20).map(|trial_id| leased(trial_id, 1, worker(trial_id)));
    let error = fixture.store.commit(&batch(leases.collect())).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("trial 1 attempt 1 to w1 or one of the next"),
        "{text}"
    );
    assert!(text.contains("FOREIGN KEY"), "{text}");
    assert_eq!(fixture.content().await, before);
    fixture.lease(3, 1, "w1").await;
}

#[tokio::test]
async fn a_change_that_contradicts_the_database_takes_its_whole_batch_down() {
    let mut fixture = Fixture::new().await;
    fixture.lease(1, 1, "w1").await;
    fixture.succeed(2, 0.95, 2.0).await;
    let before = fixture.store.restore().await.unwrap();
    let retry = |id, state| Change::Trial {
        trial_id: TrialId(id),
        state,
    };
    for (change, words) in [
        // A second live attempt, and an attempt number left out.
        (leased(1, 2, "w2"), "the lease of trial 1 attempt 2 to w2"),
        (leased(3, 2, "w2"), "the lease of trial 3 attempt 2 to w2"),
        (leased(3, 1, "unknown"), "FOREIGN KEY"),
        // Only the current attempt may end, and only once.
        (
            ended(1, 2, Ending::Lapsed, TrialState::Pending),
            "the end (lapsed) of trial 1 attempt 2",
        ),
        (
            ended(2, 1, Ending::Succeeded, TrialState::Succeeded),
            "0 rows fit it, not 1",
        ),
        // A success is final; a leased trial has a live attempt to end first.
        (retry(2, TrialState::Pending), "pending for trial 2"),
        (retry(1, TrialState::Cancelled), "cancelled for trial 1"),
        (retry(99, TrialState::Cancelled), "cancelled for trial 99"),
    ] {
        let batch = batch(vec![leased(4, 1, "w1"), change]);
        let error = fixture.store.commit(&batch).unwrap_err();
        assert!(
            matches!(error, CommitError::Contradiction { .. }),
            "{error}"
        );
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(
            fixture.store.restore().await.unwrap(),
            before,
            "nothing was written"
        );
    }
}

#[tokio::test]
async fn observations_of_an_attempt_that_never_was_are_refused() {
    let mut fixture = Fixture::new().await;
    let observations = vec![observe(1, built_in::LOSS_TRAINING, 0.5)];
    let report = AttemptReport {
        token: token(1, 1),
        observations,
    };
    let orphan = Batch {
        at_ms: NOW_MS,
        reports: vec![report.clone()],
        ..Batch::default()
    };
    let error = fixture.store.commit(&orphan).unwrap_err();
    assert!(
        matches!(error, CommitError::Contradiction { .. }),
        "{error}"
    );
    // In one batch with its attempt it is welcome, though it is written first.
    let together = Batch {
        reports: vec![report],
        ..batch(vec![leased(1, 1, "w1")])
    };
    fixture.store.commit(&together).unwrap();
}

#[tokio::test]
async fn a_worker_that_registers_again_is_brought_up_to_date() {
    let mut fixture = Fixture::new().await;
    let moved = super::super::WorkerRecord {
        slots: 1,
        device: "cuda:0".into(),
        ..worker("w1")
    };
    let batch = Batch {
        at_ms: NOW_MS + 9,
        workers: vec![moved.clone()],
        ..Batch::default()
    };
    fixture.store.commit(&batch).unwrap();
    assert_eq!(
        fixture.store.restore().await.unwrap().workers,
        [moved, worker("w2")]
    );
    assert_eq!(
        fixture
            .number("SELECT max(registered_at_ms) FROM worker")
            .await,
        NOW_MS
    );
}

#[tokio::test]
async fn what_was_committed_is_on_the_disk_although_nothing_was_closed() {
    let mut fixture = Fixture::new().await;
    fixture.succeed(1, 0.95, 2.0).await;
    fixture.lease(2, 1, "w2").await;
    let expected = fixture.store.restore().await.unwrap();
    // What a crash leaves: the file and its log as they are now, and nothing from memory.
    let elsewhere = tempfile::tempdir().unwrap();
    for name in ["results.db", "results.db-wal"] {
        fs::copy(
            fixture.directory.path().join(name),
            elsewhere.path().join(name),
        )
        .unwrap();
    }
    let mut recovered = Store::open(&elsewhere.path().join("results.db"))
        .await
        .unwrap();
    assert_eq!(recovered.restore().await.unwrap(), expected);
}

#[tokio::test]
async fn a_commit_torn_by_a_crash_leaves_what_was_before_it() {
    let mut fixture = Fixture::new().await;
    fixture.lease(1, 1, "w1").await;
    let before = fixture.store.restore().await.unwrap();
    let log = fixture.directory.path().join("results.db-wal");
    let length = fs::metadata(&log).unwrap().len();
    fixture.succeed(2, 0.95, 2.0).await;
    let elsewhere = tempfile::tempdir().unwrap();
    for name in ["results.db", "results.db-wal"] {
        fs::copy(
            fixture.directory.path().join(name),
            elsewhere.path().join(name),
        )
        .unwrap();
    }
    let torn = fs::OpenOptions::new()
        .write(true)
        .open(elsewhere.path().join("results.db-wal"));
    torn.unwrap().set_len(length + 100).unwrap();
    let mut recovered = Store::open(&elsewhere.path().join("results.db"))
        .await
        .unwrap();
    assert_eq!(recovered.restore().await.unwrap(), before);
}

/// Not a rule but a measurement: `cargo test --release --lib -- --ignored --nocapture a_thousand`.
#[tokio::test]
#[ignore = "measures time"]
#[expect(clippy::disallowed_methods, reason = "measures time")]
async fn a_thousand_results_are_committed_in_a_fraction_of_a_second() {
    use std::time::Instant;

    let mut fixture = Fixture::new().await;
    let sweep = fixture.store.create_sweep(&spec(500), NOW_MS).unwrap();
    let trials = sweep.first_trial_id.0..sweep.first_trial_id.0 + 1_000;
    let leases = trials
        .clone()
        .map(|trial_id| leased(trial_id, 1, "w1"))
        .collect();
    let start = Instant::now();
    fixture.commit(leases).await;
    println!("leased after {:?}", start.elapsed());
    let report = |trial_id| AttemptReport {
        token: token(trial_id, 1),
        observations: built_in::table()
            .iter()
            .map(|metric| observe(9, metric.name.clone(), 0.5))
            .collect(),
    };
    let end = |trial_id| ended(trial_id, 1, Ending::Succeeded, TrialState::Succeeded);
    let finished = Batch {
        reports: trials.clone().map(report).collect(),
        seconds: trials
            .clone()
            .map(|trial_id| (token(trial_id, 1), 1.0))
            .collect(),
        ..batch(trials.map(end).collect())
    };
    let start = Instant::now();
    fixture.store.commit(&finished).unwrap();
    println!("finished after {:?}", start.elapsed());
}

/// Not a rule but a measurement: `cargo test --release -- --ignored --nocapture a_million`.
#[tokio::test]
#[ignore = "takes tens of seconds"]
#[expect(clippy::disallowed_methods, reason = "measures time")]
async fn a_million_trials_are_created_restored_and_cancelled_in_seconds() {
    use std::time::Instant;

    use pondersweep_proto::setting::Setting;

    use super::super::testing::axis;
    use crate::sweep::SweepSpec;

    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(&directory.path().join("results.db"))
        .await
        .unwrap();
    let mut terms = spec(10).terms().clone();
    let values: Vec<f64> = (1..=1000_u16).map(f64::from).collect();
    let shares: Vec<f64> = values.iter().map(|value| value / 1001.0).collect();
    terms.axes = vec![
        axis(Setting::LAMBDA_P, &shares),
        axis(Setting::BETA, &values[..100]),
    ];
    let start = Instant::now();
    let spec = SweepSpec::new(terms).unwrap();
    println!(
        "{} trials checked after {:?}",
        spec.trials(),
        start.elapsed()
    );
    let start = Instant::now();
    store.create_sweep(&spec, NOW_MS).unwrap();
    println!("created after {:?}", start.elapsed());
    let start = Instant::now();
    let restored = store.restore().await.unwrap();
    println!(
        "restored {} after {:?}",
        restored.sweeps[0].trials.len(),
        start.elapsed()
    );
    let start = Instant::now();
    let state = TrialState::Cancelled;
    let changes = (1..=spec.trials()).map(|id| Change::Trial {
        trial_id: TrialId(id),
        state,
    });
    store.commit(&batch(changes.collect())).unwrap();
    println!("cancelled after {:?}", start.elapsed());
    let start = Instant::now();
    let mut reader = super::super::Reader::open(&directory.path().join("results.db"))
        .await
        .unwrap();
    let mut cells = reader
        .query("SELECT count(solved) FROM cell_result", None)
        .await
        .unwrap();
    println!(
        "{:?} cells after {:?}",
        cells.next().await.unwrap(),
        start.elapsed()
    );
}
