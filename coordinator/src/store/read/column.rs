//! Columns of a row as the types of the program. It holds no SQL.

use std::str::FromStr;

use sqlx::{Row, sqlite::SqliteRow};

use crate::store::error::ReadError;

/// A column that holds a whole number, never negative.
pub(super) fn whole(row: &SqliteRow, column: &str) -> Result<u64, ReadError> {
    let number: i64 = row.try_get(column)?;
    u64::try_from(number).map_err(|_| ReadError::Unreadable {
        problem: format!("{column} is {number}"),
    })
}

/// A column that holds the text form of an identifier or name.
pub(super) fn parsed<T: FromStr>(row: &SqliteRow, column: &str) -> Result<T, ReadError>
where
    T::Err: std::fmt::Display,
{
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|error: T::Err| ReadError::Unreadable {
        problem: format!("{column}: {error}"),
    })
}
