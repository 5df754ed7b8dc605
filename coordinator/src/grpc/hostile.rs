//! Peers that send anything: malformed, out of order, out of range, again and again. Whatever they
//! say, the coordinator goes on, and an honest worker's trials are its own. A hostile peer speaks
//! under its own name here: who may claim which name is a question of authentication.

use std::{path::PathBuf, sync::Arc};

use proptest::{prelude::*, sample::select};
use tokio::task::JoinHandle;
use tokio_stream::StreamExt as _;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};

use pondersweep_proto::wire::{self, leases_server::Leases as _, sweeps_server::Sweeps as _};

use super::{leases::LeaseService, sweeps::SweepService};
use crate::{
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

/// What a peer sends.
#[derive(Clone, Debug)]
enum Sent {
    Register(wire::RegisterRequest),
    Acquire(wire::AcquireRequest),
    Renew(wire::RenewRequest),
    Report(wire::ReportRequest),
    Finish(wire::FinishRequest),
    Drain(wire::DrainRequest),
    Create(Box<wire::CreateSweepRequest>),
    Get(wire::GetSweepRequest),
    Results(wire::ListResultsRequest),
    Watch(wire::WatchSweepRequest),
    /// An earlier message of the same peer, once more.
    Replay(prop::sample::Index),
    /// An earlier message with some of its bytes changed on the way.
    Garbled(prop::sample::Index, Vec<(prop::sample::Index, u8)>),
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "",
            "last",
            "0",
            "-1",
            "18446744073709551615",
            "9223372036854775808",
            "\0",
            "é"
        ])
        .prop_map(str::to_owned),
        ".{0,80}",
        "[a-f0-9]{16}",
        (60_usize..9_000).prop_map(|length| "x".repeat(length)),
    ]
}

/// The peer's own name most of the time, and never the honest worker's.
fn any_worker() -> impl Strategy<Value = String> {
    let own =
        select(vec!["mallory", "mallory2", "nobody", "", "two words"]).prop_map(str::to_owned);
    prop_oneof![4 => own, 1 => any_text()]
        .prop_filter("the honest worker's name", |name| name != "honest")
}

fn any_whole() -> impl Strategy<Value = u64> {
    let edges = vec![
        0,
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        u64::from(u32::MAX),
        1 << 63,
        u64::MAX - 1,
        u64::MAX,
    ];
    prop_oneof![4 => select(edges), 1 => any::<u64>()]
}

fn any_small() -> impl Strategy<Value = u32> {
    prop_oneof![4 => select(vec![0, 1, 2, 3, 1_000_000, u32::MAX]), 1 => any::<u32>()]
}

fn any_number() -> impl Strategy<Value = f64> {
    let edges = vec![
        0.0,
        -0.0,
        0.5,
        1.0,
        -1.0,
        1e300,
        1e-320,
        f64::MAX,
        f64::INFINITY,
        f64::NAN,
    ];
    prop_oneof![4 => select(edges), 1 => any::<f64>()]
        .prop_filter("the honest number", |number| *number != HONEST)
}

fn any_token() -> impl Strategy<Value = Option<wire::LeaseToken>> {
    let token = (any_whole(), any_small())
        .prop_map(|(trial_id, attempt)| wire::LeaseToken { trial_id, attempt });
    prop::option::weighted(0.95, token)
}

fn any_observations() -> impl Strategy<Value = Vec<wire::Observation>> {
    let metric = select(vec!["accuracy_interpolation", "loss_training", "charm", ""]);
    let observation = (any_whole(), metric, any_number())
        .prop_map(|(step, metric, value)| {
            let metric = metric.to_owned();
            wire::Observation {
                step,
                metric,
                value,
            }
        })
        .boxed();
    prop_oneof![
        9 => prop::collection::vec(observation.clone(), 0..5),
        1 => observation.prop_map(|one| vec![one; 5_000]),
    ]
}

