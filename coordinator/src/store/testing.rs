//! A small sweep, workers and a database in a temporary directory, for the tests of this room.

use std::path::PathBuf;

use pondersweep_proto::{
    breakdown::{Breakdown, CountRow, CountTable},
    failure::{Cause, Failure},
    id::{Attempt, LeaseToken, TrialId},
    metric::{MetricName, Observation, built_in},
    setting::{ParameterValue, Setting},
};
use tempfile::TempDir;

use super::{AttemptReport, Batch, MachineRecord, Reader, Store, StoredSweep, Value, WorkerRecord};
use crate::{
    scheduler::{Change, Ending, Limit, Record, Suspicion, TrialState},
    sweep::{Axis, SweepSpec, SweepTerms},
};

pub(super) const NOW_MS: i64 = 1_700_000_000_000;

/// A database with one sweep: lambda_p over 0.1 and 0.9, two replicates; trials 1 to 4 are
/// (0.1, 0), (0.9, 0), (0.1, 1), (0.9, 1).
pub(super) struct Fixture {
    pub(super) directory: TempDir,
    pub(super) store: Store,
    pub(super) sweep: StoredSweep,
}

impl Fixture {
    pub(super) async fn new() -> Self {
        Self::of(spec(2)).await
    }

    /// A database with this sweep.
    pub(super) async fn of(spec: SweepSpec) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut store = Store::open(&directory.path().join("results.db"))
            .await
            .unwrap();
        let sweep = store.create_sweep(&spec, NOW_MS).unwrap();
        let workers = vec![worker("w1"), worker("w2")];
        let batch = Batch {
            at_ms: NOW_MS,
            workers,
            ..Batch::default()
        };
        store.commit(&batch).unwrap();
        Self {
            directory,
            store,
            sweep,
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join("results.db")
    }

    pub(super) async fn reader(&self) -> Reader {
        Reader::open(&self.path()).await.unwrap()
    }

    pub(super) async fn commit(&mut self, changes: Vec<Change>) {
        self.store.commit(&batch(changes)).unwrap();
    }

    /// Leases a trial to a worker.
    pub(super) async fn lease(&mut self, trial_id: u64, attempt: u32, worker_id: &str) {
        self.commit(vec![leased(trial_id, attempt, worker_id)])
            .await;
    }

    /// Runs a trial to success at its first attempt.
    pub(super) async fn succeed(&mut self, trial_id: u64, accuracy: f64, ponder_steps: f64) {
        self.lease(trial_id, 1, "w1").await;
        let observations = vec![
            observe(100, built_in::ACCURACY_INTERPOLATION, accuracy),
            observe(100, built_in::PONDER_STEPS_INTERPOLATION, ponder_steps),
        ];
        let token = token(trial_id, 1);
        let batch = Batch {
            reports: vec![AttemptReport {
                token,
                observations,
            }],
            seconds: vec![(token, 1.5)],
            ..batch(vec![ended(
                trial_id,
                1,
                Ending::Succeeded,
                TrialState::Succeeded,
            )])
        };
        self.store.commit(&batch).unwrap();
    }

    /// Every row that commits write, as text.
    pub(super) async fn content(&mut self) -> Vec<String> {
        sqlx::query_scalar(
            "SELECT json_array(trial_id, state, attempt, failures, worker_losses) FROM trial
             UNION ALL SELECT json_array(trial_id, attempt, worker_id, request_id, started_at_ms,
                 ended_at_ms, ending, message, seconds) FROM attempt
             UNION ALL SELECT json_array(trial_id, attempt, step, metric, value) FROM observation
             UNION ALL SELECT json_array(trial_id, attempt, step) FROM result
             UNION ALL SELECT json_array(trial_id, metric_id, value) FROM measurement
             UNION ALL SELECT json_array(trial_id, table_name, group_name, row_name, column_name,
                 count) FROM breakdown
             UNION ALL SELECT json_array(event_id, at_ms, kind, sweep_id, trial_id, attempt,
                 worker_id, state, detail) FROM event",
        )
        .fetch_all(&mut self.store.connection)
        .await
        .unwrap()
    }

    /// The rows that a query answers to anyone who reads.
    pub(super) async fn ask(&self, sql: &str) -> Vec<Vec<Value>> {
        let mut reader = self.reader().await;
        let mut rows = reader.query(sql, None).await.unwrap();
        let mut answer = Vec::new();
        while let Some(row) = rows.next().await.unwrap() {
            answer.push(row);
        }
        answer
    }

