//! The two runs that are compared: an undisturbed sweep, and the same one while faults happen
//! to it as planned. It judges neither.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use pondersweep::{clock, sweep::SweepSpec};
use pondersweep_proto::id::{LeaseToken, SweepId};

use super::{
    cluster::{Cluster, LateAnswer},
    gateway::CallCounts,
    network::NetworkCounts,
    process::{Journal, Process},
    schedule::{self, Agenda, FaultKind, PlannedFault},
};

/// How often the sweep is looked at; faults are due to within this time.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A sweep in which nothing ends for so long is stuck.
const STUCK_AFTER: Duration = Duration::from_secs(120);
/// How long an undisturbed sweep may take.
const UNDISTURBED_WITHIN: Duration = Duration::from_secs(1_800);

/// What is run, and how badly.
#[derive(Clone, Debug)]
pub(super) struct Attack {
    pub(super) seed: u64,
    pub(super) kinds: Vec<FaultKind>,
    pub(super) kills: u32,
    pub(super) workers: u32,
    /// Where everything is written.
    pub(super) folder: PathBuf,
    /// What runs at the same time.
    pub(super) sweeps: Vec<Victim>,
}

/// A sweep that is tormented.
#[derive(Clone, Debug)]
pub(super) struct Victim {
    /// Its file, in the folder of the attack.
    pub(super) file: &'static str,
    pub(super) spec: SweepSpec,
}

/// The faults that happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FaultCounts {
    pub(super) workers_killed: u64,
    pub(super) coordinators_killed: u64,
    pub(super) workers_stopped: u64,
    pub(super) coordinators_stopped: u64,
    /// All connections cut at once.
    pub(super) outages: u64,
    /// Made-up results of lapsed attempts, and how the coordinator took them.
    pub(super) late_refused: u64,
    pub(super) late_accepted: u64,
    /// Faults that were planned and for which the sweep was too short.
    pub(super) left: u64,
    /// Workers that ended by themselves.
    pub(super) crashes: u64,
}

impl FaultCounts {
    pub(super) const fn kills(&self) -> u64 {
        self.workers_killed + self.coordinators_killed
    }
}

/// What a disturbed run went through.
#[derive(Clone, Debug)]
pub(super) struct Disturbance {
    pub(super) faults: FaultCounts,
    pub(super) network: NetworkCounts,
    /// By method.
    pub(super) calls: Vec<(String, CallCounts)>,
    /// Results that a worker was told are accepted.
    pub(super) acknowledged: BTreeSet<LeaseToken>,
    pub(super) seconds: f64,
}

impl Attack {
    /// Where a run's results are.
    pub(super) fn database(&self, run: &str) -> PathBuf {
        self.folder.join(format!("{run}.db"))
    }

    /// Trials of all sweeps.
    pub(super) fn trials(&self) -> u64 {
        self.sweeps.iter().map(|sweep| sweep.spec.trials()).sum()
    }

    fn sweep_ids(&self) -> Vec<SweepId> {
        self.sweeps.iter().map(|sweep| sweep.spec.id()).collect()
    }

    fn has(&self, kind: FaultKind) -> bool {
        self.kinds.contains(&kind)
    }

    /// The seed of a fault that is in the background all the time, if it is.
    fn background(&self, kind: FaultKind) -> Option<u64> {
        self.has(kind).then_some(self.seed)
    }
}

/// Runs the sweep undisturbed; returns how long it took, in seconds.
pub(super) async fn undisturbed(attack: &Attack, journal: &Journal) -> anyhow::Result<f64> {
    let started = clock::now();
    let workers = attack.workers.to_string();
    for Victim { file, .. } in &attack.sweeps {
        let arguments = ["run", file, "--db", "undisturbed.db", "--workers", &workers];
        finish("undisturbed", &attack.folder, &arguments, journal).await?;
    }
    Ok(clock::now().duration_since(started).as_secs_f64())
}

/// Runs the sweep while faults happen to it.
pub(super) async fn disturbed(attack: &Attack, journal: &Journal) -> anyhow::Result<Disturbance> {
    let database = attack.database("disturbed");
    for Victim { file, .. } in &attack.sweeps {
        let submit = ["submit", file, "--db", "disturbed.db"];
        finish("submit", &attack.folder, &submit, journal).await?;
    }
    let started = clock::now();
    let background = (
        attack.background(FaultKind::Network),
        attack.background(FaultKind::Calls),
    );
    let mut cluster = Cluster::start(
        &database,
        attack.sweep_ids(),
        attack.workers,
        background,
        journal,
    )
    .await?;
    let mut counts = FaultCounts::default();
    let attacked = attack_until_ended(attack, &mut cluster, &mut counts).await;
    let stopped = cluster.stop().await;
    attacked?;
    stopped?;
    counts.crashes = cluster.crashes;
    Ok(Disturbance {
        faults: counts,
        network: cluster.network.counts(),
        calls: cluster.gateway.counts().into_iter().collect(),
        acknowledged: cluster.acknowledged(),
        seconds: clock::now().duration_since(started).as_secs_f64(),
    })
}

