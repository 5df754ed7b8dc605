//! Who is blamed when attempts give no result, and when a sweep is paused for it.

use super::*;

/// A process for each worker, unless a test says otherwise.
fn process(host: &str) -> Process {
    Process {
        host: host.to_owned(),
        process_id: 7,
    }
}

impl Scene {
    fn die(&mut self, name: &str, cause: Cause) -> Vec<u64> {
        let failure = Failure::new(cause, "killed by a signal");
        self.scheduler.register(&worker(name), process(name));
        let ended = ids(&self.scheduler.process_died(&process(name), &failure));
        self.scheduler.sanity_check();
        ended
    }

    fn record(&self, trial: u64) -> Record {
        let sweep = self.scheduler.containing(TrialId(trial)).unwrap();
        sweep.trial(TrialId(trial)).record()
    }

    /// Everything but the trials 1 and 3, which share a shape, ends well.
    fn finish_the_others(&mut self) {
        for _ in [2, 4] {
            let bundle = self.acquire("other", 1);
            assert!([2, 4].contains(&bundle[0].trial_id.0), "{bundle:?}");
            self.finish("other", bundle[0]).unwrap();
        }
    }
}

#[test]
fn a_bundle_whose_worker_was_seen_to_die_is_run_again_one_by_one_and_last() {
    let mut scene = Scene::new();
    assert_eq!(ids(&scene.acquire("a", 8)), [1, 3]);
    assert_eq!(scene.die("a", Cause::OutOfMemory), [1, 3]);
    // Neither was blamed, and everything else goes first.
    assert_eq!(scene.record(1).out_of_memory, 0);
    scene.finish_the_others();

    let poison = scene.acquire("b", 8);
    assert_eq!(ids(&poison), [1]);
    // While it runs its worker gets nothing else.
    assert_eq!(scene.acquire("b", 8), []);
    assert_eq!(scene.die("b", Cause::OutOfMemory), [1]);
    assert_eq!(scene.record(1).out_of_memory, 1);
    assert_eq!(ids(&scene.acquire("b", 8)), [1]);
    scene.die("b", Cause::OutOfMemory);
    assert_eq!(scene.state(1), TrialState::Failed);

    // Its mate is cleared.
    let mate = scene.acquire("c", 8);
    assert_eq!(ids(&mate), [3]);
    scene.finish("c", mate[0]).unwrap();
    assert_eq!(scene.state(3), TrialState::Succeeded);
    assert_eq!(scene.counts().failed, 1);
}

#[test]
fn a_suspect_waits_for_a_worker_that_holds_nothing() {
    let mut scene = Scene::new();
    scene.acquire("a", 8);
    scene.die("a", Cause::Crashed);
    let busy = scene.acquire_one("b");
    let last = scene.acquire_one("c");
    assert_eq!(scene.acquire("b", 8), []);
    scene.finish("b", busy).unwrap();
    assert_eq!(ids(&scene.acquire("b", 8)), [1]);
    scene.finish("c", last).unwrap();
    assert_eq!(ids(&scene.acquire("c", 8)), [3]);
}

#[test]
fn a_worker_that_falls_silent_once_sends_no_trial_into_quarantine() {
    let mut scene = Scene::new();
    scene.acquire("a", 8);
    scene.pass(TERM);
    assert_eq!(scene.record(3).suspicion, Suspicion::LostOnce);
    assert_eq!(scene.record(3).worker_losses, 0);
    // Together again, and lost again.
    assert_eq!(ids(&scene.acquire("a", 8)), [1, 3]);
    scene.pass(TERM);
    assert_eq!(scene.record(3).suspicion, Suspicion::Suspect);
    assert_eq!(scene.record(3).worker_losses, 0);
    scene.finish_the_others();
    for expected in [TrialState::Pending, TrialState::Failed] {
        assert_eq!(ids(&scene.acquire("a", 8)), [1]);
        scene.pass(TERM);
        assert_eq!(scene.state(1), expected);
    }
}

#[test]
fn leases_of_one_worker_that_lapse_one_after_the_other_were_lost_together() {
    let mut scene = Scene::new();
    let first = scene.acquire_one("a");
    scene.pass(TERM / 2);
    let second = scene.acquire_one("a");
    scene.pass(TERM);
    for token in [first, second] {
        assert_eq!(scene.record(token.trial_id.0).worker_losses, 0, "{token}");
    }
}

#[test]
fn what_processes_held_that_can_no_longer_speak_is_taken_back_however_often() {
    let mut scene = Scene::new();
    for name in ["gone", "there"] {
        scene.scheduler.register(&worker(name), process(name));
    }
    let kept = scene.acquire_one("there");
    for _ in 0..10 {
        let held = scene.acquire_one("gone");
        let is_gone = |process: &Process| process.host == "gone";
        assert_eq!(scene.scheduler.take_back(is_gone), [held]);
        assert_eq!(scene.state(held.trial_id.0), TrialState::Pending);
        assert_eq!(scene.record(held.trial_id.0), Record::default());
    }
    assert_eq!(scene.state(kept.trial_id.0), TrialState::Leased);
}

