//! Checkpoints: written by who holds the lease, used by who holds it next, gone at the end.

use super::*;

/// A checkpoint of an attempt after `updates_done` updates.
fn checkpoint(attempt: u32, updates_done: u64) -> Checkpoint {
    Checkpoint {
        attempt: Attempt(attempt),
        updates_done,
        bytes: 100,
        blob: format!("{attempt}-{updates_done}"),
    }
}

impl Scene {
    fn save(&mut self, name: &str, token: LeaseToken, updates: u64) -> Result<Saved, Superseded> {
        let checkpoint = checkpoint(token.attempt.0, updates);
        self.scheduler
            .save_checkpoint(&worker(name), token.trial_id, checkpoint)
    }

    fn start(&mut self, name: &str, token: LeaseToken, updates: u64) -> Result<(), StartError> {
        let from = Attempt(1);
        self.scheduler
            .start_from_checkpoint(&worker(name), token, from, updates)
    }

    fn newest(&self) -> Option<u64> {
        let checkpoint = self.scheduler.checkpoint(TrialId(1));
        checkpoint.map(|checkpoint| checkpoint.updates_done)
    }

    /// The blobs that the changes since the last call make useless.
    fn unneeded(&mut self) -> Vec<String> {
        let changes = self.scheduler.take_changes();
        let unneeded = changes.iter().filter_map(Change::unneeded);
        unneeded.map(|checkpoint| checkpoint.blob.clone()).collect()
    }
}

#[test]
fn a_newer_checkpoint_replaces_an_older_one_and_a_late_one_changes_nothing() {
    let mut scene = Scene::new();
    let token = scene.acquire_one("a");
    assert_eq!(scene.save("a", token, 100), Ok(Saved::Now));
    assert_eq!(scene.unneeded(), [""; 0]);
    assert_eq!(scene.save("a", token, 200), Ok(Saved::Now));
    assert_eq!(scene.unneeded(), ["1-100"]);
    assert_eq!(scene.save("a", token, 100), Ok(Saved::TooLate));
    assert_eq!((scene.unneeded(), scene.newest()), (vec![], Some(200)));
}

#[test]
fn only_the_current_attempts_worker_may_write_a_checkpoint() {
    let mut scene = Scene::new();
    let first = scene.acquire_one("a");
    scene.save("a", first, 100).unwrap();
    assert_eq!(scene.save("b", first, 200), Err(Superseded(first)));

    scene.pass(TERM * 2);
    assert_eq!(scene.save("a", first, 300), Err(Superseded(first)));
    let second = scene.acquire_one("b");
    assert_eq!(second.trial_id, first.trial_id);
    assert_eq!(scene.save("a", first, 400), Err(Superseded(first)));
    let forged = LeaseToken {
        attempt: second.attempt,
        ..first
    };
    assert_eq!(scene.save("a", forged, 500), Err(Superseded(forged)));

    assert_eq!(scene.newest(), Some(100));
    let changes = scene.scheduler.take_changes();
    let refused = changes.iter().filter(
        |change| matches!(change, Change::Refused { call, .. } if *call == "save_checkpoint"),
    );
    assert_eq!(refused.count(), 4);
}

#[test]
fn the_next_attempt_starts_from_the_checkpoint_and_may_replace_it_with_an_earlier_one() {
    let mut scene = Scene::new();
    let first = scene.acquire_one("a");
    scene.save("a", first, 100).unwrap();
    scene.pass(TERM * 2);
    let second = scene.acquire_one("b");

    assert_eq!(
        scene.start("a", second, 100),
        Err(Superseded(second).into())
    );
    let other = StartError::NoSuchCheckpoint(second);
    assert_eq!(scene.start("b", second, 99), Err(other));
    // Its answer may be lost.
    scene.start("b", second, 100).unwrap();
    scene.start("b", second, 100).unwrap();
    // It may also have refused the checkpoint and started over.
    assert_eq!(scene.save("b", second, 50), Ok(Saved::Now));
    assert_eq!(scene.newest(), Some(50));
}

#[test]
fn a_trial_that_may_run_again_keeps_its_checkpoint() {
    let mut scene = Scene::new();
    let token = scene.acquire_one("a");
    scene.save("a", token, 100).unwrap();
    scene.scheduler.drain(&worker("a"));
    assert_eq!(
        (scene.state(1), scene.newest()),
        (TrialState::Pending, Some(100))
    );

    let token = scene.acquire_one("a");
    let failed = ReportedEnding::Failed(Failure::new(Cause::OutOfMemory, "too much"));
    scene.scheduler.finish(&worker("a"), token, failed).unwrap();
    assert_eq!(
        (scene.state(1), scene.newest()),
        (TrialState::Pending, Some(100))
    );
}

#[test]
fn a_trial_that_ends_loses_its_checkpoint_whichever_way_it_ends() {
    let ends: [fn(&mut Scene, LeaseToken); 4] = [
        |scene, token| _ = scene.finish("a", token).unwrap(),
        |scene, token| {
            let diverged = ReportedEnding::Infeasible("diverged".into());
            scene
                .scheduler
                .finish(&worker("a"), token, diverged)
                .unwrap();
        },
        |scene, _| scene.cancel(),
        |scene, _| {
            scene.scheduler.drain(&worker("a"));
            scene.cancel();
        },
    ];
    for end in ends {
        let mut scene = Scene::new();
        let token = scene.acquire_one("a");
        scene.save("a", token, 100).unwrap();
        end(&mut scene, token);
        assert_eq!(
            (scene.newest(), scene.unneeded()),
            (None, vec!["1-100".into()])
        );
        scene.scheduler.sanity_check();
    }
}
