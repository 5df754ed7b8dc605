//! Where the bytes of checkpoints are, and what an attempt that starts from one takes over from the
//! attempt that wrote it. The bytes themselves are not in the database.

use pondersweep_proto::id::{Attempt, LeaseToken, TrialId};
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{
    Store,
    commit::{Event, Writer, as_i64},
    error::{CommitError, DatabaseError, RestoreError},
    read,
    statement::statements,
};
use crate::scheduler::Checkpoint;

statements! {
    UPSERT_CHECKPOINT = "
        INSERT INTO checkpoint (trial_id, attempt, updates_done, bytes, blob, saved_at_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)
        ON CONFLICT (trial_id) DO UPDATE SET
            attempt = excluded.attempt, updates_done = excluded.updates_done,
            bytes = excluded.bytes, blob = excluded.blob, saved_at_ms = excluded.saved_at_ms";
    DELETE_CHECKPOINT = "
        DELETE FROM checkpoint WHERE trial_id = ?1 AND blob = ?2";
    START_ATTEMPT_FROM = "
        UPDATE attempt SET started_from_attempt = ?3, started_from_updates = ?4
        WHERE trial_id = ?1 AND attempt = ?2 AND ended_at_ms IS NULL";
    /// The attempt then has every observation an undisturbed one would have.
    TAKE_OVER_OBSERVATIONS = "
        INSERT INTO observation (trial_id, attempt, step, metric, value)
        SELECT trial_id, ?2, step, metric, value FROM observation
        WHERE trial_id = ?1 AND attempt = ?3 AND step <= ?4
        ON CONFLICT (trial_id, attempt, step, metric) DO NOTHING";
    CHECKPOINTS = "
        SELECT trial_id, attempt, updates_done, bytes, blob FROM checkpoint ORDER BY trial_id";
}

/// Those that a commit runs.
#[cfg(test)]
pub(super) const WRITING: [&str; 4] = [
    UPSERT_CHECKPOINT,
    DELETE_CHECKPOINT,
    START_ATTEMPT_FROM,
    TAKE_OVER_OBSERVATIONS,
];

impl Writer<'_> {
    pub(super) fn save_checkpoint(
        &mut self,
        trial_id: TrialId,
        checkpoint: &Checkpoint,
    ) -> Result<(), CommitError> {
        let row = (
            as_i64(trial_id.0),
            checkpoint.attempt.0,
            as_i64(checkpoint.updates_done),
            as_i64(checkpoint.bytes),
            &checkpoint.blob,
            self.at_ms,
        );
        // No event: checkpoints come and go, and no result depends on one.
        let change = || format!("the checkpoint of trial {trial_id}");
        self.run_on(1, UPSERT_CHECKPOINT, row, change)
    }

    pub(super) fn drop_checkpoint(
        &mut self,
        trial_id: TrialId,
        checkpoint: &Checkpoint,
    ) -> Result<(), CommitError> {
        let row = (as_i64(trial_id.0), &checkpoint.blob);
        let change = || format!("the end of the checkpoint of trial {trial_id}");
        self.run_on(1, DELETE_CHECKPOINT, row, change)
    }

    pub(super) fn start_from_checkpoint(
        &mut self,
        token: LeaseToken,
        from: Attempt,
        updates_done: u64,
    ) -> Result<(), CommitError> {
        let change = || format!("the checkpoint {token} starts from");
        let row = (
            as_i64(token.trial_id.0),
            token.attempt.0,
            from.0,
            as_i64(updates_done),
        );
        self.run_on(1, START_ATTEMPT_FROM, row, change)?;
        self.run(TAKE_OVER_OBSERVATIONS, row, change)?;
        self.events.push(Event {
            detail: format!("after {updates_done} updates of attempt {from}").into(),
            ..Event::of("started_from_checkpoint", token)
        });
        Ok(())
    }
}

impl Store {
    /// The database's own name, by which its blobs are told from those of others.
    ///
    /// # Errors
    /// The disk failed.
    pub async fn database_id(&mut self) -> Result<String, DatabaseError> {
        read::database_id(&mut self.connection).await
    }
}

/// Every checkpoint there is.
pub(super) async fn restore_checkpoints(
    connection: &mut SqliteConnection,
) -> Result<Vec<(TrialId, Checkpoint)>, RestoreError> {
    let rows = sqlx::query(CHECKPOINTS).fetch_all(connection).await?;
    Ok(rows.iter().map(checkpoint).collect::<Result<_, _>>()?)
}

fn checkpoint(row: &SqliteRow) -> Result<(TrialId, Checkpoint), sqlx::Error> {
    let number = |column| row.try_get::<i64, _>(column).map(i64::unsigned_abs);
    let checkpoint = Checkpoint {
        attempt: Attempt(row.try_get("attempt")?),
        updates_done: number("updates_done")?,
        bytes: number("bytes")?,
        blob: row.try_get("blob")?,
    };
    Ok((TrialId(number("trial_id")?), checkpoint))
}
