//! Writes a new sweep with all its configurations and trials: piece by piece, so that others can
//! commit in between, and the row of the sweep itself with the last piece. Until then nobody finds the
//! others, and [`remove_unfinished`] takes away what a crash left of them.

use pondersweep_proto::id::{ContentKey, SweepId, TrialId, canonical_json, content_sha256};
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
use crate::sweep::{Expansion, Piece, SweepSpec};

/// Configurations and trials of one commit: some tenths of a second, in which nobody else is answered.
/// The keys of trials come in no order, so nearly every commit writes nearly every page of their index
/// again; half as many rows would be twice as much to write.
pub(crate) const ROWS_OF_A_PIECE: u64 = 32_768;
/// Large enough that a statement's own cost vanishes; SQLite would take 6,000.
const CONFIGURATIONS_OF_A_STATEMENT: usize = 64;

statements! {
    FIND_SWEEP = "
        SELECT first_trial_id, created_at_ms FROM sweep WHERE sweep_id = ?1";
    NEXT_TRIAL_ID = "
        SELECT coalesce(max(first_trial_id + configurations * replicates), 1) FROM sweep";
    NEXT_CONFIGURATION_ID = "
        SELECT coalesce(max(configuration_id), 0) + 1 FROM configuration";
    FOREIGN_KEYS_OFF = "PRAGMA foreign_keys = OFF";
    FOREIGN_KEYS_ON = "PRAGMA foreign_keys = ON";
    CHECKS_OFF = "PRAGMA ignore_check_constraints = ON";
    CHECKS_ON = "PRAGMA ignore_check_constraints = OFF";
    INSERT_SWEEP = "
        INSERT INTO sweep (
            sweep_id, name, spec, spec_sha256, state, configurations, replicates,
            solved_threshold, first_trial_id, created_at_ms
        )
        VALUES (?1, ?2, ?3, ?4, 'active', ?5, ?6, ?7, ?8, ?9)";
    INSERT_CONFIGURATION = "
        INSERT INTO configuration (configuration_id, sweep_id, position, configuration_key, spec)
        VALUES (?, ?, ?, ?, ?)";
    /// Neighbouring trials: ?1 and ?3 are the identifiers of the sweep's first trial and of its first
    /// configuration, ?4 is the number of configurations, ?5 the index of the first of these trials,
    /// ?6 the JSON list of their keys and ?7 the number of replicates that are not withheld. Its
    /// transaction is rolled back if it fails; that it need not be able to take itself back spares it a
    /// copy of every page.
    INSERT_TRIALS = "
        INSERT OR FAIL INTO trial (trial_id, sweep_id, configuration_id, replicate, trial_key, state)
        SELECT
            ?1 + ?5 + key, ?2, ?3 + (?5 + key) % ?4, (?5 + key) / ?4, value,
            CASE WHEN (?5 + key) / ?4 < ?7 THEN 'pending' ELSE 'withheld' END
        FROM json_each(?6)";
    INSERT_CREATION = "
        INSERT INTO event (at_ms, kind, sweep_id, state) VALUES (?1, 'sweep_created', ?2, 'active')";
    /// The sweep that is not there although it has the last configuration of all.
    FIND_UNFINISHED = "
        SELECT sweep_id FROM configuration
        WHERE configuration_id = (SELECT max(configuration_id) FROM configuration)
            AND sweep_id NOT IN (SELECT sweep_id FROM sweep)";
    /// ?2 is beyond the trials of all sweeps that are there.
    REMOVE_TRIALS = "
        DELETE FROM trial WHERE sweep_id = ?1 AND trial_id >= ?2";
    REMOVE_CONFIGURATIONS = "
        DELETE FROM configuration WHERE sweep_id = ?1";
}

/// A sweep that is being written.
#[derive(Debug)]
pub(crate) struct Creation {
    sweep_id: SweepId,
    first_trial_id: i64,
    first_configuration_id: i64,
    created_at_ms: i64,
}

