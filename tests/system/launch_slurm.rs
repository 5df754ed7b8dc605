//! Workers launched through a real Slurm: cancelled, queued again, and drained before their limit.

use serde_json::Value;

use crate::{
    checkpoints::{assert_as_undisturbed, scene},
    harness::{Finished, Sandbox, Serve, Slurm, TINY, wait_until},
};

const LEASED: &str = "select count(*) from trial where state = 'leased'";
const RETURNED: &str = "select count(*) from attempt where ending = 'returned'";
const SUCCEEDED: &str = "select count(*) from trial where state = 'succeeded'";
const GONE_ON: &str = "select count(*) from attempt where attempt = 2 and started_from_updates > 0";

/// A `pondersweep launch` that keeps to the sandbox and its Slurm.
fn launch(sandbox: &Sandbox, slurm: &Slurm, arguments: &[&str]) -> Finished {
    let (name, value) = slurm.setting();
    let mut command = sandbox.command(&["launch"]);
    command.args(arguments).env(name, value);
    command.env("PONDERSWEEP_LAUNCH_STATE", sandbox.path("launches"));
    command.env("PONDERSWEEP_OUTPUT", "json");
    Finished::from(command.output().expect("the program starts"))
}

/// Launches `workers` workers of one slot, for a limited number of minutes.
fn launch_workers(
    sandbox: &Sandbox,
    slurm: &Slurm,
    workers: &str,
    url: &str,
    minutes: &str,
    more: &[&str],
) -> Finished {
    let fixed = ["slurm", "--workers", workers, "--coordinator", url];
    launch(
        sandbox,
        slurm,
        &[&fixed[..], more, &["--", "--mem=100", "--time", minutes]].concat(),
    )
}

fn rows(finished: &Finished) -> Vec<Value> {
    let rows: Value =
        serde_json::from_str(&finished.stdout).unwrap_or_else(|_| panic!("{finished:?}"));
    rows.as_array().expect("rows").clone()
}

fn job(launched: &Finished) -> String {
    launched.assert_code(0);
    rows(launched)[0]["job"]
        .as_str()
        .expect("a job has a number")
        .to_owned()
}

/// How each task stands, as `launch ls` has it.
fn states(sandbox: &Sandbox, slurm: &Slurm) -> Vec<String> {
    let listed = launch(sandbox, slurm, &["ls"]);
    listed.assert_code(0);
    let state = |row: &Value| row["state"].as_str().expect("text").to_owned();
    rows(&listed).iter().map(state).collect()
}

