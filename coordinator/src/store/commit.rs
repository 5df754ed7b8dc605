//! Writes one batch of decisions in one transaction: all of it or nothing. Every statement says
//! which stored state it expects, so a decision that does not fit what is stored is found here and
//! not in the results.
//!
//! The statements run on the calling thread: handing one to another thread and waiting for it, as
//! sqlx does, takes longer than dozens of them.

mod attempt;
mod breakdown;
mod event;
mod result;

use std::collections::HashMap;

use pondersweep_proto::id::{LeaseToken, SweepId, TrialId};
use rusqlite::{CachedStatement, Connection, Params, params_from_iter, types::ToSqlOutput};
use serde_json::json;

#[cfg(test)]
use super::fault::CommitMoment;
use super::{
    Store,
    create::begin,
    error::{CommitError, DatabaseError},
    metric::MetricIds,
    record::{Batch, Sighting, WorkerRecord, WorkerState},
    statement::{statements, with_rows},
};
use crate::{
    scheduler::{Baseline, Change, SweepState, TrialState},
    trust::TokenId,
};
use attempt::{AttemptEnding, NewLease};
pub(super) use event::Event;

/// Rows that one statement inserts while there are enough: as many as a bundle often has.
const ROWS_OF_A_STATEMENT: usize = 16;

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
    /// Becoming pending again clears what stands against a trial.
    SET_TRIAL_STATE = "
        UPDATE trial SET
            state = ?2,
            failures = CASE ?2 WHEN 'pending' THEN 0 ELSE failures END,
            out_of_memory = CASE ?2 WHEN 'pending' THEN 0 ELSE out_of_memory END,
            worker_losses = CASE ?2 WHEN 'pending' THEN 0 ELSE worker_losses END,
            suspicion = CASE ?2 WHEN 'pending' THEN 'none' ELSE suspicion END
        WHERE trial_id = ?1 AND state NOT IN ('leased', 'succeeded')";
}

impl Store {
    /// Writes the whole batch in one transaction, on the calling thread. When it returns, it is on
    /// the disk.
    ///
    /// Order: workers, observations, changes as listed, results, seconds, breakdowns, and an event
    /// for every change.
    ///
    /// # Errors
    /// A change contradicts what is stored, or the disk failed. Nothing of the batch was written;
    /// the caller's memory is ahead of the database and must be rebuilt from it.
    pub fn commit(&mut self, batch: &Batch) -> Result<(), CommitError> {
        if batch.is_empty() {
            return Ok(());
        }
        self.files.check(&self.writer)?;
        let transaction = begin(&mut self.writer).map_err(DatabaseError::from)?;
        let mut writer = Writer {
            connection: &transaction,
            prepared: Vec::new(),
            metric_ids: &self.metric_ids,
            at_ms: batch.at_ms,
            seconds: sensible_seconds(batch),
            succeeded: Vec::new(),
            events: Vec::with_capacity(batch.workers.len() + batch.changes.len()),
        };
        writer.write(batch)?;
        drop(writer);
        #[cfg(test)]
        self.failure.strike(CommitMoment::Before)?;
        let committed = transaction.commit();
        // Only here are observations matched with attempts.
        committed.map_err(|error| CommitError::writing(|| "an observation".into(), error))?;
        self.files.check(&self.writer)?;
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

/// The values of a row that is inserted.
type Row<'a, const COLUMNS: usize> = [ToSqlOutput<'a>; COLUMNS];

/// One transaction being written.
pub(super) struct Writer<'a> {
    connection: &'a Connection,
    /// The statements it has run, by text and number of rows: a handful, so that looking through
    /// them is quicker than asking the connection's cache at every row.
    prepared: Vec<((&'static str, usize), CachedStatement<'a>)>,
    metric_ids: &'a MetricIds,
    pub(super) at_ms: i64,
    /// Attempts whose results are not written yet.
    succeeded: Vec<LeaseToken>,
    /// Compute times that are not written yet.
    seconds: HashMap<LeaseToken, f64>,
    /// Rows of `event` that are not written yet.
    pub(super) events: Vec<Event<'a>>,
}

impl<'a> Writer<'a> {
    fn write(&mut self, batch: &'a Batch) -> Result<(), CommitError> {
        for worker in &batch.workers {
            self.worker(worker, batch.lease_duration_ms)?;
        }
        self.sightings(&batch.sightings)?;
        self.observations(&batch.reports)?;
        let is_lease = |change: &Change| matches!(change, Change::Leased { .. });
        for run in batch
            .changes
            .chunk_by(|one, next| is_lease(one) && is_lease(next))
        {
            let leases: Vec<_> = run.iter().filter_map(new_lease).collect();
            if leases.is_empty() {
                self.change(&run[0])?;
            } else {
                self.leases(&leases)?;
            }
        }
        self.results()?;
        for (token, seconds) in std::mem::take(&mut self.seconds) {
            self.set_seconds(token, seconds)?;
        }
        for (token, breakdown) in &batch.breakdowns {
            self.breakdown(*token, breakdown)?;
        }
        self.append_events()
    }

