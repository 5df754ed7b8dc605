//! Workers launched through a real sshd: started once, told when they cannot be, stopped in order.

use std::{fs, os::unix::fs::PermissionsExt as _};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{
    checkpoints::{assert_as_undisturbed, scene},
    harness::{Finished, Sandbox, Serve, Sshd, TINY, free_port, wait_until},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_pondersweep-under-test");
const LEASED: &str = "select count(*) from trial where state = 'leased'";
const SUCCEEDED: &str = "select count(*) from trial where state = 'succeeded'";

/// A `pondersweep launch` that keeps to the sandbox on both sides.
fn launch(sandbox: &Sandbox, sshd: &Sshd, arguments: &[&str]) -> Finished {
    let mut command = sandbox.command(&["launch"]);
    command.args(arguments);
    command.env("PONDERSWEEP_SSH", sshd.command());
    command.env("PONDERSWEEP_LAUNCH_STATE", sandbox.path("launches"));
    command.env("PONDERSWEEP_OUTPUT", "json");
    Finished::from(command.output().expect("the program starts"))
}

/// Launches workers of one slot on hosts of the sshd.
fn launch_on(sandbox: &Sandbox, sshd: &Sshd, hosts: &[&str], url: &str, more: &[&str]) -> Finished {
    let there = sandbox.path("there").display().to_string();
    let fixed = ["--directory", &there, "--coordinator", url, "--slots", "1"];
    launch(sandbox, sshd, &[&["ssh"], hosts, &fixed[..], more].concat())
}

fn rows(finished: &Finished) -> Vec<Value> {
    let rows: Value =
        serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{finished:?}"));
    rows.as_array().expect("rows").clone()
}

/// One column of the rows.
fn column(finished: &Finished, name: &str) -> Vec<String> {
    let text = |row: &Value| {
        row[name]
            .as_str()
            .map_or_else(|| row[name].to_string(), str::to_owned)
    };
    rows(finished).iter().map(text).collect()
}

#[test]
fn workers_are_started_once_leave_in_order_and_change_no_result() {
    let (sandbox, serve) = scene();
    let Some(sshd) = Sshd::start(&sandbox) else {
        return;
    };
    let on = |hosts: &[&str]| launch_on(&sandbox, &sshd, hosts, &serve.url, &["--binary", PROGRAM]);

    let started = on(&["alpha,gone", "beta:1"]);
    assert_eq!(started.code, 1, "{started:?}");
    assert_eq!(
        column(&started, "state"),
        ["started", "unreachable", "started"],
        "{started:?}"
    );
    assert!(started.stderr.contains("Connection refused"), "{started:?}");
    let again = on(&["alpha,beta:1"]);
    assert_eq!(again.code, 0, "{again:?}");
    let processes = column(&again, "process");
    assert_eq!(column(&again, "state"), ["running already"; 2]);
    wait_until("both train", || sandbox.count(LEASED) == 2);
    let listed = launch(&sandbox, &sshd, &["ls"]);
    assert_eq!(
        column(&listed, "place"),
        ["alpha", "beta"],
        "gone is forgotten: {listed:?}"
    );
    assert_eq!(column(&listed, "state"), ["running"; 2]);

    // One is killed and started again; the other stays.
    let victim = Pid::from_raw(processes[0].parse().unwrap()).unwrap();
    kill_process(victim, Signal::KILL).expect("it runs");
    let replaced = on(&["alpha,beta:1"]);
    assert_eq!(
        column(&replaced, "state"),
        ["started", "running already"],
        "{replaced:?}"
    );
    assert_eq!(column(&replaced, "process")[1], processes[1]);
    wait_until("the trial of the killed one is taken again", || {
        sandbox.count("select count(*) from attempt") >= 3
    });

    let stopped = launch(&sandbox, &sshd, &["stop"]);
    assert_eq!(stopped.code, 0, "{stopped:?}");
    assert_eq!(column(&stopped, "state"), ["ended"; 2], "{stopped:?}");
    assert_eq!(sandbox.count(LEASED), 0, "they handed back what they had");
    let logs = launch(&sandbox, &sshd, &["logs"]);
    assert_eq!(logs.code, 0, "{logs:?}");
    assert!(
        logs.stdout.contains("== alpha") && logs.stdout.contains("drained"),
        "{logs:?}"
    );

    assert_eq!(on(&["alpha", "beta:1"]).code, 0);
    wait_until("the sweep has finished", || sandbox.count(SUCCEEDED) == 2);
    assert_eq!(launch(&sandbox, &sshd, &["stop", "--forget"]).code, 0);
    assert_eq!(rows(&launch(&sandbox, &sshd, &["ls"])), Vec::<Value>::new());
    assert_as_undisturbed(&sandbox);
}

/// What lies in the folder of launches.
fn left(sandbox: &Sandbox) -> Vec<String> {
    let entries = fs::read_dir(sandbox.path("launches")).expect("something was launched");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
    entries
        .map(|entry| name(entry).into_string().unwrap())
        .collect()
}

#[test]
fn a_login_shell_need_not_be_one_of_posix() {
    for shell in ["tcsh", "fish"] {
        let sandbox = Sandbox::new();
        let Some(sshd) = Sshd::start_with_shell(&sandbox, shell) else {
            continue;
        };
        let serve = Serve::start(&sandbox);
        let there = sandbox.path("it's \\ there!").display().to_string();
        let more = ["--coordinator", &serve.url, "--slots", "1", "--copy"];
        let words = [&["ssh", "alpha", "--directory", &there], &more[..]].concat();
        let copied = launch(&sandbox, &sshd, &words);
        assert_eq!(
            (copied.code, column(&copied, "state")),
            (0, vec!["started".into()]),
            "{shell}: {copied:?}"
        );
        assert!(copied.stderr.contains("alpha: copying"), "{copied:?}");
        let stopped = launch(&sandbox, &sshd, &["stop"]);
        assert_eq!(column(&stopped, "state"), ["ended"], "{shell}: {stopped:?}");
    }
}

#[test]
fn a_name_is_free_again_when_its_launch_is_over() {
    let sandbox = Sandbox::new();
    let Some(sshd) = Sshd::start(&sandbox) else {
        return;
    };
    let program = write_stand_in(&sandbox, env!("CARGO_PKG_VERSION"));
    let on = |directory: &str, host: &str| {
        let there = sandbox.path(directory).display().to_string();
        let how = [
            "--name",
            "demo",
            "--directory",
            &there,
            "--binary",
            &program,
        ];
        let where_to = ["ssh", host, "--coordinator", "http://127.0.0.1:1"];
        launch(&sandbox, &sshd, &[&where_to[..], &how].concat())
    };
    assert_eq!(on("here", "alpha").code, 0);
    let refused = on("there", "beta");
    assert_eq!(refused.code, 1, "{refused:?}");
    refused.assert_told("demo through ssh is not over: alpha is running");
    refused.assert_told("pondersweep launch stop demo");

    assert_eq!(launch(&sandbox, &sshd, &["stop", "demo"]).code, 0);
    let elsewhere = on("there", "beta");
    assert_eq!(elsewhere.code, 0, "{elsewhere:?}");
    let listed = launch(&sandbox, &sshd, &["ls"]);
    assert_eq!(column(&listed, "place"), ["beta"], "{listed:?}");
    assert_eq!(launch(&sandbox, &sshd, &["stop", "--forget"]).code, 0);
    assert_eq!(left(&sandbox), Vec::<String>::new());
}

#[test]
fn a_failure_has_the_hint_of_its_own_cause() {
    let sandbox = Sandbox::new();
    let Some(sshd) = Sshd::start(&sandbox) else {
        return;
    };
    let url = "http://127.0.0.1:1";
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let tunnel = format!(
        "--tunnel={}",
        taken.local_addr().expect("an address").port()
    );
    let tunnelled = launch_on(&sandbox, &sshd, &["alpha"], url, &[&tunnel]);
    tunnelled.assert_told("name a free one with --tunnel=PORT");
    for more in [&["--tunnel=7"][..], &[]] {
        let gone = launch_on(&sandbox, &sshd, &["gone"], url, more);
        assert_eq!(column(&gone, "state"), ["unreachable"], "{gone:?}");
        gone.assert_told("hint: no sshd answers there");
        assert!(!gone.stderr.contains("--tunnel=PORT"), "{gone:?}");
        // No name has an empty part, so nothing is asked of the network.
        let unknown = ["--ssh-command", "ssh -F none"];
        let unknown = launch_on(
            &sandbox,
            &sshd,
            &["no..such"],
            url,
            &[&unknown, more].concat(),
        );
        assert_eq!(column(&unknown, "state"), ["unreachable"], "{unknown:?}");
        unknown.assert_told("hint: check the spelling");
    }
    assert_eq!(left(&sandbox), Vec::<String>::new());
}

#[test]
fn a_host_that_is_gone_for_good_can_be_forgotten() {
    let sandbox = Sandbox::new();
    let Some(sshd) = Sshd::start(&sandbox) else {
        return;
    };
    let program = write_stand_in(&sandbox, env!("CARGO_PKG_VERSION"));
    let more = ["--binary", &program, "--name", "demo"];
    let started = launch_on(&sandbox, &sshd, &["alpha"], "http://127.0.0.1:1", &more);
    let process = column(&started, "process")[0].parse().expect("a number");
    let record = sandbox.path("launches/demo.json");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replace("\"alpha\"", "\"gone\"")).unwrap();

    let stopped = launch(&sandbox, &sshd, &["stop", "--forget"]);
    assert_eq!((stopped.code, left(&sandbox).len()), (1, 2), "{stopped:?}");
    let stopped = launch(&sandbox, &sshd, &["stop", "--forget", "--now"]);
    assert_eq!(left(&sandbox), Vec::<String>::new(), "{stopped:?}");
    kill_process(Pid::from_raw(process).unwrap(), Signal::KILL).expect("it runs");
}

