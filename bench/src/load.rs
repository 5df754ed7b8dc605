//! Workers whose trials return at once. They speak through the worker's own client and only leave
//! the training out: lease a bundle, end its trials, lease the next.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use pondersweep::clock;
use pondersweep_proto::{
    ending::{EndedAttempt, ReportedEnding},
    id::SweepId,
    metric::{Observation, built_in},
    wire,
};
use pondersweep_worker::client::{Acquired, Client, Lease, Wanted};
use tokio::task::JoinSet;

/// The workers, registered.
pub(super) struct Load {
    workers: Vec<NullWorker>,
    lanes: u32,
    observations: Arc<[Observation]>,
}

#[derive(Clone)]
struct NullWorker {
    client: Client,
    sweep_id: SweepId,
}

impl Load {
    /// Registers workers with the coordinator at a URL, for the trials of one sweep.
    pub(super) async fn register(
        url: &str,
        workers: u32,
        lanes: u32,
        observations: u32,
        sweep_id: SweepId,
    ) -> anyhow::Result<Self> {
        let mut registering = JoinSet::new();
        for number in 0..workers {
            let client = client(url, number, lanes)?;
            registering.spawn(async move {
                let registered = client.register_once().await;
                registered.map(|_| NullWorker { client, sweep_id })
            });
        }
        let mut registered = Vec::new();
        while let Some(worker) = registering.join_next().await {
            registered.push(worker.context("a registration panicked")??);
        }
        Ok(Self {
            workers: registered,
            lanes,
            observations: (1..=observations).map(observation).collect(),
        })
    }

    /// Leases and ends `trials` trials; returns how long each bundle's successor took to arrive,
    /// counted from the moment its worker began to report the ends.
    pub(super) async fn run(&self, round: &str, trials: u32) -> anyhow::Result<Vec<Duration>> {
        let budget = Arc::new(Budget(AtomicU64::new(trials.into())));
        let mut running = JoinSet::new();
        for worker in &self.workers {
            let worker = worker.clone();
            let (budget, observations) = (Arc::clone(&budget), Arc::clone(&self.observations));
            let (lanes, round) = (self.lanes, round.to_owned());
            running.spawn(async move { worker.work(&round, &budget, lanes, &observations).await });
        }
        let mut turnarounds = Vec::new();
        while let Some(worked) = running.join_next().await {
            turnarounds.extend(worked.context("a worker panicked")??);
        }
        Ok(turnarounds)
    }
}

/// A worker's acquisition of one trial that it never ends.
const HELD: &str = "held";

impl Load {
    /// Every worker leases one trial and renews the lease again and again, for so long; returns how
    /// long each renewal took.
    pub(super) async fn hold(
        &self,
        interval: Duration,
        window: Duration,
    ) -> anyhow::Result<Vec<Duration>> {
        let until = clock::now() + window;
        let mut running = JoinSet::new();
        for worker in &self.workers {
            let worker = worker.clone();
            running.spawn(async move { worker.hold(interval, until).await });
        }
        let mut renewals = Vec::new();
        while let Some(held) = running.join_next().await {
            renewals.extend(held.context("a worker panicked")??);
        }
        Ok(renewals)
    }
}

/// Trials that are still to be taken.
struct Budget(AtomicU64);

impl Budget {
    /// Takes up to `most`.
    fn take(&self, most: u32) -> u32 {
        let most = u64::from(most);
        let take = |left: u64| Some(left.saturating_sub(most));
        let before = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        let taken = before.expect("always some").min(most);
        u32::try_from(taken).expect("no more than asked for")
    }
}