    fn worker(
        &mut self,
        worker: &'a WorkerRecord,
        lease_duration_ms: u64,
    ) -> Result<(), CommitError> {
        let machine = &worker.machine;
        let row = (
            worker.worker_id.as_str(),
            &worker.host,
            worker.process_id,
            &worker.device,
            &worker.backend,
            &worker.version,
            &worker.binary_sha256,
            worker.slots,
            self.at_ms,
            i64::try_from(lease_duration_ms).unwrap_or(i64::MAX),
            &machine.cpu,
            &machine.cpu_features,
            &machine.instructions,
            &machine.gpu,
            worker.token_id.as_ref().map(TokenId::as_str),
        );
        self.run(UPSERT_WORKER, row, || {
            format!("worker {}", worker.worker_id)
        })?;
        self.events.push(Event {
            kind: "worker_registered",
            worker_id: Some(worker.worker_id.as_str()),
            ..Event::default()
        });
        Ok(())
    }

    /// Notes who was heard of: no event, since nothing was decided.
    fn sightings(&mut self, sightings: &[Sighting]) -> Result<(), CommitError> {
        for state in WorkerState::ALL {
            let seen = sightings.iter().filter(|seen| seen.state == state);
            let workers: Vec<&str> = seen.map(|seen| seen.worker_id.as_str()).collect();
            if workers.is_empty() {
                continue;
            }
            let row = (self.at_ms, state.name(), json!(workers).to_string());
            self.run_on(workers.len(), SIGHT_WORKERS, row, || {
                "sightings of workers".into()
            })?;
        }
        Ok(())
    }

