//! What is recorded of a trial's result and of who computed it: all that training it again needs,
//! and all that can be compared afterwards.

use std::collections::BTreeMap;

use pondersweep_proto::{
    breakdown::CountName,
    id::{Attempt, ContentKey, SweepId, TrialId},
    metric::{MetricName, Observation},
    program::ProgramFile,
    spec::TrialSpec,
};
use sqlx::{Connection as _, Row as _, SqliteConnection, sqlite::SqliteRow};

use super::{
    Reader,
    column::{parsed, whole},
    configuration::{configurations, shared},
    sweep::trial_range,
    trial::find,
};
use crate::{
    replay::{Counts, Measured, Origin, Outcome},
    scheduler::TrialState,
    store::{error::ReadError, name::trial_state, statement::statements},
    sweep::SweepTerms,
};

statements! {
    TERMS = "
        SELECT spec FROM sweep WHERE sweep_id = ?1";
    PROGRAM_FILE = "
        SELECT content FROM program_file WHERE sha256 = ?1";
    /// The current attempt of a trial with a result is the one that gave it.
    DECIDING = "
        SELECT attempt.message, worker.*
        FROM attempt JOIN worker ON worker.worker_id = attempt.worker_id
        WHERE attempt.trial_id = ?1 AND attempt.attempt = ?2";
    CURRENT_ATTEMPT = "
        SELECT attempt FROM trial WHERE trial_id = ?1";
    OBSERVED = "
        SELECT step, metric, value FROM observation
        WHERE trial_id = ?1 AND attempt = ?2 ORDER BY step, metric";
    STEP = "
        SELECT step FROM result WHERE trial_id = ?1";
    MEASURED = "
        SELECT metric.name, measurement.value
        FROM measurement JOIN metric ON metric.metric_id = measurement.metric_id
        WHERE measurement.trial_id = ?1";
    COUNTS = "
        SELECT table_name, group_name, position, row_name, column_name, count
        FROM breakdown WHERE trial_id = ?1";
    /// Those that the sweep had when the attempt started: a newer program measures more.
    KNOWN_METRICS = "
        SELECT metric.name
        FROM trial
        JOIN attempt ON attempt.trial_id = trial.trial_id AND attempt.attempt = trial.attempt
        JOIN metric ON metric.sweep_id = trial.sweep_id
        WHERE trial.trial_id = ?1 AND coalesce(metric.added_at_ms <= attempt.started_at_ms, 1)";
    ORIGINS = "
        SELECT trial.trial_id, worker.*
        FROM trial
        JOIN attempt ON attempt.trial_id = trial.trial_id AND attempt.attempt = trial.attempt
        JOIN worker ON worker.worker_id = attempt.worker_id
        WHERE trial.trial_id >= ?1 AND trial.trial_id < ?2
            AND trial.state IN ('succeeded', 'infeasible')
        ORDER BY trial.trial_id";
}

/// A trial, its result if it has one, and where that came from.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedTrial {
    /// Its number in this database.
    pub trial_id: TrialId,
    /// The hash of its specification, as stored.
    pub trial_key: ContentKey,
    /// The sweep it belongs to.
    pub sweep_id: SweepId,
    /// What to train.
    pub spec: TrialSpec,
    /// Its state.
    pub state: TrialState,
    /// Its current or last attempt.
    pub attempt: Attempt,
    /// What that attempt measured and who it was; `None` unless the trial succeeded or diverged.
    pub result: Option<(Measured, Origin)>,
    /// The metrics that its program could measure.
    pub metrics: Vec<MetricName>,
    /// The files of the user's program that it runs, if it does.
    pub files: Vec<ProgramFile>,
}

impl Reader {
    /// The trial with this number or with a key that starts like this.
    ///
    /// # Errors
    /// There is none, several trials have such a key, or what is stored is of another version.
    pub async fn recorded(&mut self, text: &str) -> Result<RecordedTrial, ReadError> {
        let mut snapshot = self.connection.begin().await?;
        let row = find(&mut snapshot, text).await?;
        let trial_id: i64 = row.try_get("trial_id")?;
        let current = sqlx::query_scalar(CURRENT_ATTEMPT).bind(trial_id);
        let attempt = Attempt(current.fetch_one(&mut *snapshot).await?);
        let state = trial_state(row.try_get("state")?)?;
        let spec = spec(&mut snapshot, &row).await?;
        Ok(RecordedTrial {
            files: files(&mut snapshot, &spec).await?,
            trial_id: TrialId(whole(&row, "trial_id")?),
            trial_key: parsed(&row, "trial_key")?,
            sweep_id: parsed(&row, "sweep_id")?,
            spec,
            state,
            attempt,
            result: result(&mut snapshot, trial_id, attempt, state).await?,
            metrics: known_metrics(&mut snapshot, trial_id).await?,
        })
    }

    /// What computed each result of a sweep, in the order of the trials.
    ///
    /// # Errors
    /// There is no such sweep, or the disk failed.
    pub async fn origins(
        &mut self,
        sweep_id: SweepId,
    ) -> Result<Vec<(TrialId, Origin)>, ReadError> {
        let mut snapshot = self.connection.begin().await?;
        let (first, end) = trial_range(&mut snapshot, sweep_id).await?;
        let query = sqlx::query(ORIGINS).bind(first).bind(end);
        let rows = query.fetch_all(&mut *snapshot).await?;
        let of = |row| Ok((TrialId(whole(row, "trial_id")?), origin(row)?));
        rows.iter().map(of).collect()
    }
}

