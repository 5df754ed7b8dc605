//! Bad input of every kind: the message names the place and has a hint, and the exit code says what
//! kind of failure it is. The texts of sweep-file errors are pinned in the coordinator's own tests.

use crate::harness::{Sandbox, Serve, TINY};

/// What a sweep file with one change says, at which line, and its exit code.
fn check_file(change: (&str, &str), place: &str, expected: &[&str]) {
    let sandbox = Sandbox::new();
    assert!(TINY.contains(change.0), "{:?} is not in the file", change.0);
    sandbox.write("bad.toml", TINY.replacen(change.0, change.1, 1));
    for command in ["run", "plan", "submit"] {
        let refused = sandbox.run(&[command, "bad.toml"]);
        assert_eq!(refused.code, 78, "{command}: {}", refused.stderr);
        let place = format!("bad.toml:{place}");
        for expected in [&[place.as_str(), "hint: "], expected].concat() {
            assert!(
                refused.stderr.contains(expected),
                "no {expected:?} in {}",
                refused.stderr
            );
        }
    }
    assert!(
        !sandbox.has("results.db"),
        "a refused file leaves nothing behind"
    );
}

#[test]
fn a_sweep_file_that_cannot_be_is_refused_with_its_place() {
    check_file(("hidden = 8", "hiden = 8"), "10:", &["hiden"]);
    check_file(("hidden = 8", "hidden = \"8\""), "10:", &["hidden"]);
    check_file(("[0.2, 0.5]", "[]"), "12:", &["lambda_p", "value"]);
    check_file(("[0.2, 0.5]", "[0.2, 1.5]"), "12:", &["1.5"]);
    check_file(("[0.2, 0.5]", "[0.0, 0.5]"), "12:", &["0"]);
    check_file(("[2, 3]", "[0, 3]"), "13:", &["max_steps", "0"]);
    check_file(("[0.2, 0.5]", "[0.2, 0.2]"), "12:", &["0.2", "twice"]);
    check_file(("elements = 3", "elements = 0"), "6:", &["elements", "0"]);
    check_file(("[training]", "[training"), "17:", &[]);
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let refused = Sandbox::new().run(&["run", "nowhere.toml"]);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("nowhere.toml"),
        "{}",
        refused.stderr
    );
}

#[test]
fn more_than_a_million_trials_need_a_yes() {
    let sandbox = Sandbox::new();
    sandbox.write("large.toml", TINY.replace("count = 2", "count = 300000"));
    let serve = Serve::start(&sandbox);
    for arguments in [
        &["run", "large.toml"][..],
        &["submit", "large.toml", "--coordinator", &serve.url],
    ] {
        let refused = sandbox.run(arguments);
        assert_eq!(refused.code, 78, "{}", refused.stderr);
        assert!(
            refused.stderr.contains("1200000 trials"),
            "{}",
            refused.stderr
        );
        assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
    }
    assert_eq!(sandbox.count("select count(*) from sweep"), 0);
}

#[test]
fn an_unknown_flag_is_a_usage_error() {
    assert_eq!(Sandbox::new().run(&["run", "--nonsense"]).code, 2);
}

/// Both commands that start workers refuse the device at once, with the reason and a hint.
fn check_device(device: &str, expected: &[&str]) {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    for arguments in [
        &["run", "tiny.toml", "--device", device][..],
        &["worker", "--device", device],
    ] {
        let refused = sandbox.run(arguments);
        assert_eq!(refused.code, 2, "{}", refused.stderr);
        for expected in [&["hint: available here: cpu"], expected].concat() {
            assert!(
                refused.stderr.contains(expected),
                "no {expected:?} in {}",
                refused.stderr
            );
        }
    }
    assert!(!sandbox.has("results.db"));
}

#[test]
fn a_device_that_is_not_here_is_refused_with_what_is_available() {
    check_device("abacus", &["no device \"abacus\"", "tch:cpu", "wgpu:0"]);
    check_device("cpu,abacus", &["no device \"abacus\""]);
    // The tests are built without features, which is what most people have.
    check_device(
        "cuda:0",
        &["cuda:0 is not in this build", "--features cuda"],
    );
    check_device("cpu,tch:cuda:1", &["tch:cuda:1", "--features tch"]);
    check_device("wgpu:0", &["wgpu:0", "--features wgpu"]);
}