impl Creation {
    /// The sweep, once its last piece is written.
    pub(crate) fn stored(&self) -> StoredSweep {
        StoredSweep {
            sweep_id: self.sweep_id,
            first_trial_id: TrialId(self.first_trial_id.unsigned_abs()),
            created_at_ms: self.created_at_ms,
            created: true,
        }
    }
}

impl Store {
    /// Stores a sweep with its trials, pending or withheld, or finds the one with this specification.
    ///
    /// # Errors
    /// The disk failed, or the sweep contradicts what is stored. There is no such sweep; what was
    /// written of it goes when the database is opened again.
    pub async fn create_sweep(
        &mut self,
        spec: &SweepSpec,
        at_ms: i64,
    ) -> Result<StoredSweep, CommitError> {
        if let Some(stored) = self.find_sweep(spec).await? {
            return Ok(stored);
        }
        let creation = self.begin_creation(spec, at_ms).await?;
        for piece in Expansion::of(spec, ROWS_OF_A_PIECE) {
            self.write_piece(spec, &creation, &piece).await?;
        }
        Ok(creation.stored())
    }

    async fn find_sweep(&mut self, spec: &SweepSpec) -> Result<Option<StoredSweep>, DatabaseError> {
        let sweep_id = spec.id();
        let row: Option<(i64, i64)> = sqlx::query_as(FIND_SWEEP)
            .bind(sweep_id.to_string())
            .fetch_optional(&mut self.connection)
            .await?;
        Ok(row.map(|(first_trial_id, created_at_ms)| StoredSweep {
            sweep_id,
            first_trial_id: TrialId(first_trial_id.unsigned_abs()),
            created_at_ms,
            created: false,
        }))
    }

    /// Numbers the trials of a sweep that is not there yet. Until its last piece is written, no other
    /// may be begun.
    ///
    /// # Errors
    /// The disk failed.
    pub(crate) async fn begin_creation(
        &mut self,
        spec: &SweepSpec,
        at_ms: i64,
    ) -> Result<Creation, DatabaseError> {
        let next = sqlx::query_scalar(NEXT_TRIAL_ID).fetch_one(&mut self.connection);
        let first_trial_id = next.await?;
        let next = sqlx::query_scalar(NEXT_CONFIGURATION_ID).fetch_one(&mut self.connection);
        Ok(Creation {
            sweep_id: spec.id(),
            first_trial_id,
            first_configuration_id: next.await?,
            created_at_ms: at_ms,
        })
    }

    /// Writes the next piece of a sweep, in one transaction; with the last one the sweep is there.
    ///
    /// # Errors
    /// As [`Self::create_sweep`].
    pub(crate) async fn write_piece(
        &mut self,
        spec: &SweepSpec,
        creation: &Creation,
        piece: &Piece,
    ) -> Result<(), CommitError> {
        if piece.is_last {
            return self.commit_piece(spec, creation, piece).await;
        }
        // The sweep that its rows name is not there yet. Checks are left out because one that calls a
        // function makes SQLite copy every page that a statement changes: nearly one for each trial.
        set(&mut self.connection, [FOREIGN_KEYS_OFF, CHECKS_OFF]).await?;
        let written = self.commit_piece(spec, creation, piece).await;
        set(&mut self.connection, [FOREIGN_KEYS_ON, CHECKS_ON]).await?;
        written
    }

    async fn commit_piece(
        &mut self,
        spec: &SweepSpec,
        creation: &Creation,
        piece: &Piece,
    ) -> Result<(), CommitError> {
        let mut transaction = self
            .connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(DatabaseError::from)?;
        let mut writer = Writer {
            connection: &mut transaction,
            spec,
            creation,
            sweep_id: creation.sweep_id.to_string(),
        };
        writer
            .write(piece)
            .await
            .map_err(|error| CommitError::writing(|| format!("sweep {}", spec.id()), error))?;
        #[cfg(test)]
        self.failure.strike(CommitMoment::Before)?;
        transaction.commit().await.map_err(DatabaseError::from)?;
        #[cfg(test)]
        self.failure.strike(CommitMoment::After)?;
        Ok(())
    }
}

