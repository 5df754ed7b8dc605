//! `pondersweep launch stop`: workers asked to leave in order, and what remains of them.

use std::{num::NonZeroUsize, process::ExitCode, time::Duration};

use clap::Args;
use pondersweep_worker::say;

use super::{
    arguments::{AtOnceArgs, StateArgs},
    code_of,
    inventory::{Place, Question, ask, close_tunnels, place_of_host, places, rows},
};
use crate::{
    cli::output::OutputArgs,
    launch::{
        plan::{Launch, Launched, Stop},
        slurm,
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
    /// Seconds to wait for workers to leave; allow a little more than their --grace
    #[arg(long, default_value = "30", value_name = "SECONDS")]
    wait: u32,
    /// Kill them; other workers take their trials when the leases lapse
    #[arg(long)]
    now: bool,
    /// Forget the launch and its local logs once nothing remains; with --now even if a host cannot
    /// be reached
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
    let remains = |place: &&Place| place.lives != Some(false);
    let remaining = places.iter().filter(remains).count();
    let lives = places.iter().any(|place| place.lives == Some(true));
    // A host that is gone for good must not keep its launch for ever.
    if args.forget && (remaining == 0 || (args.now && !lives)) {
        close_tunnels(&launch, |_| true).await;
        ledger.forget(&launch.name)?;
    }
    if remaining == 0 {
        say!("launch {}: nothing remains", launch.name);
    } else {
        say!(
            "launch {}: {remaining} of {} remain",
            launch.name,
            places.len()
        );
        say!("hint: repeat the command to keep waiting, or add --now to kill them");
    }
    rows(places.into_iter().map(|place| (&launch, place))).print(args.output.output)?;
    Ok(code_of(remaining == 0))
}

async fn stop(launch: &Launch, args: &StopArgs) -> anyhow::Result<Vec<Place>> {
    match &launch.launched {
        Launched::Ssh { .. } => Ok(stop_hosts(launch, args).await),
        Launched::Slurm(job) => {
            slurm::cancel(&job.job, args.now).await?;
            wait_for_slurm(launch, args).await
        }
    }
}

async fn stop_hosts(launch: &Launch, args: &StopArgs) -> Vec<Place> {
    let how = match args.now {
        true => Stop::Now,
        false => Stop::InOrder {
            moments: args.wait.saturating_mul(10),
        },
    };
    let answers = ask(launch, Question::Stop(how), args.at_once.at_once).await;
    let place = |(record, answer): &(_, _)| place_of_host(record, answer);
    let places: Vec<Place> = answers.iter().map(place).collect();
    // A worker that is still leaving has results to deliver.
    let is_over = |place: &Place| place.lives == Some(false);
    close_tunnels(launch, |host| {
        places
            .iter()
            .any(|place| place.name == host.as_str() && is_over(place))
    })
    .await;
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
