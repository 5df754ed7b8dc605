//! What the result tables of a sweep say, as one hash. Two databases in which a sweep was measured
//! alike have the same, whatever faults, workers and attempts lie between; who measured it, when
//! and how fast is left out. It is the oracle of every test that disturbs a sweep.
//!
//! It names the columns that it hashes, those of the first published results, so that a later
//! column or metric leaves published hashes as they are. What a sweep has beyond them is hashed as
//! rows, by name, where it has any.

use pondersweep_proto::id::{SweepId, hexadecimal};
use sha2::{Digest as _, Sha256};
use sqlx::{Column as _, Connection as _, Row as _, SqliteConnection, sqlite::SqliteRow};
use tokio_stream::StreamExt as _;

use super::{Reader, Value, query::value, sweep::trial_range};
use crate::store::{error::ReadError, statement::statements};

statements! {
    /// The outcomes, and the settings and metrics of the first published results.
    CONTENT = "
        SELECT
            trial_id, sweep_id, sweep, trial_key, method, lambda_p, beta, tau, max_steps,
            learning_rate, step_function, hidden, halting_bias, residual, unroll, epsilon,
            gradient_clip, batch, updates, elements, positions, kl_direction, first_step_flag,
            initial_scale, replicate, outcome, solved, accuracy_interpolation,
            accuracy_expected_interpolation, ponder_steps_interpolation,
            ponder_steps_expected_interpolation, loss_interpolation, accuracy_extrapolation,
            accuracy_expected_extrapolation, ponder_steps_extrapolation,
            ponder_steps_expected_extrapolation, loss_extrapolation, loss_training,
            ponder_steps_computed, step, message
        FROM trial_result WHERE trial_id >= ?1 AND trial_id < ?2 ORDER BY trial_id";
    /// Of all attempts together: what a lost attempt saw must be what its successor sees, and then
    /// it is one row. Two attempts that disagree are two rows, which no undisturbed sweep has.
    OBSERVED = "
        SELECT DISTINCT trial.trial_key, observation.step, observation.metric, observation.value
        FROM trial JOIN observation ON observation.trial_id = trial.trial_id
        WHERE trial.trial_id >= ?1 AND trial.trial_id < ?2
            AND trial.state IN ('succeeded', 'infeasible', 'failed')
        ORDER BY trial_key, step, metric, value";
    DIFFICULTY = "
        SELECT
            sweep_id, trial_id, trial_key, replicate, range, first_nonzeros, last_nonzeros,
            examples, correct, ponder_steps, accuracy, ponder_steps_mean
        FROM difficulty_result WHERE trial_id >= ?1 AND trial_id < ?2
        ORDER BY trial_id, range, first_nonzeros";
    HALTING = "
        SELECT sweep_id, trial_id, trial_key, replicate, range, step, examples
        FROM halting_result WHERE trial_id >= ?1 AND trial_id < ?2
        ORDER BY trial_id, range, step";
    /// Every other metric.
    MEASURED = "
        SELECT trial.trial_id, trial.trial_key, metric.name, measurement.value
        FROM trial
        JOIN measurement ON measurement.trial_id = trial.trial_id
        JOIN metric ON metric.metric_id = measurement.metric_id
        WHERE trial.trial_id >= ?1 AND trial.trial_id < ?2 AND metric.name NOT IN (
            'accuracy_interpolation', 'accuracy_expected_interpolation',
            'ponder_steps_interpolation', 'ponder_steps_expected_interpolation',
            'loss_interpolation', 'accuracy_extrapolation', 'accuracy_expected_extrapolation',
            'ponder_steps_extrapolation', 'ponder_steps_expected_extrapolation',
            'loss_extrapolation', 'loss_training', 'ponder_steps_computed'
        )
        ORDER BY trial.trial_id, metric.name";
    /// Every other breakdown.
    COUNTED = "
        SELECT
            trial.trial_id, trial.trial_key, table_name, group_name, position, row_name,
            column_name, count
        FROM trial JOIN breakdown ON breakdown.trial_id = trial.trial_id
        WHERE trial.trial_id >= ?1 AND trial.trial_id < ?2
            AND (table_name != 'difficulty' OR column_name NOT IN ('examples', 'correct', 'ponder_steps'))
            AND (table_name != 'halting' OR column_name != 'examples')
        ORDER BY trial.trial_id, table_name, group_name, position, column_name";
}

