//! Users' programs as trials: real processes, started, heard, ended, and never left behind.

use std::{collections::HashMap, fs};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::harness::{Finished, Running, Sandbox, Serve, program, skip, wait_until};

/// A shell that reports by the pipe: its accuracy follows from its parameters.
const SWEEP: &str = r#"
[sweep]
name = "shell"
[program]
command = ["sh", "train.sh", "{depth}", "{name}"]
files = ["train.sh"]
[metrics]
accuracy = { better = "higher", solved = 0.3 }
loss = "lower"
[space]
depth = [1, -2, 3]
name = ["sgd", "it's; $(echo \"x\")"]
[replicates]
count = 2
seed = 7
"#;

const TRAIN: &str = r#"
echo "depth $1 as $2"
echo '{"step": 1, "accuracy": 0.1, "loss": 2}' >> "$PONDERSWEEP_REPORT"
printf '{"step": 2, "accuracy": 0.%s, "loss": 1.5}' "$PONDERSWEEP_DEPTH" | tr -d - >> "$PONDERSWEEP_REPORT"
echo "$PONDERSWEEP_PARAMETERS $PONDERSWEEP_SEED" > "$PONDERSWEEP_OUTPUT_DIR/told"
"#;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("train.sh", TRAIN);
    sandbox.write("sweep.toml", SWEEP);
    sandbox
}

/// A sweep over one script, which finds the parameter `how` in its environment.
fn of_script(script: &str, program: &str, metrics: &str, how: &str) -> String {
    format!(
        "[sweep]\nname = 'how'\n[program]\ncommand = ['sh', '-c', '''{script}''']\n{program}\n\
         [metrics]\n{metrics}\n[space]\nhow = {how}\n[limits]\nmax_failures = 1\nmax_out_of_memory = 1\n"
    )
}

/// Outcome, cause and message of every attempt, by the parameter `how`.
fn attempts(sandbox: &Sandbox) -> HashMap<String, (String, Option<String>, String)> {
    let rows = sandbox.query(
        "select spec ->> '$.parameters.how' as how, ending, cause, message
         from attempt join trial using (trial_id) join configuration using (configuration_id)",
    );
    let text = |row: &Value, name: &str| row[name].as_str().map(str::to_owned);
    let rows = rows.as_array().unwrap().iter();
    rows.map(|row| {
        let told = (
            text(row, "ending").unwrap(),
            text(row, "cause"),
            text(row, "message").unwrap_or_default(),
        );
        (text(row, "how").unwrap(), told)
    })
    .collect()
}

/// Processes whose command line has this text.
fn processes(text: &str) -> usize {
    let own = std::process::id().to_string();
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let has = |entry: &fs::DirEntry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let is_number = entry.file_name().to_string_lossy().parse::<u32>().is_ok();
        is_number
            && entry.file_name().to_string_lossy() != own
            && String::from_utf8_lossy(&line).contains(text)
    };
    processes.filter(has).count()
}

fn worker(sandbox: &Sandbox, serve: &Serve, more: &[&str]) -> Running {
    let start = [
        "worker",
        "--coordinator",
        &serve.url,
        "--slots",
        "1",
        "--exit-when-idle",
        "--work-dir",
        "work",
    ];
    let arguments: Vec<&str> = start.into_iter().chain(more.iter().copied()).collect();
    sandbox.start(&arguments)
}

