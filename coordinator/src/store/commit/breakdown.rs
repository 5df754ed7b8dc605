//! Last evaluations, broken down: many rows at once, each of a trial that has a result.

use pondersweep_proto::{
    breakdown::{DifficultyBucket, HaltingCount},
    id::LeaseToken,
};

use super::{Writer, as_i64, bulk::several};
use crate::store::{error::CommitError, record::Batch, statement::statements};

statements! {
    INSERT_DIFFICULTIES = "
        INSERT INTO difficulty (
            trial_id, range, first_nonzeros, last_nonzeros, examples, correct, ponder_steps
        )
        VALUES (?, ?, ?, ?, ?, ?, ?)";
    INSERT_HALTINGS = "
        INSERT INTO halting (trial_id, range, step, examples) VALUES (?, ?, ?, ?)";
}

impl Writer<'_> {
    /// Writes all breakdowns of a batch.
    pub(super) async fn breakdowns(&mut self, batch: &Batch) -> Result<(), CommitError> {
        for (token, breakdown) in &batch.breakdowns {
            for rows in breakdown.difficulty().chunks(self.rows) {
                self.difficulties(*token, rows).await?;
            }
            for rows in breakdown.halting().chunks(self.rows) {
                self.haltings(*token, rows).await?;
            }
        }
        Ok(())
    }

    async fn difficulties(
        &mut self,
        token: LeaseToken,
        rows: &[DifficultyBucket],
    ) -> Result<(), CommitError> {
        let mut insert = several(INSERT_DIFFICULTIES, rows.len());
        for bucket in rows {
            insert = insert
                .bind(as_i64(token.trial_id.0))
                .bind(bucket.range.name())
                .bind(bucket.first_nonzeros)
                .bind(bucket.last_nonzeros)
                .bind(as_i64(bucket.examples))
                .bind(as_i64(bucket.correct))
                .bind(as_i64(bucket.ponder_steps));
        }
        self.run(insert, || format!("the difficulties of {token}"))
            .await
            .map(drop)
    }

    async fn haltings(
        &mut self,
        token: LeaseToken,
        rows: &[HaltingCount],
    ) -> Result<(), CommitError> {
        let mut insert = several(INSERT_HALTINGS, rows.len());
        for count in rows {
            insert = insert
                .bind(as_i64(token.trial_id.0))
                .bind(count.range.name())
                .bind(count.step)
                .bind(as_i64(count.examples));
        }
        self.run(insert, || format!("the halting steps of {token}"))
            .await
            .map(drop)
    }
}
