//! Leases, successes and observations, many at once: what a sweep consists of while all goes well.
//! A statement here writes up to [`ROWS_OF_A_STATEMENT`] rows and says, as those of [`super`] do,
//! which stored state it expects. What is rare is written there, one by one.

use pondersweep_proto::{
    id::{LeaseToken, WorkerId},
    metric::Observation,
};
use sqlx::AssertSqlSafe;

use super::{Query, Writer, as_i64, event::Event};
use crate::{
    scheduler::{Change, Ending, Record, TrialState},
    store::{
        error::CommitError,
        record::Batch,
        statement::{statements, with_rows},
    },
};

/// Large enough that a statement's own cost vanishes. SQLite keeps one prepared statement for every
/// number of rows up to it, so it is not larger.
pub(super) const ROWS_OF_A_STATEMENT: usize = 64;

statements! {
    LEASE_TRIALS = "
        UPDATE trial SET state = 'leased', attempt = leased.column2
        FROM (VALUES (?, ?)) AS leased
        WHERE trial_id = leased.column1 AND state = 'pending'
            AND trial.attempt = leased.column2 - 1";
    INSERT_ATTEMPTS = "
        INSERT INTO attempt (trial_id, attempt, worker_id, request_id, started_at_ms)
        VALUES (?, ?, ?, ?, ?)";
    END_ATTEMPTS = "
        UPDATE attempt SET
            ended_at_ms = ended.column3, ending = 'succeeded',
            seconds = coalesce(ended.column4, seconds)
        FROM (VALUES (?, ?, ?, ?)) AS ended
        WHERE trial_id = ended.column1 AND attempt.attempt = ended.column2
            AND ended_at_ms IS NULL";
    END_TRIALS = "
        UPDATE trial SET
            state = 'succeeded', failures = ended.column3, out_of_memory = ended.column4,
            worker_losses = ended.column5, suspicion = ended.column6
        FROM (VALUES (?, ?, ?, ?, ?, ?)) AS ended
        WHERE trial_id = ended.column1 AND trial.attempt = ended.column2 AND state = 'leased'";
    /// The observations of each attempt's last step, turned into one row. An attempt that observed
    /// nothing gets a row of NULLs.
    INSERT_RESULTS = "
        INSERT INTO result (
            trial_id, attempt, step, accuracy_interpolation, accuracy_expected_interpolation,
            ponder_steps_interpolation, ponder_steps_expected_interpolation, loss_interpolation,
            accuracy_extrapolation, accuracy_expected_extrapolation, ponder_steps_extrapolation,
            ponder_steps_expected_extrapolation, loss_extrapolation, loss_training,
            ponder_steps_computed
        )
        SELECT
            ended.column1, ended.column2, max(step),
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
        FROM (VALUES (?, ?)) AS ended
        LEFT JOIN observation
            ON trial_id = ended.column1 AND attempt = ended.column2 AND step = (
                SELECT max(step) FROM observation
                WHERE trial_id = ended.column1 AND attempt = ended.column2
            )
        GROUP BY ended.column1, ended.column2";
    /// A repeated observation changes nothing: what was acknowledged stays. Values are bound and not
    /// sent as JSON, whose numbers SQLite need not read back to the last bit.
    INSERT_OBSERVATIONS = "
        INSERT INTO observation (trial_id, attempt, step, metric, value)
        VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (trial_id, attempt, step, metric) DO NOTHING";
}

/// A lease to be written.
pub(super) struct NewLease<'a> {
    token: LeaseToken,
    worker_id: &'a WorkerId,
    request_id: &'a str,
}

/// Whether a change is one that a smooth sweep consists of.
pub(super) const fn is_smooth(change: &Change) -> bool {
    match change {
        Change::Leased { .. } => true,
        Change::Ended { ending, state, .. } => {
            matches!((ending, state), (Ending::Succeeded, TrialState::Succeeded))
        }
        _ => false,
    }
}

