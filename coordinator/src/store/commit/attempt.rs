//! Attempts: their leases, their observations and their ends.

use std::borrow::Cow;

use pondersweep_proto::{
    failure::Cause,
    id::{LeaseToken, WorkerId},
};

use super::{Event, Row, Writer, as_i64};
use crate::{
    scheduler::{Ending, Record, TrialState},
    store::{error::CommitError, record::AttemptReport, statement::statements},
};

statements! {
    LEASE_TRIAL = "
        UPDATE trial SET state = 'leased', attempt = ?2
        WHERE trial_id = ?1 AND state = 'pending' AND attempt = ?2 - 1";
    INSERT_ATTEMPT = "
        INSERT INTO attempt (trial_id, attempt, worker_id, request_id, started_at_ms)
        VALUES (?, ?, ?, ?, ?)";
    END_ATTEMPT = "
        UPDATE attempt SET
            ended_at_ms = ?3, ending = ?4, message = ?5, cause = ?6, blamed = ?7,
            seconds = coalesce(?8, seconds)
        WHERE trial_id = ?1 AND attempt = ?2 AND ended_at_ms IS NULL";
    END_TRIAL = "
        UPDATE trial
        SET state = ?3, failures = ?4, out_of_memory = ?5, worker_losses = ?6, suspicion = ?7
        WHERE trial_id = ?1 AND attempt = ?2 AND state = 'leased'";
    SET_SECONDS = "
        UPDATE attempt SET seconds = ?3 WHERE trial_id = ?1 AND attempt = ?2";
    /// A repeated observation changes nothing: what was acknowledged stays.
    INSERT_OBSERVATION = "
        INSERT INTO observation (trial_id, attempt, step, metric, value)
        VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (trial_id, attempt, step, metric) DO NOTHING";
}

/// A lease to be written.
#[derive(Clone, Copy)]
pub(super) struct NewLease<'a> {
    pub(super) token: LeaseToken,
    pub(super) worker_id: &'a WorkerId,
    pub(super) request_id: &'a str,
}

/// How an attempt ended, and what that makes of its trial.
pub(super) struct AttemptEnding<'a> {
    pub(super) ending: &'a Ending,
    pub(super) state: TrialState,
    pub(super) blamed: bool,
    pub(super) record: Record,
}

impl<'a> Writer<'a> {
    /// Writes leases that follow each other.
    pub(super) fn leases(&mut self, leases: &[NewLease<'a>]) -> Result<(), CommitError> {
        let change = |lease: &NewLease<'_>| {
            let NewLease {
                token, worker_id, ..
            } = lease;
            format!("the lease of {token} to {worker_id}")
        };
        let mut rows: Vec<Row<'_, 5>> = Vec::with_capacity(leases.len());
        for lease in leases {
            let (trial_id, attempt) = columns(lease.token);
            self.run_on(1, LEASE_TRIAL, (trial_id, attempt), || change(lease))?;
            rows.push([
                trial_id.into(),
                attempt.into(),
                lease.worker_id.as_str().into(),
                lease.request_id.into(),
                self.at_ms.into(),
            ]);
            self.events.push(Event {
                worker_id: Some(lease.worker_id.as_str()),
                state: Some(TrialState::Leased.name()),
                detail: lease.request_id.into(),
                ..Event::of("leased", lease.token)
            });
        }
        self.insert(INSERT_ATTEMPT, &rows, |row| change(&leases[row]))
    }

    pub(super) fn end(
        &mut self,
        token: LeaseToken,
        end: &AttemptEnding<'_>,
    ) -> Result<(), CommitError> {
        self.end_attempt(token, end)?;
        self.end_trial(token, end)?;
        if *end.ending == Ending::Succeeded {
            self.succeeded.push(token);
        }
        self.events.push(Event {
            state: Some(end.state.name()),
            detail: detail_of(end.ending, end.blamed),
            ..Event::of("ended", token)
        });
        Ok(())
    }

    fn end_attempt(
        &mut self,
        token: LeaseToken,
        end: &AttemptEnding<'_>,
    ) -> Result<(), CommitError> {
        let (trial_id, attempt) = columns(token);
        let name = end.ending.name();
        let seconds = self.seconds.remove(&token);
        let row = (
            trial_id,
            attempt,
            self.at_ms,
            name,
            end.ending.message(),
            end.ending.cause().map(Cause::name),
            end.blamed,
            seconds,
        );
        let change = || format!("the end ({name}) of {token}");
        self.run_on(1, END_ATTEMPT, row, change)
    }

    fn end_trial(&mut self, token: LeaseToken, end: &AttemptEnding<'_>) -> Result<(), CommitError> {
        let (trial_id, attempt) = columns(token);
        let (state, record) = (end.state.name(), end.record);
        let row = (
            trial_id,
            attempt,
            state,
            record.failures,
            record.out_of_memory,
            record.worker_losses,
            record.suspicion.name(),
        );
        let change = || format!("the state {state} after {token}");
        self.run_on(1, END_TRIAL, row, change)
    }

    /// Notes the compute time of an attempt that goes on, or that ended before.
    pub(super) fn set_seconds(
        &mut self,
        token: LeaseToken,
        seconds: f64,
    ) -> Result<(), CommitError> {
        let (trial_id, attempt) = columns(token);
        let change = || format!("the seconds of {token}");
        self.run_on(1, SET_SECONDS, (trial_id, attempt, seconds), change)
    }

    pub(super) fn observations(&mut self, reports: &[AttemptReport]) -> Result<(), CommitError> {
        let mut rows: Vec<Row<'_, 5>> = Vec::new();
        let mut tokens = Vec::new();
        for AttemptReport {
            token,
            observations,
        } in reports
        {
            let (trial_id, attempt) = columns(*token);
            rows.extend(observations.iter().map(|observation| {
                [
                    trial_id.into(),
                    attempt.into(),
                    as_i64(observation.step).into(),
                    observation.metric.as_str().into(),
                    observation.value.into(),
                ]
            }));
            tokens.resize(rows.len(), *token);
        }
        self.insert(INSERT_OBSERVATION, &rows, |row| {
            format!("an observation of {}", tokens[row])
        })
    }
}

/// How and why an attempt ended, in one line of the audit log.
fn detail_of(ending: &Ending, blamed: bool) -> Cow<'static, str> {
    let mut detail = Cow::Borrowed(ending.name());
    if let Some(cause) = ending.cause() {
        let blamed = if blamed { "blamed" } else { "in company" };
        detail += Cow::Owned(format!(" ({cause}, {blamed})"));
    }
    match ending.message() {
        "" => detail,
        message => format!("{detail}: {message}").into(),
    }
}

pub(super) fn columns(token: LeaseToken) -> (i64, u32) {
    (as_i64(token.trial_id.0), token.attempt.0)
}
