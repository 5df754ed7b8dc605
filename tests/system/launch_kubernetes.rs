//! Manifests for Kubernetes, held to the schemas that Kubernetes publishes. No cluster is asked.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

use crate::harness::{Sandbox, program, skip};

/// The oldest and the newest version whose schemas the validator of `.ci/run` has.
const VERSIONS: [&str; 2] = ["1.33.0", "1.37.0"];

/// A folder with a token and an authority.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("token", "hush\n");
    assert_eq!(sandbox.run(&["tls", "init", "tls"]).code, 0);
    sandbox
}

/// What the validator says of a file, and whether it is content.
fn validate(sandbox: &Sandbox, validator: &str, version: &str, file: &str) -> (bool, String) {
    let output = Command::new(validator)
        .args(["--kubernetes-version", version, "--strict"])
        .arg(sandbox.path(file))
        .output()
        .expect("the validator starts");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// The validator, or a word that it is not there.
fn validator() -> Option<PathBuf> {
    let found = program("kubernetes-validate");
    if found.is_none() {
        skip(
            "kubernetes-validate",
            "it is not on the path (PyPI: kubernetes-validate)",
        );
    }
    found
}

/// The documents of a file, as the validator's own parser of YAML reads them.
fn parse(sandbox: &Sandbox, validator: &Path, file: &str) -> Vec<Value> {
    let script =
        "import json, sys, yaml; print(json.dumps(list(yaml.safe_load_all(open(sys.argv[1])))))";
    let output = Command::new(validator.with_file_name("python3"))
        .args(["-c", script])
        .arg(sandbox.path(file))
        .output()
        .expect("the validator's Python starts");
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn no_pod_is_root_and_each_part_finds_the_others() {
    let Some(validator) = validator() else {
        return;
    };
    let sandbox = sandbox();
    let arguments = [
        "launch",
        "k8s",
        "--workers",
        "2",
        "--image",
        "i",
        "--name",
        "demo",
    ];
    let printed = sandbox.run(&arguments);
    printed.assert_code(0);
    sandbox.write("manifest.yaml", &printed.stdout);
    let objects = parse(&sandbox, &validator, "manifest.yaml");
    let [service, policy, coordinator, job] = &objects[..] else {
        panic!("{objects:?}");
    };
    for pod in [coordinator, job].map(|object| &object["spec"]["template"]["spec"]) {
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["containers"].as_array().map(Vec::len), Some(1));
        let container = &pod["containers"][0]["securityContext"];
        assert_eq!(container["readOnlyRootFilesystem"], true);
        assert_eq!(container["allowPrivilegeEscalation"], false);
    }
    let labels = |object: &Value| object["spec"]["template"]["metadata"]["labels"].clone();
    assert_eq!(service["spec"]["selector"], labels(coordinator));
    assert_eq!(
        policy["spec"]["podSelector"]["matchLabels"],
        labels(coordinator)
    );
    let peer = &policy["spec"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"];
    assert_eq!(*peer, labels(job));
    let found_at = format!(
        "http://{}:{}",
        service["metadata"]["name"].as_str().expect("a name"),
        service["spec"]["ports"][0]["port"]
    );
    let arguments = &job["spec"]["template"]["spec"]["containers"][0]["args"];
    assert_eq!(arguments[2], found_at.as_str(), "{arguments}");
}

#[test]
fn what_a_file_of_certificates_says_stays_in_its_value() {
    let Some(validator) = validator() else {
        return;
    };
    let sandbox = sandbox();
    let authority = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n\
        \"\n---\nkind: Pod # Ő \u{85}\u{2028}--- \u{1f980} $name\n'end";
    sandbox.write("odd.pem", authority);
    let arguments = ["launch", "k8s", "--workers", "2", "--image", "i"];
    let elsewhere = ["--coordinator", "https://head:7878", "--tls-ca", "odd.pem"];
    let printed = sandbox.run(&[&arguments[..], &elsewhere].concat());
    printed.assert_code(0);
    sandbox.write("manifest.yaml", &printed.stdout);
    let objects = parse(&sandbox, &validator, "manifest.yaml");
    assert_eq!(objects.len(), 2, "{objects:?}");
    assert_eq!(objects[0]["stringData"]["ca.pem"], authority);
}

#[test]
fn manifests_fit_the_schemas_that_kubernetes_publishes() {
    let Some(validator) = validator() else {
        return;
    };
    let validator = validator.display().to_string();
    let sandbox = sandbox();
    let forms: [&[&str]; 3] = [
        &[
            "--coordinator",
            "https://head:7878",
            "--token-file",
            "token",
            "--tls-ca",
            "tls/ca.pem",
            "--gpus",
            "2",
            "--memory",
            "16Gi",
        ],
        &[
            "--coordinator",
            "http://head:7878",
            "--secret",
            "mine",
            "--insecure",
            "--namespace",
            "lab",
        ],
        &[
            "--name", "demo", "--cpu", "500m", "--device", "cpu", "--grace", "60",
        ],
    ];
    let common = [
        "launch",
        "k8s",
        "--workers",
        "4",
        "--image",
        "registry.example/pondersweep:1",
    ];
    for form in forms {
        let printed = sandbox.run(&[&common, form].concat());
        printed.assert_code(0);
        sandbox.write("manifest.yaml", &printed.stdout);
        for version in VERSIONS {
            let (valid, said) = validate(&sandbox, &validator, version, "manifest.yaml");
            assert!(valid, "{version}: {said}\n{}", printed.stdout);
            assert!(said.contains("job/"), "it read the job: {said}");
        }
        // The validator would see it if a field had a name that is none.
        sandbox.write(
            "wrong.yaml",
            printed
                .stdout
                .replace("podFailurePolicy", "podFailurePolice"),
        );
        assert!(!validate(&sandbox, &validator, VERSIONS[0], "wrong.yaml").0);
    }
}

#[test]
fn a_manifest_with_a_secret_says_so_and_nonsense_is_refused() {
    let sandbox = sandbox();
    let common = ["launch", "k8s", "--workers", "2", "--image", "i"];
    let elsewhere = [
        "--coordinator",
        "https://head:7878",
        "--tls-ca",
        "tls/ca.pem",
    ];
    let printed = sandbox.run(&[&common[..], &elsewhere, &["--token-file", "token"]].concat());
    printed.assert_printed("token: \"hush\"");
    printed.assert_told("protect it as you do them");
    for nonsense in [
        ["--memory", "lots"],
        ["--cpu", "-1"],
        ["--name", "UPPER"],
        ["--namespace", "lab: x"],
        ["--token-file", "absent"],
        // The coordinator that the manifest makes knows no token.
        ["--token-file", "token"],
    ] {
        let refused = sandbox.run(&[&common[..], &nonsense].concat());
        assert_ne!(refused.code, 0, "{nonsense:?}");
        assert_eq!(refused.stdout, "", "{nonsense:?}");
    }
}

#[test]
fn workers_that_would_refuse_their_coordinators_address_are_not_even_planned() {
    let sandbox = sandbox();
    let token: &[&str] = &["--token-file", "token"];
    let secret: &[&str] = &["--secret", "mine"];
    let authority: &[&str] = &["--tls-ca", "tls/ca.pem"];
    for (url, credentials, code, hint) in [
        ("http://head:7878", token, 77, "say --insecure"),
        ("http://head:7878", secret, 77, "say --insecure"),
        ("https://head:7878", token, 2, "--tls-ca"),
        ("https://head:7878", secret, 2, "--secret-files"),
        ("http://head:7878", authority, 2, "use https://"),
        ("head:7878", &[], 2, "http://HOST:PORT"),
    ] {
        let coordinator = ["--coordinator", url];
        for way in [
            &["k8s", "--workers", "1", "--image", "i"][..],
            &["slurm", "--workers", "1", "--dry-run"],
            &["ssh", "nowhere.invalid", "--dry-run"],
        ] {
            if way[0] != "k8s" && credentials == secret {
                continue;
            }
            let arguments = [&["launch"], way, &coordinator, credentials].concat();
            let refused = sandbox.run(&arguments);
            assert_eq!(refused.code, code, "{arguments:?}: {}", refused.stderr);
            assert!(
                refused.stderr.contains(hint),
                "{arguments:?}: {}",
                refused.stderr
            );
            assert_eq!(refused.stdout, "", "{arguments:?}");
        }
    }
}