impl Writer<'_> {
    /// Writes changes that are all [smooth](is_smooth). Leases come before successes, whatever their
    /// order: they are of different trials, or of a trial that is leased first.
    pub(super) async fn smooth(&mut self, run: &[Change]) -> Result<(), CommitError> {
        let mut leased = Vec::with_capacity(run.len());
        let mut ended = Vec::with_capacity(run.len());
        for change in run {
            match change {
                Change::Leased {
                    token,
                    worker_id,
                    request_id,
                } => {
                    self.events
                        .push(Event::leased(*token, worker_id.as_str(), request_id));
                    leased.push(NewLease {
                        token: *token,
                        worker_id,
                        request_id,
                    });
                }
                Change::Ended {
                    token,
                    ending,
                    state,
                    blamed,
                    record,
                } => {
                    self.events
                        .push(Event::ended(*token, ending, *state, *blamed));
                    ended.push((*token, *record));
                }
                _ => unreachable!("only smooth changes are written at once"),
            }
        }
        for rows in leased.chunks(self.rows) {
            self.lease_all(rows).await?;
        }
        for rows in ended.chunks(self.rows) {
            self.end_all(rows).await?;
        }
        Ok(())
    }

    async fn lease_all(&mut self, leases: &[NewLease<'_>]) -> Result<(), CommitError> {
        let NewLease {
            token, worker_id, ..
        } = &leases[0];
        let change = || format!("the lease of {token} to {worker_id}{}", others(leases));
        let update = leases
            .iter()
            .fold(several(LEASE_TRIALS, leases.len()), |query, lease| {
                bind_token(query, lease.token)
            });
        self.run_on(leases.len() as u64, update, change).await?;
        let at_ms = self.at_ms;
        let insert = leases
            .iter()
            .fold(several(INSERT_ATTEMPTS, leases.len()), |query, lease| {
                bind_token(query, lease.token)
                    .bind(lease.worker_id.as_str())
                    .bind(lease.request_id)
                    .bind(at_ms)
            });
        self.run(insert, change).await.map(drop)
    }

    async fn end_all(&mut self, ended: &[(LeaseToken, Record)]) -> Result<(), CommitError> {
        let change = || format!("the end (succeeded) of {}{}", ended[0].0, others(ended));
        let (rows, at_ms) = (ended.len() as u64, self.at_ms);
        let mut update = several(END_ATTEMPTS, ended.len());
        for (token, _) in ended {
            let seconds = self.seconds.remove(token);
            update = bind_token(update, *token).bind(at_ms).bind(seconds);
        }
        self.run_on(rows, update, change).await?;
        let update = ended.iter().fold(
            several(END_TRIALS, ended.len()),
            |query, (token, record)| {
                bind_token(query, *token)
                    .bind(record.failures)
                    .bind(record.out_of_memory)
                    .bind(record.worker_losses)
                    .bind(record.suspicion.name())
            },
        );
        self.run_on(rows, update, change).await?;
        let insert = ended
            .iter()
            .fold(several(INSERT_RESULTS, ended.len()), |query, (token, _)| {
                bind_token(query, *token)
            });
        self.run_on(rows, insert, change).await?;
        Ok(())
    }

    /// Writes all observations of a batch.
    pub(super) async fn observations(&mut self, batch: &Batch) -> Result<(), CommitError> {
        let mut rows = Vec::with_capacity(self.rows);
        for report in &batch.reports {
            for observation in &report.observations {
                rows.push((report.token, *observation));
                if rows.len() == self.rows {
                    self.observe_all(&rows).await?;
                    rows.clear();
                }
            }
        }
        if rows.is_empty() {
            return Ok(());
        }
        self.observe_all(&rows).await
    }

    async fn observe_all(&mut self, rows: &[(LeaseToken, Observation)]) -> Result<(), CommitError> {
        let mut insert = several(INSERT_OBSERVATIONS, rows.len());
        for (token, observation) in rows {
            insert = bind_token(insert, *token)
                .bind(as_i64(observation.step))
                .bind(observation.metric.name())
                .bind(observation.value);
        }
        self.run(insert, || {
            format!("an observation of {}{}", rows[0].0, others(rows))
        })
        .await
        .map(drop)
    }
}

/// A statement for one row, made to take several.
pub(super) fn several<'q>(statement: &str, rows: usize) -> Query<'q> {
    sqlx::query(AssertSqlSafe(with_rows(statement, rows)))
}

/// What to add to the name of the first row.
fn others<T>(rows: &[T]) -> String {
    match rows.len() - 1 {
        0 => String::new(),
        others => format!(" or one of {others} others"),
    }
}

fn bind_token(query: Query<'_>, token: LeaseToken) -> Query<'_> {
    query.bind(as_i64(token.trial_id.0)).bind(token.attempt.0)
}
