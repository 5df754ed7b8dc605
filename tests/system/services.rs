//! The gRPC contract over a real socket, as a program in any language meets it.

use pondersweep_proto::{
    limit::{MAX_ENDED_ATTEMPTS, PROTOCOL},
    wire::{self, leases_client::LeasesClient, sweeps_client::SweepsClient},
};
use tonic::{Code, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::harness::{Sandbox, Serve, TINY};

/// A coordinator with the tiny sweep, and clients of it.
pub(crate) struct Scene {
    pub(crate) sandbox: Sandbox,
    pub(crate) serve: Serve,
    pub(crate) leases: LeasesClient<Channel>,
    sweeps: SweepsClient<Channel>,
}

async fn connect(url: &str) -> Channel {
    let endpoint = Channel::from_shared(url.to_owned()).unwrap();
    endpoint.connect().await.unwrap()
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::of(TINY).await
    }

    /// With another sweep.
    pub(crate) async fn of(sweep: &str) -> Self {
        let sandbox = Sandbox::new();
        sandbox.write("tiny.toml", sweep);
        let serve = Serve::start(&sandbox);
        serve.submit(&sandbox, "tiny.toml");
        let leases = LeasesClient::new(connect(&serve.url).await);
        let sweeps = SweepsClient::new(connect(&serve.url).await);
        Self {
            sandbox,
            serve,
            leases,
            sweeps,
        }
    }

    /// The same scene after its coordinator was killed and started again.
    pub(crate) async fn restart(self) -> Self {
        let address = self.serve.address().to_owned();
        self.serve.kill();
        let serve = Serve::start_at(&self.sandbox, &address);
        let leases = LeasesClient::new(connect(&serve.url).await);
        let sweeps = SweepsClient::new(connect(&serve.url).await);
        Self {
            serve,
            leases,
            sweeps,
            ..self
        }
    }

    pub(crate) async fn register(&mut self, worker_id: &str) {
        let worker = wire::WorkerInfo {
            worker_id: worker_id.into(),
            slots: 1,
            ..wire::WorkerInfo::default()
        };
        let request = wire::RegisterRequest {
            worker: Some(worker),
            protocol: PROTOCOL,
        };
        let answer = self.leases.register(request).await.unwrap().into_inner();
        assert_eq!(answer.lease_duration_ms, 1_000);
    }

    pub(crate) async fn acquire(
        &mut self,
        worker_id: &str,
        request_id: &str,
    ) -> Vec<wire::LeaseToken> {
        self.acquire_together_with(worker_id, request_id, None)
            .await
    }

    async fn acquire_together_with(
        &mut self,
        worker_id: &str,
        request_id: &str,
        together_with: Option<wire::LeaseToken>,
    ) -> Vec<wire::LeaseToken> {
        let request = wire::AcquireRequest {
            worker_id: worker_id.into(),
            request_id: request_id.into(),
            max_lanes: 1,
            together_with,
            ..wire::AcquireRequest::default()
        };
        let leases = self
            .leases
            .acquire(request)
            .await
            .unwrap()
            .into_inner()
            .leases;
        leases
            .into_iter()
            .map(|lease| lease.token.unwrap())
            .collect()
    }

    /// Ends attempts in one call; returns those that were not the worker's.
    async fn finish(
        &mut self,
        worker_id: &str,
        tokens: &[wire::LeaseToken],
    ) -> Result<Vec<wire::LeaseToken>, Code> {
        let answer = self.leases.finish(ends(worker_id, tokens)).await;
        answer
            .map(|answer| answer.into_inner().lost)
            .map_err(|status| status.code())
    }

    /// Ends attempts and leases more trials in one call; returns their leases.
    async fn finish_and_acquire(
        &mut self,
        worker_id: &str,
        tokens: &[wire::LeaseToken],
        max_lanes: u32,
    ) -> Vec<wire::LeaseToken> {
        let next = wire::AcquireRequest {
            request_id: "next".into(),
            max_lanes,
            ..wire::AcquireRequest::default()
        };
        let request = wire::FinishRequest {
            next: Some(next),
            ..ends(worker_id, tokens)
        };
        let answer = self.leases.finish(request).await.unwrap().into_inner();
        assert_eq!(answer.lost, []);
        let leases = answer.next.expect("it was asked").leases;
        leases.iter().map(|lease| lease.token.unwrap()).collect()
    }
}

/// The call in which a worker ends its attempts well.
fn ends(worker_id: &str, tokens: &[wire::LeaseToken]) -> wire::FinishRequest {
    let end = |&token: &wire::LeaseToken| wire::EndedAttempt {
        token: Some(token),
        ending: wire::Ending::Succeeded.into(),
        observations: vec![wire::Observation {
            step: 40,
            metric: "accuracy_interpolation".into(),
            value: 0.75,
        }],
        ..wire::EndedAttempt::default()
    };
    wire::FinishRequest {
        worker_id: worker_id.into(),
        attempts: tokens.iter().map(end).collect(),
        next: None,
    }
}