#[test]
fn a_program_is_swept_as_the_built_in_training_is() {
    let sandbox = sandbox();
    let finished = sandbox.run(&["run", "sweep.toml", "--out", "report"]);
    finished
        .assert_code(0)
        .assert_printed("12 trials expected: 12 accepted");
    finished
        .assert_printed("mean accuracy")
        .assert_printed("mean loss");
    assert!(!finished.stdout.contains("ponder"), "{}", finished.stdout);
    for name in [
        "report.md",
        "report.html",
        "cells.csv",
        "accuracy_by_depth.svg",
        "manifest.json",
    ] {
        assert!(sandbox.has(format!("report/{name}")), "{name}");
    }

    // Text, whole numbers below zero, metrics: each with its type, and no shell between.
    let export = sandbox.run(&["export", "--format", "jsonl"]);
    let first: Value = serde_json::from_str(export.stdout.lines().next().unwrap()).unwrap();
    assert_eq!(first["depth"], json!(1), "{first}");
    assert_eq!(
        (&first["name"], &first["loss"]),
        (&json!("sgd"), &json!(1.5))
    );
    let count = "select count(*) from trials where depth = -2 and accuracy = 0.2 and solved = 0";
    let asked = sandbox.run(&["query", "--sweep", "last", "--output", "csv", count]);
    asked.assert_code(0).assert_printed("\n4");
    let cells = sandbox.run(&["export", "--rows", "cells"]);
    assert_eq!(
        cells.assert_code(0).stdout.lines().count(),
        7,
        "{}",
        cells.stdout
    );
    sandbox
        .run(&["export", "--format", "parquet", "--out", "t.parquet"])
        .assert_code(0);
    for analysis in ["--anova", "--best", "--robustness"] {
        sandbox.run(&["report", analysis]).assert_code(0);
    }

    let logged = sandbox.run(&["trial", "logs", "12"]);
    logged
        .assert_code(0)
        .assert_printed("depth 3 as it's; $(echo \"x\")");
    let told = fs::read_dir(sandbox.path("results.work"))
        .unwrap()
        .map(|folder| fs::read_to_string(folder.unwrap().path().join("output/told")).unwrap());
    let seeds: std::collections::BTreeSet<String> = told
        .map(|told| told.rsplit(' ').next().unwrap().trim().to_owned())
        .collect();
    assert_eq!(seeds.len(), 12, "every trial has a seed of its own");

    // Given again it has nothing to do, and a replay runs the program only if that is allowed.
    sandbox.run(&["run", "sweep.toml"]).assert_code(0);
    assert_eq!(sandbox.count("select count(*) from attempt"), 12);
    sandbox
        .run(&["trial", "replay", "1"])
        .assert_code(1)
        .assert_told("--allow-programs");
    let replayed = sandbox.run(&[
        "trial",
        "replay",
        "1",
        "--allow-programs",
        "--work-dir",
        "work",
    ]);
    replayed.assert_code(0).assert_printed("EXACT");
    let audited = sandbox.run(&[
        "audit",
        "--fraction",
        "1",
        "--allow-programs",
        "--work-dir",
        "work",
    ]);
    audited.assert_code(0).assert_printed("12 of 12 EXACT");
}

#[test]
fn a_script_that_only_prints_is_read_by_patterns() {
    let sandbox = Sandbox::new();
    let script =
        "for i in 1 2 3; do printf \"epoch $i accuracy: 0.$i\\r\"; echo \"loss: $how\" >&2; done";
    let metrics = "accuracy = { better = 'higher', pattern = 'accuracy: ([0-9.]+)' }\n\
                   loss = { better = 'lower', pattern = 'loss: (\\S+)' }";
    let script = script.replace("$how", "$PONDERSWEEP_HOW");
    sandbox.write(
        "sweep.toml",
        of_script(&script, "", metrics, "['0.5', 'nan']"),
    );
    sandbox.run(&["run", "sweep.toml"]).assert_code(0);
    let observed = sandbox.query(
        "select step, metric, value from observation where trial_id = 1 order by metric, step",
    );
    let of = |step: u64, metric: &str, value: f64| json!({ "step": step, "metric": metric, "value": value });
    let accuracy = (1..=3).map(|step| of(step, "accuracy", step as f64 / 10.0));
    let loss = (1..=3).map(|step| of(step, "loss", 0.5));
    assert_eq!(observed, accuracy.chain(loss).collect::<Value>());
    // Of the other, that its loss is no number is noted, and its accuracy counts.
    assert_eq!(
        sandbox.count("select count(*) from measurement where trial_id = 2"),
        1
    );
}

