//! Encrypted calls: certificates of one's own authority, somebody else's, and what may be served to
//! other machines.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::harness::{Finished, Sandbox, Serve, TINY};

/// Two authorities, `tls` and `other`, a token for each role, and the tiny sweep's file.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    for folder in ["tls", "other"] {
        let made = sandbox.run(&["tls", "init", folder]);
        made.assert_code(0);
    }
    for role in ["submitter", "worker"] {
        let made = sandbox.run(&["token", "new", "--role", role, "--out", role]);
        made.assert_code(0);
    }
    sandbox
}

fn serve(sandbox: &Sandbox, more: &[&str]) -> Serve {
    Serve::start_with(sandbox, "127.0.0.1:0", &[&["--tls", "tls"], more].concat())
}

const SUBMIT: [&str; 4] = ["submit", "tiny.toml", "--token-file", "submitter"];
const WORK: [&str; 4] = ["worker", "--exit-when-idle", "--token-file", "worker"];

/// The program with a coordinator and the certificates of a folder, of the authority's folder.
fn run(
    sandbox: &Sandbox,
    url: &str,
    arguments: &[&str],
    authority: &str,
    certificate: Option<&str>,
) -> Finished {
    let authority = format!("{authority}/ca.pem");
    let mut arguments = [arguments, &["--coordinator", url, "--tls-ca", &authority]].concat();
    let (pem, key) = match certificate {
        Some(folder) => (
            format!("{folder}/worker.pem"),
            format!("{folder}/worker-key.pem"),
        ),
        None => Default::default(),
    };
    if certificate.is_some() {
        arguments.extend(["--tls-cert", &pem, "--tls-key", &key]);
    }
    sandbox.run(&arguments)
}

#[test]
fn a_sweep_is_trained_over_encrypted_calls_with_certificates_on_both_sides() {
    let sandbox = sandbox();
    let serve = serve(&sandbox, &["--tls-client-ca", "tls/ca.pem"]);
    assert!(serve.url.starts_with("https://127.0.0.1:"), "{}", serve.url);
    for command in [SUBMIT, WORK] {
        let done = run(&sandbox, &serve.url, &command, "tls", Some("tls"));
        done.assert_code(0);
    }
    assert_eq!(sandbox.count("select count(*) from trial_result"), 8);
    // A certificate says who may connect, not who one is.
    let without_token = run(&sandbox, &serve.url, &["ls"], "tls", Some("tls"));
    without_token
        .assert_code(77)
        .assert_told("asks for a token");
}

#[test]
fn somebody_in_between_with_another_authority_is_refused() {
    let sandbox = sandbox();
    // As if somebody answered at the coordinator's address, with a certificate of another
    // authority.
    let serve = serve(&sandbox, &[]);
    for command in [SUBMIT, WORK] {
        let refused = run(&sandbox, &serve.url, &command, "other", None);
        refused.assert_code(77).assert_told("is not trusted");
        refused.assert_told("hint: ");
    }
    // Nor is one trusted whose certificate is for another name.
    let elsewhere = serve.url.replace("127.0.0.1", "127.0.0.2");
    let renamed = run(&sandbox, &elsewhere, &SUBMIT, "tls", None);
    assert_ne!(renamed.code, 0, "{}", renamed.stderr);
    assert_eq!(sandbox.count("select count(*) from sweep"), 0);
}

#[test]
fn a_client_without_a_certificate_of_the_asked_authority_is_refused() {
    let sandbox = sandbox();
    let serve = serve(&sandbox, &["--tls-client-ca", "tls/ca.pem"]);
    for certificate in [None, Some("other")] {
        for command in [
            &SUBMIT[..],
            &[&WORK[..], &["--connect-timeout", "1"]].concat(),
        ] {
            let refused = run(&sandbox, &serve.url, command, "tls", certificate);
            // The alert may arrive after the connection is gone, which looks like a closed port.
            assert!(
                [77, 69].contains(&refused.code),
                "{certificate:?}: {}",
                refused.stderr
            );
        }
    }
    assert_eq!(sandbox.count("select count(*) from sweep"), 0);
    assert_eq!(sandbox.count("select count(*) from worker"), 0);
}

#[test]
fn a_token_is_not_sent_unencrypted_to_another_machine() {
    let sandbox = sandbox();
    // An address for documentation (RFC 5737), which no machine has; it is not even tried.
    for command in [SUBMIT, WORK] {
        let arguments = [&command[..], &["--coordinator", "http://192.0.2.1:7878"]].concat();
        let refused = sandbox.run(&arguments);
        refused.assert_code(77).assert_told("unencrypted");
    }
    let unvouched = sandbox.run(&["ls", "--coordinator", "https://127.0.0.1:1"]);
    unvouched.assert_code(2).assert_told("--tls-ca");
}

#[test]
fn other_machines_are_served_encrypted_and_with_tokens_only() {
    let sandbox = Sandbox::new();
    let plain = sandbox.run(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(plain.code, 1);
    plain.assert_told("hint: say --insecure");

    assert_eq!(sandbox.run(&["tls", "init"]).code, 0);
    let serve = Serve::start_with(&sandbox, "0.0.0.0:0", &["--tls", "tls"]);
    let url = serve.url.replace("0.0.0.0", "127.0.0.1");
    let barred = run(&sandbox, &url, &["ls"], "tls", None);
    assert_eq!(barred.code, 77, "no token was ever made: {}", barred.stderr);
    let made = sandbox.run(&["token", "new", "--role", "viewer", "--out", "viewer"]);
    made.assert_code(0);
    let listed = run(
        &sandbox,
        &url,
        &["ls", "--token-file", "viewer"],
        "tls",
        None,
    );
    listed.assert_code(0);
    // Plain calls are not understood.
    let plain = url.replace("https", "http");
    let refused = sandbox.run(&["ls", "--token-file", "viewer", "--coordinator", &plain]);
    refused.assert_code(69);
}

#[test]
fn keys_are_their_owners_and_not_replaced_by_accident() {
    let sandbox = Sandbox::new();
    let made = sandbox.run(&[
        "tls",
        "init",
        "--host",
        "lab.example",
        "--host",
        "192.0.2.7",
    ]);
    made.assert_code(0);
    let mode = |name: &str| {
        fs::metadata(sandbox.path(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    for (pem, key) in [
        ("ca", "ca-key"),
        ("server", "server-key"),
        ("worker", "worker-key"),
    ] {
        assert_eq!(mode(&format!("tls/{pem}.pem")), 0o644);
        assert_eq!(mode(&format!("tls/{key}.pem")), 0o600);
    }
    assert_eq!(mode("tls"), 0o700);
    let authority = || fs::read_to_string(sandbox.path("tls/ca.pem")).unwrap();
    let before = authority();
    let refused = sandbox.run(&["tls", "init"]);
    assert_eq!(refused.code, 1);
    refused.assert_told("hint: --force");
    assert_eq!(authority(), before);
    assert_eq!(sandbox.run(&["tls", "init", "--force"]).code, 0);
    assert_ne!(authority(), before);
    let swapped = [
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--tls-cert",
        "tls/server.pem",
        "--tls-key",
        "tls/ca-key.pem",
    ];
    let refused = sandbox.run(&swapped);
    assert_eq!(refused.code, 1);
    refused.assert_told("cannot be used together");
    assert!(!sandbox.has("results.db"), "nothing was opened");
}