    /// The number a query answers.
    pub(super) async fn number(&mut self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql)
            .fetch_one(&mut self.store.connection)
            .await
            .unwrap()
    }

    /// The error of a statement the database must refuse.
    pub(super) async fn refusal(&mut self, sql: &'static str) -> String {
        let error = sqlx::query(sql).execute(&mut self.store.connection).await;
        error.expect_err(sql).to_string()
    }
}

pub(super) fn spec(replicates: u32) -> SweepSpec {
    let template = serde_json::from_value(serde_json::json!({
        "task": { "kind": "parity", "elements": 8 },
        "model": { "kind": "ponder_net", "lambda_p": 0.5, "step_function": "gru" },
        "training": { "updates": 1000, "gradient_clip": 1.0 },
    }));
    SweepSpec::new(SweepTerms {
        name: "robustness".into(),
        template: template.unwrap(),
        axes: vec![axis(Setting::LAMBDA_P, &[0.1, 0.9])],
        exclusions: Vec::new(),
        replicates,
        initial_replicates: None,
        seed: u64::MAX,
        common_seeds: false,
        solved_threshold: 0.9,
        max_failures: 3,
        max_out_of_memory: 3,
        max_worker_losses: 3,
        device: None,
        program: None,
    })
    .unwrap()
}

pub(super) fn axis(parameter: Setting, values: &[f64]) -> Axis {
    let values = values
        .iter()
        .map(|&value| ParameterValue::Number(value))
        .collect();
    Axis { parameter, values }
}

pub(super) fn worker(worker_id: &str) -> WorkerRecord {
    WorkerRecord {
        worker_id: worker_id.parse().unwrap(),
        host: "host".into(),
        process_id: 7,
        device: "cpu".into(),
        backend: "flex".into(),
        version: "0.1.0".into(),
        binary_sha256: "ab".repeat(32),
        slots: 8,
        machine: MachineRecord {
            cpu: "A Processor".into(),
            cpu_features: "avx2 fma".into(),
            instructions: "avx2".into(),
            gpu: String::new(),
        },
        token_id: None,
    }
}

pub(super) fn batch(changes: Vec<Change>) -> Batch {
    Batch {
        at_ms: NOW_MS,
        changes,
        ..Batch::default()
    }
}

pub(super) fn token(trial_id: u64, attempt: u32) -> LeaseToken {
    LeaseToken {
        trial_id: TrialId(trial_id),
        attempt: Attempt(attempt),
    }
}

pub(super) fn leased(trial_id: u64, attempt: u32, worker_id: &str) -> Change {
    Change::Leased {
        token: token(trial_id, attempt),
        worker_id: worker_id.parse().unwrap(),
        request_id: format!("request-{trial_id}-{attempt}"),
    }
}

pub(super) fn ended(trial_id: u64, attempt: u32, ending: Ending, state: TrialState) -> Change {
    Change::Ended {
        token: token(trial_id, attempt),
        state,
        blamed: ending.cause().is_some(),
        record: record_of(&ending),
        ending,
    }
}

/// A failure for tests.
pub(super) fn panicked() -> Ending {
    Ending::Failed(Failure::new(Cause::Panicked, "panicked"))
}

/// What stands against a trial after this one end.
fn record_of(ending: &Ending) -> Record {
    let mut record = Record::default();
    match ending.cause().map(Limit::of) {
        Some(Limit::Failures) => record.failures = 1,
        Some(Limit::OutOfMemory) => record.out_of_memory = 1,
        Some(Limit::WorkerLosses) => {
            record.worker_losses = 1;
            record.suspicion = Suspicion::LostOnce;
        }
        None => {}
    }
    record
}

/// Ten samples of each range; of the harder ones, `correct` are answered correctly.
pub(super) fn breakdown(correct: u64) -> Breakdown {
    let row = |row: &'static str, counts: &[u64]| CountRow {
        row: row.into(),
        counts: counts.to_vec(),
    };
    let difficulty = |group: &'static str| CountTable {
        table: "difficulty".into(),
        group: group.into(),
        columns: ["examples", "correct", "ponder_steps"]
            .map(Into::into)
            .into(),
        rows: vec![row("1-4", &[5, 5, 6]), row("5-8", &[5, correct, 12])],
    };
    let halting = |group: &'static str| CountTable {
        table: "halting".into(),
        group: group.into(),
        columns: vec!["examples".into()],
        rows: vec![row("1", &[6]), row("3", &[4])],
    };
    let ranges = ["interpolation", "extrapolation"];
    let tables = [ranges.map(difficulty), ranges.map(halting)].concat();
    Breakdown::new(tables).unwrap()
}

pub(super) fn observe(step: u64, metric: MetricName, value: f64) -> Observation {
    Observation {
        step,
        metric,
        value,
    }
}
