//! Last evaluations, broken down: what is written is what is read, and what the views make of it.

use pondersweep_proto::{id::TrialId, metric::built_in};

use super::super::{
    AttemptReport, Batch, Value,
    testing::{Fixture, batch, breakdown, ended, observe, token},
};
use crate::scheduler::{Ending, TrialState};

/// Trial 1 succeeds with a breakdown; trial 2 without.
async fn fixture() -> Fixture {
    let mut fixture = Fixture::new().await;
    fixture.succeed(2, 0.5, 2.0).await;
    fixture.lease(1, 1, "w1").await;
    let token = token(1, 1);
    let steps = |step, value| observe(step, built_in::PONDER_STEPS_COMPUTED, value);
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
    for table in ["difficulty", "halting"] {
        let found = reader.counted(sweep_id, table).await.unwrap();
        let [(first, extrapolation), (second, interpolation)] = &found[..] else {
            panic!("{found:?}")
        };
        assert_eq!([first, second], [&TrialId(1); 2]);
        for found in [extrapolation, interpolation] {
            let expected = expected.get(table, &found.group).unwrap();
            for (found_row, row) in found.rows.iter().zip(&expected.rows) {
                assert_eq!(found_row.row, row.row);
                for column in &expected.columns {
                    assert_eq!(found.count(found_row, column), expected.count(row, column));
                }
            }
            assert_eq!(found.rows.len(), expected.rows.len());
        }
    }
}

#[tokio::test]
async fn forward_passes_are_those_of_all_updates_and_of_the_last_evaluation() {
    let fixture = fixture().await;
    let sql = "SELECT trial_id, forward_passes_training, forward_passes_interpolation,
        forward_passes_extrapolation FROM compute_result ORDER BY trial_id";
    // A batch of 128: 400 updates of 20 steps a sample, then 600 of 10.
    let training = Value::Real(128.0 * (400.0 * 20.0 + 600.0 * 10.0));
    let [of_last, none] = [Value::Integer(18), Value::Null];
    assert_eq!(
        fixture.ask(sql).await,
        [
            [Value::Integer(1), training, of_last.clone(), of_last],
            [Value::Integer(2), none.clone(), none.clone(), none],
        ]
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
    drop(rows);
    let sql = "SELECT range, first_nonzeros, last_nonzeros, examples, correct, ponder_steps
               FROM difficulty_result WHERE trial_key IS NOT NULL ORDER BY range, first_nonzeros";
    let rows = fixture.ask(sql).await;
    let numbers = |range: &str, numbers: [i64; 5]| {
        let numbers = numbers.map(Value::Integer);
        [vec![Value::Text(range.into())], numbers.to_vec()].concat()
    };
    assert_eq!(rows[1], numbers("extrapolation", [5, 8, 5, 3, 12]));
    assert_eq!(rows[2], numbers("interpolation", [1, 4, 5, 5, 6]));
    assert_eq!(rows.len(), 4);
    let sql = "SELECT range, step, examples FROM halting_result ORDER BY range, step";
    let rows = fixture.ask(sql).await;
    let one = |step, examples| {
        vec![
            Value::Text("extrapolation".into()),
            Value::Integer(step),
            Value::Integer(examples),
        ]
    };
    assert_eq!(rows[..2], [one(1, 6), one(3, 4)]);
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
    }
    assert_ne!(digests[0], digests[1]);
}
