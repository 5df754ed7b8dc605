//! Who may do what, over real sockets: every role and every call, credentials that are none, and
//! workers that belong to a token.

use std::time::Duration;

use pondersweep::trust::{Access, Role, Secret, TABLE};
use pondersweep_proto::{
    limit::PROTOCOL,
    wire::{self, save_checkpoint_request::Part},
};
use tonic::{
    Code, Request, Status,
    client::Grpc,
    metadata::MetadataValue,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

use crate::harness::{Sandbox, Serve, TINY, wait_until};

/// How long a call may take; a coordinator that is stuck must not keep a test for ever.
const CALL_TIMEOUT: Duration = Duration::from_secs(60);

/// A new token of a role, as its holder has it.
pub(crate) fn token(sandbox: &Sandbox, role: &str, more: &[&str]) -> String {
    let made = sandbox.run(&[&["token", "new", "--role", role], more].concat());
    assert_eq!(made.code, 0, "{}", made.stderr);
    made.stdout.trim().to_owned()
}

/// The public name of a token.
fn id(token: &str) -> String {
    Secret::parse(token)
        .expect("a token")
        .hash()
        .id()
        .to_string()
}

fn revoke(sandbox: &Sandbox, token: &str) {
    let revoked = sandbox.run(&["token", "revoke", &id(token)]);
    assert_eq!(revoked.code, 0, "{}", revoked.stderr);
}

pub(crate) async fn connect(url: &str) -> Channel {
    let endpoint = Endpoint::from_shared(url.to_owned()).expect("a URL");
    let channel = endpoint.timeout(CALL_TIMEOUT).connect().await;
    channel.expect("a coordinator")
}

/// A message with a credential.
fn with<T>(token: Option<&str>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    if let Some(token) = token {
        let mut value: MetadataValue<_> = format!("Bearer {token}").parse().expect("ASCII");
        value.set_sensitive(true);
        request.metadata_mut().insert("authorization", value);
    }
    request
}

/// Makes any call by its path, with a message whose first field is "last", and reads the beginning
/// of the answer: enough for a call to do what it does, and to say why it does not.
pub(crate) async fn call(
    channel: &Channel,
    path: &'static str,
    token: Option<&str>,
) -> Result<(), Status> {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.expect("connected");
    let codec = ProstCodec::<wire::GetSweepRequest, ()>::default();
    let message = wire::GetSweepRequest {
        sweep: "last".into(),
    };
    let path = path.parse().expect("a path");
    let answer = grpc.server_streaming(with(token, message), path, codec);
    answer.await?.into_inner().message().await.map(drop)
}

/// A coordinator that asks for tokens, with the tiny sweep.
pub(crate) struct Scene {
    pub(crate) sandbox: Sandbox,
    pub(crate) serve: Serve,
    submitter: String,
}

impl Scene {
    pub(crate) fn new(more: &[&str]) -> Self {
        let sandbox = Sandbox::new();
        sandbox.write("tiny.toml", TINY);
        let submitter = token(&sandbox, "submitter", &[]);
        let serve = Serve::start_with(&sandbox, "127.0.0.1:0", more);
        let scene = Self {
            sandbox,
            serve,
            submitter,
        };
        scene.sandbox.write("submitter.token", &scene.submitter);
        let submitted = scene.run(&["submit", "tiny.toml", "--token-file", "submitter.token"]);
        assert_eq!(submitted.code, 0, "{}", submitted.stderr);
        scene
    }

    /// Runs the program with this coordinator.
    pub(crate) fn run(&self, arguments: &[&str]) -> crate::harness::Finished {
        self.sandbox
            .run(&[arguments, &["--coordinator", &self.serve.url]].concat())
    }

    fn changes(&self) -> u64 {
        self.sandbox
            .count("select count(*) from event where kind not like 'token%'")
    }
}

#[tokio::test]
async fn every_role_may_make_exactly_its_calls() {
    let scene = Scene::new(&[]);
    let sandbox = &scene.sandbox;
    let (expired, revoked) = (
        token(sandbox, "submitter", &["--expires", "1s"]),
        token(sandbox, "submitter", &[]),
    );
    revoke(sandbox, &revoked);
    wait_until("the token expires", || {
        let listed = sandbox.run(&["token", "ls", "--output", "csv"]).stdout;
        listed
            .lines()
            .any(|line| line.starts_with(&id(&expired)) && line.contains(",expired,"))
    });
    let forged = Secret::from_random([7; 32]).reveal();
    let role = |role: Role| (Some(role), Some(token(sandbox, role.name(), &[])));
    // Those that change nothing come first, and the submitter, who may, last.
    let credentials = [
        (None, None),
        (None, Some(expired)),
        (None, Some(revoked)),
        (None, Some(forged)),
        (None, Some("pondersweep".into())),
        (None, Some(String::new())),
        role(Role::Viewer),
        role(Role::Worker),
        role(Role::Submitter),
    ];
    let channel = connect(&scene.serve.url).await;
    let before = scene.changes();
    for (role, token) in &credentials {
        if *role == Some(Role::Submitter) {
            assert_eq!(scene.changes(), before, "somebody changed something");
        }
        for (path, access) in TABLE {
            let answer = call(&channel, path, token.as_deref()).await;
            let code = answer.as_ref().map_or_else(Status::code, |()| Code::Ok);
            let refused = match (access, role) {
                (Access::Anyone, _) => None,
                (_, None) => Some(Code::Unauthenticated),
                (access, Some(role)) if access.allows(*role) => None,
                _ => Some(Code::PermissionDenied),
            };
            match refused {
                Some(refused) => {
                    assert_eq!(code, refused, "{role:?} {token:?} {path}");
                    let text = answer.unwrap_err().message().to_owned();
                    assert!(text.contains("\nhint: "), "{text}");
                }
                None => assert!(
                    !matches!(code, Code::Unauthenticated | Code::PermissionDenied),
                    "{role:?} {path}: {answer:?}"
                ),
            }
        }
    }
    // The submitter's calls were answered, the cancellation among them.
    assert!(scene.changes() > before);
    let unknown = call(&channel, "/pondersweep.v1.Sweeps/DropEverything", None).await;
    assert_eq!(unknown.unwrap_err().code(), Code::Unimplemented);
}

#[tokio::test]
async fn a_token_does_not_speak_for_a_worker_of_another() {
    let scene = Scene::new(&[]);
    let (owner, other) = (
        token(&scene.sandbox, "worker", &[]),
        token(&scene.sandbox, "worker", &[]),
    );
    let mut leases = wire::leases_client::LeasesClient::new(connect(&scene.serve.url).await);
    let worker_id = || "w".to_owned();
    let register = || wire::RegisterRequest {
        worker: Some(wire::WorkerInfo {
            worker_id: worker_id(),
            slots: 1,
            ..wire::WorkerInfo::default()
        }),
        protocol: PROTOCOL,
    };
    let acquire = || wire::AcquireRequest {
        worker_id: worker_id(),
        request_id: "1".into(),
        max_lanes: 1,
        ..wire::AcquireRequest::default()
    };
    leases
        .register(with(Some(&owner), register()))
        .await
        .unwrap();
    let granted = leases
        .acquire(with(Some(&owner), acquire()))
        .await
        .unwrap()
        .into_inner();
    let token = granted.leases[0].token;
    let report = wire::ReportRequest {
        worker_id: worker_id(),
        token,
        observations: Vec::new(),
    };
    let finish = wire::FinishRequest {
        worker_id: worker_id(),
        attempts: vec![wire::EndedAttempt {
            token,
            ending: wire::Ending::Succeeded.into(),
            observations: vec![wire::Observation {
                step: 1,
                metric: "accuracy_interpolation".into(),
                value: 0.5,
            }],
            ..wire::EndedAttempt::default()
        }],
        next: None,
    };
    let renew = wire::RenewRequest {
        worker_id: worker_id(),
        leases: vec![wire::LeaseProgress {
            token,
            updates_done: 1,
        }],
        draining: false,
    };
    let header = wire::CheckpointHeader {
        worker_id: worker_id(),
        token,
        updates_done: 1,
        bytes: 1,
    };
    let parts = [Part::Header(header), Part::Piece(vec![1])];
    let save = parts.map(|part| wire::SaveCheckpointRequest { part: Some(part) });
    let load = wire::LoadCheckpointRequest {
        worker_id: worker_id(),
        token,
    };
    let start = wire::StartFromCheckpointRequest {
        worker_id: worker_id(),
        token,
        checkpoint_attempt: 1,
        updates_done: 1,
    };
    let files = wire::LoadProgramFilesRequest {
        worker_id: worker_id(),
        token,
    };
    let drain = wire::DrainRequest {
        worker_id: worker_id(),
    };
    let by = Some(other.as_str());
    // Every call of the service.
    let refusals = [
        leases.register(with(by, register())).await.map(drop),
        leases.acquire(with(by, acquire())).await.map(drop),
        leases.renew(with(by, renew)).await.map(drop),
        leases.report(with(by, report)).await.map(drop),
        leases.finish(with(by, finish.clone())).await.map(drop),
        leases
            .save_checkpoint(with(by, tokio_stream::iter(save)))
            .await
            .map(drop),
        leases.load_checkpoint(with(by, load)).await.map(drop),
        leases
            .start_from_checkpoint(with(by, start))
            .await
            .map(drop),
        leases.load_program_files(with(by, files)).await.map(drop),
        leases.drain(with(by, drain)).await.map(drop),
    ];
    let calls = TABLE
        .iter()
        .filter(|(path, _)| path.contains(".Leases/"))
        .count();
    assert_eq!(refusals.len(), calls, "a call is missing here");
    for (number, refused) in refusals.into_iter().enumerate() {
        assert_eq!(
            refused.expect_err("refused").code(),
            Code::PermissionDenied,
            "call {number}"
        );
    }

    // Whose it is outlives the coordinator.
    let address = scene.serve.address().to_owned();
    scene.serve.kill();
    let serve = Serve::start_at(&scene.sandbox, &address);
    let mut leases = wire::leases_client::LeasesClient::new(connect(&serve.url).await);
    let refused = leases
        .finish(with(by, finish.clone()))
        .await
        .expect_err("refused");
    assert_eq!(refused.code(), Code::PermissionDenied);
    leases
        .finish(with(Some(&owner), finish))
        .await
        .expect("the owner's");
}

#[tokio::test]
async fn tokens_are_made_and_revoked_while_the_coordinator_serves() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let serve = Serve::start(&sandbox);
    // No token was made yet, and none is asked for.
    serve.submit(&sandbox, "tiny.toml");
    let channel = connect(&serve.url).await;
    const GET: &str = "/pondersweep.v1.Sweeps/GetSweep";
    call(&channel, GET, None).await.expect("open");

    let viewer = token(&sandbox, "viewer", &[]);
    wait_until("tokens are asked for", || {
        sandbox.run(&["ls", "--coordinator", &serve.url]).code == 77
    });
    let mut watcher = wire::sweeps_client::SweepsClient::new(channel.clone());
    let watch = wire::WatchSweepRequest {
        sweep: "last".into(),
    };
    let mut progress = watcher
        .watch_sweep(with(Some(&viewer), watch))
        .await
        .unwrap()
        .into_inner();
    progress.message().await.expect("progress");
    // A new one is known at once.
    let second = token(&sandbox, "viewer", &[]);
    call(&channel, GET, Some(&second))
        .await
        .expect("known at once");

    revoke(&sandbox, &viewer);
    let ended = loop {
        match progress.message().await {
            Ok(Some(_)) => {}
            ended => break ended,
        }
    };
    assert_eq!(ended.expect_err("refused").code(), Code::Unauthenticated);
    let refused = call(&channel, GET, Some(&viewer)).await.unwrap_err();
    assert!(refused.message().contains("was revoked"), "{refused}");
    call(&channel, GET, Some(&second))
        .await
        .expect("not its business");

    // The end of the last token opens nothing.
    revoke(&sandbox, &second);
    sandbox.write("second.token", &second);
    let list = [
        "ls",
        "--coordinator",
        &serve.url,
        "--token-file",
        "second.token",
    ];
    wait_until("the token is refused", || sandbox.run(&list).code == 77);
    assert_eq!(
        call(&channel, GET, None).await.unwrap_err().code(),
        Code::Unauthenticated
    );
}
