//! Peers that send anything: malformed, out of order, out of range, again and again. Whatever they
//! say, the coordinator goes on, and an honest worker's trials are its own. A hostile peer speaks
//! under its own name here: who may claim which name is a question of authentication.

mod bounds;
mod messages;

use std::{path::PathBuf, sync::Arc};

use proptest::prelude::*;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};

use pondersweep_proto::{
    limit::PROTOCOL,
    wire::{self, leases_server::Leases as _, sweeps_server::Sweeps as _},
};

use self::messages::{Sent, any_sent, resolve};
use super::{leases::LeaseService, sweeps::SweepService};
use crate::{
    checkpoint::{Blobs, CheckpointLocation},
    driver::{Driver, DriverError},
    scheduler::{SchedulerLimits, TrialState},
    store::{Reader, Store},
    sweep::{SweepSpec, test_support::terms},
};

/// Cases of a property; each opens a database of its own.
const CASES: u32 = 48;
/// Messages of a case.
const MESSAGES: usize = 60;
/// What the honest worker measured; no hostile peer reports this number.
const HONEST: f64 = 0.812_5;

/// A coordinator without a network, and an honest worker that holds the first two trials.
struct Scene {
    folder: tempfile::TempDir,
    leases: LeaseService,
    sweeps: SweepService,
    driving: JoinHandle<Result<(), DriverError>>,
    /// Ends the driver.
    stop: CancellationToken,
    held: Vec<wire::LeaseToken>,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("results.db");
        let mut store = Store::open(&database).await.unwrap();
        let blobs = Blobs::new(
            CheckpointLocation::next_to(&database),
            &store.database_id().await.unwrap(),
            0,
        );
        let limits = SchedulerLimits {
            lease_duration: std::time::Duration::from_secs(3_600),
            max_failure_rate: 1.0,
        };
        let (driver, handle) = Driver::restore(store, limits).await.unwrap();
        let stop = CancellationToken::new();
        let driving = driver.start(stop.clone());
        let scene = Self {
            folder,
            sweeps: SweepService::new(handle.clone(), Arc::new(database), stop.clone()),
            leases: LeaseService::new(handle, blobs),
            driving,
            stop,
            held: Vec::new(),
        };
        scene.begin().await
    }

    async fn begin(mut self) -> Self {
        let spec = SweepSpec::new(terms()).unwrap();
        let create = wire::CreateSweepRequest {
            spec: spec.json().into(),
            accept_large: false,
            files: Vec::new(),
        };
        self.sweeps
            .create_sweep(Request::new(create))
            .await
            .unwrap();
        for worker_id in ["honest", "mallory", "mallory2"] {
            let worker = wire::WorkerInfo {
                worker_id: worker_id.into(),
                ..wire::WorkerInfo::default()
            };
            let register = wire::RegisterRequest {
                worker: Some(worker),
                protocol: PROTOCOL,
            };
            self.leases.register(Request::new(register)).await.unwrap();
        }
        let acquire = wire::AcquireRequest {
            worker_id: "honest".into(),
            request_id: "1".into(),
            max_lanes: 2,
            sweep_id: String::new(),
            together_with: None,
            offers: Vec::new(),
        };
        let granted = self.leases.acquire(Request::new(acquire)).await.unwrap();
        let granted = granted.into_inner().leases;
        self.held = granted.iter().map(|lease| lease.token.unwrap()).collect();
        assert_eq!(self.held.len(), 2);
        self
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("results.db")
    }

    /// Serves a message as the network would, and returns how it was refused.
    async fn send(&self, sent: Sent) -> Option<Status> {
        let (leases, sweeps) = (&self.leases, &self.sweeps);
        match sent {
            Sent::Register(request) => leases.register(Request::new(request)).await.err(),
            Sent::Acquire(request) => leases.acquire(Request::new(request)).await.err(),
            Sent::Renew(request) => leases.renew(Request::new(request)).await.err(),
            Sent::Report(request) => leases.report(Request::new(request)).await.err(),
            Sent::Finish(request) => leases.finish(Request::new(request)).await.err(),
            Sent::Drain(request) => leases.drain(Request::new(request)).await.err(),
            Sent::Create(request) => sweeps.create_sweep(Request::new(*request)).await.err(),
            Sent::Get(request) => sweeps.get_sweep(Request::new(request)).await.err(),
            Sent::Cells(request) => sweeps.list_cells(Request::new(request)).await.err(),
            Sent::Allocate(request) => sweeps
                .allocate_replicates(Request::new(request))
                .await
                .err(),
            Sent::Watch(request) => sweeps.watch_sweep(Request::new(request)).await.err(),
            Sent::Replay(_) | Sent::Garbled(..) => unreachable!("resolved before they are sent"),
        }
    }

    /// The honest worker's calls are answered as if it were alone.
    async fn honest_work_is_untouched(self) {
        let renew = wire::RenewRequest {
            worker_id: "honest".into(),
            leases: self
                .held
                .iter()
                .map(|&token| wire::LeaseProgress {
                    token: Some(token),
                    updates_done: 7,
                })
                .collect(),
            draining: false,
        };
        let renewed = self.leases.renew(Request::new(renew)).await.unwrap();
        assert_eq!(renewed.into_inner().lost, []);
        let watch = wire::WatchSweepRequest {
            sweep: "test".into(),
        };
        // Counts what every peer claims to have done.
        let watched = self.sweeps.watch_sweep(Request::new(watch)).await;
        let mut progress = watched.unwrap().into_inner();
        let progress = progress.next().await.unwrap().unwrap();
        assert!(progress.updates_done <= progress.updates_total);
        self.sweeps
            .list_sweeps(Request::new(wire::ListSweepsRequest::default()))
            .await
            .unwrap();
        let end = |&token: &wire::LeaseToken| wire::EndedAttempt {
            token: Some(token),
            ending: wire::Ending::Succeeded.into(),
            observations: vec![wire::Observation {
                step: 3,
                metric: "accuracy_interpolation".into(),
                value: HONEST,
            }],
            seconds: 1.0,
            ..wire::EndedAttempt::default()
        };
        let finish = wire::FinishRequest {
            worker_id: "honest".into(),
            attempts: self.held.iter().map(end).collect(),
            next: None,
        };
        let finished = self.leases.finish(Request::new(finish)).await.unwrap();
        assert_eq!(finished.into_inner().lost, []);
        let (database, folder) = (self.database(), self.folder);
        self.stop.cancel();
        self.driving
            .await
            .expect("the driver never panics")
            .expect("nor fails");
        let mut reader = Reader::open(&database).await.unwrap();
        for token in self.held {
            let trial = reader.trial(&token.trial_id.to_string()).await.unwrap();
            assert_eq!(trial.state, TrialState::Succeeded);
            assert_eq!(trial.attempts.len(), 1);
            assert_eq!(trial.attempts[0].worker_id, "honest");
            let values: Vec<f64> = trial
                .observations
                .iter()
                .map(|(_, seen)| seen.value)
                .collect();
            assert_eq!(values, [HONEST]);
        }
        assert_eq!(reader.damage().await.unwrap(), Vec::<String>::new());
        drop(folder);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: CASES,
        max_shrink_iters: 200,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_peers_send_the_coordinator_goes_on_and_honest_work_is_untouched(
        planned in prop::collection::vec(any_sent(), 1..MESSAGES),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let scene = Scene::new().await;
            for sent in resolve(planned) {
                let shown = format!("{sent:?}").chars().take(400).collect::<String>();
                if let Some(refused) = scene.send(sent).await {
                    // A driver that is gone answers so; nothing here may end it.
                    assert_ne!(refused.code(), Code::Unavailable, "{shown}: {refused}");
                }
            }
            scene.honest_work_is_untouched().await;
        });
    }
}

