//! What is printed when something is wrong: it names what is wrong in words that say what to do.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpListener,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustix::process::Signal;

use crate::harness::{Sandbox, Serve, TINY, program, skip, wait_until};

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    sandbox
}

/// A sandbox with certificates in `tls`, a coordinator that uses them, and a token for workers.
fn encrypted() -> (Sandbox, Serve) {
    let sandbox = sandbox();
    sandbox.run(&["tls", "init"]).assert_code(0);
    let token = ["token", "new", "--role", "worker", "--out", "worker"];
    sandbox.run(&token).assert_code(0);
    let serve = Serve::start_with(&sandbox, "127.0.0.1:0", &["--tls", "tls"]);
    (sandbox, serve)
}

/// The first line that a worker says, in the short time that a person waits for one.
#[expect(
    clippy::disallowed_methods,
    reason = "how long it takes is what is tested"
)]
fn first_line_of_worker(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let mut command = sandbox.command(&[&["worker"], arguments].concat());
    let started = Instant::now();
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
    let mut line = String::new();
    let stderr = child.stderr.take().expect("piped");
    BufReader::new(stderr).read_line(&mut line).expect("UTF-8");
    let waited = started.elapsed();
    child.kill().expect("a child");
    child.wait().expect("a child");
    // Twice what is promised: the machine of the test may be busy.
    assert!(waited < Duration::from_secs(4), "{line} after {waited:?}");
    line
}

#[test]
fn a_worker_without_a_coordinator_says_so_at_once() {
    let sandbox = sandbox();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent_url = format!("http://{}", silent.local_addr().unwrap());
    let chatty = TcpListener::bind("127.0.0.1:0").unwrap();
    let chatty_url = format!("http://{}", chatty.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in chatty.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 64]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    for (url, words) in [
        ("http://127.0.0.1:1", "refused"),
        (&*silent_url, "no answer"),
        (&*chatty_url, "no coordinator at"),
        ("http://no-such-host.invalid:7878", "no coordinator at"),
    ] {
        let line = first_line_of_worker(&sandbox, &["--coordinator", url]);
        assert!(line.contains(url) && line.contains(words), "{url}: {line}");
    }
}

#[test]
fn a_worker_says_what_is_wrong_with_encryption_at_once() {
    let (sandbox, serve) = encrypted();
    let plain = Serve::start_with(&sandbox, "127.0.0.1:0", &["--db", "plain.db"]);
    let own = ["--tls-ca", "tls/ca.pem", "--token-file", "worker"];
    let encrypted_plain = plain.url.replace("http:", "https:");
    let everywhere = Serve::start_with(
        &sandbox,
        "0.0.0.0:0",
        &["--tls", "tls", "--db", "everywhere.db"],
    );
    let renamed = everywhere.url.replace("0.0.0.0", "127.0.0.2");
    let unencrypted = serve.url.replace("https:", "http:");
    for (url, flags, words) in [
        (&encrypted_plain, &own[..], "does not encrypt"),
        (&renamed, &own, "not valid for name"),
        (&unencrypted, &[], "no coordinator at"),
    ] {
        let line = first_line_of_worker(&sandbox, &[&["--coordinator", url], flags].concat());
        assert!(line.contains(words), "{url}: {line}");
    }
    sandbox.write("empty.pem", "");
    let key_for_certificate = ["--tls-ca", "tls/ca-key.pem"];
    for flags in [&["--tls-ca", "empty.pem"], &key_for_certificate] {
        let arguments = [&["worker", "--coordinator", &serve.url], &flags[..]].concat();
        let refused = sandbox.run(&arguments);
        refused
            .assert_code(2)
            .assert_told("holds no certificate\nhint: ");
    }
    let served = ["serve", "--tls", "tls", "--tls-client-ca", "empty.pem"];
    sandbox
        .run(&served)
        .assert_code(2)
        .assert_told("empty.pem holds no certificate");
}

/// Writes an authority to `tls`, and a coordinator's certificate for the loopback address that is valid
/// between the first days of two years.
fn certificate(sandbox: &Sandbox, years: [i32; 2]) {
    let validity = |hosts: &[&str]| {
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(hosts).expect("names");
        [params.not_before, params.not_after] = years.map(|year| date_time_ymd(year, 1, 1));
        params
    };
    let key = || KeyPair::generate().expect("randomness");
    let mut authority = validity(&[]);
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = key();
    let pem = authority.self_signed(&authority_key).expect("a key").pem();
    sandbox.write("tls/ca.pem", pem);
    let issuer = Issuer::new(authority, authority_key);
    let own_key = key();
    let signed = validity(&["127.0.0.1"]).signed_by(&own_key, &issuer);
    sandbox.write("tls/server.pem", signed.expect("a key").pem());
    sandbox.write("tls/server-key.pem", own_key.serialize_pem());
}

