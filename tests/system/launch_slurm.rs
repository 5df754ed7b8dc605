//! Workers launched through a real Slurm: cancelled, queued again, and drained before their limit.

use serde_json::Value;

use crate::{
    checkpoints::{assert_as_undisturbed, scene},
    harness::{Finished, Sandbox, Serve, Slurm, wait_until},
};

const LEASED: &str = "select count(*) from trial where state = 'leased'";
const RETURNED: &str = "select count(*) from attempt where ending = 'returned'";
const SUCCEEDED: &str = "select count(*) from trial where state = 'succeeded'";

/// A `pondersweep launch` that keeps to the sandbox and its Slurm.
fn launch(sandbox: &Sandbox, slurm: &Slurm, arguments: &[&str]) -> Finished {
    let (name, value) = slurm.setting();
    let mut command = sandbox.command(&["launch"]);
    command.args(arguments).env(name, value);
    command.env("PONDERSWEEP_LAUNCH_STATE", sandbox.path("launches"));
    command.env("PONDERSWEEP_OUTPUT", "json");
    Finished::from(command.output().expect("the program starts"))
}

/// Launches so many workers of one slot.
fn launch_workers(
    sandbox: &Sandbox,
    slurm: &Slurm,
    workers: &str,
    serve: &Serve,
    more: &[&str],
) -> Finished {
    let fixed = ["slurm", "--workers", workers, "--coordinator", &serve.url];
    launch(
        sandbox,
        slurm,
        &[&fixed[..], more, &["--", "--mem=100", "--time", "10"]].concat(),
    )
}

fn rows(finished: &Finished) -> Vec<Value> {
    let rows: Value =
        serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{finished:?}"));
    rows.as_array().expect("rows").clone()
}

fn job(launched: &Finished) -> String {
    assert_eq!(launched.code, 0, "{launched:?}");
    rows(launched)[0]["job"]
        .as_str()
        .expect("a job has a number")
        .to_owned()
}

/// How each task stands, as `launch ls` has it.
fn states(sandbox: &Sandbox, slurm: &Slurm) -> Vec<String> {
    let listed = launch(sandbox, slurm, &["ls"]);
    assert_eq!(listed.code, 0, "{listed:?}");
    let state = |row: &Value| row["state"].as_str().expect("text").to_owned();
    rows(&listed).iter().map(state).collect()
}

#[test]
#[ignore = "Slurm may hold a job that is queued again for two minutes"]
fn a_sweep_finishes_through_jobs_that_are_cancelled_and_queued_again() {
    let (sandbox, serve) = scene();
    let Some(slurm) = Slurm::start(&sandbox) else {
        return;
    };
    let job = job(&launch_workers(&sandbox, &slurm, "2", &serve, &[]));
    wait_until("both train", || sandbox.count(LEASED) == 2);
    assert_eq!(states(&sandbox, &slurm), ["running"; 2]);
    // The same command again is the same launch, which lives.
    let again = launch_workers(&sandbox, &slurm, "2", &serve, &[]);
    assert_eq!(rows(&again)[0]["job"], job.as_str(), "{again:?}");

    let requeued = format!("{job}_1");
    slurm.ask(&["scancel", &format!("{job}_0")]);
    slurm.ask(&["scontrol", "requeue", &requeued]);
    wait_until("both have handed their trials back", || {
        sandbox.count(RETURNED) == 2
    });
    wait_until("one is queued again", || {
        states(&sandbox, &slurm) == ["cancelled", "pending"]
    });
    slurm.start_now(&requeued);
    wait_until("the sweep has finished", || sandbox.count(SUCCEEDED) == 2);

    let stopped = launch(&sandbox, &slurm, &["stop"]);
    assert_eq!(stopped.code, 0, "{stopped:?}");
    assert_eq!(states(&sandbox, &slurm), ["cancelled"; 2]);
    let logs = launch(&sandbox, &slurm, &["logs", "--lines", "100"]);
    assert!(logs.stdout.contains(&format!("== {requeued}")), "{logs:?}");
    assert!(
        logs.stdout.contains("going on"),
        "it went on from a checkpoint: {logs:?}"
    );
    assert_as_undisturbed(&sandbox);
}

#[test]
#[ignore = "Slurm may hold a job that is queued again for two minutes"]
fn a_worker_whose_limit_is_announced_is_queued_again_until_the_sweep_is_done() {
    let (sandbox, serve) = scene();
    let Some(slurm) = Slurm::start(&sandbox) else {
        return;
    };
    let task = format!(
        "{}_0",
        job(&launch_workers(
            &sandbox,
            &slurm,
            "1",
            &serve,
            &["--until-done"]
        ))
    );
    wait_until("it trains", || sandbox.count(LEASED) == 1);

    // What `--signal=B:USR1@120` does two minutes before the limit.
    slurm.ask(&["scancel", "--batch", "--signal=USR1", &task]);
    wait_until("it has handed its trial back", || {
        sandbox.count(RETURNED) == 1
    });
    wait_until("it is queued again", || {
        states(&sandbox, &slurm) == ["pending"]
    });
    slurm.start_now(&task);

    wait_until("it has left, with nothing left to do", || {
        states(&sandbox, &slurm) == ["completed"]
    });
    assert_as_undisturbed(&sandbox);
}

#[test]
fn a_dry_run_prints_the_script_and_needs_no_slurm() {
    let sandbox = Sandbox::new();
    let state = sandbox.path("launches").display().to_string();
    let arguments = [
        "launch",
        "slurm",
        "--workers",
        "3",
        "--coordinator",
        "http://head:7878",
        "--dry-run",
        "--state",
    ];
    let options = ["--", "--time=04:00:00", "--comment=two words"];
    let printed = sandbox.run(&[&arguments[..], &[&state], &options].concat());
    assert_eq!(printed.code, 0, "{}", printed.stderr);
    for line in [
        "#SBATCH --array=0-2",
        "#SBATCH --signal=B:USR1@120",
        "#SBATCH --time=04:00:00 \"--comment=two words\"",
    ] {
        assert!(
            printed.stdout.lines().any(|printed| printed == line),
            "{line}: {}",
            printed.stdout
        );
    }
    let refused = sandbox.run(&[&arguments[..], &[&state], &["--", "--array=1-9"]].concat());
    assert_eq!(refused.code, 1);
    assert!(
        refused
            .stderr
            .contains("hint: say how many workers with --workers"),
        "{}",
        refused.stderr
    );
    assert!(!sandbox.has("launches/script.sh"));
}
