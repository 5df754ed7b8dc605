//! Checkpoints in the database: kept as long as they are needed, and their observations with them.

use pondersweep_proto::{
    id::{Attempt, TrialId},
    metric::built_in,
};

use super::super::testing::{Fixture, batch, ended, leased, observe, token};
use crate::{
    scheduler::{Change, Checkpoint, Ending, TrialState},
    store::{AttemptReport, Store},
};

fn checkpoint(attempt: u32, updates_done: u64) -> Checkpoint {
    Checkpoint {
        attempt: Attempt(attempt),
        updates_done,
        bytes: 1_000,
        blob: format!("blob-{attempt}-{updates_done}"),
    }
}

fn saved(attempt: u32, updates_done: u64) -> Change {
    Change::CheckpointSaved {
        trial_id: TrialId(1),
        checkpoint: checkpoint(attempt, updates_done),
        replaced: None,
    }
}

async fn stored(store: &mut Store) -> Vec<(TrialId, Checkpoint)> {
    store.restore().await.unwrap().checkpoints
}

#[tokio::test]
async fn the_newest_checkpoint_comes_back_after_a_restart_until_it_is_dropped() {
    let mut fixture = Fixture::new().await;
    fixture.lease(1, 1, "w1").await;
    for updates_done in [100, 200] {
        fixture.commit(vec![saved(1, updates_done)]).await;
        let expected = (TrialId(1), checkpoint(1, updates_done));
        assert_eq!(stored(&mut fixture.store).await, [expected]);
    }
    let dropped = Change::CheckpointDropped {
        trial_id: TrialId(1),
        checkpoint: checkpoint(1, 200),
    };
    let end = ended(1, 1, Ending::Succeeded, TrialState::Succeeded);
    fixture.commit(vec![end, dropped]).await;
    assert_eq!(stored(&mut fixture.store).await, []);
}

#[tokio::test]
async fn an_attempt_that_starts_from_a_checkpoint_has_the_observations_until_then_and_no_others() {
    let mut fixture = Fixture::new().await;
    fixture.lease(1, 1, "w1").await;
    let report = |attempt, steps: &[u64]| AttemptReport {
        token: token(1, attempt),
        observations: steps
            .iter()
            .map(|step| observe(*step, built_in::LOSS_TRAINING, *step as f64 / 10.0))
            .collect(),
    };
    let first = super::super::Batch {
        reports: vec![report(1, &[100, 200, 250])],
        ..batch(vec![saved(1, 200)])
    };
    fixture.store.commit(&first).unwrap();
    let lapsed = ended(1, 1, Ending::Lapsed, TrialState::Pending);
    let start = Change::StartedFromCheckpoint {
        token: token(1, 2),
        from: Attempt(1),
        updates_done: 200,
    };
    // Twice, since the first answer may be lost.
    let changes = vec![lapsed, leased(1, 2, "w2"), start.clone(), start];
    fixture.commit(changes).await;
    let end = super::super::Batch {
        reports: vec![report(2, &[300, 400])],
        ..batch(vec![ended(1, 2, Ending::Succeeded, TrialState::Succeeded)])
    };
    fixture.store.commit(&end).unwrap();

    let steps = "SELECT group_concat(step, ' ') FROM observation WHERE attempt = 2";
    let steps: String = sqlx::query_scalar(steps)
        .fetch_one(&mut fixture.store.connection)
        .await
        .unwrap();
    assert_eq!(steps, "100 200 300 400");
    let of_first = "SELECT count(*) FROM observation WHERE attempt = 1";
    assert_eq!(fixture.number(of_first).await, 3);
    let said =
        "SELECT started_from_updates FROM attempt WHERE attempt = 2 AND started_from_attempt = 1";
    assert_eq!(fixture.number(said).await, 200);
    let result = "SELECT step FROM result WHERE trial_id = 1";
    assert_eq!(fixture.number(result).await, 400);
}

#[tokio::test]
async fn every_database_has_an_id_of_its_own_that_stays() {
    let (mut one, mut other) = (Fixture::new().await, Fixture::new().await);
    let id = one.store.database_id().await.unwrap();
    assert_ne!(id, other.store.database_id().await.unwrap());
    let path = one.path();
    one.store.close().await.unwrap();
    let mut again = Store::open(&path).await.unwrap();
    assert_eq!(again.database_id().await.unwrap(), id);
}
