//! Reads back everything a restart needs: sweeps, the state of every trial, live leases, workers.
//! It changes nothing; what a restart does with live leases is the scheduler's to decide.

use pondersweep_proto::id::{Attempt, InvalidId, TrialId};
use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteRow};
use tokio_stream::StreamExt;

use super::{
    Store,
    checkpoint::restore_checkpoints,
    commit::as_i64,
    error::RestoreError,
    name::{UnknownName, suspicion, sweep_state, trial_state},
    record::{MachineRecord, Restored, RestoredSweep, WorkerRecord},
    statement::statements,
};
use crate::{
    scheduler::{Baseline, Record, RestoredLease, RestoredTrial, TrialState},
    sweep::{SweepSpec, SweepTerms},
    trust::TokenId,
};

statements! {
    SWEEPS = "
        SELECT
            sweep_id, spec, state, state_reason, baseline_ended, baseline_failed, created_at_ms,
            first_trial_id
        FROM sweep ORDER BY first_trial_id";
    TRIALS = "
        SELECT
            trial.state, trial.attempt, attempt.worker_id, attempt.request_id,
            trial.failures, trial.out_of_memory, trial.worker_losses, trial.suspicion
        FROM trial
        LEFT JOIN attempt
            ON attempt.trial_id = trial.trial_id AND attempt.attempt = trial.attempt
            AND attempt.ended_at_ms IS NULL
        WHERE trial.trial_id >= ?1 AND trial.trial_id < ?2
        ORDER BY trial.trial_id";
    WORKERS = "
        SELECT
            worker_id, host, process_id, device, backend, version, binary_sha256, slots, cpu,
            cpu_features, instructions, gpu, token_id
        FROM worker ORDER BY registered_at_ms, worker_id";
    FORGET_PAGES = "PRAGMA shrink_memory";
}

impl Store {
    /// Everything that was ever committed, as the scheduler and the driver need it.
    ///
    /// # Errors
    /// The disk failed, or what is stored is not what this program writes.
    pub async fn restore(&mut self) -> Result<Restored, RestoreError> {
        let mut snapshot = self.connection.begin().await?;
        let mut sweeps = Vec::new();
        for row in sqlx::query(SWEEPS).fetch_all(&mut *snapshot).await? {
            sweeps.push(restore_sweep(&mut snapshot, &row).await?);
        }
        let workers = sqlx::query(WORKERS).fetch_all(&mut *snapshot).await?;
        let checkpoints = restore_checkpoints(&mut snapshot).await?;
        snapshot.rollback().await?;
        // These pages are not read again.
        let forget = sqlx::query(FORGET_PAGES).execute(&mut self.connection);
        forget.await?;
        Ok(Restored {
            sweeps,
            workers: workers.iter().map(worker).collect::<Result<_, _>>()?,
            checkpoints,
        })
    }
}

async fn restore_sweep(
    connection: &mut SqliteConnection,
    row: &SqliteRow,
) -> Result<RestoredSweep, RestoreError> {
    let sweep_id: String = row.try_get("sweep_id")?;
    let unreadable = |problem: String| RestoreError::Sweep {
        sweep_id: sweep_id.clone(),
        problem,
    };
    let terms: SweepTerms = serde_json::from_str(row.try_get("spec")?)
        .map_err(|error| unreadable(error.to_string()))?;
    let spec = SweepSpec::new(terms).map_err(|error| unreadable(error.to_string()))?;
    if spec.id().to_string() != sweep_id {
        let problem = format!("its specification now has the id {}", spec.id());
        return Err(unreadable(problem));
    }
    let first: i64 = row.try_get("first_trial_id")?;
    let trials = restore_trials(connection, first, &spec, unreadable).await?;
    let state =
        sweep_state(row.try_get("state")?).map_err(|error| unreadable(error.to_string()))?;
    Ok(RestoredSweep {
        spec,
        state,
        state_reason: row.try_get("state_reason")?,
        baseline: Baseline {
            ended: row.try_get::<i64, _>("baseline_ended")?.unsigned_abs(),
            failed: row.try_get::<i64, _>("baseline_failed")?.unsigned_abs(),
        },
        created_at_ms: row.try_get("created_at_ms")?,
        first_trial_id: TrialId(first.unsigned_abs()),
        trials,
    })
}

async fn restore_trials(
    connection: &mut SqliteConnection,
    first: i64,
    spec: &SweepSpec,
    unreadable: impl Fn(String) -> RestoreError,
) -> Result<Vec<RestoredTrial>, RestoreError> {
    let expected = as_i64(spec.trials());
    let mut rows = sqlx::query(TRIALS)
        .bind(first)
        // A damaged file may hold any number.
        .bind(first.saturating_add(expected))
        .fetch(connection);
    let mut trials = Vec::new();
    while let Some(row) = rows.try_next().await? {
        trials.push(trial(&row, &unreadable)?);
    }
    if as_i64(trials.len() as u64) != expected {
        return Err(unreadable(format!(
            "{} of its {expected} trials are there",
            trials.len()
        )));
    }
    Ok(trials)
}

fn trial(
    row: &SqliteRow,
    unreadable: impl Fn(String) -> RestoreError,
) -> Result<RestoredTrial, RestoreError> {
    let state = trial_state(row.try_get(0)?).map_err(|error| unreadable(error.to_string()))?;
    let worker_id: Option<&str> = row.try_get(2)?;
    if (state == TrialState::Leased) != worker_id.is_some() {
        return Err(unreadable(
            "a trial is leased without an attempt, or the reverse".into(),
        ));
    }
    let lease = match worker_id {
        None => None,
        Some(worker_id) => Some(RestoredLease {
            worker_id: worker_id
                .parse()
                .map_err(|error: InvalidId| unreadable(error.to_string()))?,
            request_id: row.try_get(3)?,
        }),
    };
    Ok(RestoredTrial {
        state,
        attempt: Attempt(row.try_get(1)?),
        record: Record {
            failures: row.try_get(4)?,
            out_of_memory: row.try_get(5)?,
            worker_losses: row.try_get(6)?,
            suspicion: suspicion(row.try_get(7)?)
                .map_err(|error: UnknownName| unreadable(error.to_string()))?,
        },
        lease,
    })
}

pub(super) fn worker(row: &SqliteRow) -> Result<WorkerRecord, RestoreError> {
    let worker_id: &str = row.try_get("worker_id")?;
    let token_id: Option<&str> = row.try_get("token_id")?;
    Ok(WorkerRecord {
        worker_id: worker_id
            .parse()
            .map_err(|error: InvalidId| RestoreError::Worker {
                problem: error.to_string(),
            })?,
        machine: MachineRecord {
            cpu: row.try_get("cpu")?,
            cpu_features: row.try_get("cpu_features")?,
            instructions: row.try_get("instructions")?,
            gpu: row.try_get("gpu")?,
        },
        host: row.try_get("host")?,
        process_id: row.try_get("process_id")?,
        device: row.try_get("device")?,
        backend: row.try_get("backend")?,
        version: row.try_get("version")?,
        binary_sha256: row.try_get("binary_sha256")?,
        slots: row.try_get("slots")?,
        token_id: token_id.map(TokenId::from_stored),
    })
}
