//! Which sweeps there are, how far they are, and which one a person means.

use std::collections::BTreeMap;

use pondersweep_proto::{
    error::SweepError,
    id::{SweepId, TrialId},
};
use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteRow};

use super::{
    Reader,
    column::{parsed, whole},
};
use crate::{
    scheduler::{SweepState, TrialCounts, TrialState},
    store::{
        error::{DatabaseError, ReadError},
        name::sweep_state,
        statement::statements,
    },
    sweep::{SweepSpec, SweepTerms, select},
};

statements! {
    SWEEPS = "
        SELECT
            sweep.sweep_id, sweep.name, state, state_reason, configurations, replicates,
            metric.solved_threshold, first_trial_id, created_at_ms, spec ->> '$.device' AS device
        FROM sweep JOIN metric
            ON metric.sweep_id = sweep.sweep_id AND metric.solved_threshold IS NOT NULL
        ORDER BY first_trial_id";
    /// In one walk: grouped by state, a million rows would be sorted first.
    COUNTS = "
        SELECT
            count(*) FILTER (WHERE state = 'pending') AS pending,
            count(*) FILTER (WHERE state = 'leased') AS leased,
            count(*) FILTER (WHERE state = 'succeeded') AS succeeded,
            count(*) FILTER (WHERE state = 'infeasible') AS infeasible,
            count(*) FILTER (WHERE state = 'failed') AS failed,
            count(*) FILTER (WHERE state = 'cancelled') AS cancelled,
            count(*) FILTER (WHERE state = 'withheld') AS withheld
        FROM trial WHERE trial_id >= ?1 AND trial_id < ?2";
    DATABASE_ID = "SELECT database_id FROM identity";
    SWEEP_NAMES = "
        SELECT sweep_id, name FROM sweep ORDER BY first_trial_id";
    PROGRAM_FILES = "
        SELECT coalesce(spec -> '$.program.files', '{}') FROM sweep WHERE sweep_id = ?1";
    SPEC = "
        SELECT spec FROM sweep WHERE sweep_id = ?1";
    TRIAL_RANGE = "
        SELECT first_trial_id, first_trial_id + configurations * replicates
        FROM sweep WHERE sweep_id = ?1";
}

/// A sweep as a list shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepSummary {
    /// Its identity.
    pub sweep_id: SweepId,
    /// For people.
    pub name: String,
    /// Its state.
    pub state: SweepState,
    /// Why, for people.
    pub state_reason: String,
    /// Points of its space.
    pub configurations: u64,
    /// Repetitions of each, at most.
    pub replicates: u64,
    /// A trial is solved when the metric that decides reaches this value.
    pub solved_threshold: f64,
    /// Its trials are this one and those that follow without a gap.
    pub first_trial_id: TrialId,
    /// When it was created, in milliseconds since 1970-01-01 UTC.
    pub created_at_ms: i64,
    /// Only workers on this device may train its trials.
    pub device: Option<String>,
    /// Its trials by state.
    pub trials: TrialCounts,
}

impl Reader {
    /// Every sweep, in the order of creation.
    ///
    /// # Errors
    /// The disk failed, or what is stored is of another version.
    pub async fn sweeps(&mut self) -> Result<Vec<SweepSummary>, ReadError> {
        let mut snapshot = self.connection.begin().await?;
        let mut sweeps = Vec::new();
        for row in sqlx::query(SWEEPS).fetch_all(&mut *snapshot).await? {
            let mut sweep = summary(&row)?;
            // In a damaged file these numbers may be anything.
            let end = sweep
                .configurations
                .saturating_mul(sweep.replicates)
                .saturating_add(sweep.first_trial_id.0);
            let range =
                [sweep.first_trial_id.0, end].map(|id| i64::try_from(id).unwrap_or(i64::MAX));
            sweep.trials = counts(&mut snapshot, range.into()).await?;
            sweeps.push(sweep);
        }
        Ok(sweeps)
    }

