//! The benchmarks run, small, and print what they promise. No figure is judged here: they depend on
//! the machine.

use serde_json::Value;

use crate::harness::Sandbox;

fn bench(arguments: &[&str]) -> Value {
    let sandbox = Sandbox::new();
    let finished = sandbox.bench(arguments);
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    let leftover = std::fs::read_dir(sandbox.path("."))
        .expect("a folder")
        .count();
    assert_eq!(leftover, 0, "the temporary databases are gone");
    serde_json::from_str(&finished.stdout).expect("one JSON value")
}

fn number(found: &Value, path: &str) -> f64 {
    let value = found
        .pointer(path)
        .unwrap_or_else(|| panic!("no {path} in {found}"));
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{path} is no number in {found}"))
}

#[test]
fn bench_null_prints_its_rate_next_to_the_floors_of_the_same_run() {
    let arguments = [
        "--rounds",
        "2",
        "--trials",
        "60",
        "--workers",
        "2",
        "--lanes",
        "4",
    ];
    let found = bench(&[&["null", "--json", "--observations", "3"], &arguments[..]].concat());
    for path in [
        "/trials_per_second",
        "/fraction_of_commits",
        "/fraction_of_bulk",
        "/dispatch_seconds/p99",
        "/floors/committed_trials_per_second",
        "/floors/bulk_trials_per_second",
        "/floors/calls_per_second",
        "/floors/flush_seconds",
    ] {
        assert!(number(&found, path) > 0.0, "{path}: {found}");
    }
    assert_eq!(
        (number(&found, "/observations"), number(&found, "/lanes")),
        (3.0, 4.0)
    );
}

#[test]
fn bench_scale_survives_its_own_kill_and_keeps_every_lease() {
    let found = bench(&[
        "scale",
        "--json",
        "--trials",
        "2000",
        "--workers",
        "20",
        "--seconds",
        "2",
    ]);
    assert!(number(&found, "/renewals") >= 20.0, "{found}");
    assert!(number(&found, "/restore_seconds") > 0.0, "{found}");
    assert!(number(&found, "/create_seconds") > 0.0, "{found}");
}

#[test]
fn bench_train_prints_positive_figures_for_every_combination() {
    let sandbox = Sandbox::new();
    let sizes = ["--hidden", "8", "--elements", "4", "--batch", "8"];
    let bench = sandbox.bench(&[&["train", "--quick", "--json"][..], &sizes].concat());
    assert_eq!(bench.code, 0, "{}", bench.stderr);
    let figures: Value = serde_json::from_str(&bench.stdout).unwrap();
    let cases = figures["cases"].as_array().unwrap();
    // Two step functions; one lane on one thread, two lanes on one and on two.
    assert_eq!(cases.len(), 6);
    for case in cases {
        for figure in ["updates_per_second", "gigaflops", "fraction_of_floor"] {
            assert!(case[figure].as_f64().unwrap() > 0.0, "{figure}: {case}");
        }
        assert!(case["bytes_per_lane"].is_u64(), "{case}");
        assert_eq!(case["speed_up"].is_f64(), case["threads"] == 2, "{case}");
    }
    assert!(!sandbox.has("results.db"));
    for (arguments, code) in [(["--hidden", "0"], 2), (["--threads", "9"], 1)] {
        let refused = sandbox.bench(&[&["train", "--quick"][..], &arguments].concat());
        assert_eq!(refused.code, code, "{}", refused.stderr);
    }
}