/// A trial's specification: its configuration, and the seeds of its sweep.
async fn spec(snapshot: &mut SqliteConnection, trial: &SqliteRow) -> Result<TrialSpec, ReadError> {
    let found = configurations(snapshot, vec![trial.try_get("configuration_id")?]).await?;
    let terms = sqlx::query_scalar(TERMS).bind(trial.try_get::<String, _>("sweep_id")?);
    let terms: String = terms.fetch_one(snapshot).await?;
    // Not `SweepSpec::new`: checking a million configurations says nothing about this one.
    let terms: SweepTerms =
        serde_json::from_str(&terms).map_err(|error| ReadError::Unreadable {
            problem: format!("a sweep cannot be read back: {error}"),
        })?;
    Ok(TrialSpec {
        configuration: shared(trial, &found)?.spec.clone(),
        seed: terms.seed,
        replicate: trial.try_get("replicate")?,
        common_seeds: terms.common_seeds,
        program: terms.program,
    })
}

async fn files(
    snapshot: &mut SqliteConnection,
    spec: &TrialSpec,
) -> Result<Vec<ProgramFile>, ReadError> {
    let mut files = Vec::new();
    for (path, sha256) in spec.program.iter().flat_map(|program| &program.files) {
        let content = sqlx::query_scalar(PROGRAM_FILE).bind(sha256.clone());
        files.push((path.clone(), content.fetch_one(&mut *snapshot).await?));
    }
    Ok(files)
}

async fn result(
    snapshot: &mut SqliteConnection,
    trial_id: i64,
    attempt: Attempt,
    state: TrialState,
) -> Result<Option<(Measured, Origin)>, ReadError> {
    if !matches!(state, TrialState::Succeeded | TrialState::Infeasible) {
        return Ok(None);
    }
    let deciding = sqlx::query(DECIDING).bind(trial_id).bind(attempt.0);
    let deciding = deciding.fetch_one(&mut *snapshot).await?;
    let observed = sqlx::query(OBSERVED).bind(trial_id).bind(attempt.0);
    let observed = observed.fetch_all(&mut *snapshot).await?;
    let measured = Measured {
        outcome: match state {
            TrialState::Succeeded => Outcome::Succeeded,
            _ => Outcome::Infeasible(deciding.try_get("message")?),
        },
        observations: observed.iter().map(observation).collect::<Result<_, _>>()?,
        step: sqlx::query_scalar::<_, Option<i64>>(STEP)
            .bind(trial_id)
            .fetch_optional(&mut *snapshot)
            .await?
            .flatten()
            .map(i64::unsigned_abs),
        result: last_values(snapshot, trial_id).await?,
        counts: broken_down(snapshot, trial_id).await?,
    };
    Ok(Some((measured, origin(&deciding)?)))
}

async fn known_metrics(
    snapshot: &mut SqliteConnection,
    trial_id: i64,
) -> Result<Vec<MetricName>, ReadError> {
    let rows = sqlx::query(KNOWN_METRICS).bind(trial_id);
    let rows = rows.fetch_all(snapshot).await?;
    rows.iter().map(|row| parsed(row, "name")).collect()
}

async fn last_values(
    snapshot: &mut SqliteConnection,
    trial_id: i64,
) -> Result<BTreeMap<MetricName, f64>, ReadError> {
    let rows = sqlx::query(MEASURED).bind(trial_id);
    let rows = rows.fetch_all(snapshot).await?;
    let value = |row| Ok((parsed(row, "name")?, row.try_get("value")?));
    rows.iter().map(value).collect()
}

async fn broken_down(snapshot: &mut SqliteConnection, trial_id: i64) -> Result<Counts, ReadError> {
    let rows = sqlx::query(COUNTS).bind(trial_id);
    let rows = rows.fetch_all(snapshot).await?;
    let count = |row: &SqliteRow| {
        let word = |column| Ok::<_, ReadError>(row.try_get::<String, _>(column)?.into());
        let name = CountName {
            table: word("table_name")?,
            group: word("group_name")?,
            position: row.try_get("position")?,
            row: word("row_name")?,
            column: word("column_name")?,
        };
        Ok((name, whole(row, "count")?))
    };
    rows.iter().map(count).collect()
}

fn observation(row: &SqliteRow) -> Result<Observation, ReadError> {
    Ok(Observation {
        step: whole(row, "step")?,
        metric: parsed(row, "metric")?,
        value: row.try_get("value")?,
    })
}

fn origin(row: &SqliteRow) -> Result<Origin, ReadError> {
    // What a machine does not say of itself is an empty text.
    let told = |column: &str| -> Result<Option<String>, ReadError> {
        let text: String = row.try_get(column)?;
        Ok((!text.is_empty()).then_some(text))
    };
    Ok(Origin {
        host: row.try_get("host")?,
        device: row.try_get("device")?,
        backend: row.try_get("backend")?,
        instructions: told("instructions")?,
        cpu_features: told("cpu_features")?,
        gpu: told("gpu")?,
        binary_sha256: row.try_get("binary_sha256")?,
        version: row.try_get("version")?,
    })
}
