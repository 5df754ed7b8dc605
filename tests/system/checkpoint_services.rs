//! The contract of checkpoints over a real socket: who may write one, what is refused, what comes
//! back.

use pondersweep_proto::wire::{self, save_checkpoint_request::Part};
use tonic::{Code, Status};

use crate::{
    checkpoints::blobs,
    harness::{TINY, wait_until},
    services::Scene,
};

const MEBIBYTE: usize = 1_024 * 1_024;

pub(crate) fn header(
    worker_id: &str,
    token: wire::LeaseToken,
    updates_done: u64,
    bytes: usize,
) -> Part {
    Part::Header(wire::CheckpointHeader {
        worker_id: worker_id.into(),
        token: Some(token),
        updates_done,
        bytes: bytes as u64,
    })
}

pub(crate) fn piece(bytes: usize) -> Part {
    Part::Piece(vec![7; bytes])
}

/// A sweep whose trials have checkpoints of two mebibytes and more.
fn wide() -> String {
    TINY.replace("hidden = 8", "hidden = 256")
}

impl Scene {
    async fn send(&mut self, parts: Vec<Part>) -> Result<(), Status> {
        let message = |part| wire::SaveCheckpointRequest { part: Some(part) };
        let messages: Vec<_> = parts.into_iter().map(message).collect();
        let messages = tokio_stream::iter(messages);
        self.leases.save_checkpoint(messages).await.map(drop)
    }

    async fn save(
        &mut self,
        worker_id: &str,
        token: wire::LeaseToken,
        updates_done: u64,
        bytes: &[u8],
    ) -> Result<(), Status> {
        let header = header(worker_id, token, updates_done, bytes.len());
        let pieces = bytes.chunks(MEBIBYTE);
        let pieces = pieces.map(|piece| Part::Piece(piece.to_vec()));
        self.send(std::iter::once(header).chain(pieces).collect())
            .await
    }

    async fn load(&mut self, worker_id: &str, token: wire::LeaseToken) -> Result<Vec<u8>, Status> {
        let request = wire::LoadCheckpointRequest {
            worker_id: worker_id.into(),
            token: Some(token),
        };
        let mut pieces = self.leases.load_checkpoint(request).await?.into_inner();
        let mut bytes = Vec::new();
        while let Some(message) = pieces.message().await? {
            assert!(message.piece.len() <= MEBIBYTE);
            bytes.extend(message.piece);
        }
        Ok(bytes)
    }

    async fn start(
        &mut self,
        worker_id: &str,
        token: wire::LeaseToken,
        checkpoint_attempt: u32,
        updates_done: u64,
    ) -> Result<(), Status> {
        let request = wire::StartFromCheckpointRequest {
            worker_id: worker_id.into(),
            token: Some(token),
            checkpoint_attempt,
            updates_done,
        };
        self.leases.start_from_checkpoint(request).await.map(drop)
    }

