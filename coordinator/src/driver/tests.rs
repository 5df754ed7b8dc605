//! The driver over a disk that fails before or after a commit: nothing is acknowledged that is not
//! durable, the driver stops and says why, and a restart goes on from what is stored.

use std::{collections::BTreeSet, path::Path, time::Duration};

use pondersweep_proto::{
    ending::{EndedAttempt, ReportedEnding},
    error::{LeaseError, SweepError},
    failure::Failure,
    id::{Attempt, LeaseToken, TrialId, WorkerId},
    metric::{Observation, built_in},
};
use tokio::task::JoinHandle;

use super::*;
use crate::{
    allocation::{Allocation, MAX_TRIALS_OF_A_CALL},
    scheduler::{SweepState, TrialState},
    statistics::SplitMix64,
    store::{
        MachineRecord, ROWS_OF_A_PIECE, Reader, Restored, SweepDigest, WorkerRecord,
        fault::{CommitMoment, PlannedFailure},
    },
    sweep::{SweepSpec, test_support::terms},
};

/// Failures tried at random places, each in a sweep of its own.
const SEEDS: u64 = 40;
/// A term that no test outlives.
const LONG_LEASE: Duration = Duration::from_secs(3_600);
/// How far wall clocks are set wrong, in milliseconds: just beyond a term, a day, some centuries.
const JUMPS_MS: [i64; 5] = [
    0,
    3_700_000,
    -86_400_000,
    10_000_000_000_000,
    -10_000_000_000_000,
];

struct Running {
    handle: DriverHandle,
    task: JoinHandle<Result<(), DriverError>>,
}

impl Running {
    async fn start(path: &Path, failure: PlannedFailure) -> Self {
        Self::with_lease(path, failure, LONG_LEASE).await
    }

    async fn with_lease(path: &Path, failure: PlannedFailure, lease_duration: Duration) -> Self {
        let mut store = Store::open(path).await.unwrap();
        store.failure = failure;
        let limits = SchedulerLimits {
            lease_duration,
            max_failure_rate: 1.0,
        };
        let (driver, handle) = Driver::restore(store, limits).await.unwrap();
        let task = driver.start(CancellationToken::new());
        Self { handle, task }
    }

    async fn healthy(path: &Path) -> Self {
        Self::start(path, PlannedFailure::default()).await
    }

    async fn stop(self) {
        drop(self.handle);
        self.task.await.unwrap().unwrap();
    }

    /// Waits for the end that the failing disk must bring.
    async fn failed(self) {
        drop(self.handle);
        let error = self.task.await.unwrap().expect_err("the driver stops");
        let text = error.to_string();
        assert!(matches!(error, DriverError::Commit(_)), "{text}");
        assert!(
            text.contains("the disk failed") && text.contains("hint: "),
            "{text}"
        );
    }
}

/// A sweep whose trials follow a decision in several pieces.
fn long_spec() -> SweepSpec {
    let mut terms = terms();
    let pieces = 4 * steering::MAX_TRIALS_STEERED_PER_COMMIT;
    terms.replicates = u32::try_from(pieces).unwrap();
    SweepSpec::new(terms).unwrap()
}

fn spec() -> SweepSpec {
    SweepSpec::new(terms()).unwrap()
}

/// Two configurations of three replicates, of which the last two are withheld at first.
fn withholding_spec() -> SweepSpec {
    let mut terms = terms();
    terms.initial_replicates = Some(1);
    SweepSpec::new(terms).unwrap()
}

fn allocation(position: u64, replicates: u32) -> Allocation {
    Allocation {
        position,
        replicates,
    }
}

fn worker() -> WorkerRecord {
    WorkerRecord {
        worker_id: "w".parse().unwrap(),
        host: "host".into(),
        process_id: 1,
        device: "cpu".into(),
        backend: "flex".into(),
        version: "0".into(),
        binary_sha256: "ab".into(),
        slots: 1,
        machine: MachineRecord::default(),
        token_id: None,
    }
}

fn token(trial_id: u64) -> LeaseToken {
    LeaseToken {
        trial_id: TrialId(trial_id),
        attempt: Attempt(1),
    }
}

/// Reproducible, as real training is.
fn observations(token: LeaseToken, step: u64) -> Vec<Observation> {
    let value = |metric, share: f64| Observation {
        step,
        metric,
        value: share / (token.trial_id.0 * 100 + step) as f64,
    };
    vec![
        value(built_in::ACCURACY_INTERPOLATION, 1.0),
        value(built_in::LOSS_TRAINING, 7.0),
    ]
}

