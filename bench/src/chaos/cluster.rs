//! A sweep under attack: a coordinator and workers as processes of their own, with a bad network
//! and lost calls between them, and the faults that can be done to them. It chooses none of them.
//!
//! worker -> [`Network`] -> [`Gateway`] -> coordinator

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use pondersweep::{clock, store::Reader};
use pondersweep_proto::{
    ending::{EndedAttempt, ReportedEnding},
    error::LeaseError,
    id::{Attempt, LeaseToken, SweepId, TrialId},
    metric::{Observation, built_in},
    wire,
};
use pondersweep_worker::client::Client;
use rustix::process::Signal;
use tokio::sync::mpsc;

use super::{
    gateway::Gateway,
    network::Network,
    process::{Journal, Process},
};

/// The term of a lease: the shortest there is, so that losses are noticed soon.
pub(super) const LEASE: Duration = Duration::from_secs(1);
/// How long a coordinator may take to start: it opens a small database.
const START_WITHIN: Duration = Duration::from_secs(30);
/// How long a late report waits for an answer.
const SPEAK_WITHIN: Duration = Duration::from_secs(5);
/// How long a process may take to stop in order.
const STOP_WITHIN: Duration = Duration::from_secs(20);

/// What the faults attack: the coordinator, its workers, and the network and gateway between them.
pub(super) struct Cluster {
    folder: PathBuf,
    database: PathBuf,
    sweep_ids: Vec<SweepId>,
    journal: Journal,
    pub(super) gateway: Gateway,
    pub(super) network: Network,
    coordinator: Process,
    coordinator_url: String,
    /// When the coordinator, stopped, goes on.
    coordinator_wakes: Option<Instant>,
    workers: Vec<Worker>,
    workers_started: u32,
    acknowledged: Arc<Mutex<BTreeSet<LeaseToken>>>,
    /// Workers that ended without being killed.
    pub(super) crashes: u64,
}

struct Worker {
    process: Process,
    /// When it, stopped, goes on.
    wakes: Option<Instant>,
}

/// How a report for an attempt that lapsed was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LateAnswer {
    /// No attempt lapsed yet, or no answer came.
    None,
    Refused,
    /// The promise is broken.
    Accepted,
}

impl Cluster {
    /// Starts everything, with background faults by these seeds, or without any.
    pub(super) async fn start(
        database: &Path,
        sweep_ids: Vec<SweepId>,
        workers: u32,
        (network, calls): (Option<u64>, Option<u64>),
        journal: &Journal,
    ) -> anyhow::Result<Self> {
        let folder = database.parent().context("a database has a folder")?;
        let gateway = Gateway::start(calls).await.context("no free port")?;
        let network = Network::start(gateway.address(), network).await?;
        let (coordinator, coordinator_url) = start_coordinator(database, journal).await?;
        gateway.lead_to(&coordinator_url)?;
        let mut cluster = Self {
            folder: folder.to_owned(),
            database: database.to_owned(),
            sweep_ids,
            journal: journal.clone(),
            gateway,
            network,
            coordinator,
            coordinator_url,
            coordinator_wakes: None,
            workers: Vec::new(),
            workers_started: 0,
            acknowledged: Arc::default(),
            crashes: 0,
        };
        for _ in 0..workers {
            let worker = cluster.start_worker(cluster.workers.len())?;
            cluster.workers.push(worker);
        }
        Ok(cluster)
    }

