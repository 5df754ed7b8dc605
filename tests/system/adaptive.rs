//! Replicates that are added where results ask for them: `run --until-ci` and `allocate`.

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Sandbox, Serve, TINY, wait_until};

/// [`TINY`] with two replicates of its four configurations at first, and four more where they are
/// needed.
fn adaptive() -> String {
    let easy = "name = \"tiny\"\nsolved_threshold = 0.55";
    let text = TINY.replace("count = 2", "count = 2\nmost = 6");
    text.replace("name = \"tiny\"", easy)
}

/// With trials that take long enough to be interrupted.
fn slower() -> String {
    adaptive()
        .replace("updates = 40", "updates = 600")
        .replace("every = 20", "every = 100")
}

const UNTIL: [&str; 4] = ["run", "tiny.toml", "--until-ci", "0.3"];
const WITHHELD: &str = "select count(*) from trial where state = 'withheld'";
const ADDED: &str = "select count(*) from trial where replicate >= 2 and state = 'succeeded'";
/// How many replicates each configuration has.
const REPLICATES: &str = "select configuration_id, count(*) as replicates from trial
                          where state != 'withheld' group by configuration_id";

#[test]
fn a_run_that_adds_replicates_killed_and_given_again_equals_an_undisturbed_one() {
    let undisturbed = Sandbox::new();
    undisturbed.write("tiny.toml", slower());
    let finished = undisturbed.run(&UNTIL);
    finished
        .assert_code(0)
        .assert_told("more trials for")
        .assert_printed("95 % confidence sequence");
    // With two or three replicates no interval is so narrow.
    let replicates = undisturbed.query(REPLICATES);
    let replicates = replicates.as_array().unwrap();
    assert_eq!(replicates.len(), 4);
    for configuration in replicates {
        let count = configuration["replicates"].as_u64().unwrap();
        assert!((5..=6).contains(&count), "{replicates:?}");
    }

    let disturbed = Sandbox::new();
    disturbed.write("tiny.toml", slower());
    let running = disturbed.start(&UNTIL);
    wait_until("an added trial has ended", || disturbed.count(ADDED) >= 1);
    running.signal(Signal::KILL);
    drop(running);
    let continued = disturbed.run(&UNTIL);

    continued.assert_code(0);
    assert_eq!(disturbed.query(REPLICATES), undisturbed.query(REPLICATES));
    assert_eq!(disturbed.results(), undisturbed.results());
    let table = |sandbox: &Sandbox| sandbox.run(&["report", "--format", "csv"]).stdout;
    assert_eq!(table(&disturbed), table(&undisturbed));
    assert_eq!(disturbed.trials_that_succeeded_twice(), 0);
}

#[test]
fn a_run_without_a_goal_leaves_withheld_trials_alone_and_says_so() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", adaptive());

    let finished = sandbox.run(&["run", "tiny.toml"]);

    let line = "8 trials expected (16 more withheld): 8 accepted";
    finished.assert_code(0).assert_printed(line);
    assert_eq!(sandbox.count(WITHHELD), 16);
    sandbox
        .run(&["explain"])
        .assert_printed("8 of 8 trials have ended")
        .assert_printed("16 more trials are withheld");
    let status = sandbox.run(&["status", "--output", "json"]).stdout;
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(
        (&status[0]["trials"], &status[0]["withheld"]),
        (&8.into(), &16.into())
    );
}

#[test]
fn allocate_shows_what_it_would_add_adds_it_once_and_the_run_goes_on() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", adaptive());
    assert_eq!(sandbox.run(&["run", "tiny.toml"]).code, 0);
    let allocate = |more: &[&str]| {
        let arguments = ["allocate", "--until-ci", "0.3", "--db", "results.db"];
        let finished = sandbox.run(&[&arguments[..], &["--output", "json"], more].concat());
        finished.assert_code(0);
        let rows: Value = serde_json::from_str(&finished.stdout).expect("allocate prints JSON");
        let rows = rows.as_array().unwrap().clone();
        rows.iter()
            .filter_map(|row| row["added"].as_u64())
            .sum::<u64>()
    };
    // Half of two as many again for each of the four.
    assert_eq!(allocate(&["--dry-run"]), 4);
    assert_eq!(sandbox.count(WITHHELD), 16);
    assert_eq!(allocate(&["--budget", "3"]), 3);
    assert_eq!(sandbox.count(WITHHELD), 13);
    // Asking again gives nothing more.
    assert_eq!(allocate(&[]), 1);
    assert_eq!(allocate(&[]), 0);

    assert_eq!(sandbox.run(&["run", "tiny.toml"]).code, 0);

    assert_eq!(sandbox.count(ADDED), 4);
    assert_eq!(sandbox.count(WITHHELD), 12);
}

#[test]
fn allocate_asks_a_coordinator_that_serves() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", adaptive());
    assert_eq!(sandbox.run(&["run", "tiny.toml"]).code, 0);
    let serve = Serve::start(&sandbox);
    let goal = ["--until-ci", "0.3", "--threshold", "0.5"];
    let arguments = [
        &["allocate", "last", "--coordinator", &serve.url],
        &goal[..],
    ]
    .concat();

    let finished = sandbox.run(&arguments);

    finished
        .assert_code(0)
        .assert_told("4 trials were added to 4 of 4")
        .assert_printed("half_width");
    assert_eq!(sandbox.count(WITHHELD), 12);
}

#[test]
fn a_sweep_without_more_replicates_is_refused_with_what_to_do() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    for arguments in [
        &UNTIL[..],
        &["allocate", "--until-ci", "0.3", "--db", "results.db"],
    ] {
        sandbox.submit("tiny.toml");
        let refused = sandbox.run(arguments);
        refused.assert_code(78).assert_told("`most`");
    }
    assert_eq!(sandbox.count("select count(*) from attempt"), 0);
    let refused = sandbox.run(&["run", "tiny.toml", "--until-ci", "5"]);
    refused.assert_code(2);
}