fn any_spec() -> impl Strategy<Value = Option<wire::SweepSpec>> {
    let value = prop_oneof![
        any_number().prop_map(wire::parameter_value::Kind::Number),
        any::<i64>().prop_map(|whole| wire::parameter_value::Kind::Integer(whole as _)),
        any_text().prop_map(wire::parameter_value::Kind::Choice),
    ];
    let value = prop::option::weighted(0.9, value).prop_map(|kind| wire::ParameterValue { kind });
    let parameter = prop_oneof![
        select(vec![
            "lambda_p",
            "beta",
            "max_steps",
            "updates",
            "hidden",
            "step_function",
            "batch"
        ])
        .prop_map(str::to_owned),
        any_text(),
    ];
    let part = (parameter, prop::collection::vec(value, 0..4)).boxed();
    let axes = prop::collection::vec(part.clone(), 0..3);
    let rule = prop::collection::vec(part, 0..3);
    let numbers = (
        any_small(),
        any::<u64>(),
        any_number(),
        any_small(),
        any_small(),
    );
    let template = (
        any_number(),
        any_number(),
        any_small(),
        any_whole(),
        any_small(),
    );
    (any_text(), axes, rule, numbers, template).prop_map(|(name, axes, rule, numbers, template)| {
        let mut spec = wire::SweepSpec::from(&SweepSpec::new(terms()).unwrap());
        let (replicates, seed, solved_threshold, max_failures, max_worker_losses) = numbers;
        if let Some(settings) = &mut spec.template {
            let (lambda_p, rate, hidden, updates, batch) = template;
            if let Some(model) = &mut settings.model {
                (model.lambda_p, model.hidden) = (Some(lambda_p), hidden);
            }
            if let Some(training) = &mut settings.training {
                (training.learning_rate, training.updates, training.batch) = (rate, updates, batch);
            }
        }
        let condition = |(parameter, values)| wire::Condition { parameter, values };
        let conditions = rule.into_iter().map(condition).collect();
        spec.exclusions = vec![wire::Exclusion { conditions }];
        spec.axes = axes
            .into_iter()
            .map(|(parameter, values)| wire::Axis { parameter, values })
            .collect();
        (spec.name, spec.seed, spec.solved_threshold) = (name, seed, solved_threshold);
        // Larger ones are refused or, with consent, take their time.
        spec.replicates = if replicates == 1_000_000 {
            3
        } else {
            replicates
        };
        (spec.max_failures, spec.max_worker_losses) = (max_failures, max_worker_losses);
        Some(spec)
    })
}

fn any_sent() -> impl Strategy<Value = Sent> {
    let worker = (any_worker(), any_small(), any_text()).prop_map(|(worker_id, slots, text)| {
        let info = wire::WorkerInfo {
            worker_id,
            slots,
            process_id: slots,
            host: text.clone(),
            device: text.clone(),
            backend: text.clone(),
            version: text.clone(),
            binary_sha256: text,
        };
        Sent::Register(wire::RegisterRequest { worker: Some(info) })
    });
    let acquire = (any_worker(), any_text(), any_small(), any_text());
    let acquire = acquire.prop_map(|(worker_id, request_id, max_lanes, text)| {
        let sweep_id = if text.len() == 16 {
            text
        } else {
            String::new()
        };
        Sent::Acquire(wire::AcquireRequest {
            worker_id,
            request_id,
            max_lanes,
            sweep_id,
        })
    });
    let progress =
        (any_token(), any_whole()).prop_map(|(token, updates_done)| wire::LeaseProgress {
            token,
            updates_done,
        });
    let renew = (any_worker(), prop::collection::vec(progress, 0..6))
        .prop_map(|(worker_id, leases)| Sent::Renew(wire::RenewRequest { worker_id, leases }));
    let report = (any_worker(), any_token(), any_observations());
    let report = report.prop_map(|(worker_id, token, observations)| {
        Sent::Report(wire::ReportRequest {
            worker_id,
            token,
            observations,
        })
    });
    let finish = (
        any_worker(),
        any_token(),
        -1..6,
        any_text(),
        any_observations(),
        any_number(),
    );
    let finish = finish.prop_map(
        |(worker_id, token, outcome, message, observations, seconds)| {
            Sent::Finish(wire::FinishRequest {
                worker_id,
                token,
                outcome,
                message,
                observations,
                seconds,
            })
        },
    );
    let results = (any_text(), any_small(), any_text());
    let results = results.prop_map(|(sweep, page_size, page_token)| {
        let sweep = if page_size == 1 { "last".into() } else { sweep };
        Sent::Results(wire::ListResultsRequest {
            sweep,
            page_size,
            page_token,
        })
    });
    let garble = (any::<prop::sample::Index>(), any::<u8>());
    let garbled = (
        any::<prop::sample::Index>(),
        prop::collection::vec(garble, 1..6),
    );
    prop_oneof![
        2 => worker,
        3 => acquire,
        2 => renew,
        3 => report,
        4 => finish,
        1 => any_worker().prop_map(|worker_id| Sent::Drain(wire::DrainRequest { worker_id })),
        1 => any_spec().prop_map(|spec| Sent::Create(Box::new(wire::CreateSweepRequest { spec, accept_large: false }))),
        1 => any_text().prop_map(|sweep| Sent::Get(wire::GetSweepRequest { sweep })),
        1 => results,
        1 => any_text().prop_map(|sweep| Sent::Watch(wire::WatchSweepRequest { sweep })),
        2 => any::<prop::sample::Index>().prop_map(Sent::Replay),
        3 => garbled.prop_map(|(which, bytes)| Sent::Garbled(which, bytes)),
    ]
}

