//! Who may call the coordinator: the table `token`. Its administrators are those who may write the
//! database file, so no token can make another. It is the one table that is written next to a
//! running coordinator, which has the only other writing connection: each change here is one short
//! transaction, and SQLite lets one wait for the other.

use std::path::{Path, PathBuf};

use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteRow};

use super::{
    Reader,
    error::{DatabaseError, OpenError, ReadError},
    lock::WriterLock,
    log,
    open::{self, Cache},
    statement::statements,
};
use crate::trust::{InvalidToken, SecretHash, TokenRecord, UnknownRole};

statements! {
    INSERT_TOKEN = "
        INSERT INTO token (token_id, token_sha256, role, name, created_at_ms, expires_at_ms)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    /// Revoking twice leaves the first moment.
    REVOKE_TOKEN = "
        UPDATE token SET revoked_at_ms = ?2 WHERE token_id = ?1 AND revoked_at_ms IS NULL";
    INSERT_TOKEN_EVENT = "
        INSERT INTO event (at_ms, kind, detail) VALUES (?1, ?2, ?3)";
    TOKENS = "
        SELECT token_sha256, role, name, created_at_ms, expires_at_ms, revoked_at_ms
        FROM token ORDER BY created_at_ms, token_id";
}

/// Writes the tokens of a database.
#[derive(Debug)]
pub struct TokenAdministration {
    connection: SqliteConnection,
    path: PathBuf,
    /// The coordinator's, where none runs.
    lock: Option<WriterLock>,
}

/// Why a token was not changed.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No token has this id.
    #[error("no token {0:?}\nhint: `pondersweep token ls` shows them")]
    Unknown(String),
    /// Several begin with it.
    #[error("several tokens begin with {0:?}\nhint: give more digits of the id")]
    Ambiguous(String),
    /// The database could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The database could not be written.
    #[error("the token cannot be stored: {0}")]
    Database(#[from] DatabaseError),
}

impl TokenAdministration {
    /// Opens a database for this alone, making it if there is none, whether a coordinator has it or
    /// not.
    ///
    /// # Errors
    /// As for a coordinator, but for one that runs. See [`OpenError`].
    pub async fn open(path: &Path) -> Result<Self, OpenError> {
        let (connection, lock) = open::open_administrator(path).await?;
        Ok(Self {
            connection,
            path: open::resolve(path)?,
            lock,
        })
    }

    /// Closes the database, which then is complete by itself, unless a coordinator goes on with it.
    ///
    /// # Errors
    /// The disk failed; everything committed is still in the log.
    pub async fn close(self) -> Result<(), DatabaseError> {
        self.connection.close().await?;
        if self.lock.is_some() {
            let last = open::connect_writer(&self.path, Cache::Small)?;
            log::close(last, &self.path).await?;
        }
        Ok(())
    }

    /// Stores a new token.
    ///
    /// # Errors
    /// The database could not be written.
    pub async fn add(&mut self, token: &TokenRecord) -> Result<(), TokenError> {
        let mut transaction = self.begin().await?;
        let insert = sqlx::query(INSERT_TOKEN)
            .bind(token.id().as_str().to_owned())
            .bind(token.hash.to_string())
            .bind(token.role.name())
            .bind(&token.name)
            .bind(token.created_at_ms)
            .bind(token.expires_at_ms);
        insert.execute(&mut *transaction).await.map_err(failed)?;
        note(
            &mut transaction,
            "token_created",
            token,
            token.created_at_ms,
        )
        .await?;
        transaction.commit().await.map_err(failed)
    }

    /// Takes a token back, named by its id or the first digits of it. A coordinator that serves the
    /// database refuses it within a second.
    ///
    /// # Errors
    /// There is none, or several; the database could not be written.
    pub async fn revoke(&mut self, id: &str, now_ms: i64) -> Result<TokenRecord, TokenError> {
        let mut transaction = self.begin().await?;
        let token = find(tokens(&mut transaction).await?, id)?;
        let update = sqlx::query(REVOKE_TOKEN)
            .bind(token.id().as_str().to_owned())
            .bind(now_ms);
        let changed = update.execute(&mut *transaction).await.map_err(failed)?;
        if changed.rows_affected() > 0 {
            note(&mut transaction, "token_revoked", &token, now_ms).await?;
        }
        transaction.commit().await.map_err(failed)?;
        Ok(token)
    }

    async fn begin(&mut self) -> Result<sqlx::Transaction<'_, sqlx::Sqlite>, TokenError> {
        self.connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(failed)
    }
}

impl Reader {
    /// Every token, oldest first, expired and revoked ones as well.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn tokens(&mut self) -> Result<Vec<TokenRecord>, ReadError> {
        tokens(&mut self.connection).await
    }
}

fn failed(error: sqlx::Error) -> TokenError {
    TokenError::Database(error.into())
}

async fn note(
    connection: &mut SqliteConnection,
    kind: &'static str,
    token: &TokenRecord,
    at_ms: i64,
) -> Result<(), TokenError> {
    let detail = format!("{} {} {}", token.id(), token.role, token.name);
    let insert = sqlx::query(INSERT_TOKEN_EVENT)
        .bind(at_ms)
        .bind(kind)
        .bind(detail.trim_end());
    insert.execute(connection).await.map(drop).map_err(failed)
}

async fn tokens(connection: &mut SqliteConnection) -> Result<Vec<TokenRecord>, ReadError> {
    let rows = sqlx::query(TOKENS).fetch_all(connection).await?;
    rows.iter().map(token).collect()
}

fn token(row: &SqliteRow) -> Result<TokenRecord, ReadError> {
    let unreadable = |problem: String| ReadError::Unreadable { problem };
    let hash: &str = row.try_get("token_sha256")?;
    let role: &str = row.try_get("role")?;
    Ok(TokenRecord {
        hash: SecretHash::parse(hash)
            .map_err(|error: InvalidToken| unreadable(error.to_string()))?,
        role: role
            .parse()
            .map_err(|error: UnknownRole| unreadable(error.to_string()))?,
        name: row.try_get("name")?,
        created_at_ms: row.try_get("created_at_ms")?,
        expires_at_ms: row.try_get("expires_at_ms")?,
        revoked_at_ms: row.try_get("revoked_at_ms")?,
    })
}

fn find(tokens: Vec<TokenRecord>, id: &str) -> Result<TokenRecord, TokenError> {
    let named = |token: &TokenRecord| !id.is_empty() && token.id().as_str().starts_with(id);
    let mut found = tokens.into_iter().filter(named);
    let token = found.next().ok_or_else(|| TokenError::Unknown(id.into()))?;
    match found.next() {
        None => Ok(token),
        Some(_) => Err(TokenError::Ambiguous(id.into())),
    }
}
