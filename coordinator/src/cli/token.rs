//! `pondersweep token`: who may call a coordinator. Who may write the database file may do this,
//! whether a coordinator serves it or not.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use pondersweep_worker::say;
use serde_json::{Value, json};

use super::{
    exit::NotApplied,
    output::{OutputArgs, Rows, iso_time, print_text},
    place::DatabaseArgs,
};
use crate::{
    clock,
    store::{Reader, TokenAdministration},
    trust::{Period, Refusal, Role, SECRET_BYTES, Secret, TokenRecord},
    whole_file,
};

/// Manage who may call the coordinator of a database
#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    New(NewArgs),
    Ls(LsArgs),
    Revoke(RevokeArgs),
}

/// Make a token and show it, once
#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// What its holder may do: viewer (look), submitter (look, submit, steer) or worker (train)
    #[arg(long)]
    role: Role,
    /// How long it is valid: a number and a unit (s, m, h, d, w), or never
    #[arg(long, default_value = "30d", value_name = "PERIOD")]
    expires: Period,
    /// A note for people: who or what has it
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
    /// Write it to a new file that only its owner may read, instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// List the tokens; the secrets are not stored
#[derive(Debug, Args)]
pub(super) struct LsArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Take a token back: a running coordinator refuses it within a second
#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    /// The token's id, or the first digits of it
    id: String,
    #[command(flatten)]
    database: DatabaseArgs,
}

pub(super) async fn run(command: TokenCommand) -> anyhow::Result<ExitCode> {
    match command {
        TokenCommand::New(args) => new(args).await?,
        TokenCommand::Ls(args) => ls(args).await?,
        TokenCommand::Revoke(args) => revoke(args).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A new secret.
pub(super) fn draw_secret() -> anyhow::Result<Secret> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).context("the system gives no random numbers")?;
    Ok(Secret::from_random(bytes))
}

async fn new(args: NewArgs) -> anyhow::Result<()> {
    let secret = draw_secret()?;
    let now_ms = clock::now_ms();
    let token = TokenRecord {
        hash: secret.hash(),
        role: args.role,
        name: args.name,
        created_at_ms: now_ms,
        expires_at_ms: args.expires.end(now_ms),
        revoked_at_ms: None,
    };
    let mut tokens = TokenAdministration::open(&args.database.db).await?;
    let stored = hand_over(&mut tokens, &token, &secret, args.out.as_deref()).await;
    tokens.close().await?;
    stored
}

/// Gives the secret away and stores the token, in this order: a token that cannot be read by anyone
/// is of no use.
async fn hand_over(
    tokens: &mut TokenAdministration,
    token: &TokenRecord,
    secret: &Secret,
    out: Option<&Path>,
) -> anyhow::Result<()> {
    let (id, role) = (token.id(), token.role);
    match out {
        Some(path) => {
            write_secret(path, secret)?;
            say!("token {id} ({role}) is in {}", path.display());
        }
        None => {
            say!("token {id} ({role}), shown this once:");
            print_text(&secret.reveal()).context(NotApplied("the token was not made"))?;
        }
    }
    Ok(tokens.add(token).await?)
}

/// Writes a secret where nothing was, for its owner alone.
fn write_secret(path: &Path, secret: &Secret) -> anyhow::Result<()> {
    let line = format!("{}\n", secret.reveal());
    let written = whole_file::write_new(path, whole_file::OWNER, line.as_bytes());
    written.with_context(|| {
        format!(
            "cannot write {}\nhint: --out names a file that is not there yet",
            path.display()
        )
    })
}

async fn ls(args: LsArgs) -> anyhow::Result<()> {
    let tokens = Reader::open(&args.database.db).await?.tokens().await?;
    let now_ms = clock::now_ms();
    let columns = [
        "token_id",
        "role",
        "name",
        "state",
        "created_at",
        "expires_at",
        "revoked_at",
    ];
    let rows = tokens.iter().map(|token| cells(token, now_ms));
    Rows::of(&columns, rows).print(args.output.output)?;
    Ok(())
}

fn cells(token: &TokenRecord, now_ms: i64) -> Vec<Value> {
    let state = match token.check(now_ms) {
        Ok(()) => "valid",
        Err(Refusal::Revoked(_)) => "revoked",
        Err(_) => "expired",
    };
    let time = |at_ms: Option<i64>| at_ms.map_or(Value::Null, iso_time);
    vec![
        json!(token.id().as_str()),
        json!(token.role.name()),
        json!(token.name),
        json!(state),
        iso_time(token.created_at_ms),
        time(token.expires_at_ms),
        time(token.revoked_at_ms),
    ]
}

async fn revoke(args: RevokeArgs) -> anyhow::Result<()> {
    let mut tokens = TokenAdministration::open(&args.database.db).await?;
    let revoked = tokens.revoke(&args.id, clock::now_ms()).await;
    tokens.close().await?;
    let token = revoked?;
    say!(
        "revoked token {} ({}) {}",
        token.id(),
        token.role,
        token.name
    );
    Ok(())
}
