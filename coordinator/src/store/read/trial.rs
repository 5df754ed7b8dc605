//! Everything that is known of one trial: its attempts, what they measured, and what happened.

use std::sync::Arc;

use pondersweep_proto::{
    id::{Attempt, ContentKey, SweepId, TrialId},
    metric::Observation,
};
use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteRow};

use super::{
    Configuration, Reader,
    column::{parsed, whole},
    configuration::{configurations, shared},
};
use crate::{
    scheduler::{Ending, Record, TrialState},
    store::{
        error::ReadError,
        name::{ending, suspicion, trial_state},
        statement::statements,
    },
};

statements! {
    /// A sweep that is being created has trials before it is there itself.
    TRIAL = "
        SELECT
            trial_id, sweep_id, trial_key, configuration_id, replicate, state, failures,
            out_of_memory, worker_losses, suspicion
        FROM trial
        WHERE trial_id = ?1 AND sweep_id IN (SELECT sweep_id FROM sweep)";
    /// For each sweep a search in its index of keys. 'g' sorts after every hexadecimal digit.
    MATCHING_TRIALS = "
        SELECT trial.trial_id
        FROM sweep JOIN trial ON trial.sweep_id = sweep.sweep_id
        WHERE trial.trial_key >= lower(?1) AND trial.trial_key < lower(?1) || 'g'
        ORDER BY trial.trial_id LIMIT 5";
    ATTEMPTS = "
        SELECT
            attempt.attempt, attempt.worker_id, worker.host, worker.device, worker.backend,
            worker.cpu, worker.instructions, worker.gpu, worker.version, worker.binary_sha256,
            attempt.started_from_updates, attempt.started_at_ms, attempt.ended_at_ms, attempt.ending, attempt.message,
            attempt.cause, attempt.blamed, attempt.seconds
        FROM attempt JOIN worker ON worker.worker_id = attempt.worker_id
        WHERE attempt.trial_id = ?1 ORDER BY attempt.attempt";
    OBSERVATIONS = "
        SELECT attempt, step, metric, value FROM observation
        WHERE trial_id = ?1 ORDER BY attempt, step, metric";
    CHECKPOINT = "
        SELECT updates_done FROM checkpoint WHERE trial_id = ?1";
    EVENTS = "
        SELECT at_ms, kind, attempt, worker_id, state, detail FROM event
        WHERE trial_id = ?1 ORDER BY event_id";
}

/// Everything that is known of one trial.
#[derive(Clone, Debug, PartialEq)]
pub struct TrialDetail {
    /// Its number in this database.
    pub trial_id: TrialId,
    /// The sweep it belongs to.
    pub sweep_id: SweepId,
    /// The hash of its specification.
    pub trial_key: ContentKey,
    /// Its point of the space.
    pub configuration: Arc<Configuration>,
    /// Index of the repetition, from 0.
    pub replicate: u32,
    /// Its state.
    pub state: TrialState,
    /// What stands against it.
    pub record: Record,
    /// Parameter updates done by the checkpoint it can go on from, if it has one.
    pub checkpoint_updates: Option<u64>,
    /// Every attempt, the first one first.
    pub attempts: Vec<AttemptDetail>,
    /// Everything its attempts measured, by attempt and step.
    pub observations: Vec<(Attempt, Observation)>,
    /// What happened to it, in order.
    pub events: Vec<Event>,
}

/// One execution of a trial.
#[derive(Clone, Debug, PartialEq)]
pub struct AttemptDetail {
    /// Counted from 1.
    pub attempt: Attempt,
    /// Who ran it.
    pub worker_id: String,
    /// On which machine.
    pub host: String,
    /// On what, such as `cpu`.
    pub device: String,
    /// With which library.
    pub backend: String,
    /// With which vector instructions; empty where the device has no kernels.
    pub instructions: String,
    /// The machine's processor.
    pub cpu: String,
    /// The machine's graphics processors.
    pub gpu: String,
    /// The worker's version.
    pub version: String,
    /// SHA-256 of its executable.
    pub binary_sha256: String,
    /// Parameter updates done by the checkpoint it started from, if it did.
    pub started_from_updates: Option<u64>,
    /// In milliseconds since 1970-01-01 UTC.
    pub started_at_ms: i64,
    /// When and how it ended; `None` while it lives.
    pub ended: Option<(i64, Ending)>,
    /// Whether its end was counted against the trial.
    pub blamed: bool,
    /// Compute time, if the worker said.
    pub seconds: Option<f64>,
}

/// One line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// In milliseconds since 1970-01-01 UTC.
    pub at_ms: i64,
    /// Such as "leased", "ended", "refused".
    pub kind: String,
    /// The attempt concerned.
    pub attempt: Option<Attempt>,
    /// The worker concerned.
    pub worker_id: Option<String>,
    /// The state the trial was left in.
    pub state: Option<String>,
    /// How, why, or which call.
    pub detail: String,
}

