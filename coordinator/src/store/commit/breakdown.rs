//! Last evaluations, broken down: several rows of a trial that has a result.

use pondersweep_proto::{breakdown::Breakdown, id::LeaseToken};

use super::{Writer, as_i64};
use crate::store::{error::CommitError, statement::statements};

statements! {
    INSERT_DIFFICULTY = "
        INSERT INTO difficulty (
            trial_id, range, first_nonzeros, last_nonzeros, examples, correct, ponder_steps
        )
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    INSERT_HALTING = "
        INSERT INTO halting (trial_id, range, step, examples) VALUES (?1, ?2, ?3, ?4)";
}

impl Writer<'_> {
    pub(super) fn breakdown(
        &mut self,
        token: LeaseToken,
        breakdown: &Breakdown,
    ) -> Result<(), CommitError> {
        let trial_id = as_i64(token.trial_id.0);
        for bucket in breakdown.difficulty() {
            let row = (
                trial_id,
                bucket.range.name(),
                bucket.first_nonzeros,
                bucket.last_nonzeros,
                as_i64(bucket.examples),
                as_i64(bucket.correct),
                as_i64(bucket.ponder_steps),
            );
            self.run(INSERT_DIFFICULTY, row, || {
                format!("the difficulties of {token}")
            })?;
        }
        for count in breakdown.halting() {
            let examples = as_i64(count.examples);
            let row = (trial_id, count.range.name(), count.step, examples);
            self.run(INSERT_HALTING, row, || {
                format!("the halting steps of {token}")
            })?;
        }
        Ok(())
    }
}
