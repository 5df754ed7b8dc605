//! Keeps ARCHITECTURE.md honest: every promise names tests, and every test it names exists.

use std::{fs, path::Path};

const TITLE: &str = "## Promises and how they are tested";

#[test]
fn every_promise_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let promises = promises(&page);
    assert!(promises.len() > 15, "only {} promises", promises.len());
    for promise in promises {
        let tests = tests_named_in(promise);
        assert!(!tests.is_empty(), "no test holds this promise: {promise}");
        for (file, test) in tests {
            let source = fs::read_to_string(root.join(file))
                .unwrap_or_else(|error| panic!("{file} of {promise}: {error}"));
            assert!(is_test(&source, test), "{file} has no test {test}");
        }
    }
}

#[test]
fn a_function_that_is_no_test_holds_no_promise() {
    let source =
        "#[test]\nfn held() {}\n\nfn helper() {}\n\n    #[tokio::test]\n    async fn inside() {}\n";
    assert!(is_test(source, "held"));
    assert!(is_test(source, "inside"));
    assert!(!is_test(source, "helper"));
    assert!(!is_test(source, "hel"));
    assert_eq!(
        tests_named_in("| a promise | `a/b.rs::c`, `d.rs::e` | `7` |"),
        [("a/b.rs", "c"), ("d.rs", "e")]
    );
}

/// The rows of the page's table.
fn promises(page: &str) -> Vec<&str> {
    let section = page.split(TITLE).nth(1).expect("the page has its title");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with('|'));
    // The header and the rule below it.
    rows.skip(2).collect()
}

/// The tests a row names, each as a file and a function.
fn tests_named_in(promise: &str) -> Vec<(&str, &str)> {
    let quoted = promise.split('`').skip(1).step_by(2);
    quoted.filter_map(|name| name.split_once("::")).collect()
}

/// Whether the source has a test of this name: a function with an attribute of tests above it.
fn is_test(source: &str, name: &str) -> bool {
    let signature = format!("fn {name}(");
    let Some(at) = source.find(&signature) else {
        return false;
    };
    // Up to the line of the function itself, which may be indented and asynchronous.
    let before = source[..at]
        .trim_end_matches("async ")
        .trim_end_matches(' ');
    let before = before.lines().rev();
    let attributes = before.take_while(|line| !line.trim().is_empty());
    attributes
        .into_iter()
        .any(|line| line.contains("test]") || line.contains("tokio::test"))
}
