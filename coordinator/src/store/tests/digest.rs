//! The digest of results: blind to who, when and how often, and to nothing else.

use pondersweep_proto::{
    failure::Failure,
    id::Attempt,
    metric::{Observation, built_in},
};

use super::super::{
    AttemptReport, Batch, SweepDigest,
    testing::{Fixture, batch, ended, leased, observe, token},
};
use crate::scheduler::{Ending, TrialState};

async fn digest(fixture: &Fixture) -> SweepDigest {
    let mut reader = fixture.reader().await;
    reader.digest(fixture.sweep.sweep_id).await.unwrap()
}

async fn report(fixture: &mut Fixture, attempt: u32, observations: Vec<Observation>) {
    let token = token(1, attempt);
    let batch = Batch {
        reports: vec![AttemptReport {
            token,
            observations,
        }],
        ..batch(Vec::new())
    };
    fixture.store.commit(&batch).unwrap();
}

fn measured() -> Vec<Observation> {
    let accuracy = |step, value| observe(step, built_in::ACCURACY_INTERPOLATION, value);
    vec![accuracy(10, 0.5), accuracy(20, 0.75)]
}

/// Trial 1 succeeds at its first attempt.
async fn undisturbed() -> Fixture {
    let mut fixture = Fixture::new().await;
    fixture.commit(vec![leased(1, 1, "w1")]).await;
    report(&mut fixture, 1, measured()).await;
    let succeeded = ended(1, 1, Ending::Succeeded, TrialState::Succeeded);
    fixture.commit(vec![succeeded]).await;
    fixture
}

/// Trial 1 is lost after these observations, and succeeds elsewhere with those.
async fn disturbed(lost: Vec<Observation>, successor: Vec<Observation>) -> SweepDigest {
    let mut fixture = Fixture::new().await;
    fixture.lease(2, 1, "w1").await;
    fixture.commit(vec![leased(1, 1, "w1")]).await;
    report(&mut fixture, 1, lost).await;
    let lapsed = ended(1, 1, Ending::Lapsed, TrialState::Pending);
    fixture.commit(vec![lapsed]).await;
    fixture.lease(1, 2, "w2").await;
    report(&mut fixture, 2, successor).await;
    let batch = Batch {
        seconds: vec![(token(1, 2), 99.0)],
        at_ms: 2_000_000_000_000,
        ..batch(vec![ended(1, 2, Ending::Succeeded, TrialState::Succeeded)])
    };
    fixture.store.commit(&batch).unwrap();
    let mut reader = fixture.reader().await;
    assert_eq!(
        reader.trial("1").await.unwrap().attempts[1].attempt,
        Attempt(2)
    );
    digest(&fixture).await
}

#[tokio::test]
async fn who_when_and_how_often_are_not_the_result() {
    let expected = digest(&undisturbed().await).await;
    assert_eq!((expected.trials, expected.observations), (1, 2));
    let first = || measured()[..1].to_vec();
    let last = || measured()[1..].to_vec();
    assert_eq!(disturbed(Vec::new(), measured()).await, expected);
    assert_eq!(disturbed(first(), measured()).await, expected);
    // A trial that goes on where it was lost measures the rest.
    assert_eq!(disturbed(first(), last()).await, expected);
}

#[tokio::test]
async fn the_smallest_difference_is_one() {
    let expected = digest(&undisturbed().await).await;
    let mut off = measured();
    off[0].value = off[0].value.next_up();
    assert_ne!(
        disturbed(Vec::new(), off.clone()).await,
        expected,
        "another value"
    );
    assert_ne!(
        disturbed(off, measured()).await,
        expected,
        "two attempts disagree"
    );
    let last = measured()[1..].to_vec();
    assert_ne!(
        disturbed(Vec::new(), last).await,
        expected,
        "an observation is lost"
    );
    let mut later = measured();
    later[0].step += 1;
    assert_ne!(disturbed(Vec::new(), later).await, expected, "another step");
    let mut more = measured();
    more.push(observe(20, built_in::LOSS_TRAINING, 0.0));
    assert_ne!(
        disturbed(Vec::new(), more).await,
        expected,
        "another metric"
    );
}

#[tokio::test]
async fn another_outcome_is_another_result() {
    let mut digests = Vec::new();
    for (ending, state) in [
        (Ending::Succeeded, TrialState::Succeeded),
        (
            Ending::Infeasible("at update 7".into()),
            TrialState::Infeasible,
        ),
        (
            Ending::Infeasible("at update 8".into()),
            TrialState::Infeasible,
        ),
        (
            Ending::Failed(Failure::of_panic("panicked")),
            TrialState::Failed,
        ),
        (Ending::Lapsed, TrialState::Pending),
    ] {
        let mut fixture = Fixture::new().await;
        fixture.lease(1, 1, "w1").await;
        report(&mut fixture, 1, measured()).await;
        fixture.commit(vec![ended(1, 1, ending, state)]).await;
        digests.push(digest(&fixture).await.sha256);
    }
    let count = digests.len();
    digests.sort();
    digests.dedup();
    assert_eq!(digests.len(), count);
}
