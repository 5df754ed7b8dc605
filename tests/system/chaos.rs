//! `pondersweep-bench chaos`: faults at random moments, and the result tables of an undisturbed run.

use serde_json::Value;

use crate::harness::Sandbox;

/// Runs it with a seed of this moment, which a failure prints.
fn chaos(arguments: &[&str]) -> Value {
    let sandbox = Sandbox::new();
    let finished = sandbox.bench(&[&["chaos", "--json"], arguments].concat());
    let said = format!("{}{}", finished.stdout, finished.stderr);
    assert_eq!(finished.code, 0, "{said}");
    let report: Value = serde_json::from_str(&finished.stdout).expect(&said);
    assert_eq!(report["equal"], true, "{said}");
    assert_eq!(report["problems"], serde_json::json!([]), "{said}");
    assert!(finished.stderr.contains("--seed"), "{said}");
    report
}

fn number(report: &Value, path: &str) -> u64 {
    let value = report.pointer(path).and_then(Value::as_u64);
    value.unwrap_or_else(|| panic!("no number {path} in {report}"))
}

#[test]
fn fifty_kills_and_every_other_fault_change_no_result() {
    let report = chaos(&["--kills", "50"]);
    assert_eq!(number(&report, "/faults/kills"), 50);
    assert!(number(&report, "/faults/workers_killed") >= 20);
    assert!(number(&report, "/faults/coordinators_killed") >= 20);
    assert!(number(&report, "/disturbed/lapsed") > 0);
    assert!(number(&report, "/disturbed/acknowledged") > 0);
    assert!(number(&report, "/connections/cut") > 0);
    for method in ["Acquire", "Renew", "Report", "Finish"] {
        let lost = number(&report, &format!("/calls/{method}/requests_lost"))
            + number(&report, &format!("/calls/{method}/replies_lost"));
        assert!(lost > 0, "no call of {method} was lost: {report}");
    }
}

#[test]
fn programs_among_trained_trials_end_as_undisturbed_whatever_is_killed() {
    let report = chaos(&["--programs", "--kills", "30"]);
    // Of each of the two sweeps.
    assert_eq!(
        report["disturbed"]["digests"],
        report["undisturbed"]["digests"]
    );
    assert_eq!(
        report["disturbed"]["digests"].as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(number(&report, "/faults/kills"), 30);
    assert!(number(&report, "/disturbed/lapsed") > 0);
    assert!(number(&report, "/disturbed/acknowledged") > 0);
}

#[test]
fn late_results_are_refused_counted_and_change_nothing() {
    let faults = "stop-worker,late-results";
    let report = chaos(&["--kills", "30", "--faults", faults]);
    assert_eq!(number(&report, "/faults/kills"), 0);
    assert!(number(&report, "/faults/late_refused") > 0, "{report}");
    assert_eq!(number(&report, "/faults/late_accepted"), 0);
    let refused = number(&report, "/disturbed/refused");
    assert!(refused >= number(&report, "/faults/late_refused"));
}
