//! Every call of both services, with its request lost, its reply lost, or neither: the story it
//! tells must end the same.

use pondersweep::{
    coordinator::{Coordinator, CoordinatorOptions},
    store::{Reader, SweepDigest},
    sweep::{SweepFile, SweepSpec},
};
use pondersweep_proto::{
    limit::PROTOCOL,
    wire::{self, leases_client::LeasesClient, sweeps_client::SweepsClient},
};

use super::*;

/// Methods of both services. A new one belongs into the story below.
const METHODS: usize = 16;

/// Two configurations of three replicates, of which one is withheld at first.
const SWEEP: &str = r#"
[sweep]
name = "test"
[task]
kind = "parity"
elements = 8
[model]
kind = "ponder_net"
[space]
lambda_p = [0.2, 0.5]
[replicates]
count = 2
most = 3
seed = 7
[training]
updates = 1000
"#;

/// Gives a call again after its first loss; the macro only repeats the client's name.
macro_rules! given_again {
    ($first:expr, $client:expr, $method:ident, $request:expr) => {{
        let request = $request;
        if $first != CallFate::Answered {
            let lost = $client.$method(request.clone()).await;
            lost.expect_err(concat!(stringify!($method), " is lost at first"));
        }
        let answered = $client.$method(request).await;
        answered.expect(stringify!($method)).into_inner()
    }};
}

/// What the story comes to, besides what a lost reply may keep from the caller.
#[derive(Debug, PartialEq)]
struct Ending {
    results: SweepDigest,
    attempts: Vec<(String, usize)>,
    refused: u64,
}

fn name(sweep: &str) -> String {
    sweep.to_owned()
}

fn observation(step: u64, value: f64) -> wire::Observation {
    wire::Observation {
        step,
        metric: "accuracy_interpolation".into(),
        value,
    }
}

fn finish(token: wire::LeaseToken) -> wire::FinishRequest {
    wire::FinishRequest {
        worker_id: "w".into(),
        attempts: vec![wire::EndedAttempt {
            token: Some(token),
            ending: wire::Ending::Succeeded.into(),
            observations: vec![observation(20, 0.75)],
            seconds: 1.0,
            ..wire::EndedAttempt::default()
        }],
        next: None,
    }
}

fn acquire(request_id: &str) -> wire::AcquireRequest {
    wire::AcquireRequest {
        worker_id: "w".into(),
        request_id: request_id.into(),
        max_lanes: 1,
        sweep_id: String::new(),
        together_with: None,
        offers: Vec::new(),
    }
}

