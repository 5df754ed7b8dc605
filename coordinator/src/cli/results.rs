//! Sweeps as commands show them, from a database or from a coordinator.

use std::path::PathBuf;

use pondersweep_proto::wire;
use serde_json::{Value, json};

use super::{
    connect::Sweeps,
    output::{Rows, iso_time},
    place::{Place, PlaceArgs},
};
use crate::{
    clock,
    explain::{NOT_SERVED, Pace, RECENTLY, is_served, pace_of},
    grpc::worker_status,
    scheduler::{SweepState, TrialCounts},
    store::{Reader, SweepSummary},
};

/// An open source of sweeps.
pub(super) enum Source {
    Database(Reader, PathBuf),
    Coordinator(Sweeps),
}

impl Source {
    pub(super) async fn open(args: &PlaceArgs) -> anyhow::Result<Self> {
        Ok(match args.choose().0 {
            Place::Coordinator(url) => {
                Self::Coordinator(Sweeps::connect(&url, &args.trust()?).await?)
            }
            Place::Database(path) => Self::Database(Reader::open(&path).await?, path),
        })
    }

    /// Every sweep, oldest first.
    pub(super) async fn sweeps(&mut self) -> anyhow::Result<Vec<SweepStatus>> {
        Ok(match self {
            Self::Database(reader, _) => reader
                .sweeps()
                .await?
                .into_iter()
                .map(SweepStatus::from)
                .collect(),
            Self::Coordinator(sweeps) => sweeps
                .list()
                .await?
                .into_iter()
                .map(SweepStatus::from)
                .collect(),
        })
    }

    /// Every worker ever heard of, the one heard of last first.
    pub(super) async fn workers(&mut self) -> anyhow::Result<Vec<wire::WorkerStatus>> {
        Ok(match self {
            Self::Database(reader, _) => {
                let (workers, now_ms) = (reader.workers().await?, clock::now_ms());
                let status = |worker| worker_status(worker, now_ms);
                workers.iter().map(status).collect()
            }
            Self::Coordinator(sweeps) => sweeps.workers().await?,
        })
    }

    /// How fast trials of a sweep ended of late, as a database tells it.
    pub(super) async fn pace(&mut self, name: &str) -> anyhow::Result<Option<Pace>> {
        let Self::Database(reader, _) = self else {
            return Ok(None);
        };
        let sweep_id = reader.find_sweep(name).await?;
        let now_ms = clock::now_ms();
        let recent_ms = i64::try_from(RECENTLY.as_millis()).unwrap_or(i64::MAX);
        let recent = reader.recent_results(sweep_id, now_ms - recent_ms).await?;
        Ok(pace_of(recent, now_ms))
    }

    /// Whether what waits there may go on.
    pub(super) async fn is_served(&mut self) -> anyhow::Result<bool> {
        match self {
            Self::Database(reader, path) => {
                let now_ms = clock::now_ms();
                Ok(is_served(path, &reader.workers().await?, now_ms))
            }
            Self::Coordinator(_) => Ok(true),
        }
    }

    pub(super) async fn sweep(&mut self, name: &str) -> anyhow::Result<SweepStatus> {
        Ok(match self {
            Self::Database(reader, _) => {
                let sweep_id = reader.find_sweep(name).await?;
                let sweeps = reader.sweeps().await?;
                let found = sweeps.into_iter().find(|sweep| sweep.sweep_id == sweep_id);
                found.expect("a sweep is never deleted").into()
            }
            Self::Coordinator(sweeps) => sweeps.get(name).await?.into(),
        })
    }
}

/// Tells those who wait for a sweep that nothing goes on: at once, and when that becomes so.
#[derive(Debug, Default)]
pub(super) struct Lookout {
    seen: Option<TrialCounts>,
    /// How often nothing had changed since.
    still: u32,
    told: bool,
}

impl Lookout {
    /// Looks that find nothing changed before it is asked again whether there is a coordinator.
    const PATIENCE: u32 = 20;

