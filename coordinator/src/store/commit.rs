//! Writes one batch of decisions in one transaction: all of it or nothing. Every statement says
//! which stored state it expects, so a decision that does not fit what is stored is found here and
//! not in the results.

mod breakdown;
mod bulk;
mod event;

use std::collections::HashMap;

use pondersweep_proto::{
    failure::Cause,
    id::{LeaseToken, SweepId},
};
use serde_json::json;
use sqlx::{Connection, SqliteConnection};

#[cfg(test)]
use super::fault::CommitMoment;
use super::{
    Store,
    error::{CommitError, DatabaseError},
    record::{Batch, Sighting, WorkerRecord, WorkerState},
    statement::statements,
};
use crate::{
    scheduler::{Baseline, Change, Ending, Record, SweepState, TrialState},
    trust::TokenId,
};
use bulk::{ROWS_OF_A_STATEMENT, is_smooth};
pub(super) use event::Event;

statements! {
    UPSERT_WORKER = "
        INSERT INTO worker (
            worker_id, host, process_id, device, backend, version, binary_sha256, slots,
            registered_at_ms, last_heard_at_ms, lease_duration_ms, cpu, cpu_features, instructions,
            gpu, token_id
        )
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
        ON CONFLICT (worker_id) DO UPDATE SET
            host = excluded.host, process_id = excluded.process_id, device = excluded.device,
            backend = excluded.backend, version = excluded.version,
            binary_sha256 = excluded.binary_sha256, slots = excluded.slots, cpu = excluded.cpu,
            cpu_features = excluded.cpu_features, instructions = excluded.instructions,
            gpu = excluded.gpu, last_heard_at_ms = excluded.last_heard_at_ms,
            lease_duration_ms = excluded.lease_duration_ms, state = 'working'";
    /// ?3 is a JSON list of workers.
    SIGHT_WORKERS = "
        UPDATE worker SET last_heard_at_ms = ?1, state = ?2
        WHERE worker_id IN (SELECT value FROM json_each(?3))";
    SET_SWEEP_STATE = "
        UPDATE sweep
        SET state = ?2, state_reason = ?3, baseline_ended = ?4, baseline_failed = ?5
        WHERE sweep_id = ?1";
    END_ATTEMPT = "
        UPDATE attempt SET ended_at_ms = ?3, ending = ?4, message = ?5, cause = ?6, blamed = ?7
        WHERE trial_id = ?1 AND attempt = ?2 AND ended_at_ms IS NULL";
    END_TRIAL = "
        UPDATE trial
        SET state = ?3, failures = ?4, out_of_memory = ?5, worker_losses = ?6, suspicion = ?7
        WHERE trial_id = ?1 AND attempt = ?2 AND state = 'leased'";
    /// ?1 is a JSON list of trials. Becoming pending again clears their record.
    SET_TRIAL_STATES = "
        UPDATE trial SET
            state = ?2,
            failures = CASE ?2 WHEN 'pending' THEN 0 ELSE failures END,
            out_of_memory = CASE ?2 WHEN 'pending' THEN 0 ELSE out_of_memory END,
            worker_losses = CASE ?2 WHEN 'pending' THEN 0 ELSE worker_losses END,
            suspicion = CASE ?2 WHEN 'pending' THEN 'none' ELSE suspicion END
        WHERE trial_id IN (SELECT value FROM json_each(?1)) AND state NOT IN ('leased', 'succeeded')";
    SET_SECONDS = "
        UPDATE attempt SET seconds = ?3 WHERE trial_id = ?1 AND attempt = ?2";
}

