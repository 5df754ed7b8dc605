//! Writes a new sweep with all its configurations and trials, in one transaction. Many rows are one
//! statement, so a million trials are a matter of seconds.

use pondersweep_proto::{
    id::{ContentKey, TrialId, canonical_json, content_sha256},
    spec::TrialSpec,
};
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

#[cfg(test)]
use super::fault::CommitMoment;
use super::{
    Store,
    commit::as_i64,
    error::{CommitError, DatabaseError},
    record::StoredSweep,
    statement::{statements, with_rows},
};
use crate::{scheduler::TrialState, sweep::SweepSpec};

/// Large enough that a statement's own cost vanishes; SQLite would take 6,000.
const CONFIGURATIONS_OF_A_STATEMENT: usize = 64;
/// Their keys are one JSON text of a hundred kilobytes.
const TRIALS_OF_A_STATEMENT: usize = 5_000;

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
    INSERT_CONFIGURATION = "
        INSERT INTO configuration (configuration_id, sweep_id, position, configuration_key, spec)
        VALUES (?, ?, ?, ?, ?)";
    /// Trials of one replicate and of neighbouring configurations: ?1 is the identifier of the
    /// first trial, ?3 that of its configuration, ?5 the JSON list of their keys, ?6 their state.
    INSERT_TRIALS = "
        INSERT INTO trial (trial_id, sweep_id, configuration_id, replicate, trial_key, state)
        SELECT ?1 + key, ?2, ?3 + key, ?4, value, ?6 FROM json_each(?5)";
    INSERT_CREATION = "
        INSERT INTO event (at_ms, kind, sweep_id, state) VALUES (?1, 'sweep_created', ?2, 'active')";
}

impl Store {
    /// Stores a sweep with its trials, pending or withheld, or finds the one with this specification.
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
        #[cfg(test)]
        self.failure.strike(CommitMoment::Before)?;
        transaction.commit().await.map_err(DatabaseError::from)?;
        #[cfg(test)]
        self.failure.strike(CommitMoment::After)?;
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
    let next = sqlx::query_scalar(NEXT_TRIAL_ID).fetch_one(&mut *connection);
    let first_trial_id: i64 = next.await?;
    let next = sqlx::query_scalar(NEXT_CONFIGURATION_ID).fetch_one(&mut *connection);
    let first_configuration_id: i64 = next.await?;
    let mut writer = Writer {
        connection,
        spec,
        sweep_id: spec.id().to_string(),
        first_trial_id,
        first_configuration_id,
        trial_keys: vec![spec.id().0; as_usize(spec.trials())],
    };
    writer.sweep(at_ms).await?;
    for first in (0..spec.configurations()).step_by(CONFIGURATIONS_OF_A_STATEMENT) {
        writer.configurations(first).await?;
    }
    for replicate in 0..spec.terms().replicates {
        for position in (0..spec.configurations()).step_by(TRIALS_OF_A_STATEMENT) {
            writer.trials(replicate, position).await?;
        }
    }
    Ok(TrialId(first_trial_id.unsigned_abs()))
}

/// One sweep being written.
struct Writer<'a> {
    connection: &'a mut SqliteConnection,
    spec: &'a SweepSpec,
    sweep_id: String,
    first_trial_id: i64,
    first_configuration_id: i64,
    /// By trial index; each is found, in place of the sweep's own, with its configuration.
    trial_keys: Vec<ContentKey>,
}

impl Writer<'_> {
    async fn sweep(&mut self, at_ms: i64) -> Result<(), sqlx::Error> {
        let terms = self.spec.terms();
        sqlx::query(INSERT_SWEEP)
            .bind(&self.sweep_id)
            .bind(&terms.name)
            .bind(canonical_json(terms))
            .bind(content_sha256(terms))
            .bind(as_i64(self.spec.configurations()))
            .bind(terms.replicates)
            .bind(terms.solved_threshold)
            .bind(self.first_trial_id)
            .bind(at_ms)
            .execute(&mut *self.connection)
            .await?;
        let creation = sqlx::query(INSERT_CREATION)
            .bind(at_ms)
            .bind(&self.sweep_id);
        creation.execute(&mut *self.connection).await.map(drop)
    }

    /// Writes configurations from a position on, and finds the keys of their trials.
    async fn configurations(&mut self, first: u64) -> Result<(), sqlx::Error> {
        let end = first + CONFIGURATIONS_OF_A_STATEMENT as u64;
        let positions = first..end.min(self.spec.configurations());
        let rows = as_usize(positions.end - positions.start);
        let text = with_rows(INSERT_CONFIGURATION, rows);
        let mut insert = sqlx::query(AssertSqlSafe(text));
        for position in positions {
            let json = canonical_json(&self.spec.configuration(position));
            self.find_trial_keys(position, &json);
            insert = insert
                .bind(self.first_configuration_id + as_i64(position))
                .bind(self.sweep_id.clone())
                .bind(as_i64(position))
                .bind(ContentKey::of_canonical_json(&json).to_string())
                .bind(json);
        }
        insert.execute(&mut *self.connection).await.map(drop)
    }

    fn find_trial_keys(&mut self, position: u64, configuration_json: &str) {
        let terms = self.spec.terms();
        for replicate in 0..terms.replicates {
            let index = self.trial_index(replicate, position);
            self.trial_keys[index] = TrialSpec::key_of(
                configuration_json,
                terms.seed,
                replicate,
                terms.common_seeds,
            );
        }
    }

    /// Writes trials of one replicate, from a position on.
    async fn trials(&mut self, replicate: u32, position: u64) -> Result<(), sqlx::Error> {
        let rest = as_usize(self.spec.configurations() - position);
        let first = self.trial_index(replicate, position);
        let keys = &self.trial_keys[first..first + rest.min(TRIALS_OF_A_STATEMENT)];
        let keys: Vec<String> = keys.iter().map(ContentKey::to_string).collect();
        let state = if replicate < self.spec.initial_replicates() {
            TrialState::Pending
        } else {
            TrialState::Withheld
        };
        sqlx::query(INSERT_TRIALS)
            .bind(self.first_trial_id + as_i64(first as u64))
            .bind(&self.sweep_id)
            .bind(self.first_configuration_id + as_i64(position))
            .bind(replicate)
            .bind(json!(keys).to_string())
            .bind(state.name())
            .execute(&mut *self.connection)
            .await
            .map(drop)
    }

    /// The trial's place in the order of [`SweepSpec::place`]: replicate by replicate.
    fn trial_index(&self, replicate: u32, position: u64) -> usize {
        let index = u64::from(replicate) * self.spec.configurations() + position;
        debug_assert_eq!(self.spec.place(index), (position, replicate));
        as_usize(index)
    }
}

fn as_usize(number: u64) -> usize {
    usize::try_from(number).expect("the trials of a sweep are bounded by MAX_TRIALS")
}
