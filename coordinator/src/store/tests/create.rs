//! Creating a sweep piece by piece: a part of it is not found, and is removed when the database
//! is opened again.

use super::super::{
    Reader, Store, Value,
    testing::{Fixture, NOW_MS, spec},
};
use crate::sweep::Expansion;

/// A sweep of 2 configurations and 14 trials is written in pieces of five rows: 2 + 3, 5, 5, 1.
const REPLICATES: u32 = 7;
const ROWS: u64 = 5;

/// Writes pieces of a second sweep.
fn write_pieces(fixture: &mut Fixture, pieces: usize) {
    let spec = spec(REPLICATES);
    let mut creation = fixture.store.begin_creation(&spec, NOW_MS).unwrap();
    for piece in Expansion::of(&spec, ROWS).take(pieces) {
        fixture
            .store
            .write_piece(&spec, &mut creation, &piece)
            .unwrap();
    }
}

async fn counts(fixture: &mut Fixture) -> [i64; 3] {
    [
        fixture.number("SELECT count(*) FROM configuration").await,
        fixture.number("SELECT count(*) FROM trial").await,
        fixture.number("SELECT count(*) FROM sweep").await,
    ]
}

#[tokio::test]
async fn a_sweep_is_there_with_its_last_piece() {
    let mut fixture = Fixture::new().await;
    write_pieces(&mut fixture, usize::MAX);
    assert_eq!(counts(&mut fixture).await, [4, 18, 2]);
    let mut reader = fixture.reader().await;
    assert_eq!(reader.damage().await.unwrap(), Vec::<String>::new());
    let spec = spec(REPLICATES);
    for index in 0..spec.trials() {
        let trial = reader.trial(&(5 + index).to_string()).await.unwrap();
        let (position, replicate) = spec.place(index);
        assert_eq!(trial.trial_key, spec.trial(index).key());
        assert_eq!(
            (trial.configuration.position, trial.replicate),
            (position, replicate)
        );
        assert_eq!(trial.configuration.spec, spec.configuration(position));
    }
}

#[tokio::test]
async fn a_part_of_a_sweep_is_not_found_and_is_removed_when_the_database_is_opened_again() {
    for pieces in 1..=3 {
        let mut fixture = Fixture::new().await;
        write_pieces(&mut fixture, pieces);
        let written = [3, 8, 13][pieces - 1];
        assert_eq!(counts(&mut fixture).await, [4, 4 + written, 1]);
        let mut reader = fixture.reader().await;
        assert_eq!(reader.sweeps().await.unwrap().len(), 1);
        reader.trial("5").await.unwrap_err();
        // Of the third replicate; the fixture's own sweep has the first two.
        let key = spec(REPLICATES).trial(4).key().to_string();
        reader.trial(&key).await.unwrap_err();
        assert_eq!(fixture.store.restore().await.unwrap().sweeps.len(), 1);
        // The pieces are an exception: what else names nothing, or cannot be, is refused as ever.
        for refused in [
            "INSERT INTO checkpoint VALUES (99, 1, 1, 1, 'blob', 1)",
            "UPDATE trial SET state = 'lost'",
        ] {
            fixture.refusal(refused).await;
        }

        let path = fixture.path();
        fixture.store.close().await.unwrap();
        let store = Store::open(&path).await.unwrap();
        let mut fixture = Fixture { store, ..fixture };
        assert_eq!(counts(&mut fixture).await, [2, 4, 1]);
        let mut reader = Reader::open(&path).await.unwrap();
        assert_eq!(reader.damage().await.unwrap(), Vec::<String>::new());
        write_pieces(&mut fixture, usize::MAX);
        assert_eq!(counts(&mut fixture).await, [4, 18, 2]);
    }
}

#[tokio::test]
async fn a_sweep_that_was_run_is_never_taken_for_a_part_of_one() {
    let mut fixture = Fixture::new().await;
    fixture.succeed(1, 0.9, 3.0).await;
    for damage in ["PRAGMA foreign_keys = OFF", "DELETE FROM sweep"] {
        let connection = &mut fixture.store.connection;
        sqlx::query(damage).execute(connection).await.unwrap();
    }
    let path = fixture.path();
    fixture.store.close().await.unwrap();
    let error = Store::open(&path).await.unwrap_err().to_string();
    assert!(
        error.contains("FOREIGN KEY") && error.contains("hint: "),
        "{error}"
    );
    let mut reader = Reader::open(&path).await.unwrap();
    let mut rows = reader
        .query("SELECT count(*) FROM trial", None)
        .await
        .unwrap();
    assert_eq!(rows.next().await.unwrap(), Some(vec![Value::Integer(4)]));
}
