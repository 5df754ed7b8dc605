//! Training a recorded trial again, for `trial replay` and `audit`: reads the database, trains in this
//! process, compares. Besides `worker.rs` and `run.rs` its `train.rs` names the worker crate. It never
//! writes anywhere.

mod progress;
mod show;
mod train;

use std::{process::ExitCode, sync::Arc};

use clap::Args;
use pondersweep_proto::{
    id::TrialId,
    metric::MetricName,
    program::{ProgramFile, ProgramSpec},
    setting::Setting,
    spec::TrialSpec,
};
use pondersweep_worker::{cli::ProgramArgs, device::DeviceName, program::Host};

pub(super) use self::{
    progress::Updates,
    show::{COLUMNS, first},
};
use super::{at_hand::AtHand, output::OutputArgs, place::PlaceArgs};
use crate::{
    replay::{Difference, Measured, Origin, compare},
    scheduler::TrialState,
    store::RecordedTrial,
};

/// Where replays of programs work, apart from the attempts themselves.
pub(super) const REPLAYS: &str = "replays";

/// Train a trial again from its row and compare every number, to the bit: EXACT, or DIFFERS and where
#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// The trial: its number, or a prefix of its key
    trial: String,
    #[command(flatten)]
    place: PlaceArgs,
    /// Where to compute [default: the device that computed the result]
    #[arg(long, env = "PONDERSWEEP_DEVICE", value_name = "DEVICE")]
    device: Option<DeviceName>,
    #[command(flatten)]
    programs: ProgramArgs,
    #[command(flatten)]
    output: OutputArgs,
}

/// Why a trial cannot be trained again.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReplayError {
    /// Look at why it has none.
    #[error(
        "trial {trial} is {}: there is no result to compare a replay with\n\
         hint: `pondersweep trial show {trial}` tells what happened", .state.name()
    )]
    NoResult { trial: TrialId, state: TrialState },
    /// Choose a device that is here, and expect rounding to differ.
    #[error(
        "trial {trial} was computed on {device}, which cannot be used here: {why}\n\
         hint: replay on a machine that has it; `--device cpu` compares anyway, but two devices agree to \
         rounding only"
    )]
    DeviceAbsent {
        trial: TrialId,
        device: String,
        why: String,
    },
    /// The row was changed, or the program's idea of a trial was.
    #[error(
        "trial {trial} has the key {stored}, but its specification has the key {computed}: \
         the row was changed, or written by a version that describes trials otherwise"
    )]
    OtherSpecification {
        trial: TrialId,
        stored: String,
        computed: String,
    },
    /// Look at what would be run, and allow it.
    #[error(
        "trial {trial} runs a program of its sweep, {command}\n\
         hint: `--allow-programs` runs it here, as you: look first at what it does"
    )]
    NotAllowed { trial: TrialId, command: String },
    /// The machinery failed here; that says nothing about the result.
    #[error("replaying trial {trial} failed here: {why}")]
    Failed { trial: TrialId, why: String },
}