    fn change(&mut self, change: &'a Change) -> Result<(), CommitError> {
        match change {
            Change::Leased { .. } => unreachable!("leases are written together"),
            Change::Ended {
                token,
                ending,
                state,
                blamed,
                record,
            } => {
                let end = AttemptEnding {
                    ending,
                    state: *state,
                    blamed: *blamed,
                    record: *record,
                };
                self.end(*token, &end)
            }
            Change::Trial { trial_id, state } => self.trial(*trial_id, *state),
            Change::Sweep {
                sweep_id,
                state,
                reason,
                baseline,
            } => self.sweep(*sweep_id, *state, reason, *baseline),
            Change::CheckpointSaved {
                trial_id,
                checkpoint,
                ..
            } => self.save_checkpoint(*trial_id, checkpoint),
            Change::CheckpointDropped {
                trial_id,
                checkpoint,
            } => self.drop_checkpoint(*trial_id, checkpoint),
            Change::StartedFromCheckpoint {
                token,
                from,
                updates_done,
            } => self.start_from_checkpoint(*token, *from, *updates_done),
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
                    worker_id: Some(worker_id.as_str()),
                    detail: (*call).into(),
                    ..Event::default()
                });
                Ok(())
            }
        }
    }

    fn sweep(
        &mut self,
        sweep_id: SweepId,
        state: SweepState,
        reason: &'a str,
        baseline: Baseline,
    ) -> Result<(), CommitError> {
        let (id, state) = (sweep_id.to_string(), state.name());
        let row = (
            &id,
            state,
            reason,
            as_i64(baseline.ended),
            as_i64(baseline.failed),
        );
        self.run_on(1, SET_SWEEP_STATE, row, || {
            format!("{state} for sweep {id}")
        })?;
        self.events.push(Event {
            kind: "sweep_state",
            sweep_id: Some(id),
            state: Some(state),
            detail: reason.into(),
            ..Event::default()
        });
        Ok(())
    }

    fn trial(&mut self, trial_id: TrialId, state: TrialState) -> Result<(), CommitError> {
        let (id, state) = (as_i64(trial_id.0), state.name());
        let change = || format!("{state} for trial {trial_id}");
        self.run_on(1, SET_TRIAL_STATE, (id, state), change)?;
        self.events.push(Event {
            kind: "trial_state",
            trial_id: Some(id),
            state: Some(state),
            ..Event::default()
        });
        Ok(())
    }

    /// Runs a statement that must change this many rows.
    pub(super) fn run_on(
        &mut self,
        rows: usize,
        statement: &'static str,
        parameters: impl Params,
        change: impl Fn() -> String,
    ) -> Result<(), CommitError> {
        let changed = self.run(statement, parameters, &change)?;
        if changed != rows {
            return Err(CommitError::Contradiction {
                change: change(),
                problem: format!("{changed} rows fit it, not {rows}"),
            });
        }
        Ok(())
    }

    /// Inserts rows, each in the order of the statement's question marks; `change` says what a row
    /// is.
    fn insert<const COLUMNS: usize>(
        &mut self,
        statement: &'static str,
        rows: &[Row<'_, COLUMNS>],
        change: impl Fn(usize) -> String,
    ) -> Result<(), CommitError> {
        let (several, rest) = rows.as_chunks::<ROWS_OF_A_STATEMENT>();
        for (number, rows) in several.iter().enumerate() {
            let first = number * ROWS_OF_A_STATEMENT;
            let change = || format!("{} or one of the next", change(first));
            let parameters = params_from_iter(rows.as_flattened());
            self.execute(statement, ROWS_OF_A_STATEMENT, parameters, change)?;
        }
        for (number, row) in (several.len() * ROWS_OF_A_STATEMENT..).zip(rest) {
            self.run(statement, params_from_iter(row), || change(number))?;
        }
        Ok(())
    }

    /// Runs a statement; returns the number of rows it changed.
    pub(super) fn run(
        &mut self,
        statement: &'static str,
        parameters: impl Params,
        change: impl FnOnce() -> String,
    ) -> Result<usize, CommitError> {
        self.execute(statement, 1, parameters, change)
    }

    fn execute(
        &mut self,
        statement: &'static str,
        rows: usize,
        parameters: impl Params,
        change: impl FnOnce() -> String,
    ) -> Result<usize, CommitError> {
        let prepared = self.prepared(statement, rows);
        prepared
            .and_then(|prepared| prepared.execute(parameters))
            .map_err(|error| CommitError::writing(change, error))
    }

    /// A statement, made for a number of rows.
    fn prepared(
        &mut self,
        statement: &'static str,
        rows: usize,
    ) -> Result<&mut CachedStatement<'a>, rusqlite::Error> {
        let wanted = (statement, rows);
        let known = self.prepared.iter().position(|(key, _)| *key == wanted);
        let known = match known {
            Some(known) => known,
            None => {
                let prepared = match rows {
                    1 => self.connection.prepare_cached(statement)?,
                    _ => self
                        .connection
                        .prepare_cached(&with_rows(statement, rows))?,
                };
                self.prepared.push((wanted, prepared));
                self.prepared.len() - 1
            }
        };
        Ok(&mut self.prepared[known].1)
    }
}

fn new_lease(change: &Change) -> Option<NewLease<'_>> {
    match change {
        Change::Leased {
            token,
            worker_id,
            request_id,
        } => Some(NewLease {
            token: *token,
            worker_id,
            request_id,
        }),
        _ => None,
    }
}

/// A number that is bounded far below 2^63 where it enters the program.
pub(super) fn as_i64(number: u64) -> i64 {
    i64::try_from(number).expect("identifiers and steps are below 2^63")
}

/// Every statement of this part of the room.
#[cfg(test)]
pub(super) fn statements() -> [&'static [&'static str]; 5] {
    [
        STATEMENTS,
        attempt::STATEMENTS,
        breakdown::STATEMENTS,
        event::STATEMENTS,
        result::STATEMENTS,
    ]
}

/// The statements that insert several rows, with as many as they do.
#[cfg(test)]
pub(super) fn statements_for_several() -> impl Iterator<Item = String> {
    let all = statements().into_iter().flatten();
    let inserts = all.filter(|statement| statement.contains("(?, "));
    inserts.map(|statement| with_rows(statement, ROWS_OF_A_STATEMENT))
}
