//! Tokens where people and programs have them: never shown, told of when they are refused, and
//! limits that a peer meets.

use std::fs;

use rustix::process::Signal;
use tonic::Code;

use crate::{
    checkpoint_uploads::trial,
    harness::{Sandbox, Serve, StandIn, TINY, wait_until},
    trust::{Scene, call, connect, token},
};

#[test]
fn a_secret_is_in_no_log_argument_or_file() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let made = |role, file| {
        let more = ["--out", file, "--name", "lab"];
        token(&sandbox, role, &more);
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &fs::metadata(sandbox.path(file)).unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
        fs::read_to_string(sandbox.path(file))
            .unwrap()
            .trim()
            .to_owned()
    };
    let (submitter, worker) = (
        made("submitter", "submitter.token"),
        made("worker", "worker.token"),
    );
    let mut command = sandbox.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.env("PONDERSWEEP_LOG", "trace");
    let serve = Serve::spawn(command);
    let submit = [
        "submit",
        "tiny.toml",
        "--coordinator",
        &serve.url,
        "--token-file",
        "submitter.token",
    ];
    assert_eq!(sandbox.run(&submit).code, 0);
    let work = [
        "worker",
        "--coordinator",
        &serve.url,
        "--exit-when-idle",
        "--token-file",
        "worker.token",
    ];
    let worked = sandbox
        .command(&work)
        .env("PONDERSWEEP_LOG", "trace")
        .output()
        .unwrap();
    assert!(
        worked.status.success(),
        "{}",
        String::from_utf8_lossy(&worked.stderr)
    );
    let environment = ["ls", "--coordinator", &serve.url];
    let listed = sandbox
        .command(&environment)
        .env("PONDERSWEEP_TOKEN", &submitter)
        .output()
        .unwrap();
    assert!(listed.status.success());
    // A token that is refused is not logged either.
    let refused = sandbox
        .command(&environment)
        .env("PONDERSWEEP_TOKEN", &worker)
        .output()
        .unwrap();
    assert_eq!(
        refused.status.code(),
        Some(77),
        "{}",
        String::from_utf8_lossy(&refused.stderr)
    );
    serve.signal(Signal::TERM);
    let served = serve.ended();

    let mut places = vec![
        (
            "the coordinator's log".to_owned(),
            served.stderr.into_bytes(),
        ),
        ("the worker's log".to_owned(), worked.stderr),
        ("a refusal".to_owned(), refused.stderr),
    ];
    for entry in fs::read_dir(sandbox.path(".")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file()
            && path
                .extension()
                .is_none_or(|extension| extension != "token")
        {
            places.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
    assert!(places.len() > 4, "the database was not looked at");
    for (place, bytes) in &places {
        for secret in [&submitter, &worker] {
            // Neither the text nor the bytes it stands for.
            let digits = secret.rsplit('_').next().unwrap();
            let raw: Vec<u8> = (0..32)
                .map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).unwrap())
                .collect();
            for needle in [digits.as_bytes(), &raw] {
                let found = bytes.windows(needle.len()).any(|window| window == needle);
                assert!(!found, "{place} shows a token");
            }
        }
    }
}