    /// Looks at a sweep as it stands now; what there is to say, once until something changes.
    pub(super) async fn look(
        &mut self,
        source: &mut Source,
        sweep: &SweepStatus,
    ) -> anyhow::Result<Option<&'static str>> {
        if self.seen.replace(sweep.counts) != Some(sweep.counts) {
            (self.still, self.told) = (0, false);
        }
        let is_due = self.still.is_multiple_of(Self::PATIENCE);
        self.still += 1;
        if self.told || sweep.has_ended() || !is_due || source.is_served().await? {
            return Ok(None);
        }
        self.told = true;
        Ok(Some(NOT_SERVED))
    }
}

/// A sweep and how far it is.
#[derive(Clone, Debug)]
pub(super) struct SweepStatus {
    pub(super) sweep_id: String,
    pub(super) name: String,
    pub(super) state: SweepState,
    /// Why, for people.
    pub(super) reason: String,
    pub(super) counts: TrialCounts,
    created_at_ms: i64,
}

impl SweepStatus {
    /// Whether nothing more will happen by itself.
    pub(super) const fn has_ended(&self) -> bool {
        matches!(self.state, SweepState::Finished | SweepState::Cancelled)
    }

    /// One line for people.
    pub(super) fn line(&self) -> String {
        let TrialCounts {
            pending,
            leased,
            succeeded,
            infeasible,
            failed,
            cancelled,
            withheld,
        } = self.counts;
        let reason = match self.state {
            SweepState::Paused => format!(" ({})", self.reason),
            _ => String::new(),
        };
        let withheld = match withheld {
            0 => String::new(),
            withheld => format!(", {withheld} withheld"),
        };
        format!(
            "{} {} {}{reason}: {succeeded} succeeded, {infeasible} infeasible, {failed} failed, \
             {leased} running, {pending} pending, {cancelled} cancelled{withheld}",
            self.sweep_id,
            self.name,
            self.state.name()
        )
    }

    /// The columns of [`rows`].
    const COLUMNS: [&'static str; 13] = [
        "sweep_id",
        "name",
        "state",
        "trials",
        "pending",
        "running",
        "succeeded",
        "infeasible",
        "failed",
        "cancelled",
        "withheld",
        "created_at",
        "reason",
    ];

    fn cells(&self) -> Vec<Value> {
        let TrialCounts {
            pending,
            leased,
            succeeded,
            infeasible,
            failed,
            cancelled,
            withheld,
        } = self.counts;
        vec![
            json!(self.sweep_id),
            json!(self.name),
            json!(self.state.name()),
            json!(self.counts.total()),
            json!(pending),
            json!(leased),
            json!(succeeded),
            json!(infeasible),
            json!(failed),
            json!(cancelled),
            json!(withheld),
            iso_time(self.created_at_ms),
            json!(self.reason),
        ]
    }
}

pub(super) fn rows(sweeps: &[SweepStatus]) -> Rows {
    Rows::of(&SweepStatus::COLUMNS, sweeps.iter().map(SweepStatus::cells))
}

impl From<SweepSummary> for SweepStatus {
    fn from(sweep: SweepSummary) -> Self {
        Self {
            sweep_id: sweep.sweep_id.to_string(),
            name: sweep.name,
            state: sweep.state,
            reason: sweep.state_reason,
            counts: sweep.trials,
            created_at_ms: sweep.created_at_ms,
        }
    }
}

impl From<wire::Sweep> for SweepStatus {
    fn from(sweep: wire::Sweep) -> Self {
        Self {
            // A state this program does not know is one in which the sweep goes on.
            state: SweepState::try_from(sweep.state()).unwrap_or(SweepState::Active),
            sweep_id: sweep.sweep_id,
            reason: sweep.state_reason,
            name: sweep.name,
            counts: sweep.trials.unwrap_or_default().into(),
            created_at_ms: sweep.created_at_ms,
        }
    }
}