    /// The sweep a person means: `last`, an id, a unique prefix of one, or a unique name.
    ///
    /// # Errors
    /// No sweep has this name, or several have.
    pub async fn find_sweep(&mut self, text: &str) -> Result<SweepId, ReadError> {
        let mut sweeps = Vec::new();
        for row in sqlx::query(SWEEP_NAMES)
            .fetch_all(&mut self.connection)
            .await?
        {
            sweeps.push((parsed(&row, "sweep_id")?, row.try_get("name")?));
        }
        Ok(select(text, &sweeps)?)
    }

    /// The files of the program that a sweep's trials run, by their path, each with its hash; of the built-in
    /// training none.
    ///
    /// # Errors
    /// There is no such sweep, the disk failed, or what is stored is of another version.
    pub async fn program_files(
        &mut self,
        sweep_id: SweepId,
    ) -> Result<BTreeMap<String, String>, ReadError> {
        let found = sqlx::query_scalar(PROGRAM_FILES).bind(sweep_id.to_string());
        let text: String = found.fetch_one(&mut self.connection).await?;
        serde_json::from_str(&text).map_err(|error| ReadError::Unreadable {
            problem: format!("the files of sweep {sweep_id}: {error}"),
        })
    }

    /// Which database it is: the same for as long as it lives, in copies of it, too.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn database_id(&mut self) -> Result<String, DatabaseError> {
        database_id(&mut self.connection).await
    }

    /// What a sweep runs. Checking it again takes about a second for a million configurations.
    ///
    /// # Errors
    /// There is no such sweep, or this version cannot run it.
    pub async fn spec(&mut self, sweep_id: SweepId) -> Result<SweepSpec, ReadError> {
        Ok(SweepSpec::new(self.terms(sweep_id).await?)?)
    }

    /// What a sweep runs, not checked again: enough for looking at it.
    ///
    /// # Errors
    /// There is no such sweep, or this version does not know its terms.
    pub async fn terms(&mut self, sweep_id: SweepId) -> Result<SweepTerms, ReadError> {
        let found: Option<String> = sqlx::query_scalar(SPEC)
            .bind(sweep_id.to_string())
            .fetch_optional(&mut self.connection)
            .await?;
        let text = found.ok_or_else(|| SweepError::NotFound(sweep_id.to_string()))?;
        serde_json::from_str(&text).map_err(|error| ReadError::Unreadable {
            problem: format!("sweep {sweep_id} cannot be read back: {error}"),
        })
    }
}

/// Which database it is.
pub(in crate::store) async fn database_id(
    connection: &mut SqliteConnection,
) -> Result<String, DatabaseError> {
    Ok(sqlx::query_scalar(DATABASE_ID)
        .fetch_one(connection)
        .await?)
}

/// The identifiers of a sweep's trials: first, and one beyond the last.
pub(super) async fn trial_range(
    connection: &mut SqliteConnection,
    sweep_id: SweepId,
) -> Result<(i64, i64), ReadError> {
    let range = sqlx::query_as(TRIAL_RANGE).bind(sweep_id.to_string());
    let found: Option<(i64, i64)> = range.fetch_optional(connection).await?;
    Ok(found.ok_or_else(|| SweepError::NotFound(sweep_id.to_string()))?)
}

/// The trials of a range by state.
pub(super) async fn counts(
    connection: &mut SqliteConnection,
    (first, end): (i64, i64),
) -> Result<TrialCounts, ReadError> {
    let query = sqlx::query(COUNTS).bind(first).bind(end);
    let row = query.fetch_one(connection).await?;
    let mut counts = TrialCounts::default();
    for state in TrialState::ALL {
        *counts.of_mut(state) = whole(&row, state.name())?;
    }
    Ok(counts)
}

fn summary(row: &SqliteRow) -> Result<SweepSummary, ReadError> {
    Ok(SweepSummary {
        sweep_id: parsed(row, "sweep_id")?,
        name: row.try_get("name")?,
        state: sweep_state(row.try_get("state")?)?,
        state_reason: row.try_get("state_reason")?,
        configurations: whole(row, "configurations")?,
        replicates: whole(row, "replicates")?,
        solved_threshold: row.try_get("solved_threshold")?,
        first_trial_id: TrialId(whole(row, "first_trial_id")?),
        created_at_ms: row.try_get("created_at_ms")?,
        device: row.try_get("device")?,
        trials: TrialCounts::default(),
    })
}