#[test]
fn two_workers_of_one_process_are_company() {
    let mut scene = Scene::new();
    for name in ["gpu", "cpu"] {
        scene.scheduler.register(&worker(name), process("node"));
    }
    let (first, second) = (scene.acquire_one("gpu"), scene.acquire_one("cpu"));
    let failure = Failure::new(Cause::Crashed, "SIGSEGV");
    let ended = scene.scheduler.process_died(&process("node"), &failure);
    assert_eq!(ended, [first, second]);
    assert_eq!(scene.record(1).failures, 0);
    for trial in [3, 4] {
        let other = scene.acquire_one("other");
        assert_eq!(other.trial_id, TrialId(trial));
        scene.finish("other", other).unwrap();
    }
    // One suspect keeps the whole process busy.
    assert_eq!(ids(&scene.acquire("gpu", 8)), [1]);
    assert_eq!(scene.acquire("cpu", 8), []);
}

#[test]
fn each_cause_counts_for_its_own_limit() {
    let mut scene = Scene::new();
    let token = scene.acquire_one("a");
    scene
        .scheduler
        .finish(&worker("a"), token, panicked())
        .unwrap();
    for cause in [Cause::OutOfMemory, Cause::WorkerLost] {
        scene.acquire_one("b");
        // Alone on its worker, so it is blamed at once; a suspect from then on, it comes last.
        assert_eq!(scene.die("b", cause).len(), 1);
    }
    let records = [1, 2].map(|trial| scene.record(trial));
    assert_eq!(records[0].failures, 1);
    assert_eq!(records[0].out_of_memory, 1);
    assert_eq!(records[1].worker_losses, 1);
    assert_eq!(scene.counts().failed, 0);
}

#[test]
fn a_retried_trial_is_no_suspect_any_more() {
    let mut scene = Scene::new();
    for _ in 0..2 {
        let token = scene.scheduler.acquire(
            &worker("a"),
            &scene.requests.to_string(),
            1,
            None,
            scene.now,
        );
        scene.requests += 1;
        assert_eq!(token.len(), 1);
        scene.die("a", Cause::Crashed);
    }
    scene.cancel();
    assert_eq!(scene.retry(TrialState::Cancelled), 4);
    scene.scheduler.sanity_check();
    assert_eq!(scene.record(1), Record::default());
    assert_eq!(ids(&scene.acquire("a", 8)), [1, 3]);
}

/// One sweep of a hundred trials of one shape, paused when more than a fifth fails.
fn long_sweep() -> Scene {
    let limits = SchedulerLimits {
        lease_duration: TERM,
        max_failure_rate: 0.2,
    };
    let mut scene = Scene::new();
    scene.scheduler = Scheduler::new(limits);
    scene.scheduler.enqueue(SweepEntry {
        shape_of_configuration: vec![0],
        replicates: 100,
        initial_replicates: 100,
        limits: TrialLimits {
            max_failures: 1,
            max_out_of_memory: 1,
            max_worker_losses: 1,
        },
        ..entry(1, 1)
    });
    scene
}

impl Scene {
    fn fail_one(&mut self) {
        let token = self.acquire_one("a");
        let finished = self.scheduler.finish(&worker("a"), token, panicked());
        finished.unwrap();
        self.scheduler.sanity_check();
    }

    fn sweep_state(&self) -> SweepState {
        self.scheduler.sweep_state(sweep_id(1)).unwrap()
    }
}

#[test]
fn a_sweep_that_fails_too_often_is_paused_with_its_reason_and_goes_on_when_resumed() {
    let mut scene = long_sweep();
    for _ in 0..2 {
        scene.fail_one();
    }
    assert_eq!(scene.sweep_state(), SweepState::Active);
    scene.fail_one();
    assert_eq!(scene.sweep_state(), SweepState::Paused);
    let reason = scene.scheduler.sweep_reason(sweep_id(1)).unwrap();
    assert!(reason.starts_with("3 of 3 trials"), "{reason}");
    assert_eq!(scene.acquire("a", 1), []);

    scene.scheduler.resume(sweep_id(1)).unwrap();
    for _ in 0..2 {
        scene.fail_one();
        assert_eq!(scene.sweep_state(), SweepState::Active);
    }
    scene.fail_one();
    assert_eq!(scene.sweep_state(), SweepState::Paused);
}

#[test]
fn whence_the_failure_rate_is_counted_is_stored_with_the_resumption() {
    let mut scene = long_sweep();
    for _ in 0..3 {
        scene.fail_one();
    }
    scene.scheduler.resume(sweep_id(1)).unwrap();
    let baselines = scene.scheduler.take_changes().into_iter();
    let baseline = baselines.rev().find_map(|change| match change {
        Change::Sweep { baseline, .. } => Some(baseline),
        _ => None,
    });
    assert_eq!(
        baseline,
        Some(Baseline {
            ended: 3,
            failed: 3
        })
    );
}

#[test]
fn a_diverged_trial_is_no_failure() {
    let mut scene = long_sweep();
    for _ in 0..20 {
        let token = scene.acquire_one("a");
        let diverged = ReportedEnding::Infeasible("diverged at update 7".into());
        scene
            .scheduler
            .finish(&worker("a"), token, diverged)
            .unwrap();
    }
    assert_eq!(scene.sweep_state(), SweepState::Active);
}
