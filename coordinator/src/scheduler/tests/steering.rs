//! Decisions about a sweep whose trials follow in pieces.

use super::*;

impl Scene {
    /// The state, and the trials that are pending, cancelled and leased.
    fn stands(&self) -> (SweepState, u64, u64, u64) {
        let counts = self.counts();
        let state = self.scheduler.sweep_state(sweep_id(1)).unwrap();
        (state, counts.pending, counts.cancelled, counts.leased)
    }

    fn steer(&mut self, most: usize) {
        self.scheduler.steer(most);
        self.scheduler.sanity_check();
    }

    /// What a restart would find, were everything decided so far committed.
    fn restarted(&self) -> Scheduler {
        let trials = (1..=4).map(|trial| RestoredTrial {
            state: self.state(trial),
            attempt: Attempt(1),
            record: Record::default(),
            lease: None,
        });
        let stored = RestoredSweep {
            entry: entry(1, 1),
            state: self.scheduler.sweep_state(sweep_id(1)).unwrap(),
            state_reason: String::new(),
            baseline: Baseline::default(),
            trials: trials.collect(),
        };
        let limits = SchedulerLimits {
            lease_duration: TERM,
            max_failure_rate: 1.0,
        };
        Scheduler::restore(limits, vec![stored], self.now)
    }
}

#[test]
fn a_cancelled_sweep_gives_nothing_out_while_its_trials_follow_piece_by_piece() {
    let mut scene = Scene::new();
    let token = scene.acquire_one("a");
    scene.scheduler.cancel(sweep_id(1)).unwrap();
    assert_eq!(scene.stands(), (SweepState::Cancelled, 3, 1, 0));
    assert!(scene.finish("a", token).is_err());
    scene.steer(2);
    assert_eq!(scene.stands(), (SweepState::Cancelled, 1, 3, 0));
    assert_eq!(scene.acquire("b", 8), []);
    assert!(scene.scheduler.is_idle(None));
    scene.steer(2);
    assert_eq!(scene.stands(), (SweepState::Cancelled, 0, 4, 0));
    assert!(!scene.scheduler.is_steering(None));
}

#[test]
fn a_cancellation_that_a_crash_cut_short_is_finished_after_the_restart() {
    let mut scene = Scene::new();
    scene.scheduler.cancel(sweep_id(1)).unwrap();
    scene.steer(1);
    scene.scheduler = scene.restarted();
    assert!(scene.scheduler.is_steering(Some(sweep_id(1))));
    scene.steer(8);
    assert_eq!(scene.stands(), (SweepState::Cancelled, 0, 4, 0));
}

#[test]
fn retried_trials_run_while_others_follow_and_the_sweep_ends_only_after_the_last() {
    let mut scene = Scene::new();
    scene.cancel();
    let retried = scene.scheduler.retry(sweep_id(1), &[TrialState::Cancelled]);
    assert_eq!(retried, Ok(4));
    scene.steer(1);
    let token = scene.acquire_one("a");
    scene.finish("a", token).unwrap();
    assert_eq!(scene.stands(), (SweepState::Active, 0, 3, 0));
    assert!(!scene.scheduler.is_idle(None));
    scene.steer(8);
    assert_eq!(scene.stands(), (SweepState::Active, 3, 0, 0));
}

#[test]
fn a_sweep_whose_retry_a_crash_cut_short_after_all_had_ended_again_finishes() {
    let mut scene = Scene::new();
    scene.cancel();
    let retried = scene.scheduler.retry(sweep_id(1), &[TrialState::Cancelled]);
    assert_eq!(retried, Ok(4));
    scene.steer(1);
    let token = scene.acquire_one("a");
    scene.finish("a", token).unwrap();
    scene.scheduler = scene.restarted();
    scene.steer(8);
    assert_eq!(scene.stands(), (SweepState::Finished, 0, 3, 0));
}

#[test]
fn a_later_decision_takes_effect_after_every_trial_has_followed_the_earlier() {
    let mut scene = Scene::new();
    scene.scheduler.cancel(sweep_id(1)).unwrap();
    scene.steer(1);
    let retried = scene.scheduler.retry(sweep_id(1), &[TrialState::Cancelled]);
    assert_eq!(retried, Ok(4));
    scene.steer(8);
    assert_eq!(scene.stands(), (SweepState::Active, 4, 0, 0));
}

/// A scene with a second sweep, whose trials 7 and 8, the second replicates, are withheld; the
/// first one is out of the way.
fn withholding() -> Scene {
    let mut scene = Scene::new();
    scene.cancel();
    scene.scheduler.enqueue(withholding_entry());
    scene
}

fn withholding_entry() -> SweepEntry {
    SweepEntry {
        initial_replicates: 1,
        ..entry(2, 5)
    }
}

