//! Reads back everything a restart needs: sweeps, the state of every trial, live leases, workers.
//! It changes nothing; what a restart does with live leases is the scheduler's to decide.

use pondersweep_proto::id::{Attempt, TrialId};
use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteRow};
use tokio_stream::StreamExt;

use super::{
    Store,
    checkpoint::restore_checkpoints,
    commit::as_i64,
    error::RestoreError,
    name::{sweep_state, trial_state},
    record::{Restored, RestoredSweep, WorkerRecord},
    statement::statements,
};
use crate::{
    scheduler::{RestoredLease, RestoredTrial, TrialState},
    sweep::{SweepSpec, SweepTerms},
};

statements! {
    SWEEPS = "
        SELECT sweep_id, spec, state, state_reason, created_at_ms, first_trial_id
        FROM sweep ORDER BY first_trial_id";
    TRIALS = "
        SELECT
            trial.state, trial.attempt, trial.failures, trial.worker_losses,
            attempt.worker_id, attempt.request_id
        FROM trial
        LEFT JOIN attempt
            ON attempt.trial_id = trial.trial_id AND attempt.attempt = trial.attempt
            AND attempt.ended_at_ms IS NULL
        WHERE trial.trial_id >= ?1 AND trial.trial_id < ?2
        ORDER BY trial.trial_id";
    WORKERS = "
        SELECT worker_id, host, process_id, device, backend, version, binary_sha256, slots
        FROM worker ORDER BY registered_at_ms, worker_id";
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
        Ok(Restored {
            sweeps,
            workers: workers.iter().map(worker).collect::<Result<_, _>>()?,
            checkpoints: restore_checkpoints(&mut snapshot).await?,
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
        .bind(first + expected)
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
    let worker_id: Option<&str> = row.try_get(4)?;
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
                .map_err(|error: pondersweep_proto::id::InvalidId| unreadable(error.to_string()))?,
            request_id: row.try_get(5)?,
        }),
    };
    Ok(RestoredTrial {
        state,
        attempt: Attempt(row.try_get(1)?),
        failures: row.try_get(2)?,
        worker_losses: row.try_get(3)?,
        lease,
    })
}

fn worker(row: &SqliteRow) -> Result<WorkerRecord, RestoreError> {
    let worker_id: &str = row.try_get("worker_id")?;
    Ok(WorkerRecord {
        worker_id: worker_id.parse().expect("only valid worker ids are stored"),
        host: row.try_get("host")?,
        process_id: row.try_get("process_id")?,
        device: row.try_get("device")?,
        backend: row.try_get("backend")?,
        version: row.try_get("version")?,
        binary_sha256: row.try_get("binary_sha256")?,
        slots: row.try_get("slots")?,
    })
}
