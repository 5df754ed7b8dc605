//! `pondersweep serve`: a coordinator until a signal ends it.

use std::{net::SocketAddr, num::NonZeroU64, process::ExitCode, time::Duration};

use clap::Args;
use pondersweep_worker::interrupt::on_interrupt;

use super::connect::DatabaseArgs;
use crate::{
    checkpoint::CheckpointLocation,
    coordinator::{Coordinator, CoordinatorOptions},
};

/// Run the coordinator
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Where to listen. There is no authentication yet, so only loopback unless --insecure is said
    #[arg(
        long,
        env = "PONDERSWEEP_LISTEN",
        default_value = "127.0.0.1:7878",
        value_name = "ADDRESS"
    )]
    listen: SocketAddr,
    /// Accept anybody who can reach an address off loopback, without encryption
    #[arg(long)]
    insecure: bool,
    /// Seconds after which a lease that is not renewed goes to another worker
    #[arg(
        long,
        env = "PONDERSWEEP_LEASE",
        default_value = "30",
        value_name = "SECONDS"
    )]
    lease: NonZeroU64,
    /// Where checkpoints are kept: a folder, or s3://BUCKET/PREFIX in a build with S3
    /// [default: the database's name with .checkpoints at the end]
    #[arg(long, env = "PONDERSWEEP_CHECKPOINTS", value_name = "PLACE")]
    checkpoints: Option<CheckpointLocation>,
}

pub(super) async fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        args.insecure || args.listen.ip().is_loopback(),
        "{} can be reached from other machines, without encryption or authentication\n\
         hint: say --insecure if the network is trusted, or forward a loopback port by ssh",
        args.listen
    );
    let stop = on_interrupt()?;
    let beside = || CheckpointLocation::beside(&args.database.db);
    let options = CoordinatorOptions {
        checkpoints: args.checkpoints.unwrap_or_else(beside),
        database: args.database.db,
        listen: args.listen,
        lease_duration: Duration::from_secs(args.lease.get()),
    };
    let database = options.database.display().to_string();
    let coordinator = Coordinator::start(options).await?;
    eprintln!("serving {database} on {}", coordinator.url());
    tokio::select! {
        () = stop.cancelled() => eprintln!("stopping"),
        () = coordinator.ending() => {}
    }
    coordinator.stop().await?;
    Ok(ExitCode::SUCCESS)
}