#[test]
fn a_run_works_on_a_database_with_tokens() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    token(&sandbox, "viewer", &[]);
    let ran = sandbox.run(&["run", "tiny.toml"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let steered = sandbox.run(&["retry", "--db", "results.db"]);
    assert_eq!(steered.code, 0, "{}", steered.stderr);
}

#[test]
fn a_worker_whose_token_is_not_accepted_says_so_and_ends() {
    let scene = Scene::new(&[]);
    let viewer = token(&scene.sandbox, "viewer", &[]);
    scene.sandbox.write("viewer.token", &viewer);
    for (more, why) in [
        (&[][..], "asks for a token"),
        (
            &["--token-file", "viewer.token"],
            "a token of role viewer does not allow to train",
        ),
    ] {
        let refused = scene.run(&[&["worker"], more].concat());
        assert_eq!(refused.code, 77, "{}", refused.stderr);
        assert!(
            refused.stderr.contains(why) && refused.stderr.contains("hint: "),
            "{}",
            refused.stderr
        );
    }
    let missing = scene.run(&["ls", "--token-file", "nowhere.token"]);
    assert_eq!(missing.code, 2, "{}", missing.stderr);
}

#[tokio::test]
async fn too_many_calls_and_connections_are_refused_and_workers_back_off() {
    let scene = Scene::new(&["--max-call-rate", "10", "--max-connections", "6"]);
    let channel = connect(&scene.serve.url).await;
    const HEALTH: &str = "/grpc.health.v1.Health/Check";
    let mut refused = None;
    for _ in 0..100 {
        refused = refused.or(call(&channel, HEALTH, None)
            .await
            .err()
            .filter(|status| status.code() == Code::ResourceExhausted));
    }
    let refused = refused.expect("a hundred calls at once are more than ten a second");
    assert!(refused.message().contains("hint: "), "{refused}");

    // A worker that is refused now and then finishes its sweep all the same.
    let worker = token(&scene.sandbox, "worker", &[]);
    scene.sandbox.write("worker.token", &worker);
    let worked = scene.run(&["worker", "--token-file", "worker.token", "--exit-when-idle"]);
    assert_eq!(worked.code, 0, "{}", worked.stderr);
    let succeeded = "select count(*) from trial where state = 'succeeded'";
    assert_eq!(scene.sandbox.count(succeeded), 8);

    let mut channels = Vec::new();
    for _ in 0..7 {
        channels.push(connect(&scene.serve.url).await);
    }
    let last = channels.last().expect("seven");
    let crowded = call(last, HEALTH, None).await.unwrap_err();
    assert_eq!(crowded.code(), Code::ResourceExhausted);
    assert!(crowded.message().contains("hint: "), "{crowded}");
    drop((channels, channel));
    wait_until("connections are counted while they are open only", || {
        scene.run(&["ls", "--token-file", "submitter.token"]).code == 0
    });
}

#[tokio::test]
async fn a_worker_whose_coordinator_leases_for_no_time_says_so_and_ends() {
    let sandbox = Sandbox::new();
    for lease_duration_ms in [0, 2] {
        let stand_in = StandIn::start(lease_duration_ms, trial()).await;
        let worker = sandbox.start(&["worker", "--coordinator", &stand_in.url]);
        let worked = tokio::task::spawn_blocking(|| worker.finish()).await;
        let worked = worked.expect("it ends");
        worked.assert_code(1).assert_told("hint: ");
        assert!(!worked.stderr.contains("panicked"), "{}", worked.stderr);
        assert_eq!(stand_in.heard("acquire"), 0);
    }
}

#[test]
fn secrets_that_everybody_can_read_are_told_of_at_the_start() {
    let sandbox = Sandbox::new();
    sandbox.run(&["tls", "init", "keys"]).assert_code(0);
    let everybody = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(sandbox.path("keys/server-key.pem"), everybody).unwrap();
    let serve = Serve::start_with(&sandbox, "127.0.0.1:0", &["--tls", "keys"]);
    serve.signal(Signal::TERM);
    let served = serve.ended();
    served
        .assert_code(0)
        .assert_told("can read keys/server-key.pem");
    sandbox.write("open.token", "pondersweep_ab");
    let listed = sandbox.run(&[
        "ls",
        "--coordinator",
        "http://127.0.0.1:1",
        "--token-file",
        "open.token",
    ]);
    listed.assert_code(69).assert_told("can read open.token");
}

#[test]
fn a_certificate_that_expires_is_told_of_at_the_start() {
    let sandbox = Sandbox::new();
    sandbox
        .run(&["tls", "init", "keys", "--days", "3"])
        .assert_code(0);
    let serve = Serve::start_with(&sandbox, "127.0.0.1:0", &["--tls", "keys"]);
    serve.signal(Signal::TERM);
    serve
        .ended()
        .assert_code(0)
        .assert_told("server.pem expires on");
}
