//! `pondersweep wait`: returns when a sweep has ended, with an exit code that says how.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use pondersweep_worker::say;

use super::{
    exit,
    place::PlaceArgs,
    results::{Lookout, Source},
};

/// How often the source is asked.
const INTERVAL: Duration = Duration::from_millis(500);

/// Wait until every trial of a sweep has ended
#[derive(Debug, Args)]
pub(super) struct WaitArgs {
    /// The sweep: its id, a prefix of it, or `last`
    #[arg(default_value = "last")]
    sweep: String,
    /// Give up after this many seconds, with exit code 124
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    #[command(flatten)]
    place: PlaceArgs,
}

pub(super) async fn run(args: WaitArgs) -> anyhow::Result<ExitCode> {
    let timeout = args.timeout.map_or(Duration::MAX, Duration::from_secs);
    let Ok(ended) = tokio::time::timeout(timeout, ended(&args)).await else {
        say!(
            "error: the sweep has not ended after {} seconds",
            timeout.as_secs()
        );
        return Ok(ExitCode::from(exit::TIMED_OUT));
    };
    ended
}

async fn ended(args: &WaitArgs) -> anyhow::Result<ExitCode> {
    let mut source = Source::open(&args.place).await?;
    // `last` may become another sweep while this one is waited for.
    let sweep_id = source.sweep(&args.sweep).await?.sweep_id;
    let mut lookout = Lookout::default();
    loop {
        let sweep = source.sweep(&sweep_id).await?;
        if let Some(why) = lookout.look(&mut source, &sweep).await? {
            say!("{why}");
        }
        if sweep.has_ended() {
            say!("{}", sweep.line());
            if sweep.counts.cancelled > 0 {
                say!(
                    "hint: `pondersweep retry --state cancelled {sweep_id}` brings back what was cancelled"
                );
            }
            return Ok(exit::of_ended(&sweep.counts));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