impl Scene {
    /// The second sweep's state, and its trials that are pending, succeeded and withheld.
    fn second_stands(&self) -> (SweepState, u64, u64, u64) {
        let counts = self.scheduler.counts(sweep_id(2)).unwrap();
        let state = self.scheduler.sweep_state(sweep_id(2)).unwrap();
        (state, counts.pending, counts.succeeded, counts.withheld)
    }

    fn allocate(&mut self, replicates: [u32; 2]) -> Result<u64, WrongState> {
        self.scheduler.allocate(sweep_id(2), replicates.into())
    }

    /// A worker trains whatever there is.
    fn work_off(&mut self) {
        while let Some(&token) = self.acquire("a", 1).first() {
            self.finish("a", token).unwrap();
        }
    }
}

#[test]
fn withheld_trials_are_not_leased_and_the_sweep_finishes_without_them() {
    let mut scene = withholding();
    assert_eq!(scene.second_stands(), (SweepState::Active, 2, 0, 2));
    scene.work_off();
    assert_eq!(scene.second_stands(), (SweepState::Finished, 0, 2, 2));
    assert_eq!(scene.state(7), TrialState::Withheld);
    assert!(scene.scheduler.is_idle(None));
}

#[test]
fn allocated_trials_make_a_finished_sweep_go_on_and_saying_it_again_changes_nothing() {
    let mut scene = withholding();
    scene.work_off();
    for allocated in [1, 0] {
        assert_eq!(scene.allocate([0, 2]), Ok(allocated));
        scene.steer(8);
        assert_eq!(scene.second_stands(), (SweepState::Active, 1, 2, 1));
    }
    assert_eq!(scene.state(8), TrialState::Pending);
    scene.work_off();
    assert_eq!(scene.second_stands(), (SweepState::Finished, 0, 3, 1));
    // Fewer than it has are no fewer.
    assert_eq!(scene.allocate([0, 1]), Ok(0));
}

#[test]
fn a_cancelled_sweep_keeps_what_it_withheld_and_gets_no_more_until_it_is_retried() {
    let mut scene = withholding();
    scene.scheduler.cancel(sweep_id(2)).unwrap();
    scene.steer(8);
    assert_eq!(scene.second_stands(), (SweepState::Cancelled, 0, 0, 2));
    let refused = scene.allocate([2, 2]).unwrap_err();
    assert_eq!(refused.state, SweepState::Cancelled);
    let states = [TrialState::Cancelled];
    assert_eq!(scene.scheduler.retry(sweep_id(2), &states), Ok(2));
    // Also while they follow: the later decision waits for the earlier.
    assert_eq!(scene.allocate([2, 2]), Ok(2));
    scene.steer(8);
    assert_eq!(scene.second_stands(), (SweepState::Active, 4, 0, 0));
    let withheld = [TrialState::Withheld];
    assert!(scene.scheduler.retry(sweep_id(2), &withheld).is_err());
}

#[test]
fn an_allocation_that_a_crash_cut_short_is_given_again() {
    let mut scene = withholding();
    scene.work_off();
    assert_eq!(scene.allocate([2, 2]), Ok(2));
    scene.steer(1);
    let trials = (5..=8).map(|trial| RestoredTrial {
        state: scene.state(trial),
        attempt: Attempt(u32::from(trial < 7)),
        record: Record::default(),
        lease: None,
    });
    let stored = RestoredSweep {
        entry: withholding_entry(),
        state: scene.scheduler.sweep_state(sweep_id(2)).unwrap(),
        state_reason: String::new(),
        baseline: Baseline::default(),
        trials: trials.collect(),
    };
    let limits = SchedulerLimits {
        lease_duration: TERM,
        max_failure_rate: 1.0,
    };
    scene.scheduler = Scheduler::restore(limits, vec![stored], scene.now);
    assert_eq!(scene.second_stands(), (SweepState::Active, 1, 2, 1));
    assert_eq!(scene.allocate([2, 2]), Ok(1));
    scene.steer(8);
    assert_eq!(scene.second_stands(), (SweepState::Active, 2, 2, 0));
}

#[test]
fn what_failed_before_a_sweep_finished_does_not_pause_it_when_more_is_allocated() {
    let mut scene = withholding();
    let limits = SchedulerLimits {
        lease_duration: TERM,
        max_failure_rate: 0.0,
    };
    scene.scheduler = Scheduler::new(limits);
    let mut entry = withholding_entry();
    entry.limits.max_failures = 1;
    scene.scheduler.enqueue(entry);
    let [first, last] = [scene.acquire_one("a"), scene.acquire_one("b")];
    scene.finish("a", first).unwrap();
    let failed = ReportedEnding::Failed(Failure::of_panic("panicked"));
    scene.scheduler.finish(&worker("b"), last, failed).unwrap();
    assert_eq!(scene.second_stands(), (SweepState::Finished, 0, 1, 2));
    assert_eq!(scene.allocate([2, 0]), Ok(1));
    scene.steer(8);
    assert_eq!(scene.second_stands(), (SweepState::Active, 1, 1, 1));
}
