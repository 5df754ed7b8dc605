//! A person's own SQL, answered row by row. It can change nothing: the connection was opened for
//! reading only, and SQLite asks [`permit`] about everything that a statement would do. It runs on
//! a thread of its own, a few rows ahead of the reader, so that an answer of any length needs
//! little memory.

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use rusqlite::{
    Connection, Statement,
    hooks::{AuthAction, AuthContext, Authorization},
    types::ValueRef,
};
use sqlx::{Row as _, TypeInfo as _, ValueRef as _, sqlite::SqliteRow};
use tokio::sync::{mpsc, oneshot};

use super::Reader;
use crate::store::{
    error::{DatabaseError, ReadError},
    open::open_scanner,
    upgrade::stale_views,
};

/// Rows that are handed from thread to thread at once.
const ROWS_OF_A_BATCH: usize = 256;
/// Batches that wait to be taken.
const BATCHES_AHEAD: usize = 4;

/// Pragmas that only tell, also those that take a name.
const TELLING_PRAGMAS: [&str; 17] = [
    "collation_list",
    "compile_options",
    "database_list",
    "foreign_key_check",
    "foreign_key_list",
    "function_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "integrity_check",
    "module_list",
    "pragma_list",
    "quick_check",
    "stats",
    "table_info",
    "table_list",
    "table_xinfo",
];
/// Pragmas that tell as long as they are given no value.
const SETTINGS: [&str; 12] = [
    "application_id",
    "auto_vacuum",
    "cache_size",
    "data_version",
    "encoding",
    "foreign_keys",
    "freelist_count",
    "journal_mode",
    "page_count",
    "page_size",
    "schema_version",
    "user_version",
];

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

type Batch = Result<Vec<Vec<Value>>, ReadError>;

/// The answer to a query, as it comes.
#[derive(Debug)]
pub struct Rows {
    columns: Vec<String>,
    batches: mpsc::Receiver<Batch>,
    batch: std::vec::IntoIter<Vec<Value>>,
    left: Option<u64>,
    truncated: bool,
}

impl Rows {
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
        while self.batch.len() == 0 {
            match self.batches.recv().await {
                Some(batch) => self.batch = batch?.into_iter(),
                None => return Ok(None),
            }
        }
        if self.left == Some(0) {
            self.truncated = true;
            return Ok(None);
        }
        self.left = self.left.map(|left| left - 1);
        Ok(self.batch.next())
    }

    /// Whether the limit left rows out; known once [`Self::next`] returned `None`.
    #[must_use]
    pub const fn truncated(&self) -> bool {
        self.truncated
    }
}

impl Reader {
    /// Answers a person's SQL, one statement, up to a number of rows.
    ///
    /// # Errors
    /// The SQL is wrong, several statements, or would do more than read; or the disk failed.
    ///
    /// # Panics
    /// If the thread that answers panicked.
    pub async fn query(&mut self, sql: &str, limit: Option<u64>) -> Result<Rows, ReadError> {
        let (path, sql) = (self.path.clone(), sql.to_owned());
        let offered = self.offered.clone();
        let (say, said) = oneshot::channel();
        let (sender, batches) = mpsc::channel(BATCHES_AHEAD);
        tokio::task::spawn_blocking(move || answer(&path, offered.as_deref(), &sql, say, &sender));
        let columns = said.await.expect("it panics for a bug only")?;
        Ok(Rows {
            columns,
            batches,
            batch: Vec::new().into_iter(),
            left: limit,
            truncated: false,
        })
    }
}

/// Says the columns of the answer, then sends its rows as long as somebody takes them.
fn answer(
    path: &Path,
    offered: Option<&str>,
    sql: &str,
    say: oneshot::Sender<Result<Vec<String>, ReadError>>,
    rows: &mpsc::Sender<Batch>,
) {
    let guarded = match Guarded::open(path, offered) {
        Ok(guarded) => guarded,
        Err(error) => return drop(say.send(Err(error))),
    };
    let mut statement = match guarded.prepare(sql) {
        Ok(statement) => statement,
        Err(error) => return drop(say.send(Err(error))),
    };
    let columns = statement.column_names().into_iter().map(str::to_owned);
    if say.send(Ok(columns.collect())).is_err() {
        return;
    }
    if let Err(error) = send_rows(&mut statement, rows) {
        // The reader may have gone.
        let _ = rows.blocking_send(Err(guarded.refused(error)));
    }
}

fn send_rows(
    statement: &mut Statement<'_>,
    sender: &mpsc::Sender<Batch>,
) -> Result<(), rusqlite::Error> {
    let columns = statement.column_count();
    let mut rows = statement.query([])?;
    let mut batch = Vec::new();
    while let Some(row) = rows.next()? {
        let values = (0..columns).map(|column| Ok(value_of(row.get_ref(column)?)));
        batch.push(values.collect::<Result<_, rusqlite::Error>>()?);
        if batch.len() == ROWS_OF_A_BATCH
            && sender
                .blocking_send(Ok(std::mem::take(&mut batch)))
                .is_err()
        {
            return Ok(());
        }
    }
    // As above.
    let _ = sender.blocking_send(Ok(batch));
    Ok(())
}