#[test]
fn a_certificate_out_of_its_time_is_told_as_such() {
    for (years, words) in [([2001, 2002], "expired"), ([2201, 2202], "not valid yet")] {
        let sandbox = sandbox();
        std::fs::create_dir(sandbox.path("tls")).unwrap();
        certificate(&sandbox, years);
        let serve = Serve::start_with(&sandbox, "127.0.0.1:0", &["--tls", "tls"]);
        let flags = ["--coordinator", &serve.url, "--tls-ca", "tls/ca.pem"];
        let line = first_line_of_worker(&sandbox, &flags);
        assert!(line.contains(words), "{line}");
        let refused = sandbox.run(&[&["ls"], &flags[..]].concat());
        refused
            .assert_code(77)
            .assert_told(words)
            .assert_told("clock");
        drop(serve);
    }
}

#[test]
fn arguments_that_cannot_be_are_told_with_what_could() {
    let sandbox = sandbox();
    sandbox.submit("tiny.toml");
    for (arguments, code, words) in [
        (&["run", "tiny.toml", "--workers", "0"][..], 2, "at least 1"),
        (&["worker", "--slots", "0"], 2, "at least 1"),
        (&["worker", "--slots", "1025"], 2, "at most 1024"),
        (
            &["run", "tiny.toml", "--workers", "9999999"],
            2,
            "at most 1024",
        ),
        (&["serve", "--max-connections", "0"], 2, "at least 1"),
        (
            &["ls", "--coordinator", "http://me:secret@h:1"],
            2,
            "names no user",
        ),
        (&["serve", "--lease", "0"], 2, "at least 1"),
        (&["serve", "--listen", ":7979"], 2, "127.0.0.1:7979"),
        (
            &["serve", "--listen", "lab.example:7979"],
            2,
            "0.0.0.0:7979",
        ),
        (
            &["report", "--robustness", "--epsilon", "0.1", "0.2"],
            1,
            "--epsilon 0.01,0.2",
        ),
        (
            &["report", "last", "--robustness", "--epsilon", "0.1", "0.2"],
            1,
            "with commas",
        ),
        (
            &["report", "missing"],
            5,
            "no sweep \"missing\" there\nhint: ",
        ),
        (&["query", "--limti"], 2, "no such flag"),
    ] {
        let refused = sandbox.run(arguments);
        refused.assert_code(code).assert_told(words);
    }
    let empty = Sandbox::new();
    let serve = Serve::start(&empty);
    assert_eq!(serve.stop(), 0);
    empty
        .run(&["report"])
        .assert_code(5)
        .assert_told("there is no sweep yet");
}

#[test]
fn a_coordinator_listens_on_localhost_by_name() {
    let sandbox = sandbox();
    let serve = Serve::start_at(&sandbox, "localhost:0");
    assert!(serve.url.starts_with("http://127.0.0.1:"), "{}", serve.url);
}

#[test]
fn sql_may_begin_with_a_comment() {
    let sandbox = sandbox();
    sandbox.submit("tiny.toml");
    for sql in [
        "-- how many\nselect count(*) as n from trial",
        "--x y\nselect 8 as n",
    ] {
        let found = sandbox.run(&["query", sql, "--output", "csv"]);
        found.assert_code(0).assert_printed("n\n8\n");
    }
}

#[test]
fn what_a_token_does_not_allow_is_told_in_words() {
    let (sandbox, serve) = encrypted();
    let flags = [
        "--coordinator",
        &serve.url,
        "--tls-ca",
        "tls/ca.pem",
        "--token-file",
        "worker",
    ];
    let refused = sandbox.run(&[&["pause"], &flags[..]].concat());
    refused
        .assert_code(77)
        .assert_told("a token of role worker does not allow to pause sweep");
    refused.assert_told("role submitter");
}