    /// Results that a worker was told are accepted.
    pub(super) fn acknowledged(&self) -> BTreeSet<LeaseToken> {
        let acknowledged = self.acknowledged.lock();
        acknowledged.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Kills a worker and starts another.
    pub(super) async fn kill_worker(&mut self, dice: u64) -> anyhow::Result<()> {
        let index = choose(dice, self.workers.len());
        let replacement = self.start_worker(index)?;
        let mut victim = std::mem::replace(&mut self.workers[index], replacement);
        victim.process.kill().await;
        Ok(())
    }

    /// Kills the coordinator and starts it again.
    pub(super) async fn kill_coordinator(&mut self) -> anyhow::Result<()> {
        // The lock of the database is the old one's until it is gone.
        self.coordinator.kill().await;
        let (coordinator, url) = start_coordinator(&self.database, &self.journal).await?;
        self.gateway.lead_to(&url)?;
        self.coordinator = coordinator;
        self.coordinator_url = url;
        self.coordinator_wakes = None;
        Ok(())
    }

    /// Stops a worker for longer than its leases last.
    pub(super) fn stop_worker(&mut self, dice: u64) {
        let index = choose(dice, self.workers.len());
        let worker = &mut self.workers[index];
        worker.process.signal(Signal::STOP);
        worker.wakes = Some(clock::now() + beyond_the_term(dice));
        self.journal.note(worker.process.name(), "SIGSTOP");
    }

    /// Stops the coordinator for longer than a lease lasts.
    pub(super) fn stop_coordinator(&mut self, dice: u64) {
        self.coordinator.signal(Signal::STOP);
        self.coordinator_wakes = Some(clock::now() + beyond_the_term(dice));
        self.journal.note("coordinator", "SIGSTOP");
    }

    /// Reports invented numbers for an attempt that lapsed, as its worker might report real ones.
    pub(super) async fn report_late(&self, dice: u64) -> anyhow::Result<LateAnswer> {
        let (mut reader, mut lapsed) = (self.reader().await?, Vec::new());
        for &sweep_id in &self.sweep_ids {
            lapsed.extend(reader.lapsed(sweep_id).await?);
        }
        // A coordinator that sleeps would keep the attack waiting.
        if lapsed.is_empty() || self.coordinator_wakes.is_some() {
            return Ok(LateAnswer::None);
        }
        let (token, worker_id) = lapsed.swap_remove(choose(dice, lapsed.len()));
        let info = wire::WorkerInfo {
            worker_id: worker_id.to_string(),
            ..wire::WorkerInfo::default()
        };
        let client = Client::new(&self.coordinator_url, worker_id, info)?;
        let made_up = [Observation {
            step: 1,
            metric: built_in::ACCURACY_INTERPOLATION,
            value: 0.123,
        }];
        let finish = async |ending| {
            let end = EndedAttempt {
                token,
                ending,
                observations: made_up.to_vec(),
                seconds: 1.0,
                breakdown: None,
            };
            match client.finish(vec![end], None).await?.lost[..] {
                [] => Ok(()),
                _ => Err(LeaseError::superseded(token)),
            }
        };
        let speak = async {
            match dice % 3 {
                0 => client.report(token, &made_up).await,
                1 => finish(ReportedEnding::Succeeded).await,
                _ => finish(ReportedEnding::Infeasible("made up".into())).await,
            }
        };
        let answer = match tokio::time::timeout(SPEAK_WITHIN, speak).await {
            Ok(Err(LeaseError::Superseded(_))) => LateAnswer::Refused,
            Ok(Ok(())) => LateAnswer::Accepted,
            Ok(Err(_)) | Err(_) => LateAnswer::None,
        };
        self.journal
            .note("late speaker", &format!("{token}: {answer:?}"));
        Ok(answer)
    }

    /// Wakes who has slept enough and replaces workers that ended by themselves.
    pub(super) fn tend(&mut self) -> anyhow::Result<()> {
        let now = clock::now();
        if self.coordinator_wakes.is_some_and(|wakes| wakes <= now) {
            self.wake_coordinator();
        }
        if let Some(status) = self.coordinator.ended() {
            anyhow::bail!("the coordinator ended by itself, with {status}");
        }
        for index in 0..self.workers.len() {
            let worker = &mut self.workers[index];
            if worker.wakes.is_some_and(|wakes| wakes <= now) {
                worker.wake(&self.journal);
            }
            if let Some(status) = worker.process.ended() {
                let what = format!("ended by itself, with {status}");
                self.journal.note(worker.process.name(), &what);
                self.crashes += 1;
                self.workers[index] = self.start_worker(index)?;
            }
        }
        Ok(())
    }

    /// Wakes all that are stopped and ends everything in order.
    pub(super) async fn stop(&mut self) -> anyhow::Result<()> {
        self.wake_coordinator();
        for worker in &mut self.workers {
            worker.wake(&self.journal);
            worker.process.ask_to_stop();
        }
        for mut worker in self.workers.drain(..) {
            worker.process.finish(STOP_WITHIN).await?;
        }
        self.coordinator.ask_to_stop();
        self.coordinator.finish(STOP_WITHIN).await
    }

    /// The database as a reader sees it.
    pub(super) async fn reader(&self) -> anyhow::Result<Reader> {
        Ok(Reader::open(&self.database).await?)
    }

    fn wake_coordinator(&mut self) {
        if self.coordinator_wakes.take().is_some() {
            self.coordinator.signal(Signal::CONT);
            self.journal.note("coordinator", "SIGCONT");
        }
    }

    /// Every second worker takes trials of the last sweep only: else the sweeps would run one after
    /// the other.
    fn start_worker(&mut self, index: usize) -> anyhow::Result<Worker> {
        self.workers_started += 1;
        let name = format!("worker {}", self.workers_started);
        let url = self.network.url();
        let mut arguments = vec![
            "worker",
            "--coordinator",
            &url,
            "--slots",
            "1",
            "--stop-with-stdin",
            "--allow-programs",
            "--work-dir",
            "work",
        ];
        let last = self.sweep_ids.last().map(ToString::to_string);
        if let Some(last) = last.as_deref().filter(|_| index % 2 == 1) {
            arguments.extend(["--sweep", last]);
        }
        let (process, lines) = Process::start(name, &self.folder, &arguments, &self.journal)?;
        tokio::spawn(note_acknowledged(lines, Arc::clone(&self.acknowledged)));
        Ok(Worker {
            process,
            wakes: None,
        })
    }
}

impl Worker {
    fn wake(&mut self, journal: &Journal) {
        if self.wakes.take().is_some() {
            self.process.signal(Signal::CONT);
            journal.note(self.process.name(), "SIGCONT");
        }
    }
}

fn choose(dice: u64, among: usize) -> usize {
    usize::try_from(dice % among as u64).expect("below a length")
}

/// Longer than the term of a lease, and up to twice as long.
fn beyond_the_term(dice: u64) -> Duration {
    LEASE + LEASE / 5 + LEASE * u32::try_from(dice % 8).unwrap_or(0) / 10
}

async fn start_coordinator(
    database: &Path,
    journal: &Journal,
) -> anyhow::Result<(Process, String)> {
    let folder = database.parent().context("a database has a folder")?;
    let lease = LEASE.as_secs().to_string();
    let database = database.display().to_string();
    let arguments = [
        "serve",
        "--db",
        &database,
        "--listen",
        "127.0.0.1:0",
        "--lease",
        &lease,
        "--stop-with-stdin",
    ];
    let name = "coordinator".to_owned();
    let (process, mut lines) = Process::start(name, folder, &arguments, journal)?;
    let serving = async {
        while let Some(line) = lines.recv().await {
            if let Some((_, url)) = line.split_once(" on http://") {
                return Some(format!("http://{url}"));
            }
        }
        None
    };
    let url = tokio::time::timeout(START_WITHIN, serving).await;
    let url = url.ok().flatten();
    Ok((process, url.context("the coordinator did not start")?))
}

/// Keeps what a worker says was acknowledged, as long as it talks.
async fn note_acknowledged(
    mut lines: mpsc::Receiver<String>,
    acknowledged: Arc<Mutex<BTreeSet<LeaseToken>>>,
) {
    while let Some(line) = lines.recv().await {
        if let Some(token) = acknowledged_in(&line) {
            let mut acknowledged = acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
            acknowledged.insert(token);
        }
    }
}

/// The attempt of a line such as `... acknowledged token=trial 3 attempt 1`.
fn acknowledged_in(line: &str) -> Option<LeaseToken> {
    let (_, token) = line.split_once("acknowledged token=trial ")?;
    let mut words = token.split_whitespace();
    let trial_id = words.next()?.parse().ok()?;
    let attempt = words.nth(1)?.parse().ok()?;
    Some(LeaseToken {
        trial_id: TrialId(trial_id),
        attempt: Attempt(attempt),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workers_line_names_what_was_acknowledged() {
        let line = "2026-01-01T00:00:00Z  INFO slot: acknowledged token=trial 3 attempt 12 x=1";
        let token = LeaseToken {
            trial_id: TrialId(3),
            attempt: Attempt(12),
        };
        assert_eq!(acknowledged_in(line), Some(token));
        assert_eq!(
            acknowledged_in(&format!("INFO trained token={token}")),
            None
        );
        assert!(format!("acknowledged token={token}").ends_with("trial 3 attempt 12"));
    }

    #[test]
    fn a_sleep_is_longer_than_a_lease() {
        for dice in 0..20 {
            let sleep = beyond_the_term(dice);
            assert!(sleep > LEASE && sleep <= 2 * LEASE, "{sleep:?}");
        }
    }
}
