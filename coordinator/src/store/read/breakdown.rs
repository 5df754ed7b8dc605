//! The last evaluations of a sweep's trials, broken down: by difficulty, by halting step, and what
//! they cost in forward passes. From the views `difficulty_result`, `halting_result` and
//! `compute_result`.

use pondersweep_proto::{
    breakdown::{DifficultyBucket, HaltingCount},
    id::{SweepId, TrialId},
    setting::training::EvaluationRange,
};
use sqlx::{Connection, Row, sqlite::SqliteRow};

use super::{Reader, column::whole, sweep::trial_range};
use crate::store::{error::ReadError, statement::statements};

statements! {
    DIFFICULTIES = "
        SELECT
            trial_id, configuration_id, range, first_nonzeros, last_nonzeros, examples, correct,
            ponder_steps
        FROM difficulty_result WHERE trial_id >= ?1 AND trial_id < ?2
        ORDER BY trial_id, range DESC, first_nonzeros";
    HALTINGS = "
        SELECT trial_id, configuration_id, range, step, examples
        FROM halting_result WHERE trial_id >= ?1 AND trial_id < ?2
        ORDER BY trial_id, range DESC, step";
    FORWARD_PASSES = "
        SELECT
            trial_id, configuration_id, forward_passes_training, forward_passes_interpolation,
            forward_passes_extrapolation
        FROM compute_result WHERE trial_id >= ?1 AND trial_id < ?2 ORDER BY trial_id";
}

/// One range of difficulties of a trial's last evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrialDifficulty {
    /// Whose.
    pub trial_id: TrialId,
    /// The trial's point of the space: [`Configuration::configuration_id`](super::Configuration).
    pub configuration_id: i64,
    /// What was counted.
    pub bucket: DifficultyBucket,
}

/// The samples of a trial's last evaluation that halted at a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrialHalting {
    /// Whose.
    pub trial_id: TrialId,
    /// The trial's point of the space.
    pub configuration_id: i64,
    /// What was counted.
    pub count: HaltingCount,
}

/// What a trial cost in forward passes, each one step of one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ForwardPasses {
    /// Whose.
    pub trial_id: TrialId,
    /// The trial's point of the space.
    pub configuration_id: i64,
    /// Computed by training, for all samples of all updates.
    pub training: Option<f64>,
    /// Needed to answer the samples of the last evaluation, as halting was drawn.
    pub interpolation: Option<u64>,
    /// The same of the evaluation on more non-zeros.
    pub extrapolation: Option<u64>,
}

impl Reader {
    /// Accuracy and ponder steps by difficulty of every trial that succeeded: in the order of the
    /// trials, interpolation first, ascending.
    ///
    /// # Errors
    /// There is no such sweep, the disk failed, or what is stored is of another version.
    pub async fn difficulties(
        &mut self,
        sweep_id: SweepId,
    ) -> Result<Vec<TrialDifficulty>, ReadError> {
        let rows = self.rows_of(sweep_id, DIFFICULTIES).await?;
        rows.iter().map(difficulty).collect()
    }

    /// How many samples of every trial that succeeded halted at each step: in the order of the
    /// trials, interpolation first, ascending. Steps at which none did are left out.
    ///
    /// # Errors
    /// As [`Self::difficulties`].
    pub async fn halting_steps(
        &mut self,
        sweep_id: SweepId,
    ) -> Result<Vec<TrialHalting>, ReadError> {
        let rows = self.rows_of(sweep_id, HALTINGS).await?;
        rows.iter().map(halting).collect()
    }

    /// What every trial that succeeded cost, in the order of the trials.
    ///
    /// # Errors
    /// As [`Self::difficulties`].
    pub async fn forward_passes(
        &mut self,
        sweep_id: SweepId,
    ) -> Result<Vec<ForwardPasses>, ReadError> {
        let rows = self.rows_of(sweep_id, FORWARD_PASSES).await?;
        rows.iter().map(forward_passes).collect()
    }

    async fn rows_of(
        &mut self,
        sweep_id: SweepId,
        statement: &'static str,
    ) -> Result<Vec<SqliteRow>, ReadError> {
        let mut snapshot = self.connection.begin().await?;
        let (first, end) = trial_range(&mut snapshot, sweep_id).await?;
        let query = sqlx::query(statement).bind(first).bind(end);
        Ok(query.fetch_all(&mut *snapshot).await?)
    }
}

fn difficulty(row: &SqliteRow) -> Result<TrialDifficulty, ReadError> {
    Ok(TrialDifficulty {
        trial_id: TrialId(whole(row, "trial_id")?),
        configuration_id: row.try_get("configuration_id")?,
        bucket: difficulty_bucket(row)?,
    })
}

/// What a row says of a range of difficulties.
pub(super) fn difficulty_bucket(row: &SqliteRow) -> Result<DifficultyBucket, ReadError> {
    Ok(DifficultyBucket {
        range: range(row)?,
        first_nonzeros: row.try_get("first_nonzeros")?,
        last_nonzeros: row.try_get("last_nonzeros")?,
        examples: whole(row, "examples")?,
        correct: whole(row, "correct")?,
        ponder_steps: whole(row, "ponder_steps")?,
    })
}

fn halting(row: &SqliteRow) -> Result<TrialHalting, ReadError> {
    Ok(TrialHalting {
        trial_id: TrialId(whole(row, "trial_id")?),
        configuration_id: row.try_get("configuration_id")?,
        count: halting_count(row)?,
    })
}

/// What a row says of a ponder step.
pub(super) fn halting_count(row: &SqliteRow) -> Result<HaltingCount, ReadError> {
    Ok(HaltingCount {
        range: range(row)?,
        step: row.try_get("step")?,
        examples: whole(row, "examples")?,
    })
}

fn forward_passes(row: &SqliteRow) -> Result<ForwardPasses, ReadError> {
    let whole_or_none = |column| -> Result<Option<u64>, ReadError> {
        let number: Option<i64> = row.try_get(column)?;
        Ok(number.map(i64::unsigned_abs))
    };
    Ok(ForwardPasses {
        trial_id: TrialId(whole(row, "trial_id")?),
        configuration_id: row.try_get("configuration_id")?,
        training: row.try_get("forward_passes_training")?,
        interpolation: whole_or_none("forward_passes_interpolation")?,
        extrapolation: whole_or_none("forward_passes_extrapolation")?,
    })
}

fn range(row: &SqliteRow) -> Result<EvaluationRange, ReadError> {
    let name: &str = row.try_get("range")?;
    EvaluationRange::from_name(name).ok_or_else(|| ReadError::Unreadable {
        problem: format!("the range {name:?} is unknown"),
    })
}
