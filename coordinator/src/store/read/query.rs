//! A person's own SQL, answered row by row. Nothing it says can change the database: the
//! connection was opened for reading only.

use std::pin::Pin;

use sqlx::{
    AssertSqlSafe, Column, Executor, Row, SqlSafeStr, Statement, TypeInfo, ValueRef,
    sqlite::SqliteRow,
};
use tokio_stream::{Stream, StreamExt};

use super::Reader;
use crate::store::error::{DatabaseError, ReadError};

/// One value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// No value.
    Null,
    /// A whole number.
    Integer(i64),
    /// A number.
    Real(f64),
    /// A text.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// The answer to a query, as it comes.
pub struct Rows<'a> {
    columns: Vec<String>,
    rows: Pin<Box<dyn Stream<Item = Result<SqliteRow, sqlx::Error>> + Send + 'a>>,
    left: Option<u64>,
    truncated: bool,
}

impl Rows<'_> {
    /// The names of the columns, also when there is no row.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The next row, one value for every column; `None` after the last one or the limit.
    ///
    /// # Errors
    /// The SQL failed on the way, or the disk did.
    pub async fn next(&mut self) -> Result<Option<Vec<Value>>, ReadError> {
        let Some(row) = self.rows.try_next().await.map_err(refused)? else {
            return Ok(None);
        };
        if self.left == Some(0) {
            self.truncated = true;
            return Ok(None);
        }
        self.left = self.left.map(|left| left - 1);
        (0..row.len())
            .map(|index| value(&row, index))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// Whether the limit left rows out; known once [`Self::next`] returned `None`.
    #[must_use]
    pub const fn truncated(&self) -> bool {
        self.truncated
    }
}

impl Reader {
    /// Answers a person's SQL, up to a number of rows.
    ///
    /// # Errors
    /// The SQL is wrong or wants to write, or the disk failed.
    pub async fn query(&mut self, sql: &str, limit: Option<u64>) -> Result<Rows<'_>, ReadError> {
        let text = AssertSqlSafe(sql).into_sql_str();
        let statement = self
            .connection
            .prepare(text.clone())
            .await
            .map_err(refused)?;
        let columns = statement
            .columns()
            .iter()
            .map(|column| column.name().to_owned());
        Ok(Rows {
            columns: columns.collect(),
            rows: sqlx::query(text)
                .persistent(false)
                .fetch(&mut self.connection),
            left: limit,
            truncated: false,
        })
    }
}

/// One value of a row, as SQLite has it.
pub(super) fn value(row: &SqliteRow, index: usize) -> Result<Value, ReadError> {
    let raw = row.try_get_raw(index)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let kind = raw.type_info().name().to_owned();
    Ok(match &*kind {
        "INTEGER" => Value::Integer(row.try_get_unchecked(index)?),
        "REAL" => Value::Real(row.try_get_unchecked(index)?),
        "BLOB" => Value::Blob(row.try_get_unchecked(index)?),
        _ => Value::Text(row.try_get_unchecked(index)?),
    })
}

/// What SQLite cannot do is a person's mistake; a failing disk is not.
fn refused(error: sqlx::Error) -> ReadError {
    let problem = error
        .as_database_error()
        .map(|error| error.message().to_owned());
    match (DatabaseError::from(error), problem) {
        (DatabaseError::Other(_) | DatabaseError::ReadOnly(_), Some(problem)) => {
            ReadError::Sql { problem }
        }
        (error, _) => ReadError::Database(error),
    }
}