#[test]
fn a_sweep_finishes_through_jobs_that_are_cancelled_and_queued_again() {
    let (sandbox, serve) = scene();
    let Some(slurm) = Slurm::start(&sandbox) else {
        return;
    };
    let launch_both = || launch_workers(&sandbox, &slurm, "2", &serve.url, "10", &[]);
    let job = job(&launch_both());
    wait_until("both train", || sandbox.count(LEASED) == 2);
    assert_eq!(states(&sandbox, &slurm), ["running"; 2]);
    // The same command again is the same launch, which lives.
    let again = launch_both();
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
    wait_until("the sweep has finished", || sandbox.count(SUCCEEDED) == 2);

    let stopped = launch(&sandbox, &slurm, &["stop"]);
    stopped.assert_code(0);
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
fn a_worker_whose_limit_is_announced_is_queued_again_until_the_sweep_is_done() {
    let (sandbox, serve) = scene();
    let Some(slurm) = Slurm::start(&sandbox) else {
        return;
    };
    let until_done = ["--until-done"];
    let launched = launch_workers(&sandbox, &slurm, "1", &serve.url, "10", &until_done);
    let task = format!("{}_0", job(&launched));
    wait_until("it trains", || sandbox.count(LEASED) == 1);

    // What `--signal=B:USR1@120` does two minutes before the limit.
    slurm.ask(&["scancel", "--batch", "--signal=USR1", &task]);
    wait_until("it has handed its trial back", || {
        sandbox.count(RETURNED) == 1
    });
    wait_until("it is queued again", || {
        states(&sandbox, &slurm) == ["pending"]
    });

    wait_until("it has left, with nothing left to do", || {
        states(&sandbox, &slurm) == ["completed"]
    });
    assert_as_undisturbed(&sandbox);
}

/// A sweep of one trial that does not end.
fn endless() -> (Sandbox, Serve) {
    let sandbox = Sandbox::new();
    let endless = TINY
        .replace("updates = 40", "updates = 1000000000")
        .replace("every = 20", "every = 1000000")
        .replace("lambda_p = [0.2, 0.5]", "lambda_p = [0.2]")
        .replace("max_steps = [2, 3]", "max_steps = [2]")
        .replace("count = 2", "count = 1");
    sandbox.write("endless.toml", endless);
    let serve = Serve::start(&sandbox);
    serve.submit(&sandbox, "endless.toml");
    (sandbox, serve)
}

#[test]
fn slurm_announces_a_real_limit_and_the_trial_goes_on_in_the_next_run_of_the_task() {
    let (sandbox, serve) = endless();
    let Some(slurm) = Slurm::start(&sandbox) else {
        return;
    };
    let until_done = ["--until-done"];
    // The shortest limit there is. Slurm looks every half a minute what it has to announce.
    let launched = launch_workers(&sandbox, &slurm, "1", &serve.url, "1", &until_done);
    job(&launched);

    wait_until("the next run has gone on with the trial", || {
        sandbox.count(GONE_ON) == 1
    });
    assert_eq!(sandbox.count(RETURNED), 1, "nothing was lost");
    let logs = launch(&sandbox, &slurm, &["logs", "--lines", "100"]);
    for said in ["was announced, leaving", "drained", "going on"] {
        assert!(logs.stdout.contains(said), "{said}: {logs:?}");
    }

    let cancelled = sandbox.run(&["cancel", "last", "--coordinator", &serve.url, "--yes"]);
    cancelled.assert_code(0);
    wait_until("it has left, with nothing left to do", || {
        states(&sandbox, &slurm) == ["completed"]
    });
}

#[test]
fn workers_show_a_token_on_a_network_that_is_trusted_only_if_that_is_said() {
    let sandbox = Sandbox::new();
    let Some(slurm) = Slurm::start(&sandbox) else {
        return;
    };
    sandbox.write("tiny.toml", TINY);
    sandbox.submit("tiny.toml");
    let made = sandbox.run(&["token", "new", "--role", "worker", "--out", "worker"]);
    made.assert_code(0);
    // All addresses of this machine, loopback among them, are none that is known to be loopback.
    let serve = Serve::start_with(&sandbox, "0.0.0.0:0", &["--insecure"]);
    assert!(serve.url.starts_with("http://0.0.0.0:"), "{}", serve.url);

    let token = ["--token-file", "worker"];
    let refused = launch_workers(&sandbox, &slurm, "1", &serve.url, "10", &token);
    refused.assert_code(77);
    refused.assert_told("say --insecure");
    assert_eq!(states(&sandbox, &slurm), [""; 0], "nothing was submitted");

    let insecure = ["--token-file", "worker", "--insecure", "--until-done"];
    job(&launch_workers(
        &sandbox, &slurm, "1", &serve.url, "10", &insecure,
    ));
    wait_until("the sweep has finished", || sandbox.count(SUCCEEDED) == 8);
    wait_until("its worker has left", || {
        states(&sandbox, &slurm) == ["completed"]
    });
}

#[test]
fn an_array_that_slurm_refuses_leaves_nothing_behind() {
    let sandbox = Sandbox::new();
    let Some(slurm) = Slurm::start(&sandbox) else {
        return;
    };
    let refused = launch_workers(&sandbox, &slurm, "5000", "http://127.0.0.1:1", "1", &[]);
    refused.assert_code(1);
    refused.assert_told("MaxArraySize");
    refused.assert_told("say a smaller --workers");
    let mut left = std::fs::read_dir(sandbox.path("launches")).expect("it was tried");
    assert!(left.next().is_none(), "neither folder nor lock");
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
    printed.assert_code(0);
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
    refused.assert_told("hint: say how many workers with --workers");
    assert!(!sandbox.has("launches"), "neither folder nor lock");
}
