//! Published stories of bAbI that a worker has or has not: a trial goes only where they are.

use std::{fs, path::Path};

use crate::harness::{Running, Sandbox, Serve, wait_until};

const SWEEP: &str = r#"
[sweep]
name = "published"
[task]
kind = "babi"
source = "published"
folder = "stories"
tasks = "1"
max_sentences = 4
[model]
kind = "fixed"
step_function = "transformer"
hidden = 8
attention_width = 8
heads = 2
transition_width = 8
[space]
max_steps = [1, 2]
[training]
updates = 5
batch = 4
[evaluation]
every = 5
examples = 4
"#;

const STORY: &str = "1 Mary moved to the bathroom.\n2 John went to the hallway.\n\
                     3 Where is Mary? \tbathroom\t1\n4 Where is John? \thallway\t2\n";

/// Writes files as the published ones are named, all with one story but the last task's.
fn write_stories(folder: &Path, last: &str) {
    let folder = folder.join("en-10k");
    fs::create_dir_all(&folder).unwrap();
    for task in 1..=20 {
        for kind in ["train", "test"] {
            let story = if task == 20 { last } else { STORY };
            fs::write(folder.join(format!("qa{task}_a-kind_{kind}.txt")), story).unwrap();
        }
    }
}

/// A worker to which the environment names this folder.
fn worker(sandbox: &Sandbox, serve: &Serve, stories: Option<&str>) -> Running {
    let mut command = sandbox.command(&["worker", "--coordinator", &serve.url, "--slots", "1"]);
    command.arg("--exit-when-idle");
    if let Some(folder) = stories {
        command.env("PONDERSWEEP_BABI", sandbox.path(folder));
    }
    Sandbox::spawn(command)
}

#[test]
fn a_worker_without_the_stories_of_a_sweep_is_given_none_of_its_trials_and_the_reason_is_told() {
    let sandbox = Sandbox::new();
    sandbox.write("babi.toml", SWEEP);
    write_stories(&sandbox.path("stories"), STORY);
    write_stories(&sandbox.path("others"), &STORY.replace("Mary", "Sandra"));
    let serve = Serve::start(&sandbox);
    serve.submit(&sandbox, "babi.toml");
    let lacking = [None, Some("others")].map(|stories| worker(&sandbox, &serve, stories));
    wait_until("they have registered", || {
        sandbox.count("select count(*) from worker") == 2
    });

    let explained = || {
        sandbox
            .run(&["explain", "--coordinator", &serve.url])
            .stdout
    };
    wait_until("it is told", || explained().contains("PONDERSWEEP_BABI"));
    worker(&sandbox, &serve, Some("stories"))
        .finish()
        .assert_code(0);

    assert_eq!(sandbox.count("select count(*) from attempt"), 2);
    assert_eq!(sandbox.count("select count(*) from trial_result"), 2);
    for worker in lacking {
        worker.finish().assert_code(0);
    }
}

#[test]
fn a_folder_without_stories_is_refused_where_it_is_named() {
    let sandbox = Sandbox::new();
    sandbox.write("babi.toml", SWEEP);
    let missing = sandbox.run(&["plan", "babi.toml"]);
    missing.assert_code(78);
    missing.assert_told("stories");
    fs::create_dir(sandbox.path("empty")).unwrap();
    let serve = Serve::start(&sandbox);
    let refused = worker(&sandbox, &serve, Some("empty")).finish();
    assert_ne!(refused.code, 0);
    refused.assert_told("hint: name the folder tasks_1-20_v1-2");
}

#[test]
fn a_run_gives_its_own_workers_the_folder_of_the_sweep_file() {
    let sandbox = Sandbox::new();
    sandbox.write("babi.toml", SWEEP);
    write_stories(&sandbox.path("stories"), STORY);
    sandbox.run(&["run", "babi.toml"]).assert_code(0);
    assert_eq!(sandbox.count("select count(*) from trial_result"), 2);
}