#[test]
fn every_way_to_end_is_told_apart_and_the_last_words_are_kept() {
    let sandbox = Sandbox::new();
    let script = r#"
        report() { echo "$1" >> "$PONDERSWEEP_REPORT"; }
        echo "trying $PONDERSWEEP_HOW"
        case "$PONDERSWEEP_HOW" in
            good) report '{"accuracy": 0.5}' ;;
            silent) report '{"accurcy": 0.5}'; exit 0 ;;
            nan) report '{"accuracy": NaN}' ;;
            code) report '{"accuracy": 0.5}'; echo "my last words"; exit 7 ;;
            infeasible) echo "will not converge"; exit 3 ;;
            memory) echo "torch.cuda.OutOfMemoryError: CUDA out of memory"; exit 1 ;;
            crash) kill -SEGV $$ ;;
            late) trap "" TERM; report '{"accuracy": 0.5}'; sleep 97531; sleep 97531 ;;
        esac"#;
    let how = "['good', 'silent', 'nan', 'code', 'infeasible', 'memory', 'crash', 'late']";
    let program = "timeout = '1s'\ngrace = 1\ninfeasible_exit_code = 3";
    let file = of_script(script, program, "accuracy = 'higher'", how);
    sandbox.write("sweep.toml", file);
    let finished = sandbox.run(&["run", "sweep.toml"]);
    finished.assert_code(3);

    let attempts = attempts(&sandbox);
    let check = |how: &str, ending: &str, cause: Option<&str>, message: &str| {
        let (ended, of, said) = &attempts[how];
        assert_eq!(
            (ended.as_str(), of.as_deref()),
            (ending, cause),
            "{how}: {said}"
        );
        assert!(said.contains(message), "{how}: {said}");
    };
    check("good", "succeeded", None, "");
    check(
        "silent",
        "failed",
        Some("other"),
        "ended without reporting accuracy",
    );
    check(
        "silent",
        "failed",
        Some("other"),
        "\"accurcy\" is no metric of the sweep",
    );
    check("nan", "infeasible", None, "accuracy is no number at step 1");
    check(
        "code",
        "failed",
        Some("other"),
        "exited with 7\ntrying code\nmy last words",
    );
    check(
        "infeasible",
        "infeasible",
        None,
        "exited with 3, which says infeasible: will not converge",
    );
    check(
        "memory",
        "failed",
        Some("out_of_memory"),
        "CUDA out of memory",
    );
    check("crash", "failed", Some("crashed"), "signal: 11");
    check("late", "failed", Some("other"), "timed out after 1 seconds");
    assert_eq!(processes("97531"), 0, "what ignores SIGTERM is killed");
    let shown = sandbox.run(&["trial", "show", "4"]);
    shown.assert_code(0).assert_printed("my last words");
    sandbox
        .run(&["explain", "4"])
        .assert_code(0)
        .assert_printed("my last words");
}

#[test]
fn a_program_that_cannot_be_started_says_why() {
    let sandbox = Sandbox::new();
    let file = of_script("", "", "accuracy = 'higher'", "['x']");
    sandbox.write(
        "sweep.toml",
        file.replace("'sh', '-c'", "'no-such-program', '-c'"),
    );
    sandbox.run(&["run", "sweep.toml"]).assert_code(3);
    let (_, _, message) = &attempts(&sandbox)["x"];
    assert!(
        message.starts_with("cannot start no-such-program: No such file"),
        "{message}"
    );
}

/// A program with a child in its group, and one that left it.
fn endless(number: u32) -> String {
    let script =
        format!("setsid sleep {number} & sleep {number} & echo started; wait; sleep {number}");
    of_script(&script, "grace = 1", "accuracy = 'higher'", "['x']")
}

#[test]
fn a_worker_that_is_killed_leaves_no_process_behind() {
    let sandbox = Sandbox::new();
    sandbox.write("sweep.toml", endless(86_401));
    let serve = Serve::start(&sandbox);
    serve.submit(&sandbox, "sweep.toml");
    let worker = worker(&sandbox, &serve, &["--allow-programs"]);
    wait_until("the program and its children run", || {
        processes("sleep\u{0}86401") == 2
    });

    worker.signal(Signal::KILL);

    wait_until("all of them are gone", || processes("86401") == 0);
}

#[test]
fn a_run_that_is_killed_leaves_no_process_behind() {
    let sandbox = Sandbox::new();
    sandbox.write("sweep.toml", endless(86_402));
    let run = sandbox.start(&["run", "sweep.toml", "--workers", "1"]);
    wait_until("the program and its children run", || {
        processes("sleep\u{0}86402") == 2
    });

    run.signal(Signal::KILL);

    wait_until("all of them are gone", || processes("86402") == 0);
}

#[test]
fn a_cancelled_sweep_ends_its_programs() {
    let sandbox = Sandbox::new();
    sandbox.write("sweep.toml", endless(86_403));
    let serve = Serve::start(&sandbox);
    serve.submit(&sandbox, "sweep.toml");
    let worker = worker(&sandbox, &serve, &["--allow-programs"]);
    wait_until("the program and its children run", || {
        processes("sleep\u{0}86403") == 2
    });

    sandbox
        .run(&["cancel", "last", "--yes", "--coordinator", &serve.url])
        .assert_code(0);

    worker.finish().assert_code(0);
    wait_until("all of them are gone", || processes("86403") == 0);
}

