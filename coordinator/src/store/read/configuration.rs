//! Points of a search space, read back from their canonical JSON. Many rows share one.

use std::{collections::HashMap, sync::Arc};

use pondersweep_proto::{id::ContentKey, spec::ConfigurationSpec};
use serde_json::json;
use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};
use tokio_stream::StreamExt;

use super::column::{parsed, whole};
use crate::store::{error::ReadError, statement::statements};

statements! {
    /// ?1 is a JSON list of identifiers.
    CONFIGURATIONS = "
        SELECT configuration_id, position, configuration_key, spec FROM configuration
        WHERE configuration_id IN (SELECT value FROM json_each(?1))";
}

/// One point of a search space.
#[derive(Clone, Debug, PartialEq)]
pub struct Configuration {
    /// Its number in this database.
    pub configuration_id: i64,
    /// Its place in the order of the space, from 0.
    pub position: u64,
    /// The hash of its specification.
    pub key: ContentKey,
    /// Every setting.
    pub spec: ConfigurationSpec,
}

/// Configurations by their number.
pub(super) type Configurations = HashMap<i64, Arc<Configuration>>;

/// Reads the configurations with these numbers, each once.
pub(super) async fn configurations(
    connection: &mut SqliteConnection,
    mut configuration_ids: Vec<i64>,
) -> Result<Configurations, ReadError> {
    configuration_ids.sort_unstable();
    configuration_ids.dedup();
    let list = json!(configuration_ids).to_string();
    let mut rows = sqlx::query(CONFIGURATIONS).bind(list).fetch(connection);
    let mut found = HashMap::with_capacity(configuration_ids.len());
    while let Some(row) = rows.try_next().await? {
        let configuration = configuration(&row)?;
        found.insert(configuration.configuration_id, Arc::new(configuration));
    }
    Ok(found)
}

/// The configuration a row names.
pub(super) fn shared(
    row: &SqliteRow,
    configurations: &Configurations,
) -> Result<Arc<Configuration>, ReadError> {
    let configuration_id: i64 = row.try_get("configuration_id")?;
    let found = configurations.get(&configuration_id).cloned();
    found.ok_or_else(|| ReadError::Unreadable {
        problem: format!("configuration {configuration_id} is missing"),
    })
}

fn configuration(row: &SqliteRow) -> Result<Configuration, ReadError> {
    let spec: &str = row.try_get("spec")?;
    Ok(Configuration {
        configuration_id: row.try_get("configuration_id")?,
        position: whole(row, "position")?,
        key: parsed(row, "configuration_key")?,
        spec: serde_json::from_str(spec).map_err(|error| ReadError::Unreadable {
            problem: format!("a configuration cannot be read back: {error}"),
        })?,
    })
}
