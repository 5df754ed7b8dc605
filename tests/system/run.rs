//! `run`, the main job, undisturbed and disturbed.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Sandbox, Serve, TINY, wait_until};

/// [`TINY`] with trials that take long enough to be interrupted.
fn slower() -> String {
    TINY.replace("updates = 40", "updates = 600")
        .replace("every = 20", "every = 100")
}

const SUCCEEDED: &str = "select count(*) from trial where state = 'succeeded'";

#[test]
fn run_trains_the_sweep_and_ends_with_the_table() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);

    let finished = sandbox.run(&["run", "tiny.toml", "--out", "report"]);

    assert_eq!(finished.code, 0, "{}", finished.stderr);
    assert!(finished.stdout.contains("lambda_p"), "{}", finished.stdout);
    assert!(
        finished.stdout.contains("8 trials expected: 8 accepted"),
        "{}",
        finished.stdout
    );
    assert_eq!(sandbox.count(SUCCEEDED), 8);
    for name in ["report.md", "cells.csv", "parameters.csv", "report.json"] {
        assert!(sandbox.has(format!("report/{name}")), "{name}");
    }
    assert!(sandbox.has("report/accuracy_by_lambda_p.svg"));
    assert!(sandbox.has("report/accuracy_by_lambda_p.png"));
}

#[test]
fn a_run_killed_halfway_and_given_again_equals_an_undisturbed_one() {
    let undisturbed = Sandbox::new();
    undisturbed.write("tiny.toml", slower());
    assert_eq!(undisturbed.run(&["run", "tiny.toml"]).code, 0);

    let disturbed = Sandbox::new();
    disturbed.write("tiny.toml", slower());
    for wanted in [1, 3] {
        let running = disturbed.start(&["run", "tiny.toml"]);
        wait_until("some trials have ended", || {
            disturbed.count(SUCCEEDED) >= wanted
        });
        // The coordinator alone: its workers notice by themselves.
        running.signal(Signal::KILL);
        drop(running);
    }
    let continued = disturbed.run(&["run", "tiny.toml"]);

    assert_eq!(continued.code, 0, "{}", continued.stderr);
    assert!(
        continued.stderr.contains("going on with"),
        "{}",
        continued.stderr
    );
    assert_eq!(disturbed.results(), undisturbed.results());
    assert_eq!(disturbed.trials_that_succeeded_twice(), 0);
}

#[test]
fn a_run_killed_every_few_seconds_comes_to_its_end_and_equals_an_undisturbed_one() {
    // One trial that takes longer than the program is ever left alone.
    let long = TINY
        .replace("hidden = 8", "hidden = 96")
        .replace("updates = 40", "updates = 10000")
        .replace("every = 20", "every = 500")
        .replace("lambda_p = [0.2, 0.5]", "lambda_p = [0.2]")
        .replace("max_steps = [2, 3]", "max_steps = [3]")
        .replace("count = 2", "count = 1");
    let undisturbed = Sandbox::new();
    undisturbed.write("long.toml", &long);
    let ran = undisturbed.run(&["run", "long.toml", "--checkpoint-every", "0"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);

    let disturbed = Sandbox::new();
    disturbed.write("long.toml", &long);
    let kept = "select coalesce(max(updates_done), 0) from checkpoint";
    let run = ["run", "long.toml", "--checkpoint-every", "1"];
    let mut before = 0;
    for _ in 0..3 {
        let running = disturbed.start(&run);
        wait_until("it is further than before", || {
            disturbed.count(kept) > before || disturbed.count(SUCCEEDED) == 1
        });
        running.signal(Signal::KILL);
        drop(running);
        before = disturbed.count(kept);
    }
    assert_eq!(disturbed.run(&run).code, 0);

    let went_on = "select count(*) from attempt where started_from_updates > 0";
    assert!(disturbed.count(went_on) > 0, "each began at update 0");
    assert_eq!(disturbed.results(), undisturbed.results());
    // The documented learning curve has each step once, whatever lost attempts measured.
    let documented = include_str!("../../docs/sql-and-python.md");
    let mut texts = documented.split('"');
    let sql = texts
        .find(|text| text.starts_with("select step, value"))
        .unwrap();
    assert_eq!(disturbed.query(sql), undisturbed.query(sql));
}

#[test]
fn a_terminal_that_is_closed_stops_in_order_unless_the_program_is_to_outlive_it() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", slower());
    let running = sandbox.start(&["run", "tiny.toml"]);
    wait_until("a trial has ended", || sandbox.count(SUCCEEDED) >= 1);
    running.signal_group(Signal::HUP);
    running.finish().assert_code(130);
    let leased = "select count(*) from trial where state = 'leased'";
    assert_eq!(sandbox.count(leased), 0);

    let serve = Serve::start(&sandbox);
    serve.signal(Signal::HUP);
    serve.ended().assert_code(0);
    let nohup = Serve::start_after(&sandbox, "trap '' HUP");
    let worker = sandbox.start(&["worker", "--coordinator", &nohup.url, "--exit-when-idle"]);
    wait_until("it works", || sandbox.count(leased) > 0);
    nohup.signal(Signal::HUP);
    worker.signal(Signal::HUP);
    worker.finish().assert_code(0);
    // It still answers: the signal was for others.
    sandbox
        .run(&["ls", "--coordinator", &nohup.url])
        .assert_code(0);
    assert_eq!(nohup.stop(), 0);
}