#[tokio::test]
async fn both_services_are_healthy_and_can_be_reflected() {
    let scene = Scene::new().await;
    let channel = connect(&scene.serve.url).await;
    let mut health = HealthClient::new(channel.clone());
    for service in ["pondersweep.v1.Sweeps", "pondersweep.v1.Leases"] {
        let request = HealthCheckRequest {
            service: service.into(),
        };
        let answer = health.check(request).await.unwrap().into_inner();
        assert_eq!(answer.status, 1, "{service} is not SERVING");
    }

    use tonic_reflection::pb::v1::{
        ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
        server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
    };
    let request = ServerReflectionRequest {
        message_request: Some(MessageRequest::ListServices(String::new())),
        ..ServerReflectionRequest::default()
    };
    let mut reflection = ServerReflectionClient::new(channel);
    let mut answers = reflection
        .server_reflection_info(tokio_stream::iter([request]))
        .await
        .unwrap()
        .into_inner();
    let answer = answers
        .message()
        .await
        .unwrap()
        .unwrap()
        .message_response
        .unwrap();
    let MessageResponse::ListServicesResponse(list) = answer else {
        panic!("{answer:?}")
    };
    let names: Vec<String> = list
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    assert!(
        names.contains(&"pondersweep.v1.Leases".to_owned()),
        "{names:?}"
    );
}

#[tokio::test]
async fn a_worker_that_never_registered_is_told_so() {
    let mut scene = Scene::new().await;
    let request = wire::DrainRequest {
        worker_id: "unknown".into(),
    };
    assert_eq!(
        scene.leases.drain(request).await.unwrap_err().code(),
        Code::NotFound
    );
}

#[tokio::test]
async fn every_lease_call_may_be_repeated() {
    let mut scene = Scene::new().await;
    scene.register("a").await;
    scene.register("a").await;

    let first = scene.acquire("a", "1").await;
    let again = scene.acquire("a", "1").await;
    let other = scene.acquire("a", "2").await;
    assert_eq!(first, again);
    assert_ne!(first, other);
    assert_eq!(scene.sandbox.count("select count(*) from attempt"), 2);

    for _ in 0..3 {
        assert_eq!(scene.finish("a", &first[..1]).await, Ok(vec![]));
    }
    assert_eq!(
        scene
            .sandbox
            .count("select count(*) from trial where state = 'succeeded'"),
        1
    );
    assert_eq!(scene.sandbox.count("select count(*) from observation"), 1);
}

#[tokio::test]
async fn the_call_that_ends_a_bundle_leases_the_next_and_may_be_repeated() {
    let mut scene = Scene::new().await;
    scene.register("a").await;
    let first = scene.acquire("a", "1").await;
    let next = scene.finish_and_acquire("a", &first, 2).await;
    assert_eq!(next.len(), 2);
    assert!(!next.contains(&first[0]));
    assert_eq!(scene.finish_and_acquire("a", &first, 2).await, next);
    assert_eq!(scene.sandbox.count("select count(*) from attempt"), 3);
    assert_eq!(scene.finish("a", &next).await, Ok(vec![]));
    let kinds = "select kind from event where trial_id is not null order by event_id";
    let kinds = scene.sandbox.run(&["query", "--output", "csv", kinds]);
    let kinds: Vec<&str> = kinds.stdout.lines().skip(1).collect();
    assert_eq!(
        kinds,
        ["leased", "ended", "leased", "leased", "ended", "ended"]
    );
}

#[tokio::test]
async fn a_bundle_grows_only_around_a_lease_of_its_worker() {
    let mut scene = Scene::new().await;
    scene.register("a").await;
    scene.register("b").await;
    let held = scene.acquire("a", "1").await[0];
    assert_eq!(scene.acquire_together_with("b", "1", Some(held)).await, []);
    let more = scene.acquire_together_with("a", "2", Some(held)).await;
    assert_eq!(more.len(), 1);
    assert_ne!(more[0], held);
    assert_eq!(
        scene.acquire_together_with("a", "2", Some(held)).await,
        more
    );
    assert_eq!(scene.finish("a", &more).await, Ok(vec![]));
}

#[tokio::test]
async fn a_repeated_acquisition_gets_the_same_lease_after_a_restart() {
    let mut scene = Scene::new().await;
    scene.register("a").await;
    let first = scene.acquire("a", "1").await;
    let address = scene.serve.address().to_owned();

    scene.serve.kill();
    scene.serve = Serve::start_at(&scene.sandbox, &address);
    scene.leases = LeasesClient::new(connect(&scene.serve.url).await);

    assert_eq!(scene.acquire("a", "1").await, first);
    assert_eq!(scene.finish("a", &first).await, Ok(vec![]));
}