impl NullWorker {
    async fn work(
        &self,
        round: &str,
        budget: &Budget,
        lanes: u32,
        observations: &Arc<[Observation]>,
    ) -> anyhow::Result<Vec<Duration>> {
        let mut turnarounds = Vec::new();
        let mut wanted = (0_u64..).map_while(|number| {
            let most = budget.take(lanes);
            (most > 0).then(|| self.wanted(format!("{round}-{number}"), most))
        });
        let Some(first) = wanted.next() else {
            return Ok(turnarounds);
        };
        let mut leases = self.acquire(first).await?;
        loop {
            let next = wanted.next();
            let is_last = next.is_none();
            let finishing_at = clock::now();
            leases = self.finish(leases, observations, next).await?;
            if is_last {
                return Ok(turnarounds);
            }
            turnarounds.push(clock::now() - finishing_at);
        }
    }

    async fn hold(&self, interval: Duration, until: Instant) -> anyhow::Result<Vec<Duration>> {
        let token = self.acquire(self.wanted(HELD.into(), 1)).await?[0].token;
        let mut beat = tokio::time::interval(interval);
        let mut renewals = Vec::new();
        while clock::now() < until {
            beat.tick().await;
            let asked = clock::now();
            let lost = self.client.renew_once(vec![(token, 0)], false).await?;
            anyhow::ensure!(lost.is_empty(), "{token} was lost");
            renewals.push(clock::now() - asked);
        }
        Ok(renewals)
    }

    fn wanted(&self, request_id: String, max_lanes: u32) -> Wanted {
        Wanted {
            request_id,
            max_lanes,
            sweep: Some(self.sweep_id),
            together_with: None,
            offers: Vec::new(),
        }
    }

    async fn acquire(&self, wanted: Wanted) -> anyhow::Result<Vec<Lease>> {
        let most = wanted.max_lanes;
        all_of(most, self.client.acquire(wanted).await?)
    }

    /// Ends the trials of a bundle and leases what is wanted next, as a worker does.
    async fn finish(
        &self,
        leases: Vec<Lease>,
        observations: &[Observation],
        next: Option<Wanted>,
    ) -> anyhow::Result<Vec<Lease>> {
        let end = |lease: Lease| EndedAttempt {
            token: lease.token,
            ending: ReportedEnding::Succeeded,
            observations: observations.to_vec(),
            seconds: 0.0,
            breakdown: None,
        };
        let most = next.as_ref().map_or(0, |wanted| wanted.max_lanes);
        let ends = leases.into_iter().map(end).collect();
        let finished = self.client.finish(ends, next).await?;
        let lost = finished.lost.len();
        anyhow::ensure!(lost == 0, "{lost} attempts were lost");
        match finished.next {
            Some(next) => all_of(most, next),
            None if most == 0 => Ok(Vec::new()),
            None => anyhow::bail!("no answer to what was wanted next"),
        }
    }
}

/// The leases, if they are as many as were wanted.
fn all_of(wanted: u32, acquired: Acquired) -> anyhow::Result<Vec<Lease>> {
    let leases = acquired.leases;
    let granted = leases.len();
    anyhow::ensure!(
        granted == wanted as usize,
        "{granted} leases instead of {wanted}"
    );
    Ok(leases)
}

fn client(url: &str, number: u32, slots: u32) -> anyhow::Result<Client> {
    let worker_id = format!("null-{number}");
    let worker = wire::WorkerInfo {
        worker_id: worker_id.clone(),
        host: "localhost".into(),
        process_id: std::process::id(),
        device: "none".into(),
        backend: "none".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        binary_sha256: String::new(),
        slots,
        ..wire::WorkerInfo::default()
    };
    Ok(Client::new(url, worker_id.parse()?, worker)?)
}

/// One metric at many steps.
fn observation(step: u32) -> Observation {
    Observation {
        step: step.into(),
        metric: built_in::ACCURACY_INTERPOLATION,
        value: 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_spent_to_the_last_trial_and_not_beyond() {
        let budget = Budget(AtomicU64::new(7));
        let taken: Vec<u32> = (0..4).map(|_| budget.take(3)).collect();
        assert_eq!(taken, [3, 3, 1, 0]);
    }
}
