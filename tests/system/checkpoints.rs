//! Interrupted trials go on where they were and end as undisturbed ones, to the bit; or, where they
//! cannot, from the beginning. Real processes, killed.

use std::{fs, path::PathBuf, sync::OnceLock};

use pondersweep::store::SweepDigest;
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Running, Sandbox, Serve, wait_until};

/// Two trials that take some seconds each, observed often.
const LONG: &str = r#"
[sweep]
name = "long"
[task]
kind = "parity"
elements = 8
[model]
kind = "ponder_net"
step_function = "gru"
hidden = 96
[space]
lambda_p = [0.2, 0.5]
max_steps = [5]
[replicates]
count = 1
seed = 7
[training]
updates = 2000
batch = 64
learning_rate = 3e-3
[evaluation]
every = 130
examples = 100
"#;

const CHECKPOINTS: &str = "select count(*) from checkpoint";
const STARTED_LATER: &str = "select count(*) from attempt where started_from_updates > 0";

/// A coordinator with the long sweep.
pub(crate) fn scene() -> (Sandbox, Serve) {
    let sandbox = Sandbox::new();
    sandbox.write("long.toml", LONG);
    let serve = Serve::start(&sandbox);
    serve.submit(&sandbox, "long.toml");
    (sandbox, serve)
}

/// A worker that leaves when there is nothing to do.
pub(crate) fn worker(sandbox: &Sandbox, serve: &Serve, more: &[&str]) -> Running {
    let arguments = [
        "worker",
        "--coordinator",
        &serve.url,
        "--slots",
        "1",
        "--exit-when-idle",
    ];
    sandbox.start(&[&arguments, more].concat())
}

/// Results and observations of an undisturbed run. One for all tests: it takes its time.
fn undisturbed() -> &'static (SweepDigest, Value) {
    static UNDISTURBED: OnceLock<(SweepDigest, Value)> = OnceLock::new();
    UNDISTURBED.get_or_init(run_undisturbed)
}

fn run_undisturbed() -> (SweepDigest, Value) {
    let sandbox = Sandbox::new();
    sandbox.write("long.toml", LONG);
    let finished = sandbox.run(&["run", "long.toml", "--checkpoint-every", "0"]);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(!sandbox.has("results.db.checkpoints"));
    (sandbox.results(), sandbox.observations())
}

pub(crate) fn assert_as_undisturbed(sandbox: &Sandbox) {
    let (results, observations) = undisturbed();
    assert_eq!(sandbox.results(), *results);
    assert_eq!(sandbox.observations(), *observations);
    assert_eq!(sandbox.count(CHECKPOINTS), 0);
    wait_until("no blob is left", || blobs(sandbox).is_empty());
}

/// The files of all checkpoints.
pub(crate) fn blobs(sandbox: &Sandbox) -> Vec<PathBuf> {
    let of_databases = fs::read_dir(sandbox.path("results.db.checkpoints"));
    let of_databases = of_databases.into_iter().flatten().flatten();
    let files = of_databases.flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten());
    files.flatten().map(|file| file.path()).collect()
}

/// Kills a worker as soon as the trial it holds has a checkpoint of its own attempt.
fn kill_after_a_checkpoint(sandbox: &Sandbox, victim: &Running) {
    wait_until("the running attempt has a checkpoint", || {
        sandbox.count(
            "select count(*) from checkpoint join trial using (trial_id, attempt)
             where state = 'leased'",
        ) > 0
    });
    victim.signal(Signal::KILL);
    wait_until("its lease has lapsed", || {
        sandbox.count("select count(*) from trial where state = 'leased'") == 0
    });
}

#[test]
fn a_trial_whose_workers_are_killed_goes_on_elsewhere_and_ends_as_an_undisturbed_one() {
    let (sandbox, mut serve) = scene();
    for _ in 0..2 {
        let victim = worker(&sandbox, &serve, &["--checkpoint-every", "1"]);
        kill_after_a_checkpoint(&sandbox, &victim);
    }
    // The coordinator may go, too: what it acknowledged is there when it is back.
    let address = serve.address().to_owned();
    serve.kill();
    serve = Serve::start_at(&sandbox, &address);
    let successor = worker(&sandbox, &serve, &["--checkpoint-every", "1"]).finish();
    assert_eq!(successor.code, 0, "{}", successor.stderr);

    // One trial twice, or each once: that depends on when the leases lapse.
    assert_eq!(sandbox.count(STARTED_LATER), 2);
    assert_as_undisturbed(&sandbox);
}

