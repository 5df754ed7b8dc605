//! Trials that take their workers down for real: a limit on the address space of a process, which
//! Rust answers by aborting it, and SIGKILL. Only the guilty trial ends without a result.

use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Finished, Running, Sandbox, Serve, TINY, wait_until};

/// Far more than a small trial needs, and less than the parameters of the large one.
const ADDRESS_SPACE_KIB: &str = "3000000";

/// Two small trials and two that need more memory than there is, for parameters alone.
fn poisoned(limits: &str) -> String {
    TINY.replace("hidden = 8", "")
        .replace("max_steps = [2, 3]", "hidden = [8, 8192]\nmax_steps = [2]")
        .replace("count = 2", "count = 1")
        + limits
}

/// The command, in an address space that is limited for it and its children.
fn limited<const N: usize>(sandbox: &Sandbox, arguments: [&str; N]) -> Command {
    let program = sandbox.command(&arguments);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", r#"ulimit -v "$0" && exec "$@""#, ADDRESS_SPACE_KIB])
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir(sandbox.path(""))
        .stdin(std::process::Stdio::null());
    for (name, value) in program.get_envs() {
        assert!(value.is_none(), "the harness only removes variables");
        shell.env_remove(name);
    }
    shell
}

fn run_limited<const N: usize>(sandbox: &Sandbox, arguments: [&str; N]) -> Finished {
    let output = limited(sandbox, arguments).output();
    Finished::from(output.expect("the program starts"))
}

#[test]
fn a_trial_that_needs_too_much_memory_fails_and_the_rest_of_its_run_succeeds() {
    let sandbox = Sandbox::new();
    sandbox.write("poisoned.toml", poisoned("[limits]\nmax_out_of_memory = 2"));

    let run = run_limited(&sandbox, ["run", "poisoned.toml"]);

    assert_eq!(run.code, 3, "{}", run.stderr);
    let ended = "select hidden, outcome, count(*) as n from trial_result group by 1, 2 order by 1";
    let expected = serde_json::json!([
        { "hidden": 8, "outcome": "succeeded", "n": 2 },
        { "hidden": 8192, "outcome": "failed", "n": 2 },
    ]);
    assert_eq!(sandbox.query(ended), expected);
    // Seen to die of it and alone: each death counted, and for the limit of its own cause.
    let deaths = "select count(*) from attempt
        where ending = 'failed' and cause = 'out_of_memory' and blamed
        and message like '%memory allocation of % bytes failed'";
    assert_eq!(sandbox.count(deaths), 4);
    let others = "select count(*) from trial where failures + worker_losses > 0";
    assert_eq!(sandbox.count(others), 0);
    let poison = "select trial_id from trial where state = 'failed'";
    let trial = sandbox.run(&["explain", &sandbox.count(poison).to_string()]);
    let finding = "against it: out of memory 2 of 2, at which it has failed";
    assert!(trial.stdout.contains(finding), "{trial:?}");
    let sweep = sandbox.run(&["explain", "last"]);
    let finding = "4 attempts of 2 trials died of out_of_memory, counted against the trial";
    assert!(sweep.stdout.contains(finding), "{sweep:?}");
    assert_eq!(sandbox.run(&["explain", "nowhere"]).code, 5);
}

#[test]
fn a_poison_trial_on_a_distant_worker_fails_alone_and_its_mates_succeed() {
    let sandbox = Sandbox::new();
    let sweep =
        poisoned("[limits]\nmax_worker_losses = 2").replace("updates = 40", "updates = 400");
    sandbox.write("poisoned.toml", sweep);
    let serve = Serve::start(&sandbox);
    let url = serve.url.clone();
    let submitted = sandbox.run(&["submit", "poisoned.toml", "--coordinator", &url]);
    assert_eq!(submitted.code, 0, "{}", submitted.stderr);

    // A supervisor would start this worker again whenever it dies, and know no reason.
    let mut lives = 0;
    wait_until("every trial has ended", || {
        lives += 1;
        let worker = [
            "worker",
            "--coordinator",
            &url,
            "--slots",
            "2",
            "--exit-when-idle",
        ];
        run_limited(&sandbox, worker).code == 0
    });

    let ended = "select hidden, outcome, count(*) as n from trial_result group by 1, 2 order by 1";
    let expected = serde_json::json!([
        { "hidden": 8, "outcome": "succeeded", "n": 2 },
        { "hidden": 8192, "outcome": "failed", "n": 2 },
    ]);
    assert_eq!(sandbox.query(ended), expected);
    // What can be known from afar is that a worker was lost; only what was alone is counted.
    let blamed = "select count(*) from attempt where blamed and cause = 'worker_lost'";
    assert_eq!(sandbox.count(blamed), 4);
    let innocent = "select count(*) from attempt join trial using (trial_id)
        where blamed and trial.state = 'succeeded'";
    assert_eq!(sandbox.count(innocent), 0);
    assert!(
        lives > 4,
        "a worker that died is not the one that ended in order"
    );
}

#[test]
fn a_worker_of_run_that_is_killed_is_replaced_at_once_and_named_lost() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY.replace("updates = 40", "updates = 2000"));
    let run: Running = sandbox.start(&["run", "tiny.toml", "--workers", "1"]);
    let mut holder = 0;
    wait_until("its worker has a trial", || {
        holder = sandbox.count(
            "select process_id from attempt join worker using (worker_id)
             where ended_at_ms is null",
        );
        holder > 0
    });

    let holder = Pid::from_raw(i32::try_from(holder).unwrap()).unwrap();
    kill_process(holder, Signal::KILL).expect("the worker runs");

    let lost = "select count(*) from attempt
        where ending = 'failed' and cause = 'worker_lost' and message like '%SIGKILL%'";
    wait_until("the loss is known", || sandbox.count(lost) == 1);
    let run = run.finish();
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("a worker ended with the trial it ran"));
}

#[test]
fn a_sweep_that_fails_too_often_is_paused_says_why_and_goes_on_when_resumed() {
    let sandbox = Sandbox::new();
    sandbox.write("poisoned.toml", poisoned("[limits]\nmax_out_of_memory = 1"));

    let run = [
        "run",
        "poisoned.toml",
        "--workers",
        "1",
        "--max-failure-rate",
        "0",
    ];
    let paused = run_limited(&sandbox, run);

    assert_eq!(paused.code, 1, "{}", paused.stderr);
    let reason = "trials that ended have failed, more than the allowed share of 0";
    assert!(paused.stderr.contains(reason), "{}", paused.stderr);
    let status = sandbox.run(&["status", "--output", "json"]);
    assert!(status.stdout.contains(reason), "{}", status.stdout);
    assert!(status.stdout.contains("\"paused\""), "{}", status.stdout);

    let run = [
        "run",
        "poisoned.toml",
        "--workers",
        "1",
        "--max-failure-rate",
        "1",
    ];
    assert_eq!(run_limited(&sandbox, run).code, 3);
    let ended = "select count(*) from trial where state in ('failed', 'succeeded')";
    assert_eq!(sandbox.count(ended), 4);
}
