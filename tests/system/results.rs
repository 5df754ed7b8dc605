//! The published results: every report under `results/` is that of its database.

use std::{fs, path::Path};

use crate::harness::Sandbox;

const PUBLISHED: [&str; 3] = ["factorial", "pilot", "robustness"];

/// Who changes what reports say makes these again, by `results/make`.
#[test]
fn published_reports_are_those_of_their_databases() {
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results");
    for name in PUBLISHED {
        let sandbox = Sandbox::new();
        fs::copy(
            results.join(name).with_extension("db"),
            sandbox.path("results.db"),
        )
        .unwrap();
        let manifest = results.join(name).join("manifest.json");
        let verified = sandbox.run(&["report", "--verify", manifest.to_str().unwrap()]);
        verified
            .assert_code(0)
            .assert_printed("the report is that of this database");
        assert!(!verified.stdout.contains("had no result"), "{name}");
    }
}
