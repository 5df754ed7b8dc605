//! Keeps the house in order: the pure rooms stay pure.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Rooms that decide without touching the world.
const PURE: [&str; 15] = [
    "coordinator/src/allocation",
    "coordinator/src/sweep",
    "coordinator/src/scheduler",
    "coordinator/src/statistics",
    "coordinator/src/explain",
    "coordinator/src/replay",
    "coordinator/src/report",
    "coordinator/src/trust",
    "coordinator/src/launch/plan",
    "coordinator/src/web/page",
    "worker/src/seed",
    "worker/src/task",
    "worker/src/model",
    "worker/src/operation",
    "worker/src/train",
];

/// What a pure room never names: the world, and the clocks.
const BANNED: [&str; 12] = [
    "tokio::",
    "tonic::",
    "sqlx::",
    "rusqlite::",
    "std::fs",
    "std::net",
    "std::env",
    "std::process",
    "std::thread",
    "Instant::now",
    "SystemTime::now",
    "rand::",
];

/// Edges inside a pure room, each with its reason.
const EDGES: [(&str, &str); 3] = [
    (
        "coordinator/src/explain/read.rs",
        "reads from the database what there is to say",
    ),
    (
        "coordinator/src/report/write.rs",
        "writes finished reports to a folder",
    ),
    (
        "worker/src/train/spread.rs",
        "spreads lanes over threads, whose number no result depends on",
    ),
];

#[test]
fn pure_rooms_name_no_clock_file_socket_or_database() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut read = 0;
    for room in PURE {
        let files = rust_files(&root.join(room));
        for file in files.into_iter().chain([root.join(format!("{room}.rs"))]) {
            let name = file.strip_prefix(root).unwrap().display().to_string();
            if EDGES.iter().any(|(edge, _)| *edge == name) || is_test(&file) {
                continue;
            }
            read += 1;
            let text = fs::read_to_string(&file).unwrap();
            // Tests may do what they like.
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
            for banned in BANNED {
                assert!(!code.contains(banned), "{name} names {banned}");
            }
        }
    }
    assert!(read > 20, "only {read} files were read: has a room moved?");
}

/// Files that are compiled for tests only.
fn is_test(file: &Path) -> bool {
    let test_only = [
        "tests",
        "simulation",
        "simulated",
        "test_support",
        "hostile",
    ];
    let named = |part: std::path::Component<'_>| {
        Path::new(part.as_os_str())
            .file_stem()
            .is_some_and(|stem| test_only.iter().any(|t| stem == *t))
    };
    // Below the rooms only: the folder of this very package is called tests, too.
    file.components()
        .skip_while(|part| part.as_os_str() != "src")
        .any(named)
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|_| panic!("no room {}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