#[tokio::test]
async fn claims_of_more_work_than_there_is_are_survived() {
    let scene = Scene::new().await;
    let acquire = wire::AcquireRequest {
        worker_id: "mallory".into(),
        request_id: "1".into(),
        max_lanes: 3,
        sweep_id: String::new(),
        together_with: None,
        offers: Vec::new(),
    };
    let granted = scene.leases.acquire(Request::new(acquire)).await.unwrap();
    let claim = |lease: &wire::Lease| wire::LeaseProgress {
        token: lease.token,
        updates_done: u64::MAX,
    };
    let leases: Vec<_> = granted.get_ref().leases.iter().map(claim).collect();
    assert_eq!(leases.len(), 3);
    let worker_id = "mallory".into();
    let renew = Sent::Renew(wire::RenewRequest {
        worker_id,
        leases,
        draining: false,
    });
    assert!(scene.send(renew).await.is_none());
    scene.honest_work_is_untouched().await;
}

#[tokio::test]
async fn a_page_after_every_configuration_there_can_be_is_refused_or_empty() {
    let scene = Scene::new().await;
    for (page_token, refused) in [
        ("0", false),
        ("9223372036854775807", false),
        ("9223372036854775808", true),
        ("18446744073709551615", true),
        ("-1", true),
        ("first", true),
    ] {
        let cells = Sent::Cells(wire::ListCellsRequest {
            sweep: "last".into(),
            page_size: 0,
            page_token: page_token.into(),
        });
        let code = scene.send(cells).await.map(|status| status.code());
        assert_eq!(
            code,
            refused.then_some(Code::InvalidArgument),
            "{page_token}"
        );
    }
    scene.honest_work_is_untouched().await;
}

#[tokio::test]
async fn a_worker_of_another_protocol_is_told_what_to_install() {
    let scene = Scene::new().await;
    for protocol in [0, PROTOCOL - 1, PROTOCOL + 1] {
        let worker = wire::WorkerInfo {
            worker_id: "old".into(),
            version: "0.0.9".into(),
            ..wire::WorkerInfo::default()
        };
        let register = wire::RegisterRequest {
            worker: Some(worker),
            protocol,
        };
        let refused = scene.send(Sent::Register(register)).await.unwrap();
        assert_eq!(refused.code(), Code::PermissionDenied);
        for said in [
            "pondersweep 0.0.9",
            &format!("speaks version {protocol} "),
            "hint: run the same release",
        ] {
            assert!(refused.message().contains(said), "{refused}");
        }
    }
    scene.honest_work_is_untouched().await;
}
