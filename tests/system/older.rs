//! Databases in the form of earlier versions: the published ones as they were first committed.
//! Commands that read leave them alone, and everything that was published of them still holds.

use std::{fs, path::Path};

use crate::harness::Sandbox;

const FIXTURES: [&str; 3] = ["factorial", "pilot", "robustness"];

/// A sandbox with the database, and its bytes.
fn sandbox_of(name: &str) -> (Sandbox, Vec<u8>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/databases");
    let bytes = fs::read(folder.join(name).with_extension("db")).unwrap();
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("results.db"), &bytes).unwrap();
    (sandbox, bytes)
}

#[test]
fn an_older_database_is_reported_and_queried_and_stays_as_it_is() {
    for name in FIXTURES {
        let (sandbox, before) = sandbox_of(name);
        for command in [
            &["report"][..],
            &[
                "report",
                "--metric",
                "loss_interpolation",
                "--solved-at",
                "0.1",
            ],
            &[
                "query",
                "--sweep",
                "last",
                "select count(trial_id), max(loss_training) from trials",
            ],
            &["export", "--rows", "cells"],
            &["ls"],
        ] {
            let done = sandbox.run(command);
            done.assert_code(0);
            assert!(done.stderr.contains("older version"), "{}", done.stderr);
        }
        assert!(
            fs::read(sandbox.path("results.db")).unwrap() == before,
            "{name}"
        );
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results");
        let manifest = manifest.join(name).join("manifest.json");
        let verified = sandbox.run(&["report", "--verify", manifest.to_str().unwrap()]);
        verified.assert_code(0);
    }
}

fn replay_the_shortest(name: &str, trials: u32) {
    let (sandbox, _) = sandbox_of(name);
    let shortest = format!("select trial_id from trial_result order by seconds limit {trials}");
    let rows = sandbox.query(&shortest);
    for row in rows.as_array().unwrap() {
        let trial = row["trial_id"].to_string();
        let replayed = sandbox.run(&["trial", "replay", &trial]);
        // Another set of vector instructions rounds otherwise.
        let other_machine = replayed.stdout.contains("instructions");
        let exact = replayed.stdout.starts_with("EXACT");
        assert!(
            exact || replayed.code == 1 && other_machine,
            "{name}: {replayed:?}"
        );
    }
}

#[test]
fn a_trial_of_an_older_database_is_trained_again_from_its_row() {
    replay_the_shortest("factorial", 1);
    replay_the_shortest("robustness", 1);
}

#[test]
#[ignore = "an hour; cargo test --release -p pondersweep-tests --test system -- --ignored ten_trials_of_every"]
fn ten_trials_of_every_published_database_are_trained_again_from_their_rows() {
    for name in FIXTURES {
        replay_the_shortest(name, 10);
    }
}
