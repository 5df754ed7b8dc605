//! Writes one batch of decisions in one transaction: all of it or nothing. Every statement says
//! which stored state it expects, so a decision that does not fit what is stored is found here and
//! not in the results.

use pondersweep_proto::id::{LeaseToken, SweepId};
use serde_json::{Value as Json, json};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use super::{
    Store,
    error::{CommitError, DatabaseError},
    record::{AttemptReport, Batch, WorkerRecord},
    statement::{statements, with_rows},
};
use crate::scheduler::{Change, Ending, SweepState, TrialState};

/// Observations of one statement. SQLite keeps one prepared statement for every number up to it.
const OBSERVATIONS_OF_A_STATEMENT: usize = 64;

statements! {
    UPSERT_WORKER = "
        INSERT INTO worker (
            worker_id, host, process_id, device, backend, version, binary_sha256, slots,
            registered_at_ms
        )
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
        ON CONFLICT (worker_id) DO UPDATE SET
            host = excluded.host, process_id = excluded.process_id, device = excluded.device,
            backend = excluded.backend, version = excluded.version,
            binary_sha256 = excluded.binary_sha256, slots = excluded.slots";
    SET_SWEEP_STATE = "
        UPDATE sweep SET state = ?2, state_reason = ?3 WHERE sweep_id = ?1";
    LEASE_TRIAL = "
        UPDATE trial SET state = 'leased', attempt = ?2
        WHERE trial_id = ?1 AND state = 'pending' AND attempt = ?2 - 1";
    INSERT_ATTEMPT = "
        INSERT INTO attempt (trial_id, attempt, worker_id, request_id, started_at_ms)
        VALUES (?1, ?2, ?3, ?4, ?5)";
    END_ATTEMPT = "
        UPDATE attempt SET ended_at_ms = ?3, ending = ?4, message = ?5
        WHERE trial_id = ?1 AND attempt = ?2 AND ended_at_ms IS NULL";
    END_TRIAL = "
        UPDATE trial
        SET state = ?3, failures = failures + ?4, worker_losses = worker_losses + ?5
        WHERE trial_id = ?1 AND attempt = ?2 AND state = 'leased'";
    /// The observations of the attempt's last step, turned into one row. An attempt that observed
    /// nothing gets a row of NULLs.
    INSERT_RESULT = "
        INSERT INTO result (
            trial_id, attempt, step, accuracy_interpolation, accuracy_expected_interpolation,
            ponder_steps_interpolation, ponder_steps_expected_interpolation, loss_interpolation,
            accuracy_extrapolation, accuracy_expected_extrapolation, ponder_steps_extrapolation,
            ponder_steps_expected_extrapolation, loss_extrapolation, loss_training,
            ponder_steps_computed
        )
        SELECT
            ?1, ?2, max(step),
            max(value) FILTER (WHERE metric = 'accuracy_interpolation'),
            max(value) FILTER (WHERE metric = 'accuracy_expected_interpolation'),
            max(value) FILTER (WHERE metric = 'ponder_steps_interpolation'),
            max(value) FILTER (WHERE metric = 'ponder_steps_expected_interpolation'),
            max(value) FILTER (WHERE metric = 'loss_interpolation'),
            max(value) FILTER (WHERE metric = 'accuracy_extrapolation'),
            max(value) FILTER (WHERE metric = 'accuracy_expected_extrapolation'),
            max(value) FILTER (WHERE metric = 'ponder_steps_extrapolation'),
            max(value) FILTER (WHERE metric = 'ponder_steps_expected_extrapolation'),
            max(value) FILTER (WHERE metric = 'loss_extrapolation'),
            max(value) FILTER (WHERE metric = 'loss_training'),
            max(value) FILTER (WHERE metric = 'ponder_steps_computed')
        FROM observation
        WHERE trial_id = ?1 AND attempt = ?2 AND step = (
            SELECT max(step) FROM observation WHERE trial_id = ?1 AND attempt = ?2
        )";
    /// ?1 is a JSON list of trials. Becoming pending again starts both counters anew.
    SET_TRIAL_STATES = "
        UPDATE trial SET
            state = ?2,
            failures = CASE ?2 WHEN 'pending' THEN 0 ELSE failures END,
            worker_losses = CASE ?2 WHEN 'pending' THEN 0 ELSE worker_losses END
        WHERE trial_id IN (SELECT value FROM json_each(?1)) AND state NOT IN ('leased', 'succeeded')";
    SET_SECONDS = "
        UPDATE attempt SET seconds = ?3 WHERE trial_id = ?1 AND attempt = ?2";
    /// ?2 is a JSON list of rows: one statement, however many events.
    INSERT_EVENTS = "
        INSERT INTO event (at_ms, kind, sweep_id, trial_id, attempt, worker_id, state, detail)
        SELECT
            ?1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
            value ->> 6
        FROM json_each(?2) ORDER BY key";
    /// A repeated observation changes nothing: what was acknowledged stays. Values are bound and not
    /// sent as JSON, whose numbers SQLite need not read back to the last bit.
    INSERT_OBSERVATION = "
        INSERT INTO observation (trial_id, attempt, step, metric, value)
        VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (trial_id, attempt, step, metric) DO NOTHING";
}