impl Store {
    /// Writes the whole batch in one transaction. When it returns, it is on the disk.
    ///
    /// Order: workers, observations, changes as listed, seconds, breakdowns, and an event for every change.
    ///
    /// # Errors
    /// A change contradicts what is stored, or the disk failed. Nothing of the batch was written;
    /// the caller's memory is ahead of the database and must be rebuilt from it.
    pub async fn commit(&mut self, batch: &Batch) -> Result<(), CommitError> {
        if batch.is_empty() {
            return Ok(());
        }
        match self.commit_with(batch, ROWS_OF_A_STATEMENT).await {
            // A statement of many rows only tells that one of them does not fit. One by one, the
            // error names it.
            Err(CommitError::Contradiction { .. }) => self.commit_with(batch, 1).await,
            other => other,
        }
    }

    /// Commits with statements of up to so many rows.
    pub(super) async fn commit_with(
        &mut self,
        batch: &Batch,
        rows: usize,
    ) -> Result<(), CommitError> {
        let mut transaction = self
            .connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(DatabaseError::from)?;
        let mut writer = Writer {
            connection: &mut transaction,
            at_ms: batch.at_ms,
            rows,
            seconds: sensible_seconds(batch),
            events: Vec::with_capacity(batch.workers.len() + batch.changes.len()),
        };
        writer.write(batch).await?;
        #[cfg(test)]
        self.failure.strike(CommitMoment::Before)?;
        let committed = transaction.commit().await;
        // Only here are observations matched with attempts.
        committed.map_err(|error| CommitError::writing(|| "an observation".into(), error))?;
        #[cfg(test)]
        self.failure.strike(CommitMoment::After)?;
        Ok(())
    }
}

/// Compute times that are numbers: a worker's clock is not ours to trust, and not worth losing a
/// result over.
fn sensible_seconds(batch: &Batch) -> HashMap<LeaseToken, f64> {
    let sensible = |(_, seconds): &&(LeaseToken, f64)| seconds.is_finite() && *seconds >= 0.0;
    batch.seconds.iter().filter(sensible).copied().collect()
}

/// One transaction being written.
pub(super) struct Writer<'a> {
    connection: &'a mut SqliteConnection,
    pub(super) at_ms: i64,
    /// The most rows of a statement.
    rows: usize,
    /// Compute times that are not written yet.
    seconds: HashMap<LeaseToken, f64>,
    /// Rows of `event`, written together at the end.
    pub(super) events: Vec<Event>,
}

