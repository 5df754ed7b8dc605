//! Rows of the audit log. A commit collects them in the order of its decisions and writes them
//! together at its end.

use pondersweep_proto::id::LeaseToken;

use super::{Writer, as_i64, bulk::several};
use crate::{
    scheduler::{Ending, TrialState},
    store::{error::CommitError, statement::statements},
};

/// As for the other tables, and far more than one decision leaves.
const EVENTS_OF_A_STATEMENT: usize = 64;

statements! {
    INSERT_EVENTS = "
        INSERT INTO event (at_ms, kind, sweep_id, trial_id, attempt, worker_id, state, detail)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
}

/// A row of `event`, all but its time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Event {
    pub(in crate::store) kind: &'static str,
    pub(in crate::store) sweep_id: Option<String>,
    pub(in crate::store) trial_id: Option<i64>,
    pub(in crate::store) attempt: Option<u32>,
    pub(in crate::store) worker_id: Option<String>,
    pub(in crate::store) state: Option<&'static str>,
    pub(in crate::store) detail: String,
}

impl Event {
    /// An attempt began.
    pub(super) fn leased(token: LeaseToken, worker_id: &str, request_id: &str) -> Self {
        Self {
            worker_id: Some(worker_id.to_owned()),
            state: Some(TrialState::Leased.name()),
            detail: request_id.to_owned(),
            ..Self::of("leased", token)
        }
    }

    /// An attempt ended.
    pub(super) fn ended(
        token: LeaseToken,
        ending: &Ending,
        state: TrialState,
        blamed: bool,
    ) -> Self {
        Self {
            state: Some(state.name()),
            detail: detail_of(ending, blamed),
            ..Self::of("ended", token)
        }
    }

    /// Something about an attempt.
    pub(in crate::store) fn of(kind: &'static str, token: LeaseToken) -> Self {
        Self {
            kind,
            trial_id: Some(as_i64(token.trial_id.0)),
            attempt: Some(token.attempt.0),
            ..Self::default()
        }
    }
}

/// How and why an attempt ended, in one line of the audit log.
fn detail_of(ending: &Ending, blamed: bool) -> String {
    let mut detail = ending.name().to_owned();
    if let Some(cause) = ending.cause() {
        let blamed = if blamed { "blamed" } else { "in company" };
        detail += &format!(" ({cause}, {blamed})");
    }
    match ending.message() {
        "" => detail,
        message => format!("{detail}: {message}"),
    }
}

impl Writer<'_> {
    /// Writes the events collected so far.
    pub(super) async fn append_events(&mut self) -> Result<(), CommitError> {
        let events = std::mem::take(&mut self.events);
        for rows in events.chunks(EVENTS_OF_A_STATEMENT) {
            let mut insert = several(INSERT_EVENTS, rows.len());
            for event in rows {
                insert = insert
                    .bind(self.at_ms)
                    .bind(event.kind)
                    .bind(event.sweep_id.as_deref())
                    .bind(event.trial_id)
                    .bind(event.attempt)
                    .bind(event.worker_id.as_deref())
                    .bind(event.state)
                    .bind(&*event.detail);
            }
            self.run(insert, || "an event".into()).await?;
        }
        Ok(())
    }
}
