//! Keeps docs/promises.md honest: every promise names a test, and every test it names exists.

use std::{collections::BTreeSet, fs, path::Path};

#[test]
fn every_promise_names_a_test_that_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = fs::read_to_string(root.join("docs/promises.md")).unwrap();
    let promises: Vec<&str> = page.split("\n- ").skip(1).collect();
    assert!(promises.len() > 40, "only {} promises", promises.len());
    let mut tests = BTreeSet::new();
    for room in ["proto", "coordinator", "worker", "bench", "tests"] {
        collect(&root.join(room), &mut tests);
    }
    for promise in promises {
        let test = promise.split('`').nth(1);
        let test = test.unwrap_or_else(|| panic!("no test holds this promise: {promise}"));
        assert!(
            tests.contains(test),
            "there is no test {test} for: {promise}"
        );
    }
}

#[test]
fn a_function_that_is_no_test_holds_no_promise() {
    let source = "#[test]\nfn held() {}\n\nfn helper() {}\n\n    #[tokio::test]\n    \
                  #[ignore]\n    async fn inside() {}\n";
    assert_eq!(tests_in(source), ["held", "inside"]);
}

fn collect(folder: &Path, tests: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, tests);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let source = fs::read_to_string(&path).unwrap();
            tests.extend(tests_in(&source).into_iter().map(str::to_owned));
        }
    }
}

/// The functions with an attribute of tests above them.
fn tests_in(source: &str) -> Vec<&str> {
    let mut tests = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        let signature = line.trim_start_matches("async ").strip_prefix("fn ");
        match signature {
            Some(signature) if is_test => tests.extend(signature.split(['(', '<']).next()),
            None if line.starts_with("#[") => {
                is_test |= line.contains("test]") || line.contains("tokio::test");
                continue;
            }
            _ => {}
        }
        is_test = false;
    }
    tests
}
