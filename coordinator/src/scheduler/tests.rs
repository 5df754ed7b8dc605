//! One test for each rule of the scheduler; those of blame are in a file of their own.

mod blame;

mod checkpoint;

mod steering;

use std::time::{Duration, Instant};

use pondersweep_proto::{
    ending::ReportedEnding,
    failure::{Cause, Failure},
    id::{Attempt, LeaseToken, SweepId, TrialId, WorkerId},
};

use super::*;

const TERM: Duration = Duration::from_secs(10);

/// A scheduler, two workers and a clock.
struct Scene {
    scheduler: Scheduler,
    now: Instant,
    requests: u32,
}

fn sweep_id(number: u64) -> SweepId {
    format!("{number:016x}").parse().unwrap()
}

fn worker(name: &str) -> WorkerId {
    name.parse().unwrap()
}

/// A sweep of four trials, in two shapes that alternate.
fn entry(number: u64, first: u64) -> SweepEntry {
    SweepEntry {
        device: None,
        need: None,
        sweep_id: sweep_id(number),
        first_trial_id: TrialId(first),
        shape_of_configuration: vec![0, 1],
        replicates: 2,
        initial_replicates: 2,
        limits: TrialLimits {
            max_failures: 2,
            max_out_of_memory: 2,
            max_worker_losses: 2,
        },
    }
}

#[test]
fn a_sweep_that_asks_for_a_device_is_trained_on_that_device_only() {
    let mut scene = Scene::new();
    scene.scheduler.enqueue(SweepEntry {
        device: Some("cuda".into()),
        ..entry(2, 5)
    });
    scene.scheduler.note_device(&worker("cpu"), "cpu");
    scene.scheduler.note_device(&worker("gpu"), "cuda:1");
    let trials = |tokens: Vec<LeaseToken>| -> Vec<u64> {
        tokens.iter().map(|token| token.trial_id.0).collect()
    };
    let mut taken = Vec::new();
    for _ in 0..3 {
        taken.extend(trials(scene.acquire("cpu", 2)));
    }
    taken.sort_unstable();
    assert_eq!(taken, [1, 2, 3, 4]);
    assert_eq!(scene.acquire("unknown", 2), []);
    assert_eq!(trials(scene.acquire("gpu", 1)), [5]);
}

impl Scene {
    /// One sweep with the trials 1 to 4.
    fn new() -> Self {
        let limits = SchedulerLimits {
            lease_duration: TERM,
            // The rules of blame are tested without it.
            max_failure_rate: 1.0,
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "any instant will do as a beginning"
        )]
        let now = Instant::now();
        let mut scheduler = Scheduler::new(limits);
        scheduler.enqueue(entry(1, 1));
        Self {
            scheduler,
            now,
            requests: 0,
        }
    }

    fn acquire(&mut self, name: &str, lanes: u32) -> Vec<LeaseToken> {
        self.requests += 1;
        let request = self.requests.to_string();
        self.scheduler
            .acquire(&worker(name), &request, lanes, None, self.now)
    }

    fn acquire_together_with(
        &mut self,
        name: &str,
        held: LeaseToken,
        lanes: u32,
    ) -> Vec<LeaseToken> {
        self.requests += 1;
        let request = self.requests.to_string();
        self.scheduler
            .acquire_together_with(&worker(name), &request, lanes, held, self.now)
    }

    fn acquire_one(&mut self, name: &str) -> LeaseToken {
        self.acquire(name, 1)[0]
    }

    fn finish(&mut self, name: &str, token: LeaseToken) -> Result<Finished, Superseded> {
        self.scheduler
            .finish(&worker(name), token, ReportedEnding::Succeeded)
    }

    /// Cancels the sweep, all of its trials.
    fn cancel(&mut self) {
        self.scheduler.cancel(sweep_id(1)).unwrap();
        self.scheduler.steer(usize::MAX);
    }

    /// Retries trials, all of them.
    fn retry(&mut self, state: TrialState) -> u64 {
        let retried = self.scheduler.retry(sweep_id(1), &[state]).unwrap();
        self.scheduler.steer(usize::MAX);
        retried
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.scheduler.handle_timeout(self.now);
        self.scheduler.sanity_check();
    }

    fn counts(&self) -> TrialCounts {
        self.scheduler.counts(sweep_id(1)).unwrap()
    }

    fn state(&self, trial: u64) -> TrialState {
        self.scheduler.trial_state(TrialId(trial)).unwrap()
    }
}

fn panicked() -> ReportedEnding {
    ReportedEnding::Failed(Failure::new(Cause::Panicked, "index out of bounds"))
}

fn ids(tokens: &[LeaseToken]) -> Vec<u64> {
    tokens.iter().map(|token| token.trial_id.0).collect()
}

#[test]
fn a_bundle_holds_trials_of_one_shape_in_the_order_of_their_ids() {
    let mut scene = Scene::new();
    assert_eq!(ids(&scene.acquire("a", 8)), [1, 3]);
    assert_eq!(ids(&scene.acquire("b", 1)), [2]);
    assert_eq!(ids(&scene.acquire("a", 8)), [4]);
    assert_eq!(ids(&scene.acquire("a", 8)), [0; 0]);
    scene.scheduler.sanity_check();
}

