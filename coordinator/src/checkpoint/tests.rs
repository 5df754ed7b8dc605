//! Blobs in a real folder.

#[cfg(feature = "s3")]
mod s3;

use std::{collections::HashSet, fs};

use pondersweep_proto::id::{Attempt, TrialId};
use tempfile::TempDir;

use super::*;

const DATABASE: &str = "0123456789abcdef0123456789abcdef";

fn location(folder: &TempDir) -> CheckpointLocation {
    CheckpointLocation::Folder(folder.path().join("blobs"))
}

/// The blobs of a database in the folder, in the run that starts at this moment.
fn blobs(folder: &TempDir, database: &str, started_at_ms: i64) -> Blobs {
    Blobs::new(location(folder), database, started_at_ms)
}

async fn put(blobs: &Blobs, bytes: &'static [u8]) -> String {
    let token = LeaseToken {
        trial_id: TrialId(1),
        attempt: Attempt(1),
    };
    blobs
        .put(token, 10, Bytes::from_static(bytes))
        .await
        .unwrap()
}

#[tokio::test]
async fn a_blob_comes_back_as_it_was_until_it_is_deleted() {
    let folder = TempDir::new().unwrap();
    let blobs = blobs(&folder, DATABASE, 1);
    let (one, other) = (put(&blobs, b"one").await, put(&blobs, b"other").await);
    assert_eq!(blobs.get(&one).await.unwrap(), "one");
    blobs.delete(&one).await.unwrap();
    blobs.delete(&one).await.unwrap();
    assert!(blobs.get(&one).await.is_err());
    assert_eq!(blobs.get(&other).await.unwrap(), "other");
}

#[tokio::test]
async fn nothing_is_made_before_the_first_blob_and_nothing_is_left_after_the_last() {
    let folder = TempDir::new().unwrap();
    let blobs = blobs(&folder, DATABASE, 1);
    let (collector, garbage) = Collector::start(blobs.clone(), HashSet::new());
    tokio::task::yield_now().await;
    assert!(!folder.path().join("blobs").exists());
    let name = put(&blobs, b"one").await;
    garbage.collect(&name);
    drop(garbage);
    collector.finish().await;
    assert!(!folder.path().join("blobs").exists());
}

#[tokio::test]
async fn a_start_removes_what_earlier_runs_left_behind_and_nothing_else() {
    let folder = TempDir::new().unwrap();
    let earlier = blobs(&folder, DATABASE, 1);
    let (kept, left) = (put(&earlier, b"kept").await, put(&earlier, b"left").await);
    let foreign = blobs(&folder, "another", 1);
    let of_other = put(&foreign, b"foreign").await;
    let notes = folder.path().join("blobs/notes.txt");
    fs::write(&notes, "of a person").unwrap();

    let unfinished = folder.path().join(format!("blobs/{DATABASE}/{left}#1"));
    fs::write(&unfinished, "a run was killed while it wrote").unwrap();

    let now = blobs(&folder, DATABASE, 2);
    let fresh = put(&now, b"fresh").await;
    let (collector, garbage) = Collector::start(now.clone(), HashSet::from([kept.clone()]));
    drop(garbage);
    collector.finish().await;

    assert!(now.get(&left).await.is_err());
    assert_eq!(now.get(&kept).await.unwrap(), "kept");
    assert_eq!(now.get(&fresh).await.unwrap(), "fresh");
    assert_eq!(foreign.get(&of_other).await.unwrap(), "foreign");
    assert!(notes.exists() && !unfinished.exists());
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_an_error_that_names_it() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("blobs"), "a file").unwrap();
    let blobs = blobs(&folder, DATABASE, 1);
    let token = LeaseToken {
        trial_id: TrialId(1),
        attempt: Attempt(1),
    };
    let refused = blobs.put(token, 1, Bytes::from_static(b"one")).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("blobs"), "{refused}");
}