#[test]
fn a_run_that_is_stopped_goes_on_where_its_trials_were() {
    let sandbox = Sandbox::new();
    sandbox.write("long.toml", LONG);
    let running = sandbox.start(&["run", "long.toml"]);
    wait_until("both trials are observed", || {
        sandbox.count("select count(distinct trial_id) from observation") == 2
    });
    running.signal_group(Signal::INT);
    assert_eq!(running.finish().code, 130);
    assert_eq!(sandbox.count(CHECKPOINTS), 2);

    assert_eq!(sandbox.run(&["run", "long.toml"]).code, 0);

    assert_eq!(sandbox.count(STARTED_LATER), 2);
    assert_as_undisturbed(&sandbox);
}

/// What a successor says that finds the checkpoint spoiled, and how the sweep ends.
fn check_spoiled(spoil: impl FnOnce(&PathBuf), expected: &str) {
    let (sandbox, serve) = scene();
    let victim = worker(&sandbox, &serve, &["--checkpoint-every", "1"]);
    kill_after_a_checkpoint(&sandbox, &victim);
    let blobs = blobs(&sandbox);
    assert_eq!(blobs.len(), 1);
    spoil(&blobs[0]);

    let successor = worker(&sandbox, &serve, &[]).finish();

    assert_eq!(successor.code, 0, "{}", successor.stderr);
    assert!(successor.stderr.contains(expected), "{}", successor.stderr);
    assert!(
        successor.stderr.contains("starting at update 0"),
        "{}",
        successor.stderr
    );
    assert_eq!(sandbox.count(STARTED_LATER), 0);
    assert_as_undisturbed(&sandbox);
}

#[test]
fn a_damaged_checkpoint_is_refused_and_the_trial_starts_over() {
    let flip = |blob: &PathBuf| {
        let mut bytes = fs::read(blob).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(blob, bytes).unwrap();
    };
    check_spoiled(flip, "checksum does not fit");
}

#[test]
fn a_lost_checkpoint_is_no_reason_not_to_train() {
    check_spoiled(
        |blob| fs::remove_file(blob).unwrap(),
        "starting at update 0",
    );
}

#[test]
fn another_programs_checkpoint_is_refused_and_the_trial_starts_over() {
    let (sandbox, serve) = scene();
    let victim = worker(&sandbox, &serve, &["--checkpoint-every", "1"]);
    kill_after_a_checkpoint(&sandbox, &victim);
    // The same program with a byte at its end: it runs as before and is not the same.
    let mut program = fs::read(env!("CARGO_BIN_EXE_pondersweep-under-test")).unwrap();
    program.push(0);
    let other = sandbox.path("other-program");
    fs::write(&other, program).unwrap();
    make_executable(&other);

    let successor = std::process::Command::new(other)
        .args([
            "worker",
            "--coordinator",
            &serve.url,
            "--slots",
            "1",
            "--exit-when-idle",
        ])
        .output()
        .unwrap();

    let said = String::from_utf8(successor.stderr).unwrap();
    assert!(successor.status.success(), "{said}");
    assert!(said.contains("of another binary"), "{said}");
    assert_eq!(sandbox.count(STARTED_LATER), 0);
    assert_as_undisturbed(&sandbox);
}

fn make_executable(program: &PathBuf) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(program, fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn what_a_killed_coordinator_left_behind_is_removed_when_it_starts_again() {
    let (sandbox, serve) = scene();
    let address = serve.address().to_owned();
    let victim = worker(&sandbox, &serve, &["--checkpoint-every", "1"]);
    kill_after_a_checkpoint(&sandbox, &victim);
    serve.kill();
    let kept = blobs(&sandbox);
    let left = kept[0].with_file_name("trial-1-attempt-1-update-1-0.0");
    fs::write(&left, "not recorded").unwrap();

    let serve = Serve::start_at(&sandbox, &address);

    wait_until("it is removed", || !left.exists());
    assert_eq!(blobs(&sandbox), kept);
    assert_eq!(serve.stop(), 0);
}