#[test]
fn a_bundle_is_widened_by_trials_of_its_own_sweep_and_shape() {
    let mut scene = Scene::new();
    scene.scheduler.enqueue(entry(2, 5));
    let held = scene.acquire_one("a");
    // Not the 2, whose turn it is but whose shape is another, nor any trial of the other sweep.
    assert_eq!(ids(&scene.acquire_together_with("a", held, 8)), [3]);
    assert_eq!(ids(&scene.acquire_together_with("a", held, 8)), [0; 0]);
    assert_eq!(scene.acquire_one("a").trial_id, TrialId(2));
    scene.scheduler.sanity_check();
}

#[test]
fn no_bundle_grows_around_a_lease_that_is_not_held_or_of_a_paused_sweep() {
    let mut scene = Scene::new();
    let held = scene.acquire_one("a");
    assert_eq!(scene.acquire_together_with("b", held, 8), []);
    scene.scheduler.pause(sweep_id(1)).unwrap();
    assert_eq!(scene.acquire_together_with("a", held, 8), []);
    scene.scheduler.resume(sweep_id(1)).unwrap();
    scene.pass(TERM);
    assert_eq!(scene.acquire_together_with("a", held, 8), []);
}

#[test]
fn the_oldest_active_sweep_comes_first_unless_another_is_named() {
    let mut scene = Scene::new();
    scene.scheduler.enqueue(entry(2, 5));
    let named = scene
        .scheduler
        .acquire(&worker("a"), "r", 1, Some(sweep_id(2)), scene.now);
    assert_eq!(ids(&named), [5]);
    assert_eq!(scene.acquire_one("a").trial_id, TrialId(1));
    scene.scheduler.pause(sweep_id(1)).unwrap();
    assert_eq!(scene.acquire_one("a").trial_id, TrialId(6));
}

#[test]
fn a_repeated_request_gets_the_same_leases_as_far_as_they_live() {
    let mut scene = Scene::new();
    let first = scene
        .scheduler
        .acquire(&worker("a"), "r", 2, None, scene.now);
    assert_eq!(first.len(), 2);
    assert_eq!(
        scene
            .scheduler
            .acquire(&worker("a"), "r", 2, None, scene.now),
        first
    );
    scene.finish("a", first[0]).unwrap();
    assert_eq!(
        scene
            .scheduler
            .acquire(&worker("a"), "r", 2, None, scene.now),
        first[1..]
    );
    let other = scene
        .scheduler
        .acquire(&worker("b"), "r", 2, None, scene.now);
    assert!(other.iter().all(|token| !first.contains(token)));
}

#[test]
fn a_lapsed_lease_fences_out_its_worker() {
    let mut scene = Scene::new();
    let token = scene.acquire_one("a");
    scene.pass(TERM);
    assert_eq!(scene.state(1), TrialState::Pending);
    assert_eq!(scene.finish("a", token), Err(Superseded(token)));

    let next = scene.acquire_one("b");
    assert_eq!(
        next,
        LeaseToken {
            trial_id: TrialId(1),
            attempt: Attempt(2)
        }
    );
    assert_eq!(scene.finish("a", token), Err(Superseded(token)));
    assert_eq!(
        scene.scheduler.renew(&worker("a"), token, scene.now),
        Err(Superseded(token))
    );
    assert_eq!(scene.finish("b", next), Ok(Finished::Now));
    let refused = scene.scheduler.take_changes();
    let refused = refused
        .iter()
        .filter(|change| matches!(change, Change::Refused { .. }));
    assert_eq!(refused.count(), 2);
}

#[test]
fn a_renewed_lease_lives_for_a_full_term_more() {
    let mut scene = Scene::new();
    let token = scene.acquire_one("a");
    for _ in 0..5 {
        scene.pass(TERM / 2);
        scene
            .scheduler
            .renew(&worker("a"), token, scene.now)
            .unwrap();
    }
    assert_eq!(scene.scheduler.poll_timeout(), Some(scene.now + TERM));
    assert_eq!(scene.finish("a", token), Ok(Finished::Now));
    assert_eq!(scene.scheduler.poll_timeout(), None);
}

#[test]
fn an_end_reported_again_is_accepted_without_effect() {
    let mut scene = Scene::new();
    let token = scene.acquire_one("a");
    assert_eq!(scene.finish("a", token), Ok(Finished::Now));
    scene.scheduler.take_changes();
    assert_eq!(scene.finish("a", token), Ok(Finished::Again));
    assert_eq!(scene.scheduler.take_changes(), []);
    let otherwise = ReportedEnding::Infeasible("nan".into());
    assert!(
        scene
            .scheduler
            .finish(&worker("a"), token, otherwise)
            .is_err()
    );
}

