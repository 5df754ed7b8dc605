//! `query`, which reads and does nothing else and answers as it goes, and the folder of a report.

use std::{
    fs::{self, FileType},
    io::{BufRead as _, BufReader},
    os::unix::fs::{FileTypeExt, symlink},
    process::{Command, Stdio},
};

use crate::harness::{Sandbox, TINY};

/// An answer that does not end.
const ENDLESS: &str = "with recursive counted (x) as (select 1 union all select x + 1 from counted)
    select x, 'row ' || x as name from counted";

fn submitted() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    sandbox.submit("tiny.toml");
    sandbox
}

#[test]
fn a_query_does_nothing_but_read_whatever_it_says() {
    let sandbox = submitted();
    let before = fs::read(sandbox.path("results.db")).unwrap();
    for (sql, told) in [
        ("select 1; select 2", "several statements"),
        ("select 1; drop table trial", "only reads"),
        ("vacuum into 'left.db'", "only reads"),
        ("vacuum", "only reads"),
        ("attach 'left.db' as other", "only reads"),
        ("pragma query_only = off", "only reads"),
        ("pragma wal_checkpoint(truncate)", "only reads"),
        ("pragma journal_mode = delete", "only reads"),
        ("create temp table t (x)", "only reads"),
        ("begin", "only reads"),
        ("delete from trial", "only reads"),
        ("insert into token select * from token", "only reads"),
        ("/* nothing */", "only reads"),
        ("", "only reads"),
        ("select load_extension('x')", ""),
    ] {
        for output in ["table", "json", "csv"] {
            let refused = sandbox.run(&["query", "--output", output, sql]);
            refused
                .assert_code(1)
                .assert_told(told)
                .assert_told("hint: ");
            assert!(!refused.stderr.contains("panicked"), "{}", refused.stderr);
        }
    }
    assert!(!sandbox.has("left.db"));
    assert_eq!(fs::read(sandbox.path("results.db")).unwrap(), before);
    for sql in [
        "select 1;",
        "select 1 -- and no more",
        "pragma integrity_check",
        "pragma table_info(trial)",
        "select name from pragma_table_list",
        "explain query plan select * from trial",
        "select value from json_each('[1, 2]')",
        "with recursive c (x) as (select 1 union all select x + 1 from c where x < 3) select x from c",
    ] {
        sandbox.run(&["query", sql]).assert_code(0);
    }
    let answer = |sql: &str| -> serde_json::Value {
        let asked = sandbox.run(&["query", "--output", "json", sql]);
        serde_json::from_str(&asked.assert_code(0).stdout).unwrap()
    };
    let twice = answer("select 1 as a, 2 as a");
    assert_eq!(twice, serde_json::json!([{ "a": 1, "a:2": 2 }]));
    assert_eq!(answer("select 1 where false"), serde_json::json!([]));
}