#[test]
fn a_worker_that_does_not_allow_programs_gets_none_and_the_reason_is_told() {
    let sandbox = sandbox();
    let serve = Serve::start(&sandbox);
    serve.submit(&sandbox, "sweep.toml");
    let cautious = sandbox.start(&["worker", "--coordinator", &serve.url]);
    let registered = "select count(*) from worker";
    wait_until("the worker is there", || sandbox.count(registered) == 1);
    let explained = || sandbox.run(&["explain", "last"]).stdout;
    wait_until("it is told", || explained().contains("--allow-programs"));
    assert_eq!(sandbox.count("select count(*) from attempt"), 0);
    drop(cautious);

    // One elsewhere that allows them is sent the files.
    let elsewhere = Sandbox::new();
    let willing = elsewhere.start(&[
        "worker",
        "--coordinator",
        &serve.url,
        "--exit-when-idle",
        "--allow-programs",
        "--work-dir",
        "work",
    ]);
    willing.finish().assert_code(0);
    assert_eq!(
        sandbox.count("select count(*) from trial where state = 'succeeded'"),
        12
    );
    assert!(elsewhere.has("work") && !elsewhere.has("train.sh"));
}

#[test]
fn a_program_goes_on_elsewhere_from_what_it_left_and_learns_nothing_of_its_worker() {
    let sandbox = Sandbox::new();
    // It counts to twenty, a tenth of a second a step, and writes where it is when it is asked to end.
    let script = r#"
        env | grep -q PONDERSWEEP_TOKEN && exit 9
        at=$(cat "$PONDERSWEEP_CHECKPOINT_DIR/at" 2>/dev/null || echo 0)
        trap 'echo $at > "$PONDERSWEEP_CHECKPOINT_DIR/at.tmp"; mv "$PONDERSWEEP_CHECKPOINT_DIR/at.tmp" "$PONDERSWEEP_CHECKPOINT_DIR/at"; exit 0' TERM
        while [ $at -lt 20 ]; do
            sleep 0.1; at=$((at + 1))
            echo "{\"step\": $at, \"accuracy\": $at}" >> "$PONDERSWEEP_REPORT"
        done"#;
    sandbox.write(
        "sweep.toml",
        of_script(script, "", "accuracy = 'higher'", "['x']"),
    );
    let serve = Serve::start(&sandbox);
    serve.submit(&sandbox, "sweep.toml");
    let leaving = worker(&sandbox, &serve, &["--allow-programs"]);
    wait_until("something was observed", || {
        sandbox.count("select count(*) from observation") > 3
    });
    leaving.signal(Signal::TERM);
    let left: Finished = leaving.finish();
    left.assert_code(0);
    let done = sandbox.count("select updates_done from checkpoint");
    assert!(done > 3, "{}", left.stderr);

    worker(&sandbox, &serve, &["--allow-programs"])
        .finish()
        .assert_code(0);

    assert_eq!(
        sandbox.count("select max(started_from_updates) from attempt"),
        done
    );
    assert_eq!(sandbox.count("select count(*) from attempt"), 2);
    // What was observed before is the attempt's own, and nothing was observed twice.
    let steps =
        sandbox.query("select count(*) n, max(value) most from observation where attempt = 2");
    assert_eq!(steps, json!([{ "n": 20, "most": 20.0 }]));
}

#[test]
fn a_program_whose_worker_is_killed_goes_on_and_every_step_is_there_once() {
    let sandbox = Sandbox::new();
    let script = r#"
        at=$(cat "$PONDERSWEEP_CHECKPOINT_DIR/at" 2>/dev/null || echo 0)
        while [ $at -lt 100 ]; do
            sleep 0.03; at=$((at + 1))
            echo "{\"step\": $at, \"accuracy\": $at}" >> "$PONDERSWEEP_REPORT"
            echo $at > "$PONDERSWEEP_CHECKPOINT_DIR/at.tmp"
            mv "$PONDERSWEEP_CHECKPOINT_DIR/at.tmp" "$PONDERSWEEP_CHECKPOINT_DIR/at"
        done"#;
    sandbox.write(
        "sweep.toml",
        of_script(script, "", "accuracy = 'higher'", "['x']"),
    );
    let serve = Serve::start(&sandbox);
    serve.submit(&sandbox, "sweep.toml");
    let often = ["--allow-programs", "--checkpoint-every", "1"];
    let killed = worker(&sandbox, &serve, &often);
    wait_until("there is a checkpoint", || {
        sandbox.count("select count(*) from checkpoint") == 1
    });
    killed.signal(Signal::KILL);
    worker(&sandbox, &serve, &often).finish().assert_code(0);

    let from = sandbox.count("select max(started_from_updates) from attempt");
    assert!(from > 0);
    let steps = sandbox.query(
        "select count(*) n, sum(value = step) same from observation
         where attempt = (select attempt from trial)",
    );
    assert_eq!(steps, json!([{ "n": 100, "same": 100 }]), "from {from}");
}