#[tokio::test]
async fn a_worker_speaks_only_of_its_own_current_lease() {
    let mut scene = Scene::new().await;
    scene.register("a").await;
    scene.register("b").await;
    let token = scene.acquire("a", "1").await[0];

    let stale = wire::LeaseToken {
        attempt: token.attempt + 1,
        ..token
    };
    assert_eq!(scene.finish("b", &[token]).await, Ok(vec![token]));
    let nowhere = wire::LeaseToken {
        trial_id: 99_999,
        attempt: 1,
    };
    let succeeded = "select count(*) from trial where state = 'succeeded'";
    let lost = vec![stale, nowhere];
    assert_eq!(scene.finish("a", &lost).await, Ok(lost.clone()));
    assert_eq!(scene.sandbox.count(succeeded), 0);
    // Neither keeps its own from ending.
    let all = [stale, token, nowhere];
    assert_eq!(scene.finish("a", &all).await, Ok(lost));
    assert_eq!(scene.sandbox.count(succeeded), 1);
}

#[tokio::test]
async fn malformed_messages_are_refused_and_change_nothing() {
    let mut scene = Scene::new().await;
    scene.register("a").await;
    let token = scene.acquire("a", "1").await[0];
    let report = |observation| wire::ReportRequest {
        worker_id: "a".into(),
        token: Some(token),
        observations: vec![observation],
    };
    let good = wire::Observation {
        step: 1,
        metric: "loss_training".into(),
        value: 0.5,
    };
    let nan = wire::Observation {
        value: f64::NAN,
        ..good.clone()
    };
    let unknown = wire::Observation {
        metric: "charm".into(),
        ..good.clone()
    };
    let beyond = wire::Observation {
        step: 41,
        ..good.clone()
    };
    let accuracy = |value| wire::Observation {
        metric: "accuracy_interpolation".into(),
        value,
        ..good.clone()
    };
    for bad in [nan, unknown, beyond, accuracy(-5.0), accuracy(1e308)] {
        let refused = scene.leases.report(report(bad)).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
    }
    let impossible = |change: fn(&mut wire::EndedAttempt)| {
        let mut request = ends("a", &[token]);
        change(&mut request.attempts[0]);
        request
    };
    let of_table = |group: &str| wire::CountTable {
        table: "halting".into(),
        group: group.into(),
        columns: vec!["examples".into()],
        rows: Vec::new(),
    };
    let mut not_evaluated = ends("a", &[token]);
    not_evaluated.attempts[0].breakdown = Some(wire::Breakdown {
        tables: vec![of_table("extrapolation")],
    });
    for bad in [
        impossible(|end| end.seconds = 1e308),
        impossible(|end| end.observations.clear()),
        impossible(|end| end.observations[0].value = 2.0),
        not_evaluated,
    ] {
        let refused = scene.leases.finish(bad).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(!refused.message().is_empty());
    }
    let without_token = wire::ReportRequest {
        token: None,
        ..report(good)
    };
    let refused = scene.leases.report(without_token).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    for ends in [0, MAX_ENDED_ATTEMPTS + 1] {
        let refused = scene.finish("a", &vec![token; ends]).await;
        assert_eq!(refused, Err(Code::InvalidArgument));
    }
    let empty = wire::CreateSweepRequest::default();
    let refused = scene.sweeps.create_sweep(empty).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert_eq!(scene.sandbox.count("select count(*) from observation"), 0);
}

#[tokio::test]
async fn a_watcher_hears_of_the_end() {
    let mut scene = Scene::new().await;
    let request = wire::WatchSweepRequest {
        sweep: "last".into(),
    };
    let mut progress = scene
        .sweeps
        .watch_sweep(request)
        .await
        .unwrap()
        .into_inner();
    let first = progress.message().await.unwrap().unwrap();
    assert_eq!(first.sweep.unwrap().trials.unwrap().pending, 8);
    assert_eq!(first.updates_total, 8 * 40);

    scene.register("a").await;
    for round in 0..8 {
        let token = scene.acquire("a", &round.to_string()).await[0];
        assert_eq!(scene.finish("a", &[token]).await, Ok(vec![]));
    }
    let mut last = None;
    while let Some(message) = progress.message().await.unwrap() {
        last = message.sweep;
    }
    let last = last.unwrap();
    assert_eq!(last.state(), wire::SweepState::Finished);
    assert_eq!(last.trials.unwrap().succeeded, 8);
}
