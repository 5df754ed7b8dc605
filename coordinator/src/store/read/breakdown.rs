//! The last evaluations of a sweep's trials, broken down.

use pondersweep_proto::{
    breakdown::{CountRow, CountTable},
    id::{SweepId, TrialId},
};
use sqlx::{Connection, Row, sqlite::SqliteRow};

use super::{Reader, column::whole, sweep::trial_range};
use crate::store::{error::ReadError, statement::statements};

statements! {
    COUNTS = "
        SELECT trial_id, group_name, position, row_name, column_name, count
        FROM breakdown WHERE trial_id >= ?1 AND trial_id < ?2 AND table_name = ?3
        ORDER BY trial_id, group_name, position, column_name";
}

impl Reader {
    /// The tables with this name of every trial that succeeded and has some: in the order of the
    /// trials, then of the groups.
    ///
    /// # Errors
    /// There is no such sweep, the disk failed, or what is stored is of another version.
    pub async fn counted(
        &mut self,
        sweep_id: SweepId,
        table: &str,
    ) -> Result<Vec<(TrialId, CountTable)>, ReadError> {
        let mut snapshot = self.connection.begin().await?;
        let (first, end) = trial_range(&mut snapshot, sweep_id).await?;
        let query = sqlx::query(COUNTS).bind(first).bind(end).bind(table);
        let rows = query.fetch_all(&mut *snapshot).await?;
        let mut tables: Vec<(TrialId, CountTable)> = Vec::new();
        for row in rows {
            add(&mut tables, table, &row)?;
        }
        Ok(tables)
    }
}

/// Adds a count, which belongs to the last table and its last row or starts new ones.
fn add(
    tables: &mut Vec<(TrialId, CountTable)>,
    table: &str,
    row: &SqliteRow,
) -> Result<(), ReadError> {
    let trial_id = TrialId(whole(row, "trial_id")?);
    let (group, name): (String, String) = (row.try_get("group_name")?, row.try_get("row_name")?);
    let last = tables.last();
    if last.is_none_or(|(of, last)| *of != trial_id || last.group != group) {
        let table = CountTable {
            table: table.to_owned().into(),
            group: group.into(),
            columns: Vec::new(),
            rows: Vec::new(),
        };
        tables.push((trial_id, table));
    }
    let (_, table) = tables.last_mut().expect("one was added");
    if table.rows.last().is_none_or(|last| last.row != name) {
        let counts = Vec::new();
        let row = name.into();
        table.rows.push(CountRow { row, counts });
    }
    // All rows have the columns of the first.
    if table.rows.len() == 1 {
        table
            .columns
            .push(row.try_get::<String, _>("column_name")?.into());
    }
    let last = table.rows.last_mut().expect("one was added");
    last.counts.push(whole(row, "count")?);
    Ok(())
}