#[test]
fn watch_and_wait_say_that_no_coordinator_serves_the_database() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    sandbox.submit("tiny.toml");
    let why = "no coordinator serves this database";
    sandbox.run(&["status"]).assert_code(0).assert_told(why);
    let watching = sandbox.start(&["watch"]);
    let waiting = sandbox.start(&["wait"]);
    // While they look, before there is a coordinator.
    sandbox
        .run(&["wait", "--timeout", "3"])
        .assert_code(124)
        .assert_told(why);
    let ran = sandbox.run(&["run", "tiny.toml"]);
    ran.assert_code(0);
    watching.finish().assert_code(0).assert_told(why);
    waiting.finish().assert_code(0).assert_told(why);
    let status = sandbox.run(&["status"]);
    assert!(
        !status.assert_code(0).stderr.contains(why),
        "{}",
        status.stderr
    );
}

#[test]
fn ctrl_c_stops_in_order_and_the_same_command_goes_on() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", slower());
    let running = sandbox.start(&["run", "tiny.toml"]);
    wait_until("a trial has ended", || sandbox.count(SUCCEEDED) >= 1);

    running.signal_group(Signal::INT);
    let stopped = running.finish();

    assert_eq!(stopped.code, 130, "{}", stopped.stderr);
    assert!(
        stopped.stderr.contains("give the same command again"),
        "{}",
        stopped.stderr
    );
    assert_eq!(
        sandbox.count("select count(*) from trial where state = 'leased'"),
        0
    );
    assert_eq!(sandbox.run(&["run", "tiny.toml"]).code, 0);
    assert_eq!(sandbox.count(SUCCEEDED), 8);
}

#[test]
fn a_sweep_named_twice_is_reported_once() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    assert_eq!(sandbox.run(&["run", "tiny.toml"]).code, 0);
    let once = sandbox.run(&["report", "tiny"]);
    let twice = sandbox.run(&["report", "tiny", "last"]);
    once.assert_code(0);
    assert_eq!(twice.assert_code(0).stdout, once.stdout);
}

#[test]
fn a_finished_run_given_again_trains_nothing_and_shows_the_table_again() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let first = sandbox.run(&["run", "tiny.toml"]);
    let attempts = sandbox.count("select count(*) from attempt");

    let second = sandbox.run(&["run", "tiny.toml"]);

    assert_eq!(second.code, 0, "{}", second.stderr);
    assert_eq!(second.stdout, first.stdout);
    assert_eq!(sandbox.count("select count(*) from attempt"), attempts);
}

