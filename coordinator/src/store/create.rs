//! Writes a new sweep with all its configurations and trials, in one transaction. Rows travel as
//! JSON lists of thousands, so a million trials are a hundred statements.

use pondersweep_proto::{
    id::{TrialId, canonical_json, content_sha256},
    spec::TrialSpec,
};
use serde_json::json;
use sqlx::{Connection, SqliteConnection};

use super::{
    Store,
    commit::as_i64,
    error::{CommitError, DatabaseError},
    record::StoredSweep,
    statement::statements,
};
use crate::sweep::SweepSpec;

/// Rows of one statement: large enough that its own cost vanishes, small enough to stay in cache.
const ROWS_OF_A_STATEMENT: u64 = 5_000;

statements! {
    FIND_SWEEP = "
        SELECT first_trial_id, created_at_ms FROM sweep WHERE sweep_id = ?1";
    NEXT_TRIAL_ID = "
        SELECT coalesce(max(first_trial_id + configurations * replicates), 1) FROM sweep";
    NEXT_CONFIGURATION_ID = "
        SELECT coalesce(max(configuration_id), 0) + 1 FROM configuration";
    INSERT_SWEEP = "
        INSERT INTO sweep (
            sweep_id, name, spec, spec_sha256, state, configurations, replicates,
            solved_threshold, first_trial_id, created_at_ms
        )
        VALUES (?1, ?2, ?3, ?4, 'active', ?5, ?6, ?7, ?8, ?9)";
    /// ?4 is a JSON list of [key, specification]; the first of them stands at position ?3.
    INSERT_CONFIGURATIONS = "
        INSERT INTO configuration (configuration_id, sweep_id, position, configuration_key, spec)
        SELECT ?1 + ?3 + key, ?2, ?3 + key, value ->> 0, value ->> 1 FROM json_each(?4)";
    /// ?4 is a JSON list of [position of the configuration, replicate, key]; ?1 is the identifier
    /// of the first trial of the list, ?3 that of the sweep's first configuration.
    INSERT_TRIALS = "
        INSERT INTO trial (trial_id, sweep_id, configuration_id, replicate, trial_key)
        SELECT ?1 + key, ?2, ?3 + (value ->> 0), value ->> 1, value ->> 2 FROM json_each(?4)";
    INSERT_CREATION = "
        INSERT INTO event (at_ms, kind, sweep_id, state) VALUES (?1, 'sweep_created', ?2, 'active')";
}

impl Store {
    /// Stores a sweep with all its trials pending, or finds the one with this specification.
    ///
    /// # Errors
    /// The disk failed, or the sweep contradicts what is stored. Nothing was written.
    pub async fn create_sweep(
        &mut self,
        spec: &SweepSpec,
        at_ms: i64,
    ) -> Result<StoredSweep, CommitError> {
        let sweep_id = spec.id();
        let mut transaction = self
            .connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(DatabaseError::from)?;
        if let Some(stored) = find(&mut transaction, spec).await? {
            return Ok(stored);
        }
        let first_trial_id = write(&mut transaction, spec, at_ms)
            .await
            .map_err(|error| CommitError::writing(|| format!("sweep {sweep_id}"), error))?;
        transaction.commit().await.map_err(DatabaseError::from)?;
        Ok(StoredSweep {
            sweep_id,
            first_trial_id,
            created_at_ms: at_ms,
            created: true,
        })
    }
}

async fn find(
    connection: &mut SqliteConnection,
    spec: &SweepSpec,
) -> Result<Option<StoredSweep>, DatabaseError> {
    let sweep_id = spec.id();
    let row: Option<(i64, i64)> = sqlx::query_as(FIND_SWEEP)
        .bind(sweep_id.to_string())
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|(first_trial_id, created_at_ms)| StoredSweep {
        sweep_id,
        first_trial_id: TrialId(first_trial_id.unsigned_abs()),
        created_at_ms,
        created: false,
    }))
}

/// Writes every row of the sweep; returns the identifier of its first trial.
async fn write(
    connection: &mut SqliteConnection,
    spec: &SweepSpec,
    at_ms: i64,
) -> Result<TrialId, sqlx::Error> {
    let first_trial_id: i64 = sqlx::query_scalar(NEXT_TRIAL_ID)
        .fetch_one(&mut *connection)
        .await?;
    let first_configuration_id: i64 = sqlx::query_scalar(NEXT_CONFIGURATION_ID)
        .fetch_one(&mut *connection)
        .await?;
    let sweep_id = spec.id().to_string();
    let terms = spec.terms();
    sqlx::query(INSERT_SWEEP)
        .bind(&sweep_id)
        .bind(&terms.name)
        .bind(canonical_json(terms))
        .bind(content_sha256(terms))
        .bind(as_i64(spec.configurations()))
        .bind(terms.replicates)
        .bind(terms.solved_threshold)
        .bind(first_trial_id)
        .bind(at_ms)
        .execute(&mut *connection)
        .await?;
    for first in (0..spec.configurations()).step_by(STEP) {
        sqlx::query(INSERT_CONFIGURATIONS)
            .bind(first_configuration_id)
            .bind(&sweep_id)
            .bind(as_i64(first))
            .bind(configurations_json(spec, first))
            .execute(&mut *connection)
            .await?;
    }
    for first in (0..spec.trials()).step_by(STEP) {
        sqlx::query(INSERT_TRIALS)
            .bind(first_trial_id + as_i64(first))
            .bind(&sweep_id)
            .bind(first_configuration_id)
            .bind(trials_json(spec, first))
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query(INSERT_CREATION)
        .bind(at_ms)
        .bind(&sweep_id)
        .execute(connection)
        .await?;
    Ok(TrialId(first_trial_id.unsigned_abs()))
}

#[expect(clippy::cast_possible_truncation, reason = "a small constant")]
const STEP: usize = ROWS_OF_A_STATEMENT as usize;

/// `[[key, specification], ...]` from position `first` on.
fn configurations_json(spec: &SweepSpec, first: u64) -> String {
    let last = spec.configurations().min(first + ROWS_OF_A_STATEMENT);
    let rows = (first..last).map(|index| {
        let configuration = spec.configuration(index);
        json!([
            configuration.key().to_string(),
            canonical_json(&configuration)
        ])
    });
    rows.collect::<serde_json::Value>().to_string()
}

/// `[[position of the configuration, replicate, key], ...]` from trial index `first` on.
fn trials_json(spec: &SweepSpec, first: u64) -> String {
    let last = spec.trials().min(first + ROWS_OF_A_STATEMENT);
    let rows = (first..last).map(|index| {
        let (position, replicate) = spec.place(index);
        let trial: TrialSpec = spec.trial(index);
        json!([position, replicate, trial.key().to_string()])
    });
    rows.collect::<serde_json::Value>().to_string()
}