#[test]
fn a_host_without_the_program_gets_a_copy_and_a_worker_reaches_back_through_a_tunnel() {
    let (sandbox, serve) = scene();
    let Some(sshd) = Sshd::start(&sandbox) else {
        return;
    };
    let port = free_port();
    let open = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    let tunnel = format!("--tunnel={port}");
    let on = |more: &[&str]| {
        launch_on(
            &sandbox,
            &sshd,
            &["alpha"],
            &serve.url,
            &[&[tunnel.as_str()], more].concat(),
        )
    };

    let missing = on(&["--binary", "no-such-program"]);
    assert_eq!(
        (missing.code, column(&missing, "state")),
        (1, vec!["refused".into()]),
        "{missing:?}"
    );
    assert!(missing.stderr.contains("hint: --copy"), "{missing:?}");
    wait_until("no tunnel stays without a launch", || {
        !open() && left(&sandbox).is_empty()
    });
    let copied = on(&["--copy"]);
    assert_eq!(
        (copied.code, column(&copied, "state")),
        (0, vec!["started".into()]),
        "{copied:?}"
    );
    assert!(copied.stderr.contains("alpha: copying"), "{copied:?}");
    wait_until("the sweep has finished", || sandbox.count(SUCCEEDED) == 2);

    assert_eq!(launch(&sandbox, &sshd, &["stop"]).code, 0);
    let again = on(&["--copy"]);
    assert!(!again.stderr.contains("copying"), "it is there: {again:?}");
    assert_eq!(launch(&sandbox, &sshd, &["stop"]).code, 0);
    wait_until("the tunnel is closed", || !open());
    assert_as_undisturbed(&sandbox);
}

