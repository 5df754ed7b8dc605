//! Rows of the audit log. A commit collects them in the order of its decisions and writes them
//! together at its end.

use std::borrow::Cow;

use pondersweep_proto::id::LeaseToken;
use rusqlite::types::{ToSqlOutput, Value};

use super::{Row, Writer, as_i64};
use crate::store::{error::CommitError, statement::statements};

statements! {
    INSERT_EVENT = "
        INSERT INTO event (at_ms, kind, sweep_id, trial_id, attempt, worker_id, state, detail)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
}

/// A row of `event`, all but its time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct Event<'a> {
    pub(in crate::store) kind: &'static str,
    pub(in crate::store) sweep_id: Option<String>,
    pub(in crate::store) trial_id: Option<i64>,
    pub(in crate::store) attempt: Option<u32>,
    pub(in crate::store) worker_id: Option<&'a str>,
    pub(in crate::store) state: Option<&'static str>,
    pub(in crate::store) detail: Cow<'a, str>,
}

impl Event<'_> {
    /// Something about an attempt.
    pub(in crate::store) fn of(kind: &'static str, token: LeaseToken) -> Self {
        Self {
            kind,
            trial_id: Some(as_i64(token.trial_id.0)),
            attempt: Some(token.attempt.0),
            ..Self::default()
        }
    }

    fn row(&self, at_ms: i64) -> Row<'_, 8> {
        [
            at_ms.into(),
            self.kind.into(),
            or_null(self.sweep_id.as_deref()),
            or_null(self.trial_id),
            or_null(self.attempt),
            or_null(self.worker_id),
            or_null(self.state),
            ToSqlOutput::from(&*self.detail),
        ]
    }
}

pub(super) fn or_null<'a, T: Into<ToSqlOutput<'a>>>(value: Option<T>) -> ToSqlOutput<'a> {
    value.map_or(ToSqlOutput::Owned(Value::Null), Into::into)
}

impl Writer<'_> {
    /// Appends what was collected.
    pub(super) fn append_events(&mut self) -> Result<(), CommitError> {
        let (events, at_ms) = (std::mem::take(&mut self.events), self.at_ms);
        let rows: Vec<_> = events.iter().map(|event| event.row(at_ms)).collect();
        self.insert(INSERT_EVENT, &rows, |_| "an event".into())
    }
}