/// A sweep's life, in which the first call of every method has this fate.
async fn story(first: CallFate) -> Ending {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("results.db");
    let coordinator = Coordinator::start(CoordinatorOptions::loopback(&database))
        .await
        .unwrap();
    let fate = move |_: &str, call| if call == 0 { first } else { CallFate::Answered };
    let gateway = Gateway::with_fates(fate).await.unwrap();
    gateway.lead_to(&coordinator.url()).unwrap();
    let url = format!("http://{}", gateway.address());
    let channel = Endpoint::from_shared(url).unwrap().connect_lazy();
    let (mut leases, mut sweeps) = (
        LeasesClient::new(channel.clone()),
        SweepsClient::new(channel),
    );
    let reply_lost = matches!(first, CallFate::ReplyLost(_));

    let spec = SweepFile::parse(SWEEP, "test").unwrap();
    let create = wire::CreateSweepRequest {
        spec: spec.json().into(),
        accept_large: false,
        files: Vec::new(),
    };
    let created = given_again!(first, sweeps, create_sweep, create);
    assert_eq!(created.created, !reply_lost);
    let get = wire::GetSweepRequest {
        sweep: name("last"),
    };
    let sweep = given_again!(first, sweeps, get_sweep, get);
    let listed = given_again!(
        first,
        sweeps,
        list_sweeps,
        wire::ListSweepsRequest::default()
    );
    assert_eq!(listed.sweeps, [sweep]);
    let pause = wire::PauseSweepRequest {
        sweep: name("last"),
    };
    let paused = given_again!(first, sweeps, pause_sweep, pause);
    assert_eq!(paused.state(), wire::SweepState::Paused);
    let resume = wire::ResumeSweepRequest {
        sweep: name("last"),
    };
    let resumed = given_again!(first, sweeps, resume_sweep, resume);
    assert_eq!(resumed.state(), wire::SweepState::Active);

    let worker = wire::WorkerInfo {
        worker_id: "w".into(),
        ..wire::WorkerInfo::default()
    };
    let register = wire::RegisterRequest {
        worker: Some(worker),
        protocol: PROTOCOL,
    };
    given_again!(first, leases, register, register);
    let granted = given_again!(first, leases, acquire, acquire("1")).leases;
    let token = granted[0].token.unwrap();
    assert_eq!((granted.len(), token.trial_id, token.attempt), (1, 1, 1));
    let renew = wire::RenewRequest {
        worker_id: "w".into(),
        leases: vec![wire::LeaseProgress {
            token: Some(token),
            updates_done: 5,
        }],
        draining: false,
    };
    assert_eq!(given_again!(first, leases, renew, renew).lost, []);
    let report = wire::ReportRequest {
        worker_id: "w".into(),
        token: Some(token),
        observations: vec![observation(10, 0.5)],
    };
    given_again!(first, leases, report, report);
    given_again!(first, leases, finish, finish(token));

    leases.acquire(acquire("2")).await.unwrap();
    let drain = wire::DrainRequest {
        worker_id: "w".into(),
    };
    let drained = given_again!(first, leases, drain, drain);
    assert_eq!(drained.returned, u32::from(!reply_lost));
    let cancel = wire::CancelSweepRequest {
        sweep: name("last"),
    };
    let cancelled = given_again!(first, sweeps, cancel_sweep, cancel);
    assert_eq!(cancelled.state(), wire::SweepState::Cancelled);
    let retry = wire::RetryTrialsRequest {
        sweep: name("last"),
        states: vec![wire::TrialState::Cancelled.into()],
    };
    let retried = given_again!(first, sweeps, retry_trials, retry).retried;
    let initial = spec.initial_trials();
    assert_eq!(retried, if reply_lost { 0 } else { initial - 1 });
    let allocate = wire::AllocateReplicatesRequest {
        sweep: name("last"),
        allocations: vec![wire::Allocation {
            position: 1,
            replicates: spec.terms().replicates,
        }],
    };
    let allocated = given_again!(first, sweeps, allocate_replicates, allocate).allocated;
    assert_eq!(allocated, u64::from(!reply_lost));
    let trials = initial + 1;
    for round in 3..3 + trials - 1 {
        let granted = leases.acquire(acquire(&round.to_string())).await.unwrap();
        let token = granted.into_inner().leases[0].token.unwrap();
        leases.finish(finish(token)).await.unwrap();
    }
    let cells = wire::ListCellsRequest {
        sweep: name("last"),
        ..wire::ListCellsRequest::default()
    };
    let cells = given_again!(first, sweeps, list_cells, cells).cells;
    let withheld: Vec<u64> = cells.iter().map(|cell| cell.withheld).collect();
    assert_eq!(withheld, [1, 0]);
    let watch = wire::WatchSweepRequest {
        sweep: name("last"),
    };
    let mut progress = given_again!(first, sweeps, watch_sweep, watch);
    let last = progress.message().await.unwrap().unwrap().sweep.unwrap();
    assert_eq!(last.state(), wire::SweepState::Finished);

    check_counts(&gateway, first);
    drop((leases, sweeps, progress, gateway));
    coordinator.stop().await.unwrap();
    ending(&mut Reader::open(&database).await.unwrap(), &spec).await
}

fn check_counts(gateway: &Gateway, first: CallFate) {
    let counts = gateway.counts();
    assert_eq!(counts.len(), METHODS, "{:?}", counts.keys());
    for (method, counts) in counts {
        let expected = match first {
            CallFate::Answered => (0, 0),
            CallFate::RequestLost(_) => (1, 0),
            CallFate::ReplyLost(_) => (0, 1),
        };
        let lost = (counts.requests_lost, counts.replies_lost);
        assert_eq!(lost, expected, "{method}");
    }
}

async fn ending(reader: &mut Reader, spec: &SweepSpec) -> Ending {
    let mut attempts = Vec::new();
    for trial in 1..=spec.trials() {
        let trial = reader.trial(&trial.to_string()).await.unwrap();
        attempts.push((trial.state.name().to_owned(), trial.attempts.len()));
    }
    assert_eq!(reader.damage().await.unwrap(), Vec::<String>::new());
    Ending {
        results: reader.digest(spec.id()).await.unwrap(),
        attempts,
        refused: reader.completeness(spec.id()).await.unwrap().refused,
    }
}

#[tokio::test]
async fn a_call_that_is_lost_and_given_again_changes_nothing_twice() {
    let answered = story(CallFate::Answered).await;
    assert_eq!(answered.refused, 0);
    for code in LOSS_CODES {
        assert_eq!(story(CallFate::RequestLost(code)).await, answered);
        assert_eq!(story(CallFate::ReplyLost(code)).await, answered);
    }
}

#[test]
fn a_share_of_every_methods_calls_is_lost_by_a_function_of_the_seed() {
    let fates = |seed, method: &str| -> Vec<CallFate> {
        (0..600)
            .map(|call| CallFate::of(seed, method, call))
            .collect()
    };
    assert_eq!(fates(5, "/a/B"), fates(5, "/a/B"));
    assert_ne!(fates(5, "/a/B"), fates(6, "/a/B"));
    assert_ne!(fates(5, "/a/B"), fates(5, "/a/C"));
    let fates = fates(5, "/a/B");
    let lost = |wanted: fn(&CallFate) -> bool| fates.iter().filter(|fate| wanted(fate)).count();
    assert!((25..80).contains(&lost(|fate| matches!(fate, CallFate::RequestLost(_)))));
    assert!((25..80).contains(&lost(|fate| matches!(fate, CallFate::ReplyLost(_)))));
}
