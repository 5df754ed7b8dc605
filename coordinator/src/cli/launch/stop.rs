//! `pondersweep launch stop`: workers asked to leave in order, and what remains of them.

use std::{num::NonZeroUsize, process::ExitCode, time::Duration};

use clap::Args;

use super::{
    arguments::{AtOnceArgs, StateArgs},
    code_of,
    inventory::{Place, Question, ask, place_of_host, places, rows},
};
use crate::{
    cli::output::OutputArgs,
    launch::{
        plan::{Launch, Launched, Stop},
        slurm,
        ssh::Ssh,
    },
};

/// How often Slurm is asked whether a job has ended.
const SLURM_INTERVAL: Duration = Duration::from_millis(500);

/// Ask the workers of a launch to leave in order, and say what remains
#[derive(Debug, Args)]
pub(in crate::cli) struct StopArgs {
    /// The launch: its name, a beginning of it, or `last`
    #[arg(default_value = "last")]
    launch: String,
    /// How long to wait for workers to leave, in seconds; a little more than their --grace
    #[arg(long, default_value = "30", value_name = "SECONDS")]
    wait: u32,
    /// Kill them: their trials go on elsewhere when their leases have lapsed
    #[arg(long)]
    now: bool,
    /// Forget the launch and its logs here, when nothing remains of it
    #[arg(long)]
    forget: bool,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    at_once: AtOnceArgs,
    #[command(flatten)]
    output: OutputArgs,
}

pub(super) async fn run(args: StopArgs) -> anyhow::Result<ExitCode> {
    let ledger = args.state.open()?;
    let launch = ledger.find(&args.launch)?;
    let _held = ledger.hold(&launch.name)?;
    let places = stop(&launch, &args).await?;
    let remaining = places
        .iter()
        .filter(|place| place.lives != Some(false))
        .count();
    if remaining == 0 {
        eprintln!("launch {}: nothing remains", launch.name);
        if args.forget {
            ledger.forget(&launch.name)?;
        }
    } else {
        eprintln!(
            "launch {}: {remaining} of {} remain",
            launch.name,
            places.len()
        );
        eprintln!("hint: give the same command again to wait on, or with --now to kill them");
    }
    rows(places.into_iter().map(|place| (&launch, place))).print(args.output.output)?;
    Ok(code_of(remaining == 0))
}

async fn stop(launch: &Launch, args: &StopArgs) -> anyhow::Result<Vec<Place>> {
    match &launch.launched {
        Launched::Ssh { ssh, .. } => Ok(stop_hosts(launch, &Ssh::new(ssh.clone()), args).await),
        Launched::Slurm(job) => {
            slurm::cancel(&job.job, args.now).await?;
            wait_for_slurm(launch, args).await
        }
    }
}

async fn stop_hosts(launch: &Launch, ssh: &Ssh, args: &StopArgs) -> Vec<Place> {
    let how = match args.now {
        true => Stop::Now,
        false => Stop::InOrder {
            moments: args.wait.saturating_mul(10),
        },
    };
    let mut places = Vec::new();
    for (record, answer) in ask(launch, Question::Stop(how), args.at_once.at_once).await {
        let place = place_of_host(&record, &answer);
        // A worker that is still leaving has results to deliver.
        if let Some(tunnel) = record
            .tunnel
            .as_ref()
            .filter(|_| place.lives == Some(false))
        {
            ssh.close_tunnel(&record.host.name, tunnel).await;
        }
        places.push(place);
    }
    places
}

/// Waits until every task has ended, or for as long as may be waited.
async fn wait_for_slurm(launch: &Launch, args: &StopArgs) -> anyhow::Result<Vec<Place>> {
    let give_up_at = tokio::time::Instant::now() + Duration::from_secs(args.wait.into());
    loop {
        let places = places(launch, NonZeroUsize::MIN).await?;
        let ended = places.iter().all(|place| place.lives == Some(false));
        if ended || tokio::time::Instant::now() >= give_up_at {
            return Ok(places);
        }
        tokio::time::sleep(SLURM_INTERVAL).await;
    }
}
