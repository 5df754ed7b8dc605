//! The worker's training loop with a listener that keeps every number: the same call that workers
//! make, on this thread, without a coordinator.

use std::{io, num::NonZeroUsize, sync::Mutex};

use pondersweep_proto::{metric::Observation, spec::TrialSpec};
use pondersweep_worker::{
    device::DeviceName,
    identity::identify,
    train::{self, Continue, LaneEnd, Observer, divergence},
};

use super::Updates;
use crate::replay::{End, Measured, Origin};

/// What this process is when it computes on a device.
///
/// # Errors
/// The program's own file cannot be read.
pub(super) fn origin(device: DeviceName) -> io::Result<Origin> {
    // Neither a number among devices nor slots: nobody leases anything to this process.
    let (_, info) = identify(0, device, 0)?;
    let instructions = device.instructions();
    Ok(Origin {
        host: info.host,
        device: info.device,
        backend: info.backend,
        instructions: (!instructions.is_empty()).then(|| instructions.to_owned()),
        binary_sha256: info.binary_sha256,
        version: info.version,
    })
}

/// Trains a trial from its beginning to its end.
///
/// # Errors
/// Training panicked, with this text.
pub(super) fn train(
    spec: &TrialSpec,
    device: DeviceName,
    updates: &Updates,
) -> Result<Measured, String> {
    let listener = Listener {
        observations: Mutex::new(Vec::new()),
        updates,
    };
    let trials = std::slice::from_ref(spec);
    let mut ends = train::train(trials, &device.open(), NonZeroUsize::MIN, &listener);
    let end = match ends.pop().expect("one trial has one end") {
        LaneEnd::Succeeded => End::Succeeded,
        LaneEnd::Infeasible { step, reason } => End::Infeasible(divergence(step, &reason)),
        LaneEnd::Panicked(text) => return Err(format!("training panicked: {text}")),
        LaneEnd::Stopped => unreachable!("the listener stops nothing"),
    };
    let observations = listener.observations.into_inner();
    Ok(Measured::new(
        end,
        observations.expect("nobody panics while observing"),
    ))
}

/// Keeps what is observed and shows how far training is.
struct Listener<'a> {
    observations: Mutex<Vec<Observation>>,
    updates: &'a Updates,
}

impl Observer for Listener<'_> {
    fn observe(&self, _: usize, observation: Observation) {
        let mut observations = self.observations.lock();
        let observations = observations
            .as_mut()
            .expect("nobody panics while observing");
        observations.push(observation);
    }

    fn after_update(&self, _: usize, _: u64) -> Continue {
        self.updates.one_more();
        Continue::Yes
    }
}