fn ending(token: LeaseToken) -> ReportedEnding {
    if token.trial_id.0.is_multiple_of(3) {
        ReportedEnding::Infeasible("diverged at update 7".into())
    } else {
        ReportedEnding::Succeeded
    }
}

/// Everything a caller may ask that writes.
#[derive(Clone, Copy, Debug)]
enum Call {
    Create,
    Register,
    Acquire(u32),
    Report(u64),
    Finish(u64),
    Fail(u64),
    Drain,
    Pause,
    Resume,
    Cancel,
    Retry,
    CreateWithholding,
    Allocate,
}

/// A story in which every call changes what is stored.
const STORY: [Call; 12] = [
    Call::Create,
    Call::Register,
    Call::Acquire(1),
    Call::Report(1),
    Call::Finish(1),
    Call::Acquire(2),
    Call::Fail(2),
    Call::Pause,
    Call::Resume,
    Call::Acquire(3),
    Call::Drain,
    Call::Cancel,
];

/// Gives a call; what the caller then knows, or that the driver is gone.
async fn give(handle: &DriverHandle, call: Call) -> Result<Option<Grant>, ()> {
    let lease = |request| handle.lease("w".parse::<WorkerId>().unwrap(), request);
    let report = |trial, ending| {
        LeaseRequest::Finish(vec![EndedAttempt {
            token: token(trial),
            ending,
            observations: observations(token(trial), 20),
            seconds: 1.5,
            breakdown: None,
        }])
    };
    let granted = match call {
        Call::Create => return known(handle.create_sweep(spec()).await),
        Call::CreateWithholding => return known(handle.create_sweep(withholding_spec()).await),
        Call::Allocate => return known(handle.allocate("last", vec![allocation(1, 3)]).await),
        Call::Pause => return known(handle.pause("last").await),
        Call::Resume => return known(handle.resume("last").await),
        Call::Cancel => return known(handle.cancel("last").await),
        Call::Retry => return known(handle.retry("last", vec![TrialState::Cancelled]).await),
        Call::Register => handle.register(worker()).await.map(|()| Grant::Done),
        Call::Acquire(number) => {
            let request_id = number.to_string();
            lease(LeaseRequest::Acquire {
                request_id,
                max_lanes: 1,
                only: None,
                together_with: None,
                offers: Vec::new(),
            })
            .await
        }
        Call::Report(trial) => {
            let observations = observations(token(trial), 10);
            lease(LeaseRequest::Report {
                token: token(trial),
                observations,
            })
            .await
        }
        Call::Finish(trial) => lease(report(trial, ending(token(trial)))).await,
        Call::Fail(trial) => {
            lease(report(
                trial,
                ReportedEnding::Failed(Failure::of_panic("panicked")),
            ))
            .await
        }
        Call::Drain => lease(LeaseRequest::Drain).await,
    };
    match granted {
        Ok(grant) => Ok(Some(grant)),
        // A failure that is told again: it was stored, and its attempt has ended.
        Err(LeaseError::Superseded(_)) if matches!(call, Call::Fail(_)) => Ok(None),
        Err(LeaseError::Unavailable(_)) => Err(()),
        Err(error) => panic!("{call:?}: {error}"),
    }
}

fn known<T>(answer: Result<T, SweepError>) -> Result<Option<Grant>, ()> {
    match answer {
        Ok(_) => Ok(None),
        Err(SweepError::Unavailable(_)) => Err(()),
        Err(error) => panic!("{error}"),
    }
}

/// What is stored, without its dates: states, and what every attempt measured.
async fn stored(path: &Path) -> (Restored, Vec<Vec<(Attempt, Observation)>>) {
    let mut store = Store::open(path).await.unwrap();
    let mut restored = store.restore().await.unwrap();
    for sweep in &mut restored.sweeps {
        sweep.created_at_ms = 0;
    }
    store.close().await.unwrap();
    let mut reader = Reader::open(path).await.unwrap();
    let mut measured = Vec::new();
    for trial in 1..=restored
        .sweeps
        .iter()
        .map(|sweep| sweep.spec.trials())
        .sum()
    {
        measured.push(
            reader
                .trial(&u64::to_string(&trial))
                .await
                .unwrap()
                .observations,
        );
    }
    (restored, measured)
}