/// Stands in for the program on a host: says its version, then what it was started with.
fn write_stand_in(sandbox: &Sandbox, version: &str) -> String {
    let seen = sandbox.path("seen").display().to_string();
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && {{ echo pondersweep {version}; exit; }}\n\
         {{ echo \"$@\"; ps -eo args; }} >{seen}\necho registered\nexec sleep 600\n"
    );
    let path = sandbox.path("stand-in");
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[test]
fn a_token_is_no_argument_of_any_process_and_is_gone_when_its_worker_is() {
    let sandbox = Sandbox::new();
    let Some(sshd) = Sshd::start(&sandbox) else {
        return;
    };
    let program = write_stand_in(&sandbox, env!("CARGO_PKG_VERSION"));
    sandbox.write("token", "a-secret-of-this-test\n");
    let more = [
        "--binary",
        &program,
        "--token-file",
        "token",
        "--name",
        "secret",
    ];
    let started = launch_on(&sandbox, &sshd, &["beta"], "http://127.0.0.1:1", &more);
    assert_eq!(started.code, 0, "{started:?}");

    let there = sandbox.path("there/secret/beta/access/token");
    assert_eq!(
        fs::read_to_string(&there).unwrap(),
        "a-secret-of-this-test\n"
    );
    assert_eq!(
        fs::metadata(&there).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let seen = fs::read_to_string(sandbox.path("seen")).unwrap();
    let argument = format!("--token-file {}", there.display());
    assert!(seen.contains(&argument) && seen.contains("sshd"), "{seen}");
    assert!(!seen.contains("a-secret"), "{seen}");
    let launches = fs::read_to_string(sandbox.path("launches/secret.json")).unwrap();
    assert!(!launches.contains("a-secret"), "{launches}");

    assert_eq!(launch(&sandbox, &sshd, &["stop", "secret"]).code, 0);
    assert!(!there.exists());
}

#[test]
fn a_host_with_another_version_is_refused_with_both_versions() {
    let sandbox = Sandbox::new();
    let Some(sshd) = Sshd::start(&sandbox) else {
        return;
    };
    let program = write_stand_in(&sandbox, "9.8.7");
    let refused = launch_on(
        &sandbox,
        &sshd,
        &["alpha"],
        "http://127.0.0.1:1",
        &["--binary", &program],
    );
    assert_eq!(refused.code, 1);
    let told = format!(
        "pondersweep 9.8.7 there, pondersweep {} here",
        env!("CARGO_PKG_VERSION")
    );
    assert!(refused.stderr.contains(&told), "{refused:?}");
    assert!(!sandbox.has("seen"), "nothing was started");
}

#[test]
fn what_a_worker_says_before_it_ends_is_told() {
    let sandbox = Sandbox::new();
    let Some(sshd) = Sshd::start(&sandbox) else {
        return;
    };
    let serve = Serve::start(&sandbox);
    let more = ["--binary", PROGRAM, "--device", "cuda:7"];
    let ended = launch_on(&sandbox, &sshd, &["alpha"], &serve.url, &more);
    assert_eq!(
        (ended.code, column(&ended, "state")),
        (1, vec!["ended at once".into()]),
        "{ended:?}"
    );
    assert!(
        ended.stderr.contains("cuda:7 is not in this build"),
        "{ended:?}"
    );
}

#[test]
fn workers_are_let_in_by_what_was_sent_along_with_them() {
    let sandbox = Sandbox::new();
    let Some(sshd) = Sshd::start(&sandbox) else {
        return;
    };
    sandbox.write("tiny.toml", TINY);
    assert_eq!(sandbox.run(&["tls", "init", "tls"]).code, 0);
    for role in ["submitter", "worker"] {
        let made = sandbox.run(&["token", "new", "--role", role, "--out", role]);
        made.assert_code(0);
    }
    let options = ["--tls", "tls", "--tls-client-ca", "tls/ca.pem"];
    let serve = Serve::start_with(&sandbox, "127.0.0.1:0", &options);
    let certificates = [
        "--tls-ca",
        "tls/ca.pem",
        "--tls-cert",
        "tls/worker.pem",
        "--tls-key",
        "tls/worker-key.pem",
    ];
    let submit = ["submit", "tiny.toml", "--coordinator", &serve.url];
    let submit = [&submit[..], &["--token-file", "submitter"], &certificates].concat();
    let submitted = sandbox.run(&submit);
    submitted.assert_code(0);

    let more = ["--binary", PROGRAM, "--token-file", "worker"];
    let more = [&more[..], &certificates].concat();
    let started = launch_on(&sandbox, &sshd, &["alpha"], &serve.url, &more);
    assert_eq!(started.code, 0, "{started:?}");
    wait_until("the sweep has finished", || sandbox.count(SUCCEEDED) == 8);

    assert_eq!(launch(&sandbox, &sshd, &["stop"]).code, 0);
}