fn value_of(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(whole) => Value::Integer(whole),
        ValueRef::Real(number) => Value::Real(number),
        ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
        ValueRef::Blob(bytes) => Value::Blob(bytes.to_owned()),
    }
}

/// One value of a row that was not asked for by a person, as SQLite has it.
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

/// A connection whose statements are asked what they would do.
struct Guarded {
    connection: Connection,
    /// What was not permitted, for the error.
    denied: Arc<Mutex<Option<String>>>,
}

impl Guarded {
    /// Opens a database, with this program's views, and with one more that is offered.
    fn open(path: &Path, offered: Option<&str>) -> Result<Self, ReadError> {
        let connection = open_scanner(path)?;
        for view in stale_views(&connection)? {
            connection.execute_batch(&view.temporary_text())?;
        }
        connection.execute_batch(offered.unwrap_or_default())?;
        let denied = Arc::new(Mutex::new(None));
        let note = Arc::clone(&denied);
        let judge = move |context: AuthContext<'_>| match permit(&context.action) {
            Ok(()) => Authorization::Allow,
            Err(what) => {
                *note.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
                Authorization::Deny
            }
        };
        connection.authorizer(Some(judge))?;
        Ok(Self { connection, denied })
    }

    fn prepare(&self, sql: &str) -> Result<Statement<'_>, ReadError> {
        let statement = self.connection.prepare(sql);
        let statement = statement.map_err(|error| self.refused(error))?;
        if statement.column_count() == 0 {
            return Err(ReadError::NotAQuery {
                what: "it has no answer".into(),
            });
        }
        if !statement.readonly() {
            return Err(ReadError::NotAQuery {
                what: "it would write".into(),
            });
        }
        Ok(statement)
    }

    /// What SQLite cannot do is a person's mistake; a failing disk is not.
    fn refused(&self, error: rusqlite::Error) -> ReadError {
        if matches!(error, rusqlite::Error::MultipleStatement) {
            return ReadError::SeveralStatements;
        }
        let denied = self.denied.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(what) = &*denied {
            return ReadError::NotAQuery { what: what.clone() };
        }
        let problem = match &error {
            rusqlite::Error::SqliteFailure(_, Some(text)) => Some(text.clone()),
            _ => None,
        };
        match (DatabaseError::from(error), problem) {
            (DatabaseError::Other(_) | DatabaseError::ReadOnly(_), Some(problem)) => {
                ReadError::Sql { problem }
            }
            (error, _) => ReadError::Database(error),
        }
    }
}

/// Whether a query may do this: read what is in the database, and nothing else. What is not
/// permitted is said in words.
fn permit(action: &AuthAction<'_>) -> Result<(), String> {
    match action {
        AuthAction::Select | AuthAction::Read { .. } | AuthAction::Recursive => Ok(()),
        AuthAction::Function { function_name } => match *function_name {
            "load_extension" => Err("it would load a library".into()),
            _ => Ok(()),
        },
        AuthAction::Pragma {
            pragma_name,
            pragma_value,
        } => {
            let name = pragma_name.to_ascii_lowercase();
            let tells = TELLING_PRAGMAS.contains(&&*name)
                || (pragma_value.is_none() && SETTINGS.contains(&&*name));
            if tells {
                return Ok(());
            }
            Err(format!(
                "pragma {name} would change how the database is read"
            ))
        }
        AuthAction::Attach { .. } => Err("it would open or make another file".into()),
        AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => {
            Err("it would begin or end a transaction".into())
        }
        _ => Err("it would write".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_may_read_and_nothing_else() {
        let pragma = |pragma_name, pragma_value| AuthAction::Pragma {
            pragma_name,
            pragma_value,
        };
        for allowed in [
            AuthAction::Select,
            AuthAction::Recursive,
            pragma("integrity_check", None),
            pragma("table_info", Some("trial")),
            pragma("User_Version", None),
        ] {
            assert_eq!(permit(&allowed), Ok(()), "{allowed:?}");
        }
        for denied in [
            pragma("query_only", Some("off")),
            pragma("user_version", Some("7")),
            pragma("wal_checkpoint", None),
            pragma("optimize", None),
            AuthAction::Attach {
                filename: "other.db",
            },
            AuthAction::Function {
                function_name: "load_extension",
            },
            AuthAction::Delete {
                table_name: "trial",
            },
            AuthAction::CreateTempTable { table_name: "t" },
        ] {
            assert!(permit(&denied).is_err(), "{denied:?}");
        }
    }
}