#[tokio::test]
async fn a_call_whose_commit_fails_is_not_answered_and_may_be_given_again() {
    let of_retry = [&STORY[..], &[Call::Retry]].concat();
    let of_allocation = vec![Call::CreateWithholding, Call::Allocate];
    for story in [of_retry, of_allocation] {
        every_call_may_fail(&story).await;
    }
}

/// Each call of the story meets a disk that fails.
async fn every_call_may_fail(story: &[Call]) {
    for (number, &call) in story.iter().enumerate() {
        for moment in [CommitMoment::Before, CommitMoment::After] {
            let folder = tempfile::tempdir().unwrap();
            let [failing, healthy] =
                ["failing.db", "healthy.db"].map(|name| folder.path().join(name));
            for path in [&failing, &healthy] {
                let running = Running::healthy(path).await;
                for &earlier in &story[..number] {
                    give(&running.handle, earlier).await.unwrap();
                }
                running.stop().await;
            }
            let before = stored(&failing).await;
            let running = Running::healthy(&healthy).await;
            give(&running.handle, call).await.unwrap();
            running.stop().await;
            let after = stored(&healthy).await;
            assert_ne!(before, after, "{call:?} changes what is stored");

            let running = Running::start(&failing, PlannedFailure::after(0, moment)).await;
            give(&running.handle, call)
                .await
                .expect_err("a failed commit is not acknowledged");
            running.failed().await;
            let expected = if moment == CommitMoment::Before {
                &before
            } else {
                &after
            };
            assert_eq!(stored(&failing).await, *expected, "{call:?}, {moment:?}");

            let running = Running::healthy(&failing).await;
            give(&running.handle, call).await.unwrap();
            running.stop().await;
            assert_eq!(
                stored(&failing).await,
                after,
                "{call:?} given again, {moment:?}"
            );
        }
    }
}

/// Works through the sweep as a patient worker does, over restarts of a coordinator whose disk
/// fails at random; returns what is stored in the end.
async fn work_through(
    path: &Path,
    random: &mut Option<SplitMix64>,
    mut before_call: impl FnMut(),
) -> SweepDigest {
    let mut calls = vec![Call::Create, Call::Register];
    for trial in 1..=spec().trials() {
        let number = u32::try_from(trial).unwrap();
        calls.extend([
            Call::Acquire(number),
            Call::Report(trial),
            Call::Finish(trial),
        ]);
    }
    let mut acknowledged = BTreeSet::new();
    let mut running = Running::start(path, next_failure(random)).await;
    for call in calls {
        before_call();
        while give(&running.handle, call).await.is_err() {
            running.failed().await;
            let mut reader = Reader::open(path).await.unwrap();
            for &trial in &acknowledged {
                assert!(
                    reader.is_result(token(trial)).await.unwrap(),
                    "{trial} is lost"
                );
            }
            running = Running::start(path, next_failure(random)).await;
        }
        if let Call::Finish(trial) = call {
            acknowledged.insert(trial);
        }
    }
    // Dropping it closes the database; a failure planned for later never comes.
    running.stop().await;
    let mut reader = Reader::open(path).await.unwrap();
    let counts = reader.attempt_counts(spec().id()).await.unwrap();
    assert_eq!(
        counts.attempts,
        spec().trials(),
        "a restart runs nothing again"
    );
    assert_eq!(reader.damage().await.unwrap(), Vec::<String>::new());
    reader.digest(spec().id()).await.unwrap()
}

fn next_failure(random: &mut Option<SplitMix64>) -> PlannedFailure {
    let Some(random) = random else {
        return PlannedFailure::default();
    };
    let moment = [CommitMoment::Before, CommitMoment::After][random.below(2)];
    PlannedFailure::after(u32::try_from(random.below(6)).unwrap(), moment)
}

#[tokio::test]
async fn a_disk_that_fails_at_any_commit_changes_no_result() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: String| folder.path().join(name);
    let undisturbed = work_through(&path("healthy.db".into()), &mut None, || {}).await;
    for seed in 0..SEEDS {
        println!("seed {seed}");
        let mut random = Some(SplitMix64::new(seed));
        let path = path(format!("{seed}.db"));
        assert_eq!(work_through(&path, &mut random, || {}).await, undisturbed);
    }
}

