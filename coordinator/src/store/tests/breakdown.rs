//! Last evaluations, broken down: what is written is what is read, and what the views make of it.

use pondersweep_proto::{id::TrialId, metric::Metric, setting::training::EvaluationRange};

use super::super::{
    AttemptReport, Batch, ForwardPasses, Value,
    testing::{Fixture, batch, breakdown, ended, observe, token},
};
use crate::scheduler::{Ending, TrialState};

/// Trial 1 succeeds with a breakdown; trial 2 without.
async fn fixture() -> Fixture {
    let mut fixture = Fixture::new().await;
    fixture.succeed(2, 0.5, 2.0).await;
    fixture.lease(1, 1, "w1").await;
    let token = token(1, 1);
    let steps = |step, value| observe(step, Metric::PonderStepsComputed, value);
    let succeeded = ended(1, 1, Ending::Succeeded, TrialState::Succeeded);
    let batch = Batch {
        reports: vec![AttemptReport {
            token,
            observations: vec![steps(400, 20.0), steps(1000, 10.0)],
        }],
        breakdowns: vec![(token, breakdown(3))],
        ..batch(vec![succeeded])
    };
    fixture.store.commit(&batch).unwrap();
    fixture
}

#[tokio::test]
async fn a_breakdown_is_read_back_as_it_was_written() {
    let fixture = fixture().await;
    let sweep_id = fixture.sweep.sweep_id;
    let mut reader = fixture.reader().await;
    let expected = breakdown(3);
    let found = reader.difficulties(sweep_id).await.unwrap();
    assert!(found.iter().all(|part| part.trial_id == TrialId(1)));
    let buckets: Vec<_> = found.iter().map(|part| part.bucket).collect();
    assert_eq!(buckets, expected.difficulty());
    let found = reader.halting_steps(sweep_id).await.unwrap();
    let counts: Vec<_> = found.iter().map(|part| part.count).collect();
    assert_eq!(counts, expected.halting());
}

#[tokio::test]
async fn forward_passes_are_those_of_all_updates_and_of_the_last_evaluation() {
    let fixture = fixture().await;
    let mut reader = fixture.reader().await;
    let found = reader.forward_passes(fixture.sweep.sweep_id).await.unwrap();
    let [counted, not_counted] = found[..] else {
        panic!("{found:?}")
    };
    // A batch of 128: 400 updates of 20 steps a sample, then 600 of 10.
    let expected = ForwardPasses {
        training: Some(128.0 * (400.0 * 20.0 + 600.0 * 10.0)),
        interpolation: Some(18),
        extrapolation: Some(18),
        ..counted
    };
    assert_eq!((counted.trial_id, counted), (TrialId(1), expected));
    assert_eq!(not_counted.trial_id, TrialId(2));
    assert_eq!(
        (not_counted.training, not_counted.interpolation),
        (None, None)
    );
}

#[tokio::test]
async fn the_view_has_shares_and_means() {
    let fixture = fixture().await;
    let mut reader = fixture.reader().await;
    let sql = "SELECT accuracy, ponder_steps_mean FROM difficulty_result
               WHERE range = 'extrapolation' AND first_nonzeros = 5";
    let mut rows = reader.query(sql, None).await.unwrap();
    let row = rows.next().await.unwrap().unwrap();
    assert_eq!(row, [Value::Real(0.6), Value::Real(2.4)]);
}

#[tokio::test]
async fn a_breakdown_of_a_trial_without_a_result_is_refused_and_nothing_is_written() {
    let mut fixture = Fixture::new().await;
    fixture.lease(1, 1, "w1").await;
    let before = fixture.content().await;
    let batch = Batch {
        breakdowns: vec![(token(1, 1), breakdown(3))],
        ..batch(Vec::new())
    };
    assert!(fixture.store.commit(&batch).is_err());
    assert_eq!(fixture.content().await, before);
}

#[tokio::test]
async fn another_breakdown_is_another_result() {
    let mut digests = Vec::new();
    for correct in [3, 4] {
        let mut fixture = Fixture::new().await;
        fixture.lease(1, 1, "w1").await;
        let batch = Batch {
            breakdowns: vec![(token(1, 1), breakdown(correct))],
            ..batch(vec![ended(1, 1, Ending::Succeeded, TrialState::Succeeded)])
        };
        fixture.store.commit(&batch).unwrap();
        let mut reader = fixture.reader().await;
        let digest = reader.digest(fixture.sweep.sweep_id).await.unwrap();
        digests.push(digest.sha256);
        assert_eq!(
            breakdown(correct).difficulty()[0].range,
            EvaluationRange::Interpolation
        );
    }
    assert_ne!(digests[0], digests[1]);
}