/// The last evaluations broken down, by trial.
pub(super) const BROKEN_DOWN: [&str; 2] = [DIFFICULTY, HALTING];

/// What only some sweeps have, by trial.
pub(super) const BEYOND: [&str; 2] = [MEASURED, COUNTED];

/// The outcomes, by trial.
pub(super) const OUTCOMES: &str = CONTENT;

/// The number of a trial in its file is no content.
const NOT_CONTENT: &str = "trial_id";

/// The content of a sweep's results. Equal values mean equal tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepDigest {
    /// Trials with an outcome.
    pub trials: u64,
    /// Different observations of those trials.
    pub observations: u64,
    /// SHA-256 of both, of the results and of the last evaluations broken down, as hexadecimal
    /// digits.
    pub sha256: String,
}

impl Reader {
    /// The content of a sweep's results; it stays what it is in later versions.
    ///
    /// # Errors
    /// There is no such sweep, or the disk failed.
    pub async fn digest(&mut self, sweep_id: SweepId) -> Result<SweepDigest, ReadError> {
        let mut snapshot = self.connection.begin().await?;
        let range = trial_range(&mut snapshot, sweep_id).await?;
        digest(&mut snapshot, range).await
    }
}

/// The content of the results of a range of trials.
pub(super) async fn digest(
    snapshot: &mut SqliteConnection,
    range: (i64, i64),
) -> Result<SweepDigest, ReadError> {
    let mut hash = Sha256::new();
    let trials = feed(&mut hash, snapshot, CONTENT, range).await?;
    let observations = feed(&mut hash, snapshot, OBSERVED, range).await?;
    for statement in BROKEN_DOWN {
        feed(&mut hash, snapshot, statement, range).await?;
    }
    for statement in BEYOND {
        let mut beyond = hash.clone();
        if feed(&mut beyond, snapshot, statement, range).await? > 0 {
            hash = beyond;
        }
    }
    Ok(SweepDigest {
        trials,
        observations,
        sha256: hexadecimal(&hash.finalize()),
    })
}

/// Hashes the rows of a statement and counts them.
async fn feed(
    hash: &mut Sha256,
    connection: &mut SqliteConnection,
    statement: &'static str,
    (first, end): (i64, i64),
) -> Result<u64, ReadError> {
    let query = sqlx::query(statement).bind(first).bind(end);
    let mut rows = query.fetch(connection);
    let mut count = 0_u64;
    while let Some(row) = rows.try_next().await? {
        feed_row(hash, &row)?;
        count += 1;
    }
    hash.update(count.to_be_bytes());
    Ok(count)
}

/// Each value with its column's name, its type and its length, so that no two rows look alike.
pub(super) fn feed_row(hash: &mut Sha256, row: &SqliteRow) -> Result<(), ReadError> {
    for (index, column) in row.columns().iter().enumerate() {
        if column.name() == NOT_CONTENT {
            continue;
        }
        let (kind, bytes) = match value(row, index)? {
            Value::Null => (0_u8, Vec::new()),
            Value::Integer(whole) => (1, whole.to_be_bytes().to_vec()),
            Value::Real(number) => (2, number.to_bits().to_be_bytes().to_vec()),
            Value::Text(text) => (3, text.into_bytes()),
            Value::Blob(bytes) => (4, bytes),
        };
        hash.update(column.name());
        hash.update([0, kind]);
        hash.update((bytes.len() as u64).to_be_bytes());
        hash.update(bytes);
    }
    Ok(())
}
