//! `pondersweep ui`: shows a database to browsers until a signal ends it, whether a coordinator serves it or
//! not. It changes nothing.

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::Args;
use pondersweep_worker::{interrupt::on_interrupt, say};

use super::{
    place::{DATABASE_VARIABLE, DEFAULT_DATABASE},
    serve::protect::{KeyArgs, LimitArgs},
};
use crate::{
    coordinator::listen,
    store::Reader,
    web::{self, WebOptions},
};

/// Show a database to browsers: its sweeps, trials and workers
#[derive(Debug, Args)]
pub(super) struct UiArgs {
    /// The results database
    #[arg(env = DATABASE_VARIABLE, default_value = DEFAULT_DATABASE, value_name = "PATH")]
    database: PathBuf,
    /// Where to show it. Off loopback it takes --tls and tokens, unless --insecure is said
    #[arg(
        long,
        env = "PONDERSWEEP_WEB",
        default_value = "127.0.0.1:8080",
        value_name = "ADDRESS"
    )]
    listen: SocketAddr,
    /// Trust the network: show it off loopback without encryption, and without tokens if none was ever made
    #[arg(long)]
    insecure: bool,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    limits: LimitArgs,
}

pub(super) async fn run(args: UiArgs) -> anyhow::Result<ExitCode> {
    let options = WebOptions {
        listen: args.listen,
        tls: args.keys.load()?,
        insecure: args.insecure,
        limits: args.limits.limits(),
    };
    options.exposure().check()?;
    // Whatever is wrong with the database is said before the address.
    Reader::open(&args.database).await?.close().await;
    let listener = listen(args.listen).await?;
    let stop = on_interrupt()?;
    let url = options.url(listener.local_addr()?);
    say!("showing {} on {url}", args.database.display());
    web::serve(listener, args.database, options, stop).await?;
    Ok(ExitCode::SUCCESS)
}
