//! Writes a new sweep with all its configurations and trials: piece by piece, so that others can
//! commit in between, and the row of the sweep itself with the last piece. Until then the others
//! are not found, and [`remove_unfinished`] takes away what a crash left of them.

use pondersweep_proto::id::{SweepId, TrialId, canonical_json, content_sha256};
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior};

#[cfg(test)]
use super::fault::CommitMoment;
use super::{
    Store,
    commit::as_i64,
    error::{CommitError, DatabaseError},
    metric::insert_metrics,
    open::{Cache, connect_writer},
    program::insert_files,
    record::StoredSweep,
    statement::statements,
};
use crate::sweep::{Expansion, Piece, SweepSpec, SweepTerms};

/// Configurations and trials of one commit: some tenths of a second, in which no call is answered.
/// The keys of trials come in no order, so nearly every commit writes nearly every page of their
/// index again; half as many rows would be twice as much to write. Tests create sweeps of several
/// pieces.
pub(crate) const ROWS_OF_A_PIECE: u64 = if cfg!(test) { 2_048 } else { 32_768 };

statements! {
    NEXT_TRIAL_ID = "
        SELECT coalesce(max(first_trial_id + configurations * replicates), 1) FROM sweep";
    NEXT_CONFIGURATION_ID = "
        SELECT coalesce(max(configuration_id), 0) + 1 FROM configuration";
    FOREIGN_KEYS_OFF = "PRAGMA foreign_keys = OFF";
    FOREIGN_KEYS_ON = "PRAGMA foreign_keys = ON";
    INSERT_SWEEP = "
        INSERT INTO sweep (
            sweep_id, name, spec, spec_sha256, state, configurations, replicates,
            solved_threshold, first_trial_id, created_at_ms
        )
        VALUES (?1, ?2, ?3, ?4, 'active', ?5, ?6, ?7, ?8, ?9)";
    INSERT_CONFIGURATION = "
        INSERT INTO configuration (configuration_id, sweep_id, position, configuration_key, spec)
        VALUES (?1, ?2, ?3, ?4, ?5)";
    INSERT_TRIAL = "
        INSERT INTO trial (trial_id, sweep_id, configuration_id, replicate, trial_key, state)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
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
    /// Its own, with room for many pages, which go with it.
    writer: Connection,
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
        }
    }
}

impl Store {
    /// Stores a sweep that is not there yet in one go; the driver does it piece by piece.
    ///
    /// # Errors
    /// The disk failed, or the sweep contradicts what is stored.
    pub fn create_sweep(
        &mut self,
        spec: &SweepSpec,
        at_ms: i64,
    ) -> Result<StoredSweep, CommitError> {
        let mut creation = self.begin_creation(spec, at_ms)?;
        for piece in Expansion::of(spec, ROWS_OF_A_PIECE) {
            self.write_piece(spec, &mut creation, &piece)?;
        }
        Ok(creation.stored())
    }

    /// Numbers the trials of a sweep that is not there yet. Until its last piece is written, no
    /// other may be begun.
    pub(crate) fn begin_creation(
        &self,
        spec: &SweepSpec,
        at_ms: i64,
    ) -> Result<Creation, DatabaseError> {
        let writer = connect_writer(&self.path, Cache::Large)?;
        Ok(Creation {
            sweep_id: spec.id(),
            first_trial_id: number(&writer, NEXT_TRIAL_ID)?,
            first_configuration_id: number(&writer, NEXT_CONFIGURATION_ID)?,
            created_at_ms: at_ms,
            writer,
        })
    }

    /// Writes the next piece of a sweep, in one transaction; with the last one the sweep is there.
    pub(crate) fn write_piece(
        &mut self,
        spec: &SweepSpec,
        creation: &mut Creation,
        piece: &Piece,
    ) -> Result<(), CommitError> {
        let writing = |error| CommitError::writing(|| format!("sweep {}", spec.id()), error);
        // Only with the last piece the sweep that all rows name is there.
        let pragma = if piece.is_last {
            FOREIGN_KEYS_ON
        } else {
            FOREIGN_KEYS_OFF
        };
        self.files.check(&self.writer)?;
        let set = creation.writer.execute(pragma, []);
        set.map_err(DatabaseError::from)?;
        let transaction = begin(&mut creation.writer).map_err(DatabaseError::from)?;
        let writer = PieceWriter {
            connection: &transaction,
            spec,
            first_trial_id: creation.first_trial_id,
            first_configuration_id: creation.first_configuration_id,
            created_at_ms: creation.created_at_ms,
            sweep_id: creation.sweep_id.to_string(),
        };
        writer.write(piece).map_err(writing)?;
        #[cfg(test)]
        self.failure.strike(CommitMoment::Before)?;
        transaction.commit().map_err(DatabaseError::from)?;
        self.files.check(&self.writer)?;
        if piece.is_last {
            let added = self
                .metric_ids
                .add(&self.writer, &creation.sweep_id.to_string());
            added.map_err(DatabaseError::from)?;
        }
        #[cfg(test)]
        self.failure.strike(CommitMoment::After)?;
        Ok(())
    }
}