async fn attack_until_ended(
    attack: &Attack,
    cluster: &mut Cluster,
    counts: &mut FaultCounts,
) -> anyhow::Result<()> {
    let trials = attack.trials();
    let plan = schedule::plan(
        attack.seed,
        &attack.kinds,
        attack.kills,
        trials,
        attack.workers.into(),
    );
    let mut agenda = Agenda::new(plan);
    let mut progress = Progress::new(attack.sweep_ids());
    while progress.ended < trials {
        tokio::time::sleep(LOOK_EVERY).await;
        cluster.tend()?;
        progress.look(cluster).await?;
        if let Some(fault) = agenda.next_due(progress.ended, clock::now()) {
            happen(fault, cluster, counts).await?;
        }
    }
    counts.left = agenda.left() as u64;
    if attack.has(FaultKind::LateResults) {
        // A quick sweep may be over before the first lease has lapsed: late results come then.
        let last_word = PlannedFault {
            kind: FaultKind::LateResults,
            after_trials: trials,
            delay: Duration::ZERO,
            dice: attack.seed,
        };
        happen(last_word, cluster, counts).await?;
    }
    Ok(())
}

async fn happen(
    fault: PlannedFault,
    cluster: &mut Cluster,
    counts: &mut FaultCounts,
) -> anyhow::Result<()> {
    let dice = fault.dice;
    let counter = match fault.kind {
        FaultKind::KillWorker => {
            cluster.kill_worker(dice).await?;
            &mut counts.workers_killed
        }
        FaultKind::KillCoordinator => {
            cluster.kill_coordinator().await?;
            &mut counts.coordinators_killed
        }
        FaultKind::StopWorker => {
            cluster.stop_worker(dice);
            &mut counts.workers_stopped
        }
        FaultKind::StopCoordinator => {
            cluster.stop_coordinator(dice);
            &mut counts.coordinators_stopped
        }
        FaultKind::Network => {
            cluster.network.cut_all();
            &mut counts.outages
        }
        FaultKind::LateResults => match cluster.report_late(dice).await? {
            LateAnswer::None => return Ok(()),
            LateAnswer::Refused => &mut counts.late_refused,
            LateAnswer::Accepted => &mut counts.late_accepted,
        },
        FaultKind::Calls => return Ok(()),
    };
    *counter += 1;
    Ok(())
}

/// How far the sweeps are, and since when.
struct Progress {
    sweep_ids: Vec<SweepId>,
    ended: u64,
    changed_at: Instant,
}

impl Progress {
    fn new(sweep_ids: Vec<SweepId>) -> Self {
        Self {
            sweep_ids,
            ended: 0,
            changed_at: clock::now(),
        }
    }

    async fn ended(&self, cluster: &Cluster) -> anyhow::Result<u64> {
        let (mut reader, mut ended) = (cluster.reader().await?, 0);
        for &sweep_id in &self.sweep_ids {
            ended += reader.completeness(sweep_id).await?.trials.ended();
        }
        Ok(ended)
    }

    /// Looks into the database. One that cannot be read this moment is looked at again.
    async fn look(&mut self, cluster: &Cluster) -> anyhow::Result<()> {
        let now = clock::now();
        if let Ok(ended) = self.ended(cluster).await {
            if ended != self.ended {
                self.changed_at = now;
            }
            self.ended = ended;
        }
        anyhow::ensure!(
            now.duration_since(self.changed_at) < STUCK_AFTER,
            "the sweep is stuck: {} trials have ended, and none for {STUCK_AFTER:?}",
            self.ended
        );
        Ok(())
    }
}

/// Runs a command of this program to its end.
async fn finish(
    name: &str,
    folder: &Path,
    arguments: &[&str],
    journal: &Journal,
) -> anyhow::Result<()> {
    let (mut process, lines) = Process::start(name.to_owned(), folder, arguments, journal)?;
    drop(lines);
    let finished = process.finish(UNDISTURBED_WITHIN).await;
    finished.with_context(|| format!("the journal is {}", journal.path().display()))
}
