//! Last evaluations, broken down: several rows of a trial that has a result.

use pondersweep_proto::{breakdown::Breakdown, id::LeaseToken};

use super::{Row, Writer, as_i64};
use crate::store::{error::CommitError, statement::statements};

statements! {
    INSERT_COUNT = "
        INSERT INTO breakdown (
            trial_id, table_name, group_name, position, row_name, column_name, count
        )
        VALUES (?, ?, ?, ?, ?, ?, ?)";
}

impl Writer<'_> {
    pub(super) fn breakdown(
        &mut self,
        token: LeaseToken,
        breakdown: &Breakdown,
    ) -> Result<(), CommitError> {
        let trial_id = as_i64(token.trial_id.0);
        let counts: Vec<_> = breakdown.counts().collect();
        let mut rows: Vec<Row<'_, 7>> = Vec::with_capacity(counts.len());
        for (name, count) in &counts {
            rows.push([
                trial_id.into(),
                (&*name.table).into(),
                (&*name.group).into(),
                name.position.into(),
                (&*name.row).into(),
                (&*name.column).into(),
                as_i64(*count).into(),
            ]);
        }
        self.insert(INSERT_COUNT, &rows, |row| {
            format!("{} of {token}", counts[row].0)
        })
    }
}