/// Removes what was written of a sweep whose creation was cut short: it was never confirmed.
/// Nothing that a worker ever had goes with it: the database refuses to lose a trial that has
/// attempts.
pub(super) fn remove_unfinished(connection: &mut Connection) -> Result<(), rusqlite::Error> {
    let unfinished = connection.query_row(FIND_UNFINISHED, [], |row| row.get(0));
    let Some(sweep_id): Option<String> = unfinished.optional()? else {
        return Ok(());
    };
    let transaction = begin(connection)?;
    let next = number(&transaction, NEXT_TRIAL_ID)?;
    transaction.execute(REMOVE_TRIALS, (&sweep_id, next))?;
    transaction.execute(REMOVE_CONFIGURATIONS, [&sweep_id])?;
    transaction.commit()
}

pub(super) fn begin(connection: &mut Connection) -> Result<Transaction<'_>, rusqlite::Error> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

fn number(connection: &Connection, statement: &'static str) -> Result<i64, rusqlite::Error> {
    connection.query_row(statement, [], |row| row.get(0))
}

/// What `sweep.solved_threshold` holds, which `metric` has taken over.
fn share_of(terms: &SweepTerms) -> f64 {
    let threshold = terms.goal().threshold;
    if threshold > 0.0 && threshold <= 1.0 {
        threshold
    } else {
        1.0
    }
}

/// One piece being written.
struct PieceWriter<'a> {
    connection: &'a Connection,
    spec: &'a SweepSpec,
    first_trial_id: i64,
    first_configuration_id: i64,
    created_at_ms: i64,
    sweep_id: String,
}

impl PieceWriter<'_> {
    fn write(&self, piece: &Piece) -> Result<(), rusqlite::Error> {
        if piece.is_last {
            self.sweep()?;
        }
        self.configurations(piece)?;
        self.trials(piece)
    }

    fn sweep(&self) -> Result<(), rusqlite::Error> {
        let (terms, at_ms) = (self.spec.terms(), self.created_at_ms);
        let row = (
            &self.sweep_id,
            &terms.name,
            canonical_json(terms),
            content_sha256(terms),
            as_i64(self.spec.configurations()),
            terms.replicates,
            share_of(terms),
            self.first_trial_id,
            at_ms,
        );
        self.connection.execute(INSERT_SWEEP, row)?;
        insert_metrics(self.connection, &self.sweep_id, terms)?;
        insert_files(self.connection, self.spec.files())?;
        let creation = (at_ms, &self.sweep_id);
        self.connection.execute(INSERT_CREATION, creation).map(drop)
    }

    fn configurations(&self, piece: &Piece) -> Result<(), rusqlite::Error> {
        let mut insert = self.connection.prepare_cached(INSERT_CONFIGURATION)?;
        let first = as_i64(piece.first_configuration);
        for (position, (key, json)) in (first..).zip(&piece.configurations) {
            let number = self.first_configuration_id + position;
            insert.execute((number, &self.sweep_id, position, key.to_string(), json))?;
        }
        Ok(())
    }

    fn trials(&self, piece: &Piece) -> Result<(), rusqlite::Error> {
        let mut insert = self.connection.prepare_cached(INSERT_TRIAL)?;
        let configurations = self.spec.configurations();
        for (index, key) in (piece.first_trial..).zip(&piece.trial_keys) {
            let replicate = index / configurations;
            let is_withheld = replicate >= self.spec.initial_replicates().into();
            let state = if is_withheld { "withheld" } else { "pending" };
            insert.execute((
                self.first_trial_id + as_i64(index),
                &self.sweep_id,
                self.first_configuration_id + as_i64(index % configurations),
                as_i64(replicate),
                key.to_string(),
                state,
            ))?;
        }
        Ok(())
    }
}
