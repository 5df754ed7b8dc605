//! Workers that leave in order, and workers whose coordinator is away.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::{
    checkpoints::{assert_as_undisturbed, scene, worker},
    harness::{Running, Sandbox, Serve, TINY, wait_until},
};

const LEASED: &str = "select count(*) from trial where state = 'leased'";
const PENDING: &str = "select count(*) from trial where state = 'pending'";
const RETURNED: &str = "select count(*) from attempt where ending = 'returned'";

fn wait_until_it_is_training(sandbox: &Sandbox) {
    wait_until("something was observed", || {
        sandbox.count("select count(*) from observation") > 0
    });
}

/// Lets the terms of several leases pass (they are a second each).
fn let_leases_pass() {
    #[expect(
        clippy::disallowed_methods,
        reason = "a lease ends by the clock and by nothing else"
    )]
    let now = Instant::now;
    let started = now();
    wait_until("three leases could have lapsed", || {
        now() - started > Duration::from_secs(3)
    });
}

/// Tells a worker to leave in some way; then its trial goes on where it was.
fn check_leaves_in_order(tell: impl FnOnce(&Running)) {
    let (sandbox, serve) = scene();
    let leaving = worker(&sandbox, &serve, &[]);
    wait_until_it_is_training(&sandbox);
    tell(&leaving);

    let left = leaving.finish();

    assert_eq!(left.code, 0, "{}", left.stderr);
    assert_eq!(sandbox.count(LEASED), 0);
    assert_eq!(sandbox.count(RETURNED), 1);
    let done = sandbox.count("select updates_done from checkpoint");
    assert!(done > 0, "{}", left.stderr);
    let successor = worker(&sandbox, &serve, &[]).finish();
    assert_eq!(successor.code, 0, "{}", successor.stderr);
    let went_on = "select max(started_from_updates) from attempt";
    assert_eq!(sandbox.count(went_on), done);
    assert_as_undisturbed(&sandbox);
}

#[test]
fn a_worker_that_is_terminated_checkpoints_its_trial_and_hands_it_back() {
    check_leaves_in_order(|worker| worker.signal(Signal::TERM));
}

#[test]
fn an_announced_end_is_an_order_to_leave_and_the_signal_after_it_no_second_one() {
    check_leaves_in_order(|worker| {
        worker.signal(Signal::USR1);
        worker.signal(Signal::USR1);
        worker.signal(Signal::TERM);
    });
}

#[test]
fn a_worker_leaves_in_order_at_the_end_of_its_lifetime() {
    let sandbox = Sandbox::new();
    let endless = TINY.replace("updates = 40", "updates = 100000000");
    sandbox.write("endless.toml", endless);
    let serve = Serve::start(&sandbox);
    serve.submit(&sandbox, "endless.toml");
    let left = worker(&sandbox, &serve, &["--lifetime", "5"]).finish();
    assert_eq!(left.code, 0, "{}", left.stderr);
    assert_eq!((sandbox.count(RETURNED), sandbox.count(PENDING)), (1, 8));
    assert_eq!(sandbox.count("select count(*) from checkpoint"), 1);
}

#[test]
fn a_worker_that_is_told_to_leave_says_by_its_code_that_there_was_more_to_do() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "tiny.toml",
        TINY.replace("updates = 40", "updates = 100000000"),
    );
    let serve = Serve::start(&sandbox);
    serve.submit(&sandbox, "tiny.toml");
    let code = ["--stopped-code", "75"];
    let leaving = worker(&sandbox, &serve, &code);
    wait_until_it_is_training(&sandbox);
    leaving.signal(Signal::TERM);
    leaving.finish().assert_code(75);

    let cancelled = sandbox.run(&["cancel", "last", "--yes", "--coordinator", &serve.url]);
    cancelled.assert_code(0);
    worker(&sandbox, &serve, &code).finish().assert_code(0);
}

#[test]
fn without_checkpoints_a_leaving_worker_hands_its_trial_back_as_it_was() {
    let (sandbox, serve) = scene();
    let leaving = worker(&sandbox, &serve, &["--checkpoint-every", "0"]);
    wait_until_it_is_training(&sandbox);
    leaving.signal(Signal::TERM);
    assert_eq!(leaving.finish().code, 0);
    assert_eq!((sandbox.count(RETURNED), sandbox.count(PENDING)), (1, 2));
    assert!(!sandbox.has("results.db.checkpoints"));
}

#[test]
fn a_worker_finishes_what_it_holds_while_the_coordinator_is_away_and_delivers_it_afterwards() {
    let (sandbox, serve) = scene();
    let address = serve.address().to_owned();
    let working = worker(&sandbox, &serve, &["--checkpoint-every", "1"]);
    wait_until_it_is_training(&sandbox);
    serve.kill();
    let_leases_pass();

    let serve = Serve::start_at(&sandbox, &address);
    let worked = working.finish();

    assert_eq!(worked.code, 0, "{}", worked.stderr);
    assert_eq!(sandbox.count("select count(*) from attempt"), 2);
    assert_as_undisturbed(&sandbox);
    assert_eq!(serve.stop(), 0);
}

#[test]
fn a_worker_can_leave_while_the_coordinator_is_away_and_its_trial_is_run_by_another() {
    let (sandbox, serve) = scene();
    let address = serve.address().to_owned();
    let leaving = worker(&sandbox, &serve, &["--grace", "2"]);
    wait_until_it_is_training(&sandbox);
    serve.kill();
    leaving.signal(Signal::TERM);

    let left = leaving.finish();

    assert_eq!(left.code, 0, "{}", left.stderr);
    let serve = Serve::start_at(&sandbox, &address);
    let successor = worker(&sandbox, &serve, &[]).finish();
    assert_eq!(successor.code, 0, "{}", successor.stderr);
    let lapsed = "select count(*) from attempt where ending = 'lapsed'";
    assert_eq!(sandbox.count(lapsed), 1);
    assert_as_undisturbed(&sandbox);
}

#[test]
fn an_idle_worker_stays_and_takes_what_comes_unless_told_to_leave_when_idle() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let serve = Serve::start(&sandbox);
    let idle = worker(&sandbox, &serve, &[]).finish();
    assert_eq!(idle.code, 0, "{}", idle.stderr);

    let patient = sandbox.start(&["worker", "--coordinator", &serve.url, "--slots", "1"]);
    wait_until("it has registered", || {
        sandbox.count("select count(*) from worker") == 2
    });
    serve.submit(&sandbox, "tiny.toml");
    wait_until("the sweep has finished", || {
        sandbox.count("select count(*) from trial where state = 'succeeded'") == 8
    });
    patient.signal(Signal::TERM);
    assert_eq!(patient.finish().code, 0);
}