impl Writer<'_> {
    async fn write(&mut self, batch: &Batch) -> Result<(), CommitError> {
        for worker in &batch.workers {
            self.worker(worker, batch.lease_duration_ms).await?;
        }
        self.sightings(&batch.sightings).await?;
        self.observations(batch).await?;
        for run in batch.changes.chunk_by(go_together) {
            self.changes(run).await?;
        }
        for (token, seconds) in std::mem::take(&mut self.seconds) {
            self.set_seconds(token, seconds).await?;
        }
        self.breakdowns(batch).await?;
        self.append_events().await
    }

    async fn worker(
        &mut self,
        worker: &WorkerRecord,
        lease_duration_ms: u64,
    ) -> Result<(), CommitError> {
        let machine = &worker.machine;
        let upsert = sqlx::query(UPSERT_WORKER)
            .bind(worker.worker_id.as_str())
            .bind(&worker.host)
            .bind(worker.process_id)
            .bind(&worker.device)
            .bind(&worker.backend)
            .bind(&worker.version)
            .bind(&worker.binary_sha256)
            .bind(worker.slots)
            .bind(self.at_ms)
            .bind(i64::try_from(lease_duration_ms).unwrap_or(i64::MAX))
            .bind(&machine.cpu)
            .bind(&machine.cpu_features)
            .bind(&machine.instructions)
            .bind(&machine.gpu)
            .bind(worker.token_id.as_ref().map(TokenId::as_str));
        self.run(upsert, || format!("worker {}", worker.worker_id))
            .await?;
        self.events.push(Event {
            kind: "worker_registered",
            worker_id: Some(worker.worker_id.to_string()),
            ..Event::default()
        });
        Ok(())
    }

    /// Notes who was heard of: no event, since nothing was decided.
    async fn sightings(&mut self, sightings: &[Sighting]) -> Result<(), CommitError> {
        for state in WorkerState::ALL {
            let seen = sightings.iter().filter(|seen| seen.state == state);
            let workers: Vec<&str> = seen.map(|seen| seen.worker_id.as_str()).collect();
            if workers.is_empty() {
                continue;
            }
            let update = sqlx::query(SIGHT_WORKERS)
                .bind(self.at_ms)
                .bind(state.name())
                .bind(json!(workers).to_string());
            self.run_on(workers.len() as u64, update, || {
                "sightings of workers".into()
            })
            .await?;
        }
        Ok(())
    }

    /// Changes that [`go_together`]: most often leases and successes, or one of another kind.
    async fn changes(&mut self, run: &[Change]) -> Result<(), CommitError> {
        if run.iter().all(is_smooth) {
            return self.smooth(run).await;
        }
        match &run[0] {
            Change::Trial { state, .. } => self.trials(run, *state).await,
            Change::Sweep {
                sweep_id,
                state,
                reason,
                baseline,
            } => self.sweep(*sweep_id, *state, reason, *baseline).await,
            Change::Ended {
                token,
                ending,
                state,
                blamed,
                record,
            } => {
                self.end_attempt(*token, ending, *blamed).await?;
                self.end_trial(*token, *state, *record).await?;
                self.events
                    .push(Event::ended(*token, ending, *state, *blamed));
                Ok(())
            }
            Change::CheckpointSaved {
                trial_id,
                checkpoint,
                ..
            } => self.save_checkpoint(*trial_id, checkpoint).await,
            Change::CheckpointDropped {
                trial_id,
                checkpoint,
            } => self.drop_checkpoint(*trial_id, checkpoint).await,
            Change::StartedFromCheckpoint {
                token,
                from,
                updates_done,
            } => {
                self.start_from_checkpoint(*token, *from, *updates_done)
                    .await
            }
            Change::Refused {
                token,
                worker_id,
                call,
            } => {
                self.events.push(Event {
                    kind: "refused",
                    // Sent by a peer, so it may be larger than any trial there is.
                    trial_id: i64::try_from(token.trial_id.0).ok(),
                    attempt: Some(token.attempt.0),
                    worker_id: Some(worker_id.to_string()),
                    detail: (*call).to_owned(),
                    ..Event::default()
                });
                Ok(())
            }
            Change::Leased { .. } => unreachable!("every lease is smooth"),
        }
    }

    async fn sweep(
        &mut self,
        sweep_id: SweepId,
        state: SweepState,
        reason: &str,
        baseline: Baseline,
    ) -> Result<(), CommitError> {
        let (id, state) = (sweep_id.to_string(), state.name());
        let update = sqlx::query(SET_SWEEP_STATE)
            .bind(&id)
            .bind(state)
            .bind(reason)
            .bind(as_i64(baseline.ended))
            .bind(as_i64(baseline.failed));
        self.run_on(1, update, || format!("{state} for sweep {id}"))
            .await?;
        self.events.push(Event {
            kind: "sweep_state",
            sweep_id: Some(id),
            state: Some(state),
            detail: reason.to_owned(),
            ..Event::default()
        });
        Ok(())
    }

    /// Ends an attempt without a result; those with one are [smooth](Self::smooth).
    async fn end_attempt(
        &mut self,
        token: LeaseToken,
        ending: &Ending,
        blamed: bool,
    ) -> Result<(), CommitError> {
        let name = ending.name();
        let update = sqlx::query(END_ATTEMPT)
            .bind(as_i64(token.trial_id.0))
            .bind(token.attempt.0)
            .bind(self.at_ms)
            .bind(name)
            .bind(ending.message())
            .bind(ending.cause().map(Cause::name))
            .bind(blamed);
        self.run_on(1, update, || format!("the end ({name}) of {token}"))
            .await
    }

    async fn end_trial(
        &mut self,
        token: LeaseToken,
        state: TrialState,
        record: Record,
    ) -> Result<(), CommitError> {
        let update = sqlx::query(END_TRIAL)
            .bind(as_i64(token.trial_id.0))
            .bind(token.attempt.0)
            .bind(state.name())
            .bind(record.failures)
            .bind(record.out_of_memory)
            .bind(record.worker_losses)
            .bind(record.suspicion.name());
        let state = state.name();
        self.run_on(1, update, || format!("the state {state} after {token}"))
            .await
    }

    async fn trials(&mut self, run: &[Change], state: TrialState) -> Result<(), CommitError> {
        let state = state.name();
        let trial_ids: Vec<i64> = run.iter().filter_map(changed_trial).collect();
        let list = json!(trial_ids).to_string();
        let update = sqlx::query(SET_TRIAL_STATES).bind(list).bind(state);
        let change = || {
            format!(
                "{state} for trial {} and {} more",
                trial_ids[0],
                run.len() - 1
            )
        };
        self.run_on(run.len() as u64, update, change).await?;
        self.events.extend(trial_ids.iter().map(|&trial_id| Event {
            kind: "trial_state",
            trial_id: Some(trial_id),
            state: Some(state),
            ..Event::default()
        }));
        Ok(())
    }

    async fn set_seconds(&mut self, token: LeaseToken, seconds: f64) -> Result<(), CommitError> {
        let update = sqlx::query(SET_SECONDS)
            .bind(as_i64(token.trial_id.0))
            .bind(token.attempt.0)
            .bind(seconds);
        self.run_on(1, update, || format!("the seconds of {token}"))
            .await
    }

    /// Runs a statement that must change this many rows.
    pub(super) async fn run_on(
        &mut self,
        rows: u64,
        query: Query<'_>,
        change: impl Fn() -> String,
    ) -> Result<(), CommitError> {
        let changed = self.run(query, &change).await?;
        if changed != rows {
            return Err(CommitError::Contradiction {
                change: change(),
                problem: format!("{changed} rows fit it, not {rows}"),
            });
        }
        Ok(())
    }

    /// Runs a statement; returns the number of rows it changed.
    pub(super) async fn run(
        &mut self,
        query: Query<'_>,
        change: impl FnOnce() -> String,
    ) -> Result<u64, CommitError> {
        let done = query.execute(&mut *self.connection).await;
        done.map(|done| done.rows_affected())
            .map_err(|error| CommitError::writing(change, error))
    }
}