#[test]
fn failures_and_losses_have_limits_of_their_own() {
    let mut scene = Scene::new();
    let fail = |scene: &mut Scene| {
        let token = scene.acquire_one("a");
        assert_eq!(token.trial_id, TrialId(1));
        scene
            .scheduler
            .finish(&worker("a"), token, panicked())
            .unwrap();
    };
    fail(&mut scene);
    scene.acquire_one("a");
    scene.pass(TERM);
    // One failure and one loss: neither limit of two is reached.
    assert_eq!(scene.state(1), TrialState::Pending);
    fail(&mut scene);
    assert_eq!(scene.state(1), TrialState::Failed);
}

#[test]
fn a_lease_handed_back_blames_no_trial() {
    let mut scene = Scene::new();
    for _ in 0..10 {
        assert_eq!(ids(&scene.acquire("a", 2)), [1, 3]);
        assert_eq!(ids(&scene.scheduler.drain(&worker("a"))), [1, 3]);
    }
    assert_eq!(scene.state(1), TrialState::Pending);
    assert_eq!(scene.scheduler.drain(&worker("a")), []);
}

#[test]
fn a_diverged_trial_is_a_result_and_not_run_again() {
    let mut scene = Scene::new();
    let token = scene.acquire_one("a");
    let diverged = ReportedEnding::Infeasible("diverged at update 7".into());
    scene
        .scheduler
        .finish(&worker("a"), token, diverged)
        .unwrap();
    assert_eq!(scene.state(1), TrialState::Infeasible);
    assert_eq!(scene.acquire_one("a").trial_id, TrialId(2));
}

#[test]
fn a_sweep_is_finished_when_every_trial_has_ended() {
    let mut scene = Scene::new();
    while let Some(&token) = scene.acquire("a", 1).first() {
        assert!(!scene.scheduler.is_idle(None));
        scene.finish("a", token).unwrap();
    }
    assert!(scene.scheduler.is_idle(None));
    assert_eq!(
        scene.scheduler.sweep_state(sweep_id(1)),
        Some(SweepState::Finished)
    );
    let finished = scene.scheduler.take_changes();
    assert!(matches!(
        finished.last(),
        Some(Change::Sweep {
            state: SweepState::Finished,
            ..
        })
    ));
    assert!(scene.scheduler.cancel(sweep_id(1)).is_err());
    assert!(scene.scheduler.pause(sweep_id(1)).is_err());
}

#[test]
fn a_paused_sweep_goes_on_with_what_is_leased_only() {
    let mut scene = Scene::new();
    let token = scene.acquire_one("a");
    scene.scheduler.pause(sweep_id(1)).unwrap();
    scene.scheduler.pause(sweep_id(1)).unwrap();
    assert_eq!(scene.acquire("b", 8), []);
    assert!(!scene.scheduler.is_idle(None));
    scene.finish("a", token).unwrap();
    assert!(scene.scheduler.is_idle(None));
    scene.scheduler.resume(sweep_id(1)).unwrap();
    assert_eq!(scene.acquire_one("b").trial_id, TrialId(2));
}

#[test]
fn a_cancelled_sweep_fences_out_its_workers_and_can_be_brought_back() {
    let mut scene = Scene::new();
    let token = scene.acquire_one("a");
    scene.cancel();
    scene.cancel();
    scene.scheduler.sanity_check();
    assert_eq!(scene.counts().cancelled, 4);
    assert!(scene.finish("a", token).is_err());

    assert_eq!(scene.retry(TrialState::Cancelled), 4);
    scene.scheduler.sanity_check();
    assert_eq!(scene.acquire_one("a").attempt, Attempt(2));
    assert!(scene.finish("a", token).is_err());
}

#[test]
fn a_retried_trial_is_forgiven_but_its_attempts_go_on_counting() {
    let mut scene = Scene::new();
    for _ in 0..2 {
        let token = scene.acquire_one("a");
        scene
            .scheduler
            .finish(&worker("a"), token, panicked())
            .unwrap();
    }
    assert_eq!(scene.state(1), TrialState::Failed);
    assert!(
        scene
            .scheduler
            .retry(sweep_id(1), &[TrialState::Succeeded])
            .is_err()
    );
    assert_eq!(scene.retry(TrialState::Failed), 1);
    assert_eq!(scene.retry(TrialState::Failed), 0);
    let token = scene.acquire_one("a");
    assert_eq!(token.attempt, Attempt(3));
    scene
        .scheduler
        .finish(&worker("a"), token, panicked())
        .unwrap();
    assert_eq!(scene.state(1), TrialState::Pending);
}

#[test]
fn a_worker_may_speak_only_of_its_own_lease() {
    let mut scene = Scene::new();
    let token = scene.acquire_one("a");
    assert!(scene.scheduler.check(&worker("a"), token, "report").is_ok());
    assert!(
        scene
            .scheduler
            .check(&worker("b"), token, "report")
            .is_err()
    );
    let nowhere = LeaseToken {
        trial_id: TrialId(99),
        attempt: Attempt(1),
    };
    assert!(
        scene
            .scheduler
            .check(&worker("a"), nowhere, "report")
            .is_err()
    );
    assert!(scene.finish("a", nowhere).is_err());
    assert_eq!(scene.state(1), TrialState::Leased);
}
