//! The worker's training loop with a listener that keeps every number: the same call that workers
//! make, on this thread, without a coordinator.

use std::{
    io,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use pondersweep_proto::{
    breakdown::Breakdown,
    ending::ReportedEnding,
    id::{Attempt, LeaseToken},
    metric::Observation,
    program::ProgramSpec,
    spec::TrialSpec,
};
use pondersweep_worker::{
    device::DeviceName,
    identity::identify,
    program::{self, Host, Sent, Work},
    stories,
    train::{self, Continue, LaneEnding, Observer, divergence},
};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{Replayable, Updates};
use crate::replay::{Counts, Measured, Origin, Outcome, counts};

/// Why the lock of what was heard is never poisoned.
const UNPOISONED: &str = "no thread panics while it observes";

/// What this process is when it computes on a device.
pub(super) fn origin(device: DeviceName) -> io::Result<Origin> {
    // Neither a number among devices nor slots: this process leases nothing.
    let (_, info) = identify(0, device, 0)?;
    let told = |text: String| (!text.is_empty()).then_some(text);
    Ok(Origin {
        host: info.host,
        device: info.device,
        backend: info.backend,
        instructions: told(info.instructions),
        cpu_features: told(info.cpu_features),
        gpu: told(info.gpu),
        binary_sha256: info.binary_sha256,
        version: info.version,
    })
}

/// Trains a trial from its beginning to its end.
pub(super) fn train(
    spec: &TrialSpec,
    device: DeviceName,
    updates: &Updates,
) -> Result<Measured, String> {
    let listener = Listener {
        heard: Mutex::default(),
        updates,
    };
    stories::fetch(&spec.configuration).map_err(|error| error.to_string())?;
    let trials = std::slice::from_ref(spec);
    let mut ends = train::train(trials, &device.open(), NonZeroUsize::MIN, &listener);
    let outcome = match ends.pop().expect("one trial has one end") {
        LaneEnding::Succeeded => Outcome::Succeeded,
        LaneEnding::Infeasible { step, reason } => Outcome::Infeasible(divergence(step, &reason)),
        LaneEnding::Panicked(text) => return Err(format!("training panicked: {text}")),
        LaneEnding::Stopped => unreachable!("the listener stops nothing"),
    };
    let heard = listener.heard.into_inner();
    let Heard {
        observations,
        counts,
    } = heard.expect(UNPOISONED);
    Ok(Measured::new(outcome, observations, counts))
}

/// Runs a user's program for a trial to its end.
pub(super) fn run_program(
    trial: &Replayable,
    program: &Arc<ProgramSpec>,
    host: &Arc<Host>,
) -> Result<Measured, String> {
    let work = Work {
        host: Arc::clone(host),
        trial: trial.spec.clone(),
        program: Arc::clone(program),
        token: LeaseToken {
            trial_id: trial.trial_id,
            attempt: Attempt(1),
        },
        files: Arc::clone(&trial.files),
        checkpoint: None,
        checkpoint_every: None,
        stop: CancellationToken::new(),
        lost: CancellationToken::new(),
        longest_grace: Duration::MAX,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let (sink, mut sent) = mpsc::channel(1);
    let listen = async move {
        let mut heard = Vec::new();
        while let Some(message) = sent.recv().await {
            if let Sent::Observed(observations) = message {
                heard.extend(observations);
            }
        }
        heard
    };
    let (ended, mut observations) =
        runtime.block_on(async { tokio::join!(program::run(work, sink), listen) });
    observations.extend(ended.observations);
    let outcome = match ended.ending {
        Some(ReportedEnding::Succeeded) => Outcome::Succeeded,
        Some(ReportedEnding::Infeasible(why)) => Outcome::Infeasible(why),
        Some(ReportedEnding::Failed(failure)) => return Err(failure.message),
        None => return Err("the program was stopped".into()),
    };
    Ok(Measured::new(outcome, observations, Counts::default()))
}

/// Keeps what is observed and shows how far training is.
struct Listener<'a> {
    heard: Mutex<Heard>,
    updates: &'a Updates,
}

#[derive(Default)]
struct Heard {
    observations: Vec<Observation>,
    counts: Counts,
}

impl Listener<'_> {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().expect(UNPOISONED)
    }
}

impl Observer for Listener<'_> {
    fn observe(&self, _: usize, observation: Observation) {
        self.heard().observations.push(observation);
    }

    fn break_down(&self, _: usize, breakdown: Breakdown) {
        self.heard().counts = counts(&breakdown);
    }

    fn after_update(&self, _: usize, _: u64) -> Continue {
        self.updates.one_more();
        Continue::Yes
    }
}