#[test]
fn an_answer_comes_while_it_is_asked_and_a_table_is_bounded() {
    let sandbox = submitted();
    for (output, third) in [
        ("json", "  {\"name\":\"row 2\",\"x\":2},"),
        ("csv", "2,row 2"),
    ] {
        let mut command = sandbox.command(&["query", "--output", output, ENDLESS]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(lines.nth(2).unwrap().unwrap(), third);
        assert!(lines.nth(100_000).is_some());
        // A reader who has seen enough.
        drop(lines);
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
    let table = sandbox.run(&["query", ENDLESS]);
    table.assert_code(0).assert_printed("row 1000");
    table.assert_told("more rows were left out");
    assert!(!table.stdout.contains("row 1001"));
    let limited = sandbox.run(&["query", "--limit", "1500", ENDLESS]);
    limited.assert_printed("row 1500").assert_told("--limit");
    let exact = sandbox.run(&["query", "--limit", "8", "select trial_id from trial"]);
    assert_eq!(exact.stderr, "");
}

#[test]
fn a_report_folder_is_its_own() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    sandbox.run(&["run", "tiny.toml"]).assert_code(0);
    let report = |folder| sandbox.run(&["report", "--without-png", "--out", folder]);
    let verify = || sandbox.run(&["report", "--verify", "report/manifest.json"]);

    // No link leads out of it.
    fs::create_dir(sandbox.path("report")).unwrap();
    sandbox.write("outside.csv", "mine");
    symlink("../outside.csv", sandbox.path("report/cells.csv")).unwrap();
    report("report")
        .assert_code(1)
        .assert_told("cells.csv is not of a report");
    fs::remove_file(sandbox.path("report/cells.csv")).unwrap();
    report("report").assert_code(0);
    fs::remove_file(sandbox.path("report/cells.csv")).unwrap();
    symlink("../outside.csv", sandbox.path("report/cells.csv")).unwrap();
    report("report").assert_code(0);
    assert_eq!(fs::read(sandbox.path("outside.csv")).unwrap(), b"mine");
    verify().assert_code(0);

    // What is not its own is named, and nothing is written to that folder.
    sandbox.write("report/figure_of_another.svg", "<svg/>");
    verify()
        .assert_code(1)
        .assert_printed("figure_of_another.svg: is not a file of this report");
    let manifest = fs::read(sandbox.path("report/manifest.json")).unwrap();
    report("report").assert_code(1).assert_told("hint: ");
    assert_eq!(
        fs::read(sandbox.path("report/manifest.json")).unwrap(),
        manifest
    );
    fs::remove_file(sandbox.path("report/figure_of_another.svg")).unwrap();

    // A report of another sweep takes the place of the first, with all its files.
    let alone = TINY
        .replace("name = \"tiny\"", "name = \"alone\"")
        .replace("lambda_p = [0.2, 0.5]\n", "")
        .replace("hidden = 8", "hidden = 8\nlambda_p = 0.2");
    sandbox.write("alone.toml", alone);
    sandbox.run(&["run", "alone.toml"]).assert_code(0);
    assert!(sandbox.has("report/accuracy_by_lambda_p.svg"));
    report("report").assert_code(0);
    assert!(!sandbox.has("report/accuracy_by_lambda_p.svg"));
    verify().assert_code(0);
}

#[test]
fn an_export_to_a_file_is_that_of_standard_output() {
    let sandbox = Sandbox::new();
    sandbox.write("tiny.toml", TINY);
    sandbox.run(&["run", "tiny.toml"]).assert_code(0);
    for format in ["csv", "jsonl"] {
        let printed = sandbox.run(&["export", "--format", format]);
        let written = sandbox.run(&["export", "--format", format, "--out", "rows"]);
        assert_eq!((written.code, &*written.stdout), (0, ""));
        assert_eq!(
            fs::read_to_string(sandbox.path("rows")).unwrap(),
            printed.stdout
        );
    }
}

#[test]
fn nothing_but_a_file_is_ever_replaced_by_one() {
    let sandbox = submitted();
    let pipe = sandbox.path("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("coreutils").success());
    symlink("/proc/self/fd/1", sandbox.path("stdout")).unwrap();
    for (place, is_same) in [
        ("pipe", FileTypeExt::is_fifo as fn(&FileType) -> bool),
        ("stdout", FileType::is_symlink),
    ] {
        for command in [
            &["export", "--out", place][..],
            &["export", "--format", "parquet", "--out", place],
            &["report", "--out", place],
            &["backup", "results.db", place, "--force"],
            &["token", "new", "--role", "viewer", "--out", place],
        ] {
            let refused = sandbox.run(command);
            assert_eq!(refused.code, 1, "{command:?}: {}", refused.stderr);
            let found = fs::symlink_metadata(sandbox.path(place)).unwrap();
            assert!(is_same(&found.file_type()), "{command:?} took its place");
        }
    }
}

#[test]
fn a_file_that_never_ends_is_refused() {
    let sandbox = submitted();
    for (command, code) in [
        (&["plan", "/dev/zero"][..], 1),
        (&["run", "/dev/zero"], 1),
        (&["submit", "/dev/zero", "--db", "results.db"], 1),
        (&["worker", "--token-file", "/dev/zero"], 2),
        (
            &["serve", "--tls-cert", "/dev/zero", "--tls-key", "/dev/zero"],
            2,
        ),
        (
            &[
                "launch",
                "ssh",
                "--hosts-file",
                "/dev/zero",
                "--coordinator",
                "http://h:1",
            ],
            1,
        ),
    ] {
        let refused = sandbox.run(command);
        assert_eq!(refused.code, code, "{command:?}: {}", refused.stderr);
        refused.assert_told("it has more than");
    }
}
