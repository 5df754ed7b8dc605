//! What the pending trials of a sweep wait for: the one thing that has to change before they run.
//! Pure: the scene is an argument. The obstacles are looked for in the order in which they stand in
//! the way: no coordinator, no worker, none that takes trials, none for this sweep, none that is free.

use std::{collections::BTreeSet, time::Duration};

use super::{NOT_SERVED, eta::lasting, sweep::Scene};
use crate::{
    scheduler::{SweepState, is_of_device},
    store::{SweepSummary, WorkerStanding, WorkerStatus},
};

/// What pending trials wait for; nothing to say when there are none.
pub(crate) fn waiting(scene: &Scene) -> Option<String> {
    let sweep = &scene.sweep;
    let (pending, id) = (sweep.trials.pending, sweep.sweep_id);
    match sweep.state {
        SweepState::Finished | SweepState::Cancelled => None,
        SweepState::Active | SweepState::Paused if pending == 0 => None,
        SweepState::Paused => Some(format!(
            "{pending} trials are pending until `pondersweep resume {id}`"
        )),
        SweepState::Active => Some(format!("{pending} trials are pending: {}", obstacle(scene))),
    }
}

fn obstacle(scene: &Scene) -> String {
    if !scene.is_served {
        return NOT_SERVED.into();
    }
    nobody(scene)
        .or_else(|| all_draining(scene))
        .or_else(|| no_device(scene))
        .or_else(|| suspects(scene))
        .or_else(|| others_first(scene))
        .unwrap_or_else(|| how_busy(scene))
}

/// Nobody is there.
fn nobody(scene: &Scene) -> Option<String> {
    if scene.connected().next().is_some() {
        return None;
    }
    let Some((_, last)) = scene.workers.first() else {
        return Some(
            "no worker has ever connected; start one with `pondersweep worker --coordinator URL`"
                .into(),
        );
    };
    Some(format!(
        "no worker is connected: {} fell silent, {} left; the last heard of was {}, {} ago",
        scene.count(WorkerStanding::Silent),
        scene.count(WorkerStanding::Left),
        who(last),
        lasting(silence(last, scene.now_ms))
    ))
}

/// Everybody is about to leave.
fn all_draining(scene: &Scene) -> Option<String> {
    let draining = scene.count(WorkerStanding::Draining);
    (scene.count(WorkerStanding::Working) == 0).then(|| {
        format!(
            "all {draining} connected workers are draining: they end what they hold and take nothing \
             more"
        )
    })
}

/// Workers take trials, and none on the device that the sweep asks for.
fn no_device(scene: &Scene) -> Option<String> {
    let wanted = scene.sweep.device.as_deref()?;
    let devices: BTreeSet<&str> = scene
        .workers
        .iter()
        .filter(|(how, _)| *how == WorkerStanding::Working)
        .map(|(_, status)| status.worker.device.as_str())
        .collect();
    let has = devices.iter().any(|device| is_of_device(device, wanted));
    let there: Vec<&str> = devices.into_iter().collect();
    (!has).then(|| {
        format!(
            "no connected worker has the device {wanted} that the sweep asks for; there are {}",
            there.join(", ")
        )
    })
}

/// What is left must run alone.
fn suspects(scene: &Scene) -> Option<String> {
    let suspects = scene.troubles.suspects;
    (suspects == scene.sweep.trials.pending).then(|| {
        format!(
            "all {suspects} are suspects, because workers died while they ran them: each runs alone, on \
             a worker that runs nothing else"
        )
    })
}

/// Nothing of it runs, and older sweeps keep the workers.
fn others_first(scene: &Scene) -> Option<String> {
    let older = |sweep: &&SweepSummary| sweep.trials.leased > 0;
    let names: Vec<String> = scene
        .others
        .iter()
        .filter(older)
        .map(|sweep| format!("{} ({})", sweep.sweep_id, sweep.name))
        .collect();
    (scene.troubles.running == 0 && !names.is_empty()).then(|| {
        format!(
            "the workers are busy with older sweeps, which come first: {}",
            names.join(", ")
        )
    })
}

/// Workers are there; how many of their slots are taken.
fn how_busy(scene: &Scene) -> String {
    let working = scene.workers.iter();
    let working = working.filter(|(how, _)| *how == WorkerStanding::Working);
    let (mut workers, mut slots, mut taken) = (0, 0, 0);
    for (_, status) in working {
        workers += 1;
        slots += u64::from(status.worker.slots);
        taken += status.holds;
    }
    if taken >= slots {
        format!("all {slots} slots of {workers} connected workers are taken")
    } else if scene.troubles.running == 0 {
        format!(
            "{workers} workers are connected and none takes them; those started with --sweep work for \
             that sweep only, those without --allow-programs run no programs, and those whose \
             PONDERSWEEP_BABI names no copy of a sweep's stories do not train on them"
        )
    } else {
        format!("{taken} of {slots} slots of {workers} connected workers are taken")
    }
}

/// A worker by name and place.
pub(crate) fn who(status: &WorkerStatus) -> String {
    let worker = &status.worker;
    format!("{} ({}, {})", worker.worker_id, worker.host, worker.device)
}

/// How long a worker was not heard of.
pub(crate) fn silence(status: &WorkerStatus, now_ms: i64) -> Duration {
    let silence = now_ms.saturating_sub(status.last_heard_at_ms);
    Duration::from_millis(u64::try_from(silence).unwrap_or(0))
}

#[cfg(test)]
pub(super) mod tests;