#[tokio::test]
async fn a_wall_clock_that_jumps_changes_no_result_and_ends_no_lease() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name| folder.path().join(name);
    let undisturbed = work_through(&path("undisturbed.db"), &mut None, || {}).await;
    let mut jumps = JUMPS_MS.iter().cycle();
    let jump = || clock::jump(*jumps.next().unwrap());
    let jumped = work_through(&path("jumped.db"), &mut None, jump).await;
    assert_eq!(jumped, undisturbed);
    let mut reader = Reader::open(&path("jumped.db")).await.unwrap();
    let counts = reader.attempt_counts(spec().id()).await.unwrap();
    assert_eq!((counts.lapsed, counts.accepted), (0, spec().trials()));
}

#[tokio::test]
async fn a_lease_lapses_although_the_wall_clock_was_set_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.db");
    let short = Duration::from_millis(50);
    let running = Running::with_lease(&path, PlannedFailure::default(), short).await;
    for call in [Call::Create, Call::Register, Call::Acquire(1)] {
        give(&running.handle, call).await.unwrap();
    }
    clock::jump(-86_400_000);
    let pending = async {
        while running.handle.sweep("last").await.unwrap().counts.leased > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let patience = Duration::from_secs(60);
    tokio::time::timeout(patience, pending)
        .await
        .expect("the lease lapses");
    running.stop().await;
}

#[tokio::test]
async fn others_are_answered_while_a_large_sweep_is_cancelled_and_retried() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::healthy(&folder.path().join("results.db")).await;
    let handle = &running.handle;
    let (created, _) = handle.create_sweep(long_spec()).await.unwrap();
    let trials = created.counts.total();

    let (cancelled, seen) = seen_until(handle, handle.cancel("last")).await;
    let cancelled = cancelled.unwrap();
    assert_eq!(cancelled.counts.cancelled, trials);
    let halfway = |view: &&SweepView| view.counts.pending > 0 && view.counts.cancelled > 0;
    let seen = seen.concat();
    assert!(seen.iter().filter(halfway).count() >= 2);
    let of_one_state = |view: &SweepView| view.state == SweepState::Cancelled;
    assert!(seen.iter().filter(halfway).all(of_one_state));

    let states = vec![TrialState::Cancelled];
    let (retried, seen) = seen_until(handle, handle.retry("last", states)).await;
    let (retried, count) = retried.unwrap();
    assert_eq!((retried.counts.pending, count), (trials, trials));
    let seen = seen.concat();
    assert!(seen.iter().filter(halfway).count() >= 2);
    running.stop().await;
}

#[tokio::test]
async fn decisions_about_one_sweep_take_effect_in_the_order_in_which_they_came() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::healthy(&folder.path().join("results.db")).await;
    let handle = &running.handle;
    let (created, _) = handle.create_sweep(long_spec()).await.unwrap();
    let trials = created.counts.total();
    let states = vec![TrialState::Cancelled];
    let (cancelled, retried, paused) = tokio::join!(
        handle.cancel("last"),
        handle.retry("last", states),
        handle.pause("last")
    );
    assert_eq!(cancelled.unwrap().counts.cancelled, trials);
    assert_eq!(retried.unwrap().1, trials);
    let paused = paused.unwrap();
    assert_eq!(
        (paused.state, paused.counts.pending),
        (SweepState::Paused, trials)
    );
    running.stop().await;
}

/// A sweep that is created in `pieces` pieces.
fn spec_of_pieces(pieces: u64) -> SweepSpec {
    let mut terms = terms();
    let rows = pieces * ROWS_OF_A_PIECE;
    terms.replicates =
        u32::try_from(rows / SweepSpec::new(terms.clone()).unwrap().configurations()).unwrap() - 1;
    SweepSpec::new(terms).unwrap()
}

#[tokio::test]
async fn others_are_answered_while_a_large_sweep_is_created() {
    const PIECES: usize = 5;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.db");
    let running = Running::healthy(&path).await;
    let handle = &running.handle;
    for call in [Call::Create, Call::Register] {
        give(handle, call).await.unwrap();
    }
    let large = spec_of_pieces(PIECES as u64);
    let creating = async {
        tokio::join!(
            handle.create_sweep(large.clone()),
            handle.create_sweep(large.clone())
        )
    };
    let (answers, seen) = seen_until(handle, creating).await;
    // Both have it, one has made it, and a part of it was never seen.
    let ((first, created), (second, again)) = (answers.0.unwrap(), answers.1.unwrap());
    assert_eq!((created, again), (true, false));
    assert_eq!(first.counts.pending, large.trials());
    assert_eq!(second.sweep_id, large.id());
    assert!(seen.len() >= PIECES, "{} rounds", seen.len());
    assert!(seen.iter().all(|sweeps| sweeps.len() == 1));
    running.stop().await;
    let (restored, _) = stored(&path).await;
    let trials: Vec<u64> = restored
        .sweeps
        .iter()
        .map(|sweep| sweep.spec.trials())
        .collect();
    assert_eq!(trials, [spec().trials(), large.trials()]);
}

