//! `pondersweep serve`: a coordinator until a signal ends it.

mod protect;

use std::{net::SocketAddr, num::NonZeroU64, process::ExitCode, time::Duration};

use clap::Args;
use pondersweep_worker::interrupt::{cancel_on_end_of_stdin, on_interrupt};

use self::protect::{KeyArgs, LimitArgs};
use super::connect::{DatabaseArgs, FailureRateArgs};
use crate::{
    checkpoint::CheckpointLocation,
    coordinator::{Coordinator, CoordinatorOptions},
    protection::Protection,
    trust::Exposure,
};

/// Run the coordinator
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    database: DatabaseArgs,
    /// Where to listen. Off loopback it takes --tls and tokens (`pondersweep token new`), unless
    /// --insecure is said
    #[arg(
        long,
        env = "PONDERSWEEP_LISTEN",
        default_value = "127.0.0.1:7878",
        value_name = "ADDRESS"
    )]
    listen: SocketAddr,
    /// Trust the network: serve an address off loopback without encryption, and without tokens if none
    /// was ever made
    #[arg(long)]
    insecure: bool,
    #[command(flatten)]
    keys: KeyArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// Seconds after which a lease that is not renewed goes to another worker
    #[arg(
        long,
        env = "PONDERSWEEP_LEASE",
        default_value = "30",
        value_name = "SECONDS"
    )]
    lease: NonZeroU64,
    #[command(flatten)]
    failures: FailureRateArgs,
    /// Where Prometheus may scrape: http://ADDRESS/metrics
    #[arg(long, env = "PONDERSWEEP_METRICS_LISTEN", value_name = "ADDRESS")]
    metrics_listen: Option<SocketAddr>,
    /// Stop when standard input closes, so that it never outlives the program that started it
    #[arg(long, hide = true)]
    stop_with_stdin: bool,
    /// Where checkpoints are kept: a folder, or s3://BUCKET/PREFIX in a build with S3
    /// [default: the database's name with .checkpoints at the end]
    #[arg(long, env = "PONDERSWEEP_CHECKPOINTS", value_name = "PLACE")]
    checkpoints: Option<CheckpointLocation>,
}

pub(super) async fn run(args: ServeArgs) -> anyhow::Result<ExitCode> {
    let tls = args.keys.load()?;
    let exposure = Exposure {
        listen: args.listen,
        tls: tls.is_some(),
        insecure: args.insecure,
    };
    exposure.check()?;
    if let Some(listen) = args.metrics_listen {
        // Scrapes are neither encrypted nor asked for a token.
        Exposure {
            listen,
            tls: false,
            ..exposure
        }
        .check()?;
    }
    let stop = on_interrupt()?;
    if args.stop_with_stdin {
        tokio::spawn(cancel_on_end_of_stdin(stop.clone()));
    }
    let beside = || CheckpointLocation::beside(&args.database.db);
    let options = CoordinatorOptions {
        checkpoints: args.checkpoints.unwrap_or_else(beside),
        database: args.database.db,
        listen: args.listen,
        lease_duration: Duration::from_secs(args.lease.get()),
        max_failure_rate: args.failures.max_failure_rate,
        metrics_listen: args.metrics_listen,
        protection: Protection {
            needs_tokens: exposure.needs_tokens(),
            own: None,
            tls,
            limits: args.limits.limits(),
        },
    };
    let database = options.database.display().to_string();
    let coordinator = Coordinator::start(options).await?;
    eprintln!("serving {database} on {}", coordinator.url());
    if let Some(url) = coordinator.metrics_url() {
        eprintln!("metrics on {url}");
    }
    if coordinator.is_barred() {
        eprintln!(
            "no one has a valid token yet\nhint: `pondersweep token new --role ROLE --db {database}`, also while this runs"
        );
    }
    tokio::select! {
        () = stop.cancelled() => eprintln!("stopping"),
        () = coordinator.ending() => {}
    }
    coordinator.stop().await?;
    Ok(ExitCode::SUCCESS)
}
