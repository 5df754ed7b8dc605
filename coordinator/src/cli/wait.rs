//! `pondersweep wait`: returns when a sweep has ended, with an exit code that says how.

use std::{process::ExitCode, time::Duration};

use clap::Args;

use super::{
    exit,
    results::{Lookout, SourceArgs},
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
    source: SourceArgs,
}

pub(super) async fn run(args: WaitArgs) -> anyhow::Result<ExitCode> {
    let timeout = args.timeout.map_or(Duration::MAX, Duration::from_secs);
    let Ok(ended) = tokio::time::timeout(timeout, ended(&args)).await else {
        eprintln!(
            "error: the sweep has not ended after {} seconds",
            timeout.as_secs()
        );
        return Ok(ExitCode::from(exit::TIMED_OUT));
    };
    ended
}

async fn ended(args: &WaitArgs) -> anyhow::Result<ExitCode> {
    let mut source = args.source.open().await?;
    // `last` may become another sweep while this one is waited for.
    let sweep_id = source.sweep(&args.sweep).await?.sweep_id;
    let mut lookout = Lookout::default();
    loop {
        let sweep = source.sweep(&sweep_id).await?;
        if let Some(why) = lookout.look(&mut source, &sweep).await? {
            eprintln!("{why}");
        }
        if sweep.has_ended() {
            eprintln!("{}", sweep.line());
            return Ok(exit::of_ended(&sweep.counts));
        }
        tokio::time::sleep(INTERVAL).await;
    }
}