#[tokio::test]
async fn a_creation_that_a_crash_cut_short_leaves_nothing_and_may_be_asked_for_again() {
    let large = spec_of_pieces(3);
    for commits in [0, 1, 2] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.db");
        let running =
            Running::start(&path, PlannedFailure::after(commits, CommitMoment::Before)).await;
        running
            .handle
            .create_sweep(large.clone())
            .await
            .unwrap_err();
        running.failed().await;
        let mut reader = Reader::open(&path).await.unwrap();
        assert_eq!(reader.sweeps().await.unwrap(), []);
        reader.trial("1").await.unwrap_err();

        let running = Running::healthy(&path).await;
        assert_eq!(reader.damage().await.unwrap(), Vec::<String>::new());
        assert_eq!(running.handle.sweeps().await.unwrap().len(), 0);
        let (view, created) = running.handle.create_sweep(large.clone()).await.unwrap();
        assert_eq!((view.counts.pending, created), (large.trials(), true));
        running.stop().await;
        assert_eq!(reader.damage().await.unwrap(), Vec::<String>::new());
        assert_eq!(
            reader.trial("1").await.unwrap().trial_key,
            large.trial(0).key()
        );
    }
}

/// Looks at all sweeps again and again until a call is answered; what was seen by then.
async fn seen_until<T>(
    handle: &DriverHandle,
    call: impl Future<Output = T>,
) -> (T, Vec<Vec<SweepView>>) {
    tokio::pin!(call);
    let mut seen = Vec::new();
    loop {
        tokio::select! {
            biased;
            answer = &mut call => return (answer, seen),
            views = handle.sweeps() => seen.push(views.unwrap()),
        }
    }
}

#[tokio::test]
async fn replicates_are_allocated_once_however_often_it_is_said_and_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.db");
    let mut running = Running::healthy(&path).await;
    give(&running.handle, Call::CreateWithholding)
        .await
        .unwrap();
    give(&running.handle, Call::Register).await.unwrap();
    for trial in 1..=2 {
        let acquire = Call::Acquire(u32::try_from(trial).unwrap());
        give(&running.handle, acquire).await.unwrap();
        give(&running.handle, Call::Finish(trial)).await.unwrap();
    }
    let finished = running.handle.sweep("last").await.unwrap();
    assert_eq!(finished.state, SweepState::Finished);
    assert_eq!((finished.counts.total(), finished.counts.withheld), (2, 4));

    for expected in [1, 0] {
        let allocated = running
            .handle
            .allocate("last", vec![allocation(1, 2)])
            .await;
        let (view, allocated) = allocated.unwrap();
        assert_eq!(allocated, expected);
        assert_eq!(view.state, SweepState::Active);
        assert_eq!((view.counts.pending, view.counts.withheld), (1, 3));
        running.stop().await;
        running = Running::healthy(&path).await;
    }
    // Trial 4 is the second replicate of the second configuration.
    let granted = give(&running.handle, Call::Acquire(9)).await.unwrap();
    let Some(Grant::Leases { leases, .. }) = granted else {
        panic!("{granted:?}");
    };
    assert_eq!(leases[0].token, token(4));
    // Never fewer than before, the largest number where several are given.
    let fewer = vec![allocation(1, 1), allocation(0, 3), allocation(0, 2)];
    let (view, allocated) = running.handle.allocate("last", fewer).await.unwrap();
    assert_eq!((allocated, view.counts.withheld), (2, 1));
    running.stop().await;
}

#[tokio::test]
async fn what_cannot_be_allocated_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::healthy(&folder.path().join("results.db")).await;
    let handle = &running.handle;
    handle.create_sweep(withholding_spec()).await.unwrap();
    let before = handle.sweep("last").await.unwrap().counts;
    let good = allocation(0, 3);
    for bad in [allocation(2, 1), allocation(u64::MAX, 1), allocation(1, 4)] {
        let refused = handle.allocate("last", vec![good, bad]).await;
        assert!(matches!(refused, Err(SweepError::Invalid(_))), "{bad:?}");
    }
    assert_eq!(handle.sweep("last").await.unwrap().counts, before);
    handle.cancel("last").await.unwrap();
    let refused = handle.allocate("last", vec![good]).await;
    assert!(matches!(refused, Err(SweepError::WrongState(_))));
    assert_eq!(handle.sweep("last").await.unwrap().counts.withheld, 4);
    running.stop().await;
}