#[test]
fn a_hundred_thousand_lines_are_all_stored() {
    let sandbox = Sandbox::new();
    let script = r#"awk 'BEGIN { for (i = 1; i <= 100000; i++) printf "{\"step\":%d,\"accuracy\":%d}\n", i, i }' >> "$PONDERSWEEP_REPORT""#;
    sandbox.write(
        "sweep.toml",
        of_script(script, "", "accuracy = 'higher'", "['x']"),
    );
    sandbox.run(&["run", "sweep.toml"]).assert_code(0);
    let stored = sandbox.query("select count(*) n, sum(value = step) same from observation");
    assert_eq!(stored, json!([{ "n": 100_000, "same": 100_000 }]));
}

#[test]
fn a_file_outside_of_the_folder_or_behind_a_link_is_refused_with_its_place() {
    let sandbox = sandbox();
    std::os::unix::fs::symlink("/etc/passwd", sandbox.path("link")).unwrap();
    for (file, why) in [
        ("../x", "not a path within"),
        ("link", "symbolic link"),
        ("absent", "No such file"),
    ] {
        sandbox.write(
            "bad.toml",
            SWEEP.replace("\"train.sh\"]", &format!("\"train.sh\", \"{file}\"]")),
        );
        let refused = sandbox.run(&["plan", "bad.toml"]);
        refused
            .assert_code(78)
            .assert_told(why)
            .assert_told("bad.toml:6:")
            .assert_told("hint: ");
    }
}

#[test]
fn the_examples_run_as_they_stand() {
    let (Some(_), Some(rustc)) = (program("python3"), program("rustc")) else {
        return skip("python", "there is no python3, or no rustc");
    };
    let sandbox = Sandbox::new();
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let copy = std::process::Command::new("cp")
        .args(["-r", &format!("{root}/examples")])
        .arg(sandbox.path("examples"))
        .status();
    assert!(copy.unwrap().success());
    let built = std::process::Command::new(rustc)
        .args(["-C", "strip=symbols", "-o", "train", "train.rs"])
        .current_dir(sandbox.path("examples/rust"))
        .status();
    assert!(built.unwrap().success());
    for (example, trials) in [("python", 30), ("shell", 20), ("rust", 60)] {
        let file = format!("examples/{example}/sweep.toml");
        let database = format!("{example}.db");
        let mut command = sandbox.command(&["run", &file, "--db", &database]);
        let ran = Finished::from(
            command
                .env("PYTHONPATH", format!("{root}/python"))
                .output()
                .unwrap(),
        );
        ran.assert_code(0)
            .assert_printed(&format!("{trials} trials expected: {trials} accepted"));
    }
    let file = "examples/scikit-learn/sweep.toml";
    sandbox
        .run(&["plan", file])
        .assert_code(0)
        .assert_printed("60 trials");
}

#[test]
fn python_reports_through_its_package() {
    let Some(python) = program("python3") else {
        return skip("python", "there is no python3");
    };
    let sandbox = Sandbox::new();
    let package = concat!(env!("CARGO_MANIFEST_DIR"), "/../python");
    sandbox.write(
        "train.py",
        "import pondersweep\n\
         p = pondersweep.parameters()\n\
         assert isinstance(p['depth'], int) and pondersweep.seed() > 0\n\
         for step in range(3):\n    pondersweep.report(step=step, accuracy=step / 2, loss=float('nan'))\n",
    );
    sandbox.write(
        "sweep.toml",
        format!(
            "[sweep]\nname = 'python'\n[program]\ncommand = ['{}', 'train.py']\nfiles = ['train.py']\n\
             environment = {{ PYTHONPATH = '{package}' }}\n\
             [metrics]\naccuracy = {{ better = 'higher', solved = 1 }}\nloss = 'lower'\n\
             [space]\ndepth = {{ linspace = [1, 3, 3] }}\n",
            python.display()
        ),
    );
    sandbox
        .run(&["run", "sweep.toml"])
        .assert_code(0)
        .assert_printed("3 trials expected: 3 accepted");
    assert_eq!(
        sandbox.count("select count(*) from observation where metric = 'accuracy'"),
        9
    );
}
