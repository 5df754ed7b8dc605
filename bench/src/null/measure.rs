//! Times floors and coordinator, round after round, the floors just before: what else the machine
//! and its disk do hits both alike.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use pondersweep::{clock, sweep::SweepSpec};

use super::{
    bulk::Bulk,
    calls::{calls_per_second, flush_times},
    commits::{Commits, FloorLoad},
};
use crate::{load::Load, serve::Serve, sweep::null_sweep};

/// How much to measure.
#[derive(Clone, Copy, Debug)]
pub(super) struct Effort {
    pub(super) rounds: u32,
    /// Of a round.
    pub(super) trials: u32,
    /// Of the sweep, if it shall have more than the rounds need.
    pub(super) sweep_trials: u32,
    pub(super) observations: u32,
    pub(super) workers: u32,
    pub(super) lanes: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Round {
    /// Leased, ended, durable.
    pub(super) trials_per_second: f64,
    /// From the end of a bundle to the next one, every time.
    pub(super) turnarounds: Vec<Duration>,
    /// The same rows by bulk statements, as many trials in a commit as are under way.
    pub(super) bulk_per_second: f64,
    /// The same rows in the same commits as the coordinator makes them, without calls and decisions.
    pub(super) committed_per_second: f64,
    /// Calls that are answered without doing anything.
    pub(super) calls_per_second: f64,
    /// Making a page durable, every time.
    pub(super) flushes: Vec<Duration>,
}

/// A part of a round's trials, done before the first: connections, caches and statements are warm.
const WARM_UP: u32 = 10;
/// How long calls are counted.
const CALLS_WINDOW: Duration = Duration::from_millis(300);

impl Effort {
    /// Trials under way at any moment, and so the most a commit can hold.
    pub(super) const fn under_way(&self) -> u32 {
        self.workers * self.lanes
    }

    const fn load(&self) -> FloorLoad {
        FloorLoad {
            trials: self.trials,
            batch: self.under_way(),
            observations: self.observations,
        }
    }

    fn spec(&self) -> anyhow::Result<SweepSpec> {
        let needed = u64::from(self.trials) * u64::from(self.rounds) + u64::from(self.warm_up());
        let trials = needed.max(self.sweep_trials.into());
        Ok(null_sweep(trials, self.observations)?)
    }

    /// At least one bundle of every worker.
    fn warm_up(&self) -> u32 {
        (self.trials / WARM_UP).max(self.under_way())
    }
}

/// Starts a coordinator in a temporary folder below `folder` and measures.
pub(super) async fn rounds(effort: &Effort, folder: &Path) -> anyhow::Result<Vec<Round>> {
    let folder = tempfile::Builder::new()
        .prefix("pondersweep-bench-")
        .tempdir_in(folder)?;
    let spec = effort.spec()?;
    let serve = Serve::start(&folder.path().join("null.db")).await?;
    serve.create(&spec).await?;
    let mut bench = Bench {
        effort,
        folder: folder.path(),
        bulk: Bulk::create(&folder.path().join("bulk.db"), &spec).await?,
        commits: Commits::create(&folder.path().join("committed.db"), &spec).await?,
        url: serve.url(),
        load: Load::register(
            serve.url(),
            effort.workers,
            effort.lanes,
            effort.observations,
            spec.id(),
        )
        .await?,
    };
    bench.load.run("warm-up", effort.warm_up()).await?;
    let mut rounds = Vec::new();
    for number in 0..effort.rounds {
        rounds.push(bench.round(number).await?);
    }
    serve.stop().await?;
    Ok(rounds)
}

/// What the rounds need.
struct Bench<'a> {
    effort: &'a Effort,
    folder: &'a Path,
    bulk: Bulk,
    commits: Commits,
    url: &'a str,
    load: Load,
}

impl Bench<'_> {
    async fn round(&mut self, number: u32) -> anyhow::Result<Round> {
        let Effort {
            trials,
            workers,
            lanes,
            ..
        } = *self.effort;
        let flushes = flush_times(&self.folder.join("flushed"))?;
        let load = self.effort.load();
        let per_second =
            |started: Instant| f64::from(trials) / (clock::now() - started).as_secs_f64();
        let started = clock::now();
        self.bulk.run(load)?;
        let bulk_per_second = per_second(started);
        let started = clock::now();
        self.commits.run(load)?;
        let committed_per_second = per_second(started);
        let calls_per_second = calls_per_second(self.url, workers, lanes, CALLS_WINDOW).await?;
        let started = clock::now();
        let turnarounds = self.load.run(&number.to_string(), trials).await?;
        let trials_per_second = per_second(started);
        Ok(Round {
            trials_per_second,
            turnarounds,
            bulk_per_second,
            committed_per_second,
            calls_per_second,
            flushes,
        })
    }
}
