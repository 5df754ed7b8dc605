//! Each obstacle, alone and before those that come after it.

use pondersweep_proto::id::TrialId;

use super::*;
use crate::{
    scheduler::TrialCounts,
    store::{MachineRecord, Troubles, WorkerRecord, WorkerState},
};

const NOW_MS: i64 = 1_700_000_000_000;

fn sweep(name: &str) -> SweepSummary {
    SweepSummary {
        sweep_id: "0123456789abcdef".parse().unwrap(),
        name: name.into(),
        state: SweepState::Active,
        state_reason: String::new(),
        configurations: 10,
        replicates: 1,
        solved_threshold: 0.9,
        first_trial_id: TrialId(1),
        created_at_ms: 0,
        device: None,
        trials: TrialCounts {
            pending: 10,
            ..TrialCounts::default()
        },
    }
}

/// A sweep of ten pending trials that a coordinator serves, and nobody else.
pub(in super::super) fn scene() -> Scene {
    Scene {
        sweep: sweep("mine"),
        others: Vec::new(),
        troubles: Troubles::default(),
        pace: None,
        workers: Vec::new(),
        is_served: true,
        now_ms: NOW_MS,
    }
}

pub(in super::super) fn worker(
    standing: WorkerStanding,
    holds: u64,
) -> (WorkerStanding, WorkerStatus) {
    let worker = WorkerRecord {
        worker_id: "w".parse().unwrap(),
        host: "node".into(),
        process_id: 1,
        device: "cuda:0".into(),
        backend: "cuda".into(),
        version: "0".into(),
        binary_sha256: "ab".into(),
        slots: 2,
        machine: MachineRecord::default(),
        token_id: None,
    };
    let status = WorkerStatus {
        worker,
        state: WorkerState::Working,
        registered_at_ms: 0,
        last_heard_at_ms: NOW_MS - 300_000,
        lease_duration: Duration::from_secs(30),
        holds,
        done: 0,
        failed: 0,
        lapsed: 0,
    };
    (standing, status)
}

fn check(scene: &Scene, expected: &str) {
    let text = waiting(scene).unwrap();
    assert!(text.contains(expected), "{text}");
}

#[test]
fn what_stands_in_the_way_first_is_named() {
    use WorkerStanding::{Draining, Left, Silent, Working};
    let mut scene = scene();
    scene.is_served = false;
    check(&scene, "10 trials are pending: no coordinator serves");
    scene.is_served = true;
    check(&scene, "no worker has ever connected");
    scene.workers = vec![worker(Silent, 1), worker(Left, 0)];
    check(
        &scene,
        "1 fell silent, 1 left; the last heard of was w (node, cuda:0), 5 min ago",
    );
    scene.workers.push(worker(Draining, 1));
    check(&scene, "all 1 connected workers are draining");
    scene.workers.push(worker(Working, 2));
    scene.sweep.device = Some("cpu".into());
    check(
        &scene,
        "no connected worker has the device cpu that the sweep asks for; there are cuda:0",
    );
    scene.sweep.device = Some("cuda".into());
    scene.troubles.suspects = 10;
    check(&scene, "all 10 are suspects");
    scene.troubles.suspects = 9;
    let mut older = sweep("older");
    older.trials.leased = 2;
    scene.others = vec![sweep("idle"), older];
    check(&scene, "come first: 0123456789abcdef (older)");
    scene.others.clear();
    check(&scene, "all 2 slots of 1 connected workers are taken");
    scene.workers.push(worker(Working, 0));
    check(&scene, "those started with --sweep");
    scene.troubles.running = 2;
    check(&scene, "2 of 4 slots of 2 connected workers are taken");
}

#[test]
fn a_paused_sweep_waits_for_a_person_whoever_is_there() {
    let mut scene = scene();
    scene.sweep.state = SweepState::Paused;
    check(&scene, "until `pondersweep resume 0123456789abcdef`");
}

#[test]
fn nothing_is_waited_for_when_nothing_is_pending() {
    let mut scene = scene();
    for state in [SweepState::Finished, SweepState::Cancelled] {
        scene.sweep.state = state;
        assert_eq!(waiting(&scene), None);
    }
    scene.sweep.state = SweepState::Active;
    scene.sweep.trials.pending = 0;
    assert_eq!(waiting(&scene), None);
}