#[tokio::test]
async fn others_are_answered_while_very_many_replicates_are_allocated() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::healthy(&folder.path().join("results.db")).await;
    let mut terms = long_spec().terms().clone();
    let most = terms.replicates;
    terms.initial_replicates = Some(1);
    let handle = &running.handle;
    let spec = SweepSpec::new(terms).unwrap();
    handle.create_sweep(spec).await.unwrap();
    let all = vec![allocation(0, most), allocation(1, most)];
    let (allocated, seen) = seen_until(handle, handle.allocate("last", all)).await;
    let (view, count) = allocated.unwrap();
    assert_eq!((view.counts.withheld, count), (0, 2 * u64::from(most) - 2));
    let halfway = |view: &&SweepView| view.counts.pending > 2 && view.counts.withheld > 0;
    assert!(seen.iter().flatten().filter(halfway).count() >= 2);
    running.stop().await;
}

#[test]
fn a_call_of_the_rule_is_durable_at_once() {
    assert_eq!(
        MAX_TRIALS_OF_A_CALL,
        steering::MAX_TRIALS_STEERED_PER_COMMIT as u64
    );
}

#[tokio::test]
async fn what_a_trial_cannot_have_measured_is_refused_and_nothing_of_it_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.db");
    let driver = Running::healthy(&path).await;
    for call in [Call::Create, Call::Register, Call::Acquire(1)] {
        give(&driver.handle, call).await.unwrap();
    }
    let lease = |request| {
        driver
            .handle
            .lease("w".parse::<WorkerId>().unwrap(), request)
    };
    let good = observations(token(1), 10);
    let bad = |change: fn(&mut Observation)| {
        let mut observations = good.clone();
        change(&mut observations[0]);
        observations
    };
    let end = |ending, observations| {
        LeaseRequest::Finish(vec![EndedAttempt {
            token: token(1),
            ending,
            observations,
            seconds: 1.5,
            breakdown: None,
        }])
    };
    let report = |observations| LeaseRequest::Report {
        token: token(1),
        observations,
    };
    let without_headline = || good[1..].to_vec();
    for (request, said) in [
        (
            report(bad(|one| one.value = -5.0)),
            "accuracy_interpolation is -5e0",
        ),
        (
            report(bad(|one| one.value = 1e308)),
            "accuracy_interpolation is 1e308",
        ),
        (report(bad(|one| one.step = u64::MAX >> 1)), "at step"),
        (
            report(bad(|one| one.metric = "charm".parse().unwrap())),
            "no metric is called",
        ),
        (
            report(bad(|one| one.metric = built_in::LOSS_EXTRAPOLATION)),
            "no extrapolation",
        ),
        (
            end(ReportedEnding::Succeeded, bad(|one| one.value = 2.0)),
            "accuracy_interpolation is 2e0",
        ),
        (
            end(
                ReportedEnding::Infeasible("x".into()),
                bad(|one| one.value = 2.0),
            ),
            "is 2e0",
        ),
        (
            end(ReportedEnding::Succeeded, without_headline()),
            "without accuracy_interpolation",
        ),
        (
            end(ReportedEnding::Succeeded, Vec::new()),
            "without accuracy_interpolation",
        ),
    ] {
        let error = lease(request).await.unwrap_err();
        assert!(matches!(error, LeaseError::Malformed(_)), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("trial 1") && text.contains(said) && text.contains("hint: "),
            "{text}"
        );
    }
    // The lease is untouched, and what was reported before may end it.
    lease(report(good.clone())).await.unwrap();
    lease(end(ReportedEnding::Succeeded, without_headline()))
        .await
        .unwrap();
    // Again, after the answer was lost.
    lease(end(ReportedEnding::Succeeded, without_headline()))
        .await
        .unwrap();
    driver.stop().await;
    let mut reader = Reader::open(&path).await.unwrap();
    let trial = reader.trial("1").await.unwrap();
    assert_eq!(trial.state, TrialState::Succeeded);
    let stored: Vec<_> = trial.observations.into_iter().map(|(_, one)| one).collect();
    assert_eq!(stored, good);
}