#[test]
fn a_run_says_that_it_resumes_what_a_person_paused() {
    let sandbox = sandbox();
    sandbox.submit("tiny.toml");
    sandbox.run(&["pause"]).assert_code(0);
    let run = sandbox.run(&["run", "tiny.toml"]);
    run.assert_code(0)
        .assert_told("resuming the sweep, which was paused by a person");
}

#[test]
fn a_wait_for_a_cancelled_sweep_says_so_by_its_code() {
    let sandbox = sandbox();
    sandbox.submit("tiny.toml");
    sandbox.run(&["cancel", "--yes"]).assert_code(0);
    for command in ["wait", "watch"] {
        sandbox
            .run(&[command])
            .assert_code(4)
            .assert_told("8 cancelled");
    }
    sandbox
        .run(&["wait"])
        .assert_told("hint: `pondersweep retry --state cancelled");
}

#[test]
fn a_database_in_use_by_a_run_is_said_to_be() {
    let sandbox = sandbox();
    sandbox.write(
        "long.toml",
        TINY.replace("updates = 40", "updates = 4000000"),
    );
    let run = sandbox.start(&["run", "long.toml", "--workers", "1"]);
    wait_until("it trains", || {
        sandbox.count("select count(*) from attempt") > 0
    });
    for command in [&["run", "long.toml"][..], &["pause"]] {
        let refused = sandbox.run(command);
        refused
            .assert_code(75)
            .assert_told("results.db is in use by a run, process ");
        refused
            .assert_told("run long.toml")
            .assert_told("hint: `pondersweep status --db ");
    }
    run.signal_group(Signal::INT);
    run.finish().assert_code(130);
}

#[test]
fn a_device_that_no_worker_has_is_refused_in_the_file() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "gpu.toml",
        TINY.replace("[task]", "device = \"gpu\"\n[task]"),
    );
    for command in ["plan", "run", "submit"] {
        let refused = sandbox.run(&[command, "gpu.toml"]);
        refused
            .assert_code(78)
            .assert_told("gpu.toml:4")
            .assert_told("cuda");
    }
}

#[test]
fn everything_that_a_run_leaves_is_among_the_patterns_of_the_documentation() {
    let Some(git) = program("git") else {
        return skip("git", "not installed");
    };
    let sandbox = sandbox();
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operating.md");
    let docs = std::fs::read_to_string(docs).unwrap();
    let patterns = docs.split("```gitignore\n").nth(1).expect("patterns");
    sandbox.write(".gitignore", patterns.split("```").next().unwrap());
    let git = |arguments: &[&str]| {
        let done = Command::new(&git)
            .current_dir(sandbox.path(""))
            .args(arguments)
            .output();
        String::from_utf8(done.expect("git runs").stdout).unwrap()
    };
    git(&["init"]);
    sandbox.write(
        "long.toml",
        TINY.replace("updates = 40", "updates = 4000000"),
    );
    let long = [
        "run",
        "long.toml",
        "--workers",
        "1",
        "--checkpoint-every",
        "1",
    ];
    let run = sandbox.start(&long);
    wait_until("it is checkpointed", || {
        sandbox.count("select count(*) from checkpoint") > 0
    });
    run.signal(Signal::KILL);
    run.finish();
    assert!(sandbox.has("results.db-wal") && sandbox.has("results.db.checkpoints"));
    sandbox.run(&["tls", "init"]).assert_code(0);
    let token = ["token", "new", "--role", "worker", "--out", "worker.token"];
    sandbox.run(&token).assert_code(0);
    let untracked = git(&["status", "--porcelain"]);
    assert_eq!(untracked, "?? .gitignore\n?? long.toml\n?? tiny.toml\n");
}

#[test]
fn configurations_that_differ_are_named_apart_in_a_report() {
    let sandbox = Sandbox::new();
    let close = TINY.replace("[0.2, 0.5]", "[0.3, 0.30000000000000004]");
    sandbox.write("close.toml", close);
    let run = sandbox.run(&["run", "close.toml"]);
    let text = run.assert_code(0).stdout.replace('\n', " ");
    let named = text.split("the fewest in ").nth(1).expect("none is solved");
    let named: Vec<&str> = named.split(" (0 of 2)").take(3).collect();
    let [first, second, third] =
        [0, 1, 2].map(|index: usize| named[index].trim_start_matches("; "));
    assert!(
        first != second && second != third && first != third,
        "{named:?}"
    );
    assert!(!text.contains("0.2999"), "{text}");
}