/// A trial that can be trained again here.
#[derive(Clone, Debug)]
pub(super) struct Replayable {
    pub(super) trial_id: TrialId,
    pub(super) trial_key: String,
    pub(super) spec: TrialSpec,
    pub(super) stored: Measured,
    pub(super) stored_origin: Origin,
    pub(super) device: DeviceName,
    /// The metrics that are compared.
    pub(super) metrics: Vec<MetricName>,
    /// The files of the user's program, and where it is run; of the built-in training neither is used.
    files: Arc<Vec<ProgramFile>>,
    host: Option<Arc<Host>>,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(super) struct Replayed {
    pub(super) trial: Replayable,
    pub(super) replay_origin: Origin,
    /// Observations that were compared.
    pub(super) observations: usize,
    /// The first one; `None` for a replay that is exact.
    pub(super) difference: Option<Difference>,
}

pub(super) async fn run(args: ReplayArgs) -> anyhow::Result<ExitCode> {
    let database = AtHand::of(&args.place).await?;
    let mut reader = database.reader().await?;
    let host = args.programs.host(Some(REPLAYS))?;
    let trial = Replayable::new(reader.recorded(&args.trial).await?, args.device, host)?;
    let updates = Updates::new(trial.updates());
    let replayed = tokio::task::spawn_blocking(move || {
        let replayed = replay(trial, &updates);
        updates.finish();
        replayed
    });
    let replayed = replayed.await??;
    show::print(&replayed, args.output.output)?;
    Ok(if replayed.is_exact() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

impl Replayable {
    /// A recorded trial, to be trained on this device, or else on the one its result comes from.
    pub(super) fn new(
        trial: RecordedTrial,
        device: Option<DeviceName>,
        host: Option<Arc<Host>>,
    ) -> Result<Self, ReplayError> {
        let trial_id = trial.trial_id;
        if let Some(program) = trial.spec.program.as_deref().filter(|_| host.is_none()) {
            let command = shlex::try_join(program.command.iter().map(String::as_str));
            return Err(ReplayError::NotAllowed {
                trial: trial_id,
                command: command.unwrap_or_default(),
            });
        }
        let Some((stored, stored_origin)) = trial.result else {
            return Err(ReplayError::NoResult {
                trial: trial_id,
                state: trial.state,
            });
        };
        let computed = trial.spec.key();
        if computed != trial.trial_key {
            return Err(ReplayError::OtherSpecification {
                trial: trial_id,
                stored: trial.trial_key.to_string(),
                computed: computed.to_string(),
            });
        }
        let recorded = || {
            let parsed = stored_origin.device.parse::<DeviceName>();
            parsed.map_err(|error| ReplayError::DeviceAbsent {
                trial: trial_id,
                device: stored_origin.device.clone(),
                why: first_line(&error.to_string()),
            })
        };
        Ok(Self {
            trial_id,
            trial_key: computed.to_string(),
            spec: trial.spec,
            stored,
            device: device.map_or_else(recorded, Ok)?,
            stored_origin,
            metrics: trial.metrics,
            files: Arc::new(trial.files),
            host,
        })
    }

    /// Parameter updates that training it takes, unless it diverges.
    pub(super) fn updates(&self) -> u64 {
        match self.spec.program {
            Some(_) => 1,
            None => self.spec.configuration.whole(Setting::UPDATES),
        }
    }
}

impl Replayed {
    pub(super) const fn is_exact(&self) -> bool {
        self.difference.is_none()
    }
}

/// Trains a trial again on this thread and compares.
pub(super) fn replay(trial: Replayable, updates: &Arc<Updates>) -> Result<Replayed, ReplayError> {
    let failed = |why| ReplayError::Failed {
        trial: trial.trial_id,
        why,
    };
    let replay_origin = train::origin(trial.device).map_err(|error| failed(error.to_string()))?;
    let measured = match (&trial.spec.program, &trial.host) {
        (Some(program), Some(host)) => {
            let measured = train::run_program(&trial, program, host);
            updates.one_more();
            within_tolerance(program, measured.map_err(failed)?, &trial.stored)
        }
        _ => train::train(&trial.spec, trial.device, updates).map_err(failed)?,
    };
    let measured = measured.of_metrics(&trial.metrics);
    Ok(Replayed {
        difference: compare(&trial.stored, &measured),
        observations: measured.observations.len(),
        replay_origin,
        trial,
    })
}

/// The numbers of a program's replay, each that lies within its metric's tolerance as it was stored.
fn within_tolerance(program: &ProgramSpec, mut measured: Measured, stored: &Measured) -> Measured {
    let close = |metric: &MetricName, one: f64, other: f64| {
        let of = program.metrics.iter().find(|known| known.name == *metric);
        let most = of.and_then(|metric| metric.tolerance);
        most.is_some_and(|most| (one - other).abs() <= most)
    };
    for observed in &mut measured.observations {
        let mut at = stored.observations.iter();
        let same =
            at.find(|other| (other.step, &other.metric) == (observed.step, &observed.metric));
        if let Some(same) = same.filter(|same| close(&observed.metric, same.value, observed.value))
        {
            observed.value = same.value;
        }
    }
    for (metric, value) in &mut measured.result {
        let same = stored.result.get(metric).copied();
        *value = same
            .filter(|same| close(metric, *same, *value))
            .unwrap_or(*value);
    }
    measured
}

/// An error without its hint, which is for another command.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