/// A coordinator without a network, and an honest worker that holds the first two trials.
struct Scene {
    folder: tempfile::TempDir,
    leases: LeaseService,
    sweeps: SweepService,
    driving: JoinHandle<Result<(), DriverError>>,
    held: Vec<wire::LeaseToken>,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("results.db");
        let store = Store::open(&database).await.unwrap();
        let limits = SchedulerLimits {
            lease_duration: std::time::Duration::from_secs(3_600),
        };
        let (driver, handle) = Driver::restore(store, limits).await.unwrap();
        let driving = tokio::spawn(driver.run(CancellationToken::new()));
        let stop = CancellationToken::new();
        let scene = Self {
            folder,
            sweeps: SweepService::new(handle.clone(), Arc::new(database), stop),
            leases: LeaseService::new(handle),
            driving,
            held: Vec::new(),
        };
        scene.begin().await
    }

    async fn begin(mut self) -> Self {
        let spec = SweepSpec::new(terms()).unwrap();
        let create = wire::CreateSweepRequest {
            spec: Some((&spec).into()),
            accept_large: false,
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
            };
            self.leases.register(Request::new(register)).await.unwrap();
        }
        let acquire = wire::AcquireRequest {
            worker_id: "honest".into(),
            request_id: "1".into(),
            max_lanes: 2,
            sweep_id: String::new(),
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
            Sent::Results(request) => sweeps.list_results(Request::new(request)).await.err(),
            Sent::Watch(request) => sweeps.watch_sweep(Request::new(request)).await.err(),
            Sent::Replay(_) | Sent::Garbled(..) => unreachable!("resolved before they are sent"),
        }
    }

    /// The honest worker's calls are answered as if nobody else were there.
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
            .list_sweeps(Request::new(wire::ListSweepsRequest {}))
            .await
            .unwrap();
        for &token in &self.held {
            let finish = wire::FinishRequest {
                worker_id: "honest".into(),
                token: Some(token),
                outcome: wire::Outcome::Succeeded.into(),
                observations: vec![wire::Observation {
                    step: 3,
                    metric: "accuracy_interpolation".into(),
                    value: HONEST,
                }],
                seconds: 1.0,
                ..wire::FinishRequest::default()
            };
            self.leases.finish(Request::new(finish)).await.unwrap();
        }
        let (database, folder) = (self.database(), self.folder);
        drop((self.leases, self.sweeps));
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

/// The message with some bytes changed, if that still is one of its kind that claims no other name.
fn garble(sent: &Sent, changes: &[(prop::sample::Index, u8)]) -> Option<Sent> {
    fn changed<M: prost::Message + Default>(
        message: &M,
        changes: &[(prop::sample::Index, u8)],
    ) -> Option<M> {
        let mut bytes = message.encode_to_vec();
        if bytes.is_empty() {
            return None;
        }
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = *byte;
        }
        M::decode(&*bytes).ok()
    }
    let garbled = match sent {
        Sent::Register(request) => Sent::Register(changed(request, changes)?),
        Sent::Acquire(request) => Sent::Acquire(changed(request, changes)?),
        Sent::Renew(request) => Sent::Renew(changed(request, changes)?),
        Sent::Report(request) => Sent::Report(changed(request, changes)?),
        Sent::Finish(request) => Sent::Finish(changed(request, changes)?),
        Sent::Drain(request) => Sent::Drain(changed(request, changes)?),
        Sent::Create(request) => Sent::Create(Box::new(changed(&**request, changes)?)),
        Sent::Get(request) => Sent::Get(changed(request, changes)?),
        Sent::Results(request) => Sent::Results(changed(request, changes)?),
        Sent::Watch(request) => Sent::Watch(changed(request, changes)?),
        Sent::Replay(_) | Sent::Garbled(..) => return None,
    };
    Some(garbled)
}

/// Messages as they are sent, replays and garbled ones put in place of what they repeat.
fn resolve(planned: Vec<Sent>) -> Vec<Sent> {
    let mut sent: Vec<Sent> = Vec::new();
    for message in planned {
        let message = match message {
            Sent::Replay(_) | Sent::Garbled(..) if sent.is_empty() => continue,
            Sent::Replay(which) => which.get(&sent).clone(),
            Sent::Garbled(which, changes) => match garble(which.get(&sent), &changes) {
                Some(garbled) => garbled,
                None => continue,
            },
            message => message,
        };
        sent.push(message);
    }
    sent
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
    };
    let granted = scene.leases.acquire(Request::new(acquire)).await.unwrap();
    let claim = |lease: &wire::Lease| wire::LeaseProgress {
        token: lease.token,
        updates_done: u64::MAX,
    };
    let leases: Vec<_> = granted.get_ref().leases.iter().map(claim).collect();
    assert_eq!(leases.len(), 3);
    let worker_id = "mallory".into();
    let renew = Sent::Renew(wire::RenewRequest { worker_id, leases });
    assert!(scene.send(renew).await.is_none());
    scene.honest_work_is_untouched().await;
}

#[tokio::test]
async fn a_page_after_every_trial_there_can_be_is_refused_or_empty() {
    let scene = Scene::new().await;
    for (page_token, refused) in [
        ("0", false),
        ("9223372036854775807", false),
        ("9223372036854775808", true),
        ("18446744073709551615", true),
        ("-1", true),
        ("first", true),
    ] {
        let results = Sent::Results(wire::ListResultsRequest {
            sweep: "last".into(),
            page_size: 0,
            page_token: page_token.into(),
        });
        let code = scene.send(results).await.map(|status| status.code());
        assert_eq!(
            code,
            refused.then_some(Code::InvalidArgument),
            "{page_token}"
        );
    }
    scene.honest_work_is_untouched().await;
}
