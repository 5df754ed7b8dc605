//! Uploads of checkpoints that never end, or take their time: they hold what has arrived of them
//! and nothing more, and results never wait for them.

use std::time::Duration;

use pondersweep_proto::{
    limit::MAX_CHECKPOINT_BYTES,
    wire::{self, save_checkpoint_request::Part},
};
use serde_json::json;
use tokio::{sync::mpsc, task::JoinHandle};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Code, Status};

use crate::{
    checkpoint_services::{header, piece},
    checkpoints::blobs,
    harness::{Peer, Sandbox, Serve, StandIn, TINY, wait_until},
};

/// Uploads at once: what their memory would be is all there is.
const UPLOADS: u64 = 4;

/// A coordinator with trials large enough for the largest checkpoints.
fn scene() -> (Sandbox, Serve) {
    let sandbox = Sandbox::new();
    sandbox.write("huge.toml", TINY.replace("hidden = 8", "hidden = 1500"));
    let serve = ["serve", "--listen", "127.0.0.1:0", "--lease", "120"];
    let serve = Serve::spawn(sandbox.command(&serve));
    serve.submit(&sandbox, "huge.toml");
    (sandbox, serve)
}

/// An upload under way.
struct Upload {
    parts: mpsc::UnboundedSender<wire::SaveCheckpointRequest>,
    saving: JoinHandle<Result<(), Status>>,
}

impl Upload {
    /// A worker of its own leases a trial and announces a checkpoint of `bytes` bytes.
    async fn begin(serve: &Serve, number: u64, bytes: u64) -> Self {
        let name = format!("uploading-{number}");
        let mut peer = Peer::register(&serve.url, &name).await;
        let token = peer.acquire().await;
        let (parts, sent) = mpsc::unbounded_channel();
        let saving = tokio::spawn(async move {
            let sent = UnboundedReceiverStream::new(sent);
            peer.leases.save_checkpoint(sent).await.map(drop)
        });
        let upload = Self { parts, saving };
        upload.send(header(&name, token, 10, bytes as usize));
        upload
    }

    fn send(&self, part: Part) {
        let message = wire::SaveCheckpointRequest { part: Some(part) };
        self.parts.send(message).expect("the upload is under way");
    }

    async fn end(self) -> Result<(), Status> {
        drop(self.parts);
        self.saving.await.expect("a call never panics")
    }
}

/// A worker's trial from its lease to its end, with a checkpoint on the way.
async fn work(serve: &Serve) {
    let mut peer = Peer::register(&serve.url, "honest").await;
    let token = peer.acquire().await;
    peer.report(token, 1..3).await.unwrap();
    let message = |part| wire::SaveCheckpointRequest { part: Some(part) };
    let pieces = (0..4).map(|_| piece(1_024 * 1_024));
    let parts = std::iter::once(header("honest", token, 3, 4 * 1_024 * 1_024)).chain(pieces);
    let parts: Vec<_> = parts.map(message).collect();
    let saved = peer.leases.save_checkpoint(tokio_stream::iter(parts)).await;
    saved.unwrap();
    peer.report(token, 3..5).await.unwrap();
    peer.finish(token, 5).await.unwrap();
}

#[tokio::test]
async fn half_open_uploads_hold_no_memory_and_are_given_up_within_seconds() {
    let (sandbox, serve) = scene();
    let mut silent = Vec::new();
    for number in 0..UPLOADS {
        silent.push(Upload::begin(&serve, number, MAX_CHECKPOINT_BYTES).await);
    }
    work(&serve).await;
    assert_eq!(sandbox.count("select count(*) from trial_result"), 1);
    for upload in silent {
        // The sender stays: the peer has not hung up, it says nothing.
        let given_up = upload.saving.await.expect("a call never panics");
        assert_eq!(given_up.unwrap_err().code(), Code::Unavailable);
    }
}

#[tokio::test]
async fn results_flow_while_honest_uploads_are_slow_and_these_arrive_in_the_end() {
    let (sandbox, serve) = scene();
    let mut slow = Vec::new();
    for number in 0..UPLOADS {
        let upload = Upload::begin(&serve, number, 3_000).await;
        upload.send(piece(1_000));
        slow.push(upload);
    }
    work(&serve).await;
    assert_eq!(sandbox.count("select count(*) from trial_result"), 1);
    for upload in slow {
        upload.send(piece(1_000));
        upload.send(piece(1_000));
        upload.end().await.unwrap();
    }
    let saved = "select count(*) from checkpoint where bytes = 3000";
    assert_eq!(sandbox.count(saved), UPLOADS);
}

#[tokio::test]
async fn uploads_whose_workers_hang_up_leave_no_file_that_no_trial_has() {
    let (sandbox, serve) = scene();
    let mut peer = Peer::register(&serve.url, "leaving").await;
    let token = peer.acquire().await;
    for updates_done in 1..40 {
        let parts = [header("leaving", token, updates_done, 2_048), piece(2_048)];
        let parts = parts.map(|part| wire::SaveCheckpointRequest { part: Some(part) });
        let mut leases = peer.leases.clone();
        let saving =
            tokio::spawn(async move { leases.save_checkpoint(tokio_stream::iter(parts)).await });
        tokio::time::sleep(Duration::from_micros(100 * updates_done)).await;
        saving.abort();
    }
    let saved = "select count(*) from checkpoint";
    wait_until("every file is a trial's checkpoint", || {
        blobs(&sandbox).len() as u64 == sandbox.count(saved)
    });
    assert_eq!(sandbox.count(saved), 1);
}

/// A trial of a second or more, as a worker is told of it.
pub(crate) fn trial() -> wire::TrialSpec {
    let settings = json!({
        "task": { "kind": "parity", "elements": 8 },
        "model": {
            "kind": "ponder_net", "step_function": "gru", "hidden": 64,
            "lambda_p": 0.2, "max_steps": 5,
        },
        "training": { "updates": 3_000, "batch": 64 },
        "evaluation": { "every": 100, "examples": 100 },
    });
    wire::TrialSpec {
        configuration: settings.to_string().into_bytes(),
        seed: 7,
        replicate: 0,
        common_seeds: false,
        program: Vec::new(),
    }
}

#[tokio::test]
async fn a_worker_reports_and_ends_while_its_checkpoint_is_not_taken() {
    let stand_in = StandIn::start(30_000, trial()).await;
    let sandbox = Sandbox::new();
    let worker = sandbox.start(&[
        "worker",
        "--coordinator",
        &stand_in.url,
        "--slots",
        "1",
        "--checkpoint-every",
        "1",
        "--exit-when-idle",
    ]);
    let worked = tokio::task::spawn_blocking(|| worker.finish()).await;
    worked.expect("it ends").assert_code(0);
    assert!(stand_in.heard("save_checkpoint") > 0, "none was offered");
    assert!(stand_in.heard("report") > 1);
    assert_eq!(stand_in.heard("finish"), 1);
}
