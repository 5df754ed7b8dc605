//! `pondersweep serve`: a coordinator until a signal ends it.

pub(super) mod protect;

use std::{net::SocketAddr, num::NonZeroU64, process::ExitCode, time::Duration};

use clap::Args;
use pondersweep_worker::{
    cli::at_least_one,
    interrupt::{cancel_on_end_of_stdin, on_interrupt},
    say,
};

use self::protect::{KeyArgs, LimitArgs};
use super::{connect::FailureRateArgs, place::DatabaseArgs};
use crate::{
    checkpoint::CheckpointLocation,
    coordinator::{Coordinator, CoordinatorOptions},
    protection::Protection,
    trust::Exposure,
    web::WebOptions,
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
        value_name = "ADDRESS",
        value_parser = listen_address
    )]
    listen: SocketAddr,
    /// Trust the network: serve an address off loopback without encryption, and without tokens if
    /// none was ever made
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
        value_name = "SECONDS",
        value_parser = at_least_one::<NonZeroU64>
    )]
    lease: NonZeroU64,
    #[command(flatten)]
    failures: FailureRateArgs,
    /// Where Prometheus may scrape: http://ADDRESS/metrics
    #[arg(
        long,
        env = "PONDERSWEEP_METRICS_LISTEN",
        value_name = "ADDRESS",
        value_parser = listen_address
    )]
    metrics_listen: Option<SocketAddr>,
    /// Show sweeps and workers to browsers at this address, such as 127.0.0.1:8080. Off loopback by the rules of
    /// --listen
    #[arg(long, env = "PONDERSWEEP_WEB", value_name = "ADDRESS")]
    web: Option<SocketAddr>,
    /// Stop when standard input closes, so that it never outlives the program that started it
    #[arg(long, hide = true)]
    stop_with_stdin: bool,
    /// Where checkpoints are kept: a folder, or s3://BUCKET/PREFIX in a build with S3
    /// [default: the database's name with .checkpoints at the end]
    #[arg(long, env = "PONDERSWEEP_CHECKPOINTS", value_name = "PLACE")]
    checkpoints: Option<CheckpointLocation>,
}

/// An address as people write it: `localhost` is this machine; no other name is looked up.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let address = match text.strip_prefix("localhost:") {
        Some(port) => format!("127.0.0.1:{port}"),
        None => text.to_owned(),
    };
    address.parse().map_err(|_| {
        let port = text.rsplit(':').next().and_then(|port| port.parse::<u16>().ok());
        let port = port.unwrap_or(7878);
        format!(
            "an IP address with a port: 127.0.0.1:{port} for this machine only, 0.0.0.0:{port} or [::]:{port} \
             for every network it is in"
        )
    })
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
    let web = args.web.map(|listen| WebOptions {
        listen,
        tls: tls.clone(),
        insecure: args.insecure,
        limits: args.limits.limits(),
    });
    if let Some(web) = &web {
        web.exposure().check()?;
    }
    let stop = on_interrupt()?;
    if args.stop_with_stdin {
        tokio::spawn(cancel_on_end_of_stdin(stop.clone()));
    }
    let next_to_database = || CheckpointLocation::next_to(&args.database.db);
    let options = CoordinatorOptions {
        checkpoints: args.checkpoints.unwrap_or_else(next_to_database),
        database: args.database.db,
        listen: args.listen,
        lease_duration: Duration::from_secs(args.lease.get()),
        max_failure_rate: args.failures.max_failure_rate,
        metrics_listen: args.metrics_listen,
        web,
        protection: Protection {
            needs_tokens: exposure.needs_tokens(),
            own: None,
            tls,
            limits: args.limits.limits(),
        },
    };
    let database = options.database.display().to_string();
    let coordinator = Coordinator::start(options).await?;
    say!("serving {database} on {}", coordinator.url());
    if let Some(url) = coordinator.metrics_url() {
        say!("metrics on {url}");
    }
    if let Some(url) = coordinator.web_url() {
        say!("page on {url}");
    }
    if coordinator.is_barred() {
        say!(
            "no one has a valid token yet\nhint: `pondersweep token new --role ROLE --db {database}`, also while this runs"
        );
    }
    tokio::select! {
        () = stop.cancelled() => say!("stopping"),
        () = coordinator.ending() => {}
    }
    coordinator.stop().await?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_to_listen_on_are_taken_as_people_write_them() {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 7878));
        for text in ["127.0.0.1:7878", "localhost:7878"] {
            assert_eq!(listen_address(text), Ok(loopback), "{text}");
        }
        assert!(listen_address("[::1]:7").is_ok());
        for (text, said) in [
            (":7979", "127.0.0.1:7979"),
            ("7979", "127.0.0.1:7979"),
            ("lab.example:7979", "0.0.0.0:7979"),
            ("localhost", "127.0.0.1:7878"),
        ] {
            let refused = listen_address(text).unwrap_err();
            assert!(refused.contains(said), "{text}: {refused}");
        }
    }
}