#[test]
fn run_works_on_its_own_sweep_only() {
    let sandbox = Sandbox::new();
    sandbox.write("other.toml", TINY.replace("tiny", "other"));
    sandbox.write("tiny.toml", TINY);
    sandbox.submit("other.toml");

    assert_eq!(sandbox.run(&["run", "tiny.toml"]).code, 0);

    let sql = "select count(*) from trial join sweep using (sweep_id)
               where name = 'other' and trial.state = 'pending'";
    assert_eq!(sandbox.count(sql), 8);
}

#[test]
fn the_number_of_workers_does_not_change_a_result() {
    let one = Sandbox::new();
    one.write("tiny.toml", TINY);
    assert_eq!(one.run(&["run", "tiny.toml", "--workers", "1"]).code, 0);
    let three = Sandbox::new();
    three.write("tiny.toml", TINY);
    assert_eq!(three.run(&["run", "tiny.toml", "--workers", "3"]).code, 0);
    assert_eq!(one.results(), three.results());
}

#[test]
fn a_trial_that_diverges_is_a_result_and_not_retried() {
    let sandbox = Sandbox::new();
    // A step beyond the range of f32 makes every weight infinite.
    let diverging = TINY.replace("learning_rate = 3e-3", "learning_rate = 1e300");
    sandbox.write("diverging.toml", diverging);

    let finished = sandbox.run(&["run", "diverging.toml"]);

    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let infeasible = "select count(*) from trial where state = 'infeasible' and attempt = 1";
    assert_eq!(sandbox.count(infeasible), 8);
    let told = sandbox.query("select distinct message from trial_result");
    assert!(
        told[0]["message"]
            .as_str()
            .unwrap()
            .starts_with("diverged at update"),
        "{told}"
    );
}

#[test]
fn the_report_and_the_view_of_cells_agree() {
    let sandbox = Sandbox::new();
    // So that some trials are solved.
    let name = "name = \"tiny\"";
    let easy = format!("{name}\nsolved_threshold = 0.55");
    sandbox.write("tiny.toml", TINY.replace(name, &easy));
    assert_eq!(sandbox.run(&["run", "tiny.toml"]).code, 0);

    let view = sandbox.query("select * from cell_result order by position");
    let report = sandbox.run(&["report", "--format", "json"]).stdout;
    let report: Value = serde_json::from_str(&report).expect("report prints JSON");
    let (view, report) = (
        view.as_array().unwrap(),
        report["cells"].as_array().unwrap(),
    );

    assert_eq!((view.len(), report.len()), (4, 4));
    for (view, cell) in view.iter().zip(report) {
        assert_eq!(json!([view["lambda_p"], view["max_steps"]]), cell["values"]);
        let cell = &cell["sensitivity"];
        let accuracy = &cell["accuracy_interpolation"];
        let share = &cell["share_solved_interval"];
        for (column, expected) in [
            ("n", &cell["n"]),
            ("infeasible", &cell["infeasible"]),
            ("failed", &cell["failed"]),
            ("solved", &cell["solved"]),
            ("solved_share", &cell["share_solved"]),
            ("solved_share_low", &share["lower"]),
            ("solved_share_high", &share["upper"]),
            ("accuracy_interpolation_mean", &accuracy["mean"]),
            ("accuracy_interpolation_min", &accuracy["minimum"]),
            ("accuracy_interpolation_max", &accuracy["maximum"]),
            ("accuracy_interpolation_sd", &accuracy["standard_deviation"]),
            (
                "ponder_steps_interpolation_mean",
                &cell["ponder_steps_interpolation"]["mean"],
            ),
        ] {
            let (found, expected) = (view[column].as_f64(), expected.as_f64());
            let close = found.zip(expected).map(|(a, b)| (a - b).abs() < 1e-9);
            assert_eq!(close, Some(true), "{column}: {found:?}, {expected:?}");
        }
    }
}
