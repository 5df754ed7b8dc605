//! Processes killed and cut off under a coordinator that stays, and under one that does not.

use std::thread;
use std::time::Duration;

use pondersweep::store::SweepDigest;
use rustix::process::Signal;

use crate::harness::{Running, Sandbox, Serve, TINY, wait_until};

const SUCCEEDED: &str = "select count(*) from trial where state = 'succeeded'";

fn slower() -> String {
    TINY.replace("updates = 40", "updates = 600")
        .replace("every = 20", "every = 100")
}

fn worker(sandbox: &Sandbox, url: &str) -> Running {
    sandbox.start(&[
        "worker",
        "--coordinator",
        url,
        "--slots",
        "1",
        "--exit-when-idle",
    ])
}

fn undisturbed_results() -> SweepDigest {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", slower());
    assert_eq!(sandbox.run(&["run", "tiny.toml"]).code, 0);
    sandbox.results()
}

/// A coordinator that was given this sweep file.
fn scene(file: String) -> (Sandbox, Serve) {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", file);
    let serve = Serve::start(&sandbox);
    serve.submit(&sandbox, "tiny.toml");
    (sandbox, serve)
}

/// Waits until the worker holds a lease.
fn wait_for_a_trial(sandbox: &Sandbox) {
    wait_until("it has a trial", || {
        sandbox.count("select count(*) from trial where state = 'leased'") == 1
    });
}

/// Stops the worker at a moment at which it holds a lease and no call of it is under way: a trial
/// that ended between the look and the signal would have left nothing to lapse.
#[expect(
    clippy::disallowed_methods,
    reason = "what a stopped process has sent before shows only after a while"
)]
fn freeze_with_a_trial(sandbox: &Sandbox, worker: &Running) {
    loop {
        wait_for_a_trial(sandbox);
        worker.signal(Signal::STOP);
        thread::sleep(Duration::from_millis(300));
        if sandbox.count("select count(*) from trial where state = 'leased'") == 1 {
            return;
        }
        worker.signal(Signal::CONT);
    }
}

#[test]
fn trials_of_a_killed_worker_are_run_by_another_with_the_same_results() {
    let (sandbox, serve) = scene(slower());

    let victim = worker(&sandbox, &serve.url);
    freeze_with_a_trial(&sandbox, &victim);
    victim.signal(Signal::KILL);
    let successor = worker(&sandbox, &serve.url);
    assert_eq!(successor.finish().code, 0);

    assert_eq!(sandbox.count(SUCCEEDED), 8);
    let lapsed = "select count(*) from attempt where ending = 'lapsed'";
    assert_eq!(sandbox.count(lapsed), 1);
    assert_eq!(sandbox.results(), undisturbed_results());
}

#[test]
fn a_stopped_worker_that_wakes_up_late_is_refused_and_changes_nothing() {
    let (sandbox, serve) = scene(slower());

    let sleeper = worker(&sandbox, &serve.url);
    wait_for_a_trial(&sandbox);
    sleeper.signal(Signal::STOP);
    let successor = worker(&sandbox, &serve.url);
    assert_eq!(successor.finish().code, 0);
    sleeper.signal(Signal::CONT);
    assert_eq!(sleeper.finish().code, 0);

    assert_eq!(sandbox.count(SUCCEEDED), 8);
    assert_eq!(sandbox.results(), undisturbed_results());
}

#[test]
fn a_worker_outlives_its_coordinator_and_no_trial_is_run_again() {
    let (sandbox, serve) = scene(slower());
    let address = serve.address().to_owned();
    let worker = worker(&sandbox, &serve.url);
    let mut serve = serve;

    for wanted in [1, 3, 5] {
        wait_until("some trials have ended", || {
            sandbox.count(SUCCEEDED) >= wanted
        });
        serve.kill();
        serve = Serve::start_at(&sandbox, &address);
    }

    assert_eq!(worker.finish().code, 0);
    assert_eq!(sandbox.count(SUCCEEDED), 8);
    assert_eq!(sandbox.count("select count(*) from attempt"), 8);
    assert_eq!(sandbox.results(), undisturbed_results());
    assert_eq!(serve.stop(), 0);
}

#[test]
fn a_worker_told_to_stop_hands_its_trial_back() {
    let (sandbox, serve) = scene(TINY.replace("updates = 40", "updates = 100000"));
    let worker = worker(&sandbox, &serve.url);
    wait_for_a_trial(&sandbox);

    worker.signal(Signal::TERM);

    assert_eq!(worker.finish().code, 0);
    assert_eq!(
        sandbox.count("select count(*) from trial where state = 'pending'"),
        8
    );
    assert_eq!(
        sandbox.count("select count(*) from attempt where ending = 'returned'"),
        1
    );
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "what happens while the coordinator does not run cannot be seen from outside"
)]
fn a_coordinator_that_was_stopped_itself_blames_no_worker() {
    let (sandbox, serve) = scene(slower());
    let worker = worker(&sandbox, &serve.url);
    wait_for_a_trial(&sandbox);

    serve.signal(Signal::STOP);
    // Longer than a lease lasts.
    thread::sleep(Duration::from_secs(3));
    serve.signal(Signal::CONT);

    assert_eq!(worker.finish().code, 0);
    assert_eq!(sandbox.count(SUCCEEDED), 8);
    assert_eq!(sandbox.count("select count(*) from attempt"), 8);
    assert_eq!(sandbox.results(), undisturbed_results());
    assert_eq!(serve.stop(), 0);
}
