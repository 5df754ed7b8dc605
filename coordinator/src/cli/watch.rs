//! `pondersweep watch`: follows a sweep until it has ended.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use pondersweep_proto::wire;
use pondersweep_worker::say;
use tokio_stream::StreamExt as _;

use super::{
    exit,
    place::PlaceArgs,
    results::{Lookout, Source, SweepStatus},
    run::progress::{Bar, Snapshot},
};

/// How often a database is looked at; a coordinator tells by itself.
const INTERVAL: Duration = Duration::from_millis(500);

/// Follow a sweep's progress
#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// The sweep: its id, a prefix of it, or `last`
    #[arg(default_value = "last")]
    sweep: String,
    #[command(flatten)]
    place: PlaceArgs,
}

pub(super) async fn run(args: WatchArgs) -> anyhow::Result<ExitCode> {
    let mut source = Source::open(&args.place).await?;
    let sweep = source.sweep(&args.sweep).await?;
    let mut bar = Bar::new(&sweep.name);
    let ended = match source {
        Source::Coordinator(mut sweeps) => {
            let stream = sweeps.watch(&sweep.sweep_id).await?;
            follow(stream, &mut bar, sweep).await?
        }
        Source::Database(..) => poll(source, &mut bar, sweep).await?,
    };
    bar.finish();
    say!("{}", ended.line());
    Ok(exit::of_ended(&ended.counts))
}

/// Follows the coordinator's stream to its end.
async fn follow(
    mut stream: tonic::Streaming<wire::SweepProgress>,
    bar: &mut Bar,
    mut latest: SweepStatus,
) -> anyhow::Result<SweepStatus> {
    while let Some(progress) = stream.next().await {
        let progress = progress.map_err(pondersweep_proto::error::SweepError::from)?;
        latest = progress.sweep.unwrap_or_default().into();
        bar.show(&Snapshot {
            counts: latest.counts,
            workers: Some(progress.workers),
            updates: Some((progress.updates_done, progress.updates_total)),
            pace: None,
        });
    }
    Ok(latest)
}

/// Looks at the database again and again.
async fn poll(
    mut source: Source,
    bar: &mut Bar,
    mut latest: SweepStatus,
) -> anyhow::Result<SweepStatus> {
    let mut lookout = Lookout::default();
    while !latest.has_ended() {
        if let Some(why) = lookout.look(&mut source, &latest).await? {
            bar.note(why);
        }
        bar.show(&Snapshot {
            counts: latest.counts,
            workers: None,
            updates: None,
            pace: source.pace(&latest.sweep_id).await?,
        });
        tokio::time::sleep(INTERVAL).await;
        latest = source.sweep(&latest.sweep_id).await?;
    }
    Ok(latest)
}
