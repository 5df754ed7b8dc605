//! `pondersweep-bench network`: a bad network to put between workers and a coordinator, to see for
//! oneself what becomes of a sweep. The network of `chaos`, by itself.

use std::{net::SocketAddr, process::ExitCode};

use clap::Args;
use pondersweep::cli::output::print_text;
use pondersweep_worker::interrupt::on_interrupt;
use pondersweep_worker::say;

use crate::chaos::network::Network;

/// Carry connections to a coordinator badly: refuse, delay, cut and forget them, each by a seeded
/// fate
#[derive(Debug, Args)]
pub(crate) struct NetworkArgs {
    /// Where the coordinator listens
    #[arg(long, default_value = "127.0.0.1:7878", value_name = "ADDRESS")]
    to: SocketAddr,
    /// Where to listen
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Accept anybody who can reach an address off loopback
    #[arg(long)]
    insecure: bool,
    /// Decides the fate of every connection
    #[arg(long, default_value = "0", value_name = "N")]
    seed: u64,
}

pub(super) async fn run(args: NetworkArgs) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        args.insecure || args.listen.ip().is_loopback(),
        "{} can be reached from other machines\n\
         hint: say --insecure if the network is trusted",
        args.listen
    );
    let stop = on_interrupt()?;
    let network = Network::start_at(args.listen, args.to, Some(args.seed)).await?;
    say!("carrying to {} on {}", args.to, network.url());
    stop.cancelled().await;
    print_text(&network.summary())?;
    Ok(ExitCode::SUCCESS)
}