/// Removes what was written of a sweep whose creation was cut short: nobody was told of it. Nothing
/// that a worker ever had goes with it: the database refuses to lose a trial that has attempts.
pub(super) async fn remove_unfinished(
    connection: &mut SqliteConnection,
) -> Result<(), sqlx::Error> {
    let unfinished = sqlx::query_scalar(FIND_UNFINISHED);
    let Some(sweep_id): Option<String> = unfinished.fetch_optional(&mut *connection).await? else {
        return Ok(());
    };
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let next = sqlx::query_scalar(NEXT_TRIAL_ID).fetch_one(&mut *transaction);
    let next: i64 = next.await?;
    let trials = sqlx::query(REMOVE_TRIALS).bind(&sweep_id).bind(next);
    trials.execute(&mut *transaction).await?;
    let configurations = sqlx::query(REMOVE_CONFIGURATIONS).bind(&sweep_id);
    configurations.execute(&mut *transaction).await?;
    transaction.commit().await
}

async fn set(
    connection: &mut SqliteConnection,
    pragmas: [&'static str; 2],
) -> Result<(), DatabaseError> {
    for pragma in pragmas {
        sqlx::query(pragma).execute(&mut *connection).await?;
    }
    Ok(())
}

/// One piece being written.
struct Writer<'a> {
    connection: &'a mut SqliteConnection,
    spec: &'a SweepSpec,
    creation: &'a Creation,
    sweep_id: String,
}

impl Writer<'_> {
    async fn write(&mut self, piece: &Piece) -> Result<(), sqlx::Error> {
        if piece.is_last {
            self.sweep().await?;
        }
        let first = self.creation.first_configuration_id + as_i64(piece.first_configuration);
        let rows: Vec<_> = (first..).zip(&piece.configurations).collect();
        for rows in rows.chunks(CONFIGURATIONS_OF_A_STATEMENT) {
            self.configurations(rows).await?;
        }
        if piece.trial_keys.is_empty() {
            return Ok(());
        }
        self.trials(piece).await
    }

    async fn sweep(&mut self) -> Result<(), sqlx::Error> {
        let (terms, at_ms) = (self.spec.terms(), self.creation.created_at_ms);
        sqlx::query(INSERT_SWEEP)
            .bind(&self.sweep_id)
            .bind(&terms.name)
            .bind(canonical_json(terms))
            .bind(content_sha256(terms))
            .bind(as_i64(self.spec.configurations()))
            .bind(terms.replicates)
            .bind(terms.solved_threshold)
            .bind(self.creation.first_trial_id)
            .bind(at_ms)
            .execute(&mut *self.connection)
            .await?;
        let creation = sqlx::query(INSERT_CREATION)
            .bind(at_ms)
            .bind(&self.sweep_id);
        creation.execute(&mut *self.connection).await.map(drop)
    }

    /// Writes configurations, each with its number.
    async fn configurations(
        &mut self,
        rows: &[(i64, &(ContentKey, String))],
    ) -> Result<(), sqlx::Error> {
        let text = with_rows(INSERT_CONFIGURATION, rows.len());
        let mut insert = sqlx::query(AssertSqlSafe(text));
        for (number, (key, json)) in rows {
            insert = insert
                .bind(number)
                .bind(&self.sweep_id)
                .bind(number - self.creation.first_configuration_id)
                .bind(key.to_string())
                .bind(json);
        }
        insert.execute(&mut *self.connection).await.map(drop)
    }

    async fn trials(&mut self, piece: &Piece) -> Result<(), sqlx::Error> {
        let keys: Vec<String> = piece.trial_keys.iter().map(ToString::to_string).collect();
        sqlx::query(INSERT_TRIALS)
            .bind(self.creation.first_trial_id)
            .bind(&self.sweep_id)
            .bind(self.creation.first_configuration_id)
            .bind(as_i64(self.spec.configurations()))
            .bind(as_i64(piece.first_trial))
            .bind(json!(keys).to_string())
            .bind(self.spec.initial_replicates())
            .execute(&mut *self.connection)
            .await
            .map(drop)
    }
}