pub(super) type Query<'q> = sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>;

/// Leases and successes are written at once; so are trials that take the same state one after the
/// other, since a person cancels or retries a million of them at once.
fn go_together(before: &Change, after: &Change) -> bool {
    match (before, after) {
        (
            Change::Trial {
                state: before,
                trial_id: one,
            },
            Change::Trial {
                state: after,
                trial_id: other,
            },
        ) => before == after && one != other,
        _ => is_smooth(before) && is_smooth(after),
    }
}

fn changed_trial(change: &Change) -> Option<i64> {
    match change {
        Change::Trial { trial_id, .. } => Some(as_i64(trial_id.0)),
        _ => None,
    }
}

/// A number that is bounded far below 2^63 where it enters the program.
pub(super) fn as_i64(number: u64) -> i64 {
    i64::try_from(number).expect("identifiers and steps are below 2^63")
}

/// The statements for many rows, with as many as they ever get.
#[cfg(test)]
pub(super) fn largest_statements() -> Vec<String> {
    let largest = |statement: &&str| super::statement::with_rows(statement, ROWS_OF_A_STATEMENT);
    let several = breakdown::STATEMENTS.iter().chain(bulk::STATEMENTS);
    several.map(largest).collect()
}

/// Every statement of this part of the room.
#[cfg(test)]
pub(super) fn statements() -> [&'static [&'static str]; 4] {
    [
        STATEMENTS,
        breakdown::STATEMENTS,
        bulk::STATEMENTS,
        event::STATEMENTS,
    ]
}
