//! `pondersweep pause`, `resume`, `cancel` and `retry`: change a sweep that is there.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use pondersweep_proto::{error::SweepError, wire};
use pondersweep_worker::say;

use super::{connect::Control, place::PlaceArgs, results::SweepStatus};

/// Names a sweep to change
#[derive(Debug, Args)]
pub(super) struct SteerArgs {
    /// The sweep: its id, a prefix of it, or `last`
    #[arg(default_value = "last")]
    sweep: String,
    #[command(flatten)]
    place: PlaceArgs,
}

/// End every trial of a sweep that has not ended
#[derive(Debug, Args)]
pub(super) struct CancelArgs {
    #[command(flatten)]
    steer: SteerArgs,
    /// Confirm: work under way is lost
    #[arg(long)]
    yes: bool,
}

/// Run ended trials again, the same trials with the same seeds
#[derive(Debug, Args)]
pub(super) struct RetryArgs {
    #[command(flatten)]
    steer: SteerArgs,
    /// Which trials; may be given several times
    #[arg(long = "state", value_enum, default_values = ["failed"])]
    states: Vec<RetryState>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RetryState {
    Failed,
    Infeasible,
    Cancelled,
}

impl From<RetryState> for wire::TrialState {
    fn from(state: RetryState) -> Self {
        match state {
            RetryState::Failed => Self::Failed,
            RetryState::Infeasible => Self::Infeasible,
            RetryState::Cancelled => Self::Cancelled,
        }
    }
}

pub(super) async fn pause(args: SteerArgs) -> anyhow::Result<ExitCode> {
    steer(&args, async |control| {
        control.sweeps.pause(&args.sweep).await
    })
    .await
}

pub(super) async fn resume(args: SteerArgs) -> anyhow::Result<ExitCode> {
    steer(&args, async |control| {
        control.sweeps.resume(&args.sweep).await
    })
    .await
}

pub(super) async fn cancel(args: CancelArgs) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(
        args.yes,
        "cancelling ends every trial of {:?} that has not ended\nhint: confirm with --yes",
        args.steer.sweep
    );
    steer(&args.steer, async |control| {
        control.sweeps.cancel(&args.steer.sweep).await
    })
    .await
}

pub(super) async fn retry(args: RetryArgs) -> anyhow::Result<ExitCode> {
    let states: Vec<wire::TrialState> = args.states.into_iter().map(Into::into).collect();
    steer(&args.steer, async |control| {
        let answer = control.sweeps.retry(&args.steer.sweep, states).await?;
        say!("{} trials are pending again", answer.retried);
        Ok(answer.sweep.unwrap_or_default())
    })
    .await
}

/// Makes one change and says how the sweep stands.
async fn steer(
    args: &SteerArgs,
    change: impl AsyncFnOnce(&mut Control) -> Result<wire::Sweep, SweepError>,
) -> anyhow::Result<ExitCode> {
    let mut control = Control::open(&args.place).await?;
    let place = control.place.clone();
    let changed = change(&mut control).await;
    control.close().await?;
    say!("{}; at {place}", SweepStatus::from(changed?).line());
    Ok(ExitCode::SUCCESS)
}