impl Reader {
    /// The trial with this number or with a key that starts like this.
    ///
    /// # Errors
    /// There is none, or several trials have such a key.
    pub async fn trial(&mut self, text: &str) -> Result<TrialDetail, ReadError> {
        let mut snapshot = self.connection.begin().await?;
        let row = find(&mut snapshot, text).await?;
        let configuration_id = row.try_get("configuration_id")?;
        let found = configurations(&mut snapshot, vec![configuration_id]).await?;
        let id: i64 = row.try_get("trial_id")?;
        let attempts = sqlx::query(ATTEMPTS)
            .bind(id)
            .fetch_all(&mut *snapshot)
            .await?;
        let observations = sqlx::query(OBSERVATIONS)
            .bind(id)
            .fetch_all(&mut *snapshot)
            .await?;
        let checkpoint: Option<i64> = sqlx::query_scalar(CHECKPOINT)
            .bind(id)
            .fetch_optional(&mut *snapshot)
            .await?;
        let events = sqlx::query(EVENTS)
            .bind(id)
            .fetch_all(&mut *snapshot)
            .await?;
        Ok(TrialDetail {
            trial_id: TrialId(whole(&row, "trial_id")?),
            sweep_id: parsed(&row, "sweep_id")?,
            trial_key: parsed(&row, "trial_key")?,
            configuration: shared(&row, &found)?,
            replicate: row.try_get("replicate")?,
            state: trial_state(row.try_get("state")?)?,
            record: Record {
                failures: row.try_get("failures")?,
                out_of_memory: row.try_get("out_of_memory")?,
                worker_losses: row.try_get("worker_losses")?,
                suspicion: suspicion(row.try_get("suspicion")?)?,
            },
            checkpoint_updates: checkpoint.map(i64::unsigned_abs),
            attempts: attempts.iter().map(attempt).collect::<Result<_, _>>()?,
            observations: observations
                .iter()
                .map(observation)
                .collect::<Result<_, _>>()?,
            events: events.iter().map(event).collect::<Result<_, _>>()?,
        })
    }
}

/// The row of the trial a person means. A number is a trial's before it is the start of a key.
pub(super) async fn find(
    connection: &mut SqliteConnection,
    text: &str,
) -> Result<SqliteRow, ReadError> {
    if let Ok(trial_id) = text.parse::<i64>() {
        let by_id = sqlx::query(TRIAL).bind(trial_id);
        if let Some(row) = by_id.fetch_optional(&mut *connection).await? {
            return Ok(row);
        }
    }
    let candidates: Vec<i64> = match text {
        "" => Vec::new(),
        _ => {
            let by_key = sqlx::query_scalar(MATCHING_TRIALS).bind(text);
            by_key.fetch_all(&mut *connection).await?
        }
    };
    match *candidates {
        [] => Err(ReadError::UnknownTrial { text: text.into() }),
        [only] => Ok(sqlx::query(TRIAL).bind(only).fetch_one(connection).await?),
        _ => Err(ReadError::AmbiguousTrial {
            text: text.into(),
            candidates: candidates.iter().map(i64::to_string).collect(),
        }),
    }
}

fn attempt(row: &SqliteRow) -> Result<AttemptDetail, ReadError> {
    let name: Option<&str> = row.try_get("ending")?;
    let ended_at_ms: Option<i64> = row.try_get("ended_at_ms")?;
    let how = name
        .map(|name| ending(name, row.get("cause"), row.get("message")))
        .transpose()?;
    Ok(AttemptDetail {
        attempt: Attempt(row.try_get("attempt")?),
        worker_id: row.try_get("worker_id")?,
        host: row.try_get("host")?,
        device: row.try_get("device")?,
        backend: row.try_get("backend")?,
        instructions: row.try_get("instructions")?,
        cpu: row.try_get("cpu")?,
        gpu: row.try_get("gpu")?,
        version: row.try_get("version")?,
        binary_sha256: row.try_get("binary_sha256")?,
        started_from_updates: row
            .try_get::<Option<i64>, _>("started_from_updates")?
            .map(i64::unsigned_abs),
        started_at_ms: row.try_get("started_at_ms")?,
        ended: ended_at_ms.zip(how),
        blamed: row.try_get("blamed")?,
        seconds: row.try_get("seconds")?,
    })
}

fn observation(row: &SqliteRow) -> Result<(Attempt, Observation), ReadError> {
    let observation = Observation {
        step: whole(row, "step")?,
        metric: parsed(row, "metric")?,
        value: row.try_get("value")?,
    };
    Ok((Attempt(row.try_get("attempt")?), observation))
}

fn event(row: &SqliteRow) -> Result<Event, ReadError> {
    let attempt: Option<u32> = row.try_get("attempt")?;
    Ok(Event {
        at_ms: row.try_get("at_ms")?,
        kind: row.try_get("kind")?,
        attempt: attempt.map(Attempt),
        worker_id: row.try_get("worker_id")?,
        state: row.try_get("state")?,
        detail: row.try_get("detail")?,
    })
}