#[test]
fn a_device_named_twice_counts_once() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let arguments = ["run", "tiny.toml", "--device", "cpu,cpu", "--device", "cpu"];
    let run = sandbox.run(&arguments);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(
        sandbox
            .count("select count(*) from trial_result where device = 'cpu' and backend = 'flex'"),
        sandbox.count("select count(*) from trial")
    );
}

#[test]
fn a_missing_database_is_not_found_and_not_created() {
    let sandbox = Sandbox::new();
    for command in [
        &["ls"][..],
        &["status"],
        &["query", "select 1"],
        &["report"],
        &["export"],
        &["wait"],
    ] {
        let refused = sandbox.run(command);
        assert_eq!(refused.code, 5, "{command:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("results.db"), "{}", refused.stderr);
        assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
    }
    assert!(!sandbox.has("results.db"));
}

#[test]
fn a_corrupt_or_foreign_database_is_refused_and_left_as_it_was() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let garbage = "this is no database, but it is long enough to be taken for one ".repeat(40);
    sandbox.write("results.db", &garbage);
    for command in [&["ls"][..], &["run", "tiny.toml"]] {
        let refused = sandbox.run(command);
        assert_eq!(refused.code, 1, "{command:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("results.db"), "{}", refused.stderr);
        assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
    }
    assert_eq!(
        std::fs::read_to_string(sandbox.path("results.db")).unwrap(),
        garbage
    );
}

#[test]
fn a_second_coordinator_on_one_database_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    let _first = Serve::start(&sandbox);
    for command in [
        &["serve", "--listen", "127.0.0.1:0"][..],
        &["run", "tiny.toml"],
    ] {
        let refused = sandbox.run(command);
        assert_eq!(refused.code, 75, "{}", refused.stderr);
        assert!(refused.stderr.contains("results.db"), "{}", refused.stderr);
        assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
    }
}

#[test]
fn a_port_in_use_is_named() {
    let sandbox = Sandbox::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let refused = sandbox.run(&["serve", "--listen", &address]);
    assert_eq!(refused.code, 1);
    assert!(
        refused
            .stderr
            .contains(&format!("{address} is already in use")),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
}

#[test]
fn an_address_off_loopback_needs_insecure() {
    let refused = Sandbox::new().run(&["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("--insecure"), "{}", refused.stderr);
}

#[test]
fn a_coordinator_that_is_away_exits_with_69() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    // A port that no process listens on: it was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{free}");
    for command in [
        &["submit", "tiny.toml"][..],
        &["ls"],
        &["status"],
        &["pause"],
        &["watch"],
        &["worker", "--connect-timeout", "1"],
    ] {
        let refused = sandbox.run(&[command, &["--coordinator", &url]].concat());
        assert_eq!(refused.code, 69, "{command:?}: {}", refused.stderr);
        assert!(refused.stderr.contains(&url), "{}", refused.stderr);
        assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
    }
}

#[test]
fn an_unknown_sweep_is_not_found() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    sandbox.submit("tiny.toml");
    let serve = Serve::start(&sandbox);
    for command in [
        &["status", "ffff"][..],
        &["report", "ffff"],
        &["export", "ffff"],
        &["pause", "ffff", "--coordinator", &serve.url],
    ] {
        let refused = sandbox.run(command);
        assert_eq!(refused.code, 5, "{command:?}: {}", refused.stderr);
        assert!(refused.stderr.contains("ffff"), "{}", refused.stderr);
    }
}

#[test]
fn a_name_that_fits_several_sweeps_is_refused_with_all_of_them() {
    let sandbox = Sandbox::new();
    for seed in ["seed = 7", "seed = 8"] {
        sandbox.write("tiny.toml", TINY.replace("seed = 7", seed));
        sandbox.submit("tiny.toml");
    }

    let refused = sandbox.run(&["status", "tiny"]);

    assert_eq!(refused.code, 5, "{}", refused.stderr);
    assert!(
        refused.stderr.contains("\"tiny\" fits"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("hint: "), "{}", refused.stderr);
}
