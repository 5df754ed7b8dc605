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