    async fn drain(&mut self, worker_id: &str) {
        let worker_id = worker_id.into();
        self.leases
            .drain(wire::DrainRequest { worker_id })
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_checkpoint_of_several_pieces_comes_back_to_the_next_holder_as_it_was() {
    let mut scene = Scene::of(&wide()).await;
    scene.register("a").await;
    scene.register("b").await;
    let token = scene.acquire("a", "1").await[0];
    let bytes: Vec<u8> = (0..2 * MEBIBYTE + 7)
        .map(|index| (index % 251) as u8)
        .collect();
    scene.save("a", token, 10, b"an older one").await.unwrap();
    scene.save("a", token, 20, &bytes).await.unwrap();
    scene.drain("a").await;

    let request = wire::AcquireRequest {
        worker_id: "b".into(),
        request_id: "1".into(),
        max_lanes: 1,
        ..wire::AcquireRequest::default()
    };
    let lease = scene.leases.acquire(request).await.unwrap().into_inner();
    let lease = lease.leases[0].clone();
    let expected = wire::Checkpoint {
        attempt: 1,
        updates_done: 20,
        bytes: bytes.len() as u64,
    };
    assert_eq!(lease.checkpoint, Some(expected));
    let successor = lease.token.unwrap();
    assert_eq!((successor.trial_id, successor.attempt), (token.trial_id, 2));
    assert_eq!(scene.load("b", successor).await.unwrap(), bytes);
    scene.start("b", successor, 1, 20).await.unwrap();
    scene.start("b", successor, 1, 20).await.unwrap();
    wait_until("only the newest is kept", || {
        blobs(&scene.sandbox).len() == 1
    });
}

#[tokio::test]
async fn a_worker_without_the_lease_can_neither_write_nor_read_nor_use_a_checkpoint() {
    let mut scene = Scene::new().await;
    scene.register("a").await;
    scene.register("b").await;
    let token = scene.acquire("a", "1").await[0];
    scene.save("a", token, 10, b"mine").await.unwrap();

    for refused in [
        scene.save("b", token, 20, b"not yours").await,
        scene.load("b", token).await.map(drop),
        scene.start("b", token, 1, 10).await,
    ] {
        assert_eq!(refused.unwrap_err().code(), Code::FailedPrecondition);
    }
    scene.drain("a").await;
    let successor = scene.acquire("b", "1").await[0];
    let late = scene.save("a", token, 30, b"too late").await.unwrap_err();
    assert_eq!(late.code(), Code::FailedPrecondition);

    assert_eq!(scene.load("b", successor).await.unwrap(), b"mine");
    assert_eq!(blobs(&scene.sandbox).len(), 1);
    let refused = "select count(*) from event where kind = 'refused' and detail like '%checkpoint'";
    assert_eq!(scene.sandbox.count(refused), 4);
}

#[tokio::test]
async fn malformed_checkpoints_are_refused_and_leave_nothing() {
    let mut scene = Scene::of(&wide()).await;
    scene.register("a").await;
    let token = scene.acquire("a", "1").await[0];
    let anonymous = Part::Header(wire::CheckpointHeader {
        worker_id: "a".into(),
        token: None,
        updates_done: 1,
        bytes: 1,
    });
    let malformed = [
        vec![],
        vec![piece(1)],
        vec![anonymous, piece(1)],
        vec![header("a", token, 0, 1), piece(1)],
        vec![header("a", token, u64::MAX, 1), piece(1)],
        // The trial has 40 updates, and parameters for two mebibytes.
        vec![header("a", token, 40, 1), piece(1)],
        vec![header("a", token, 1, 6 * MEBIBYTE), piece(1)],
        vec![header("a", token, 1, 0)],
        vec![header("a", token, 1, usize::MAX), piece(1)],
        vec![header("a", token, 1, 2), piece(1)],
        vec![header("a", token, 1, 2), piece(3)],
        vec![header("a", token, 1, 2 * MEBIBYTE), piece(MEBIBYTE + 1)],
        vec![header("a", token, 1, 1), header("a", token, 1, 1), piece(1)],
    ];
    for parts in malformed {
        let refused = scene.send(parts.clone()).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    }
    let none = scene.load("a", token).await.unwrap_err();
    assert_eq!(none.code(), Code::DataLoss);
    let none = scene.start("a", token, 1, 1).await.unwrap_err();
    assert_eq!(none.code(), Code::DataLoss);
    assert!(blobs(&scene.sandbox).is_empty());
    assert_eq!(scene.sandbox.count("select count(*) from checkpoint"), 0);
    // And the lease is as good as before.
    scene.save("a", token, 1, b"whole").await.unwrap();
}

#[tokio::test]
async fn an_acknowledged_checkpoint_survives_a_killed_coordinator() {
    let mut scene = Scene::new().await;
    scene.register("a").await;
    let token = scene.acquire("a", "1").await[0];
    scene.save("a", token, 10, b"durable").await.unwrap();

    let mut scene = scene.restart().await;

    assert_eq!(scene.load("a", token).await.unwrap(), b"durable");
}

#[tokio::test]
async fn a_checkpoint_that_cannot_be_stored_is_not_acknowledged_and_ends_no_attempt() {
    let mut scene = Scene::new().await;
    scene.register("a").await;
    let token = scene.acquire("a", "1").await[0];
    scene.sandbox.write(
        "results.db.checkpoints",
        "a file where the folder should be",
    );

    let refused = scene.save("a", token, 10, b"nowhere").await.unwrap_err();

    assert_eq!(refused.code(), Code::Unavailable, "{refused}");
    assert_eq!(scene.sandbox.count("select count(*) from checkpoint"), 0);
    assert!(scene.load("a", token).await.is_err());
}