impl Store {
    /// Writes the whole batch in one transaction. When it returns, it is on the disk.
    ///
    /// Order: workers, observations, changes as listed, seconds, and an event for every change.
    ///
    /// # Errors
    /// A change contradicts what is stored, or the disk failed. Nothing of the batch was written;
    /// the caller's memory is ahead of the database and must be rebuilt from it.
    pub async fn commit(&mut self, batch: &Batch) -> Result<(), CommitError> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut transaction = self
            .connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(DatabaseError::from)?;
        let mut writer = Writer {
            connection: &mut transaction,
            at_ms: batch.at_ms,
            events: Vec::with_capacity(batch.workers.len() + batch.changes.len()),
        };
        writer.write(batch).await?;
        let committed = transaction.commit().await;
        // Only here are observations matched with attempts.
        committed.map_err(|error| CommitError::writing(|| "an observation".into(), error))
    }
}

/// One transaction being written.
pub(super) struct Writer<'a> {
    connection: &'a mut SqliteConnection,
    pub(super) at_ms: i64,
    /// Rows of `event`, written together at the end.
    pub(super) events: Vec<Json>,
}

impl Writer<'_> {
    async fn write(&mut self, batch: &Batch) -> Result<(), CommitError> {
        for worker in &batch.workers {
            self.worker(worker).await?;
        }
        for report in &batch.reports {
            self.report(report).await?;
        }
        for run in batch.changes.chunk_by(go_together) {
            self.changes(run).await?;
        }
        for (token, seconds) in &batch.seconds {
            self.seconds(*token, *seconds).await?;
        }
        let events = Json::Array(std::mem::take(&mut self.events)).to_string();
        let insert = sqlx::query(INSERT_EVENTS).bind(self.at_ms).bind(events);
        self.run(insert, || "an event".into()).await.map(drop)
    }

    async fn worker(&mut self, worker: &WorkerRecord) -> Result<(), CommitError> {
        let upsert = sqlx::query(UPSERT_WORKER)
            .bind(worker.worker_id.as_str())
            .bind(&worker.host)
            .bind(worker.process_id)
            .bind(&worker.device)
            .bind(&worker.backend)
            .bind(&worker.version)
            .bind(&worker.binary_sha256)
            .bind(worker.slots)
            .bind(self.at_ms);
        self.run(upsert, || format!("worker {}", worker.worker_id))
            .await?;
        let worker_id = worker.worker_id.as_str();
        self.events.push(json!([
            "worker_registered",
            null,
            null,
            null,
            worker_id,
            null,
            ""
        ]));
        Ok(())
    }

    async fn report(&mut self, report: &AttemptReport) -> Result<(), CommitError> {
        for observations in report.observations.chunks(OBSERVATIONS_OF_A_STATEMENT) {
            let text = with_rows(INSERT_OBSERVATION, observations.len());
            let mut insert = sqlx::query(AssertSqlSafe(text));
            for observation in observations {
                insert = insert
                    .bind(as_i64(report.token.trial_id.0))
                    .bind(report.token.attempt.0)
                    .bind(as_i64(observation.step))
                    .bind(observation.metric.name())
                    .bind(observation.value);
            }
            self.run(insert, || format!("an observation of {}", report.token))
                .await?;
        }
        Ok(())
    }

    /// Changes that [`go_together`]: most often one, or many trials that take the same state.
    async fn changes(&mut self, run: &[Change]) -> Result<(), CommitError> {
        match &run[0] {
            Change::Trial { state, .. } => self.trials(run, *state).await,
            Change::Sweep {
                sweep_id,
                state,
                reason,
            } => self.sweep(*sweep_id, *state, reason).await,
            Change::Leased {
                token,
                worker_id,
                request_id,
            } => self.leased(*token, worker_id.as_str(), request_id).await,
            Change::Ended {
                token,
                ending,
                state,
            } => self.ended(*token, ending, *state).await,
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
                let LeaseToken { trial_id, attempt } = *token;
                // Sent by a peer, so it may be larger than any trial there is.
                let trial_id = i64::try_from(trial_id.0).ok();
                let worker_id = worker_id.as_str();
                self.events.push(json!([
                    "refused", null, trial_id, attempt.0, worker_id, null, call
                ]));
                Ok(())
            }
        }
    }

    async fn sweep(
        &mut self,
        sweep_id: SweepId,
        state: SweepState,
        reason: &str,
    ) -> Result<(), CommitError> {
        let (id, state) = (sweep_id.to_string(), state.name());
        let update = sqlx::query(SET_SWEEP_STATE)
            .bind(&id)
            .bind(state)
            .bind(reason);
        self.run_on(1, update, || format!("{state} for sweep {id}"))
            .await?;
        self.events
            .push(json!(["sweep_state", id, null, null, null, state, reason]));
        Ok(())
    }

    async fn leased(
        &mut self,
        token: LeaseToken,
        worker_id: &str,
        request_id: &str,
    ) -> Result<(), CommitError> {
        let change = || format!("the lease of {token} to {worker_id}");
        let (trial_id, attempt) = (as_i64(token.trial_id.0), token.attempt.0);
        let update = sqlx::query(LEASE_TRIAL).bind(trial_id).bind(attempt);
        self.run_on(1, update, change).await?;
        let insert = sqlx::query(INSERT_ATTEMPT)
            .bind(trial_id)
            .bind(attempt)
            .bind(worker_id)
            .bind(request_id)
            .bind(self.at_ms);
        self.run(insert, change).await?;
        self.events.push(json!([
            "leased", null, trial_id, attempt, worker_id, "leased", request_id
        ]));
        Ok(())
    }

    async fn ended(
        &mut self,
        token: LeaseToken,
        ending: &Ending,
        state: TrialState,
    ) -> Result<(), CommitError> {
        let (name, message) = (ending.name(), ending.message());
        let change = || format!("the end ({name}) of {token}");
        let (trial_id, attempt) = (as_i64(token.trial_id.0), token.attempt.0);
        let end_attempt = sqlx::query(END_ATTEMPT)
            .bind(trial_id)
            .bind(attempt)
            .bind(self.at_ms)
            .bind(name)
            .bind(message);
        self.run_on(1, end_attempt, change).await?;
        let end_trial = sqlx::query(END_TRIAL)
            .bind(trial_id)
            .bind(attempt)
            .bind(state.name())
            .bind(i64::from(matches!(ending, Ending::Failed(_))))
            .bind(i64::from(matches!(ending, Ending::Lapsed)));
        self.run_on(1, end_trial, change).await?;
        if *ending == Ending::Succeeded {
            let insert = sqlx::query(INSERT_RESULT).bind(trial_id).bind(attempt);
            self.run_on(1, insert, change).await?;
        }
        let detail = match message {
            "" => name.to_owned(),
            message => format!("{name}: {message}"),
        };
        let state = state.name();
        self.events.push(json!([
            "ended", null, trial_id, attempt, null, state, detail
        ]));
        Ok(())
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
        let events = trial_ids
            .iter()
            .map(|trial_id| json!(["trial_state", null, trial_id, null, null, state, ""]));
        self.events.extend(events);
        Ok(())
    }

    async fn seconds(&mut self, token: LeaseToken, seconds: f64) -> Result<(), CommitError> {
        // A worker's clock is not ours to trust, and not worth losing a result over.
        if !seconds.is_finite() || seconds < 0.0 {
            return Ok(());
        }
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

/// Trials that take the same state one after the other are one statement: a person cancels or
/// retries a million of them at once.
fn go_together(before: &Change, after: &Change) -> bool {
    matches!(
        (before, after),
        (Change::Trial { state: before, trial_id: one }, Change::Trial { state: after, trial_id: other })
            if before == after && one != other
    )
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
