//! Databases of earlier versions: the published ones as they were written, opened, brought up to
//! date and compared with what was published of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::super::{Reader, Store, Value, open};

const FIXTURES: [&str; 3] = ["factorial", "pilot", "robustness"];

fn fixture(name: &str) -> PathBuf {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/databases");
    Path::new(folder).join(name).with_extension("db")
}

/// A fixture in a folder of its own.
fn copied(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("results.db");
    fs::copy(fixture(name), &path).unwrap();
    (folder, path)
}

/// The hashes that were published with a database, by sweep.
fn published(name: &str) -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../results");
    let manifest = fs::read(Path::new(folder).join(name).join("manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let sweeps = manifest["sweeps"].as_array().unwrap().iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    sweeps
        .map(|sweep| (text(&sweep["sweep_id"]), text(&sweep["results"]["sha256"])))
        .collect()
}

async fn assert_published(reader: &mut Reader, name: &str) {
    let published = published(name);
    assert!(!published.is_empty());
    for (sweep_id, sha256) in published {
        let found = reader.digest(sweep_id.parse().unwrap()).await.unwrap();
        assert_eq!(found.sha256, sha256, "{name} {sweep_id}");
    }
}

#[tokio::test]
async fn a_reader_of_an_older_database_reads_a_copy_and_leaves_the_file_alone() {
    for name in FIXTURES {
        let (folder, path) = copied(name);
        let mut reader = Reader::open(&path).await.unwrap();
        assert!(reader.reads_a_copy());
        assert_published(&mut reader, name).await;
        let copy = reader.path.clone();
        assert!(copy.exists() && copy != path);
        let mut other = reader.another().await.unwrap();
        assert_published(&mut other, name).await;
        drop((other, reader));
        assert!(!copy.exists());
        assert_eq!(fs::read(&path).unwrap(), fs::read(fixture(name)).unwrap());
        let files = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(files, 1, "no other file");
    }
}

#[tokio::test]
async fn a_coordinator_brings_an_older_database_up_to_date_in_place() {
    for name in FIXTURES {
        let (_folder, path) = copied(name);
        let mut store = Store::open(&path).await.unwrap();
        let restored = store.restore().await.unwrap();
        assert_eq!(restored.sweeps.len(), published(name).len());
        store.close().await.unwrap();
        let mut reader = Reader::open(&path).await.unwrap();
        assert!(!reader.reads_a_copy());
        assert_eq!(reader.damage().await.unwrap(), Vec::<String>::new());
        assert_published(&mut reader, name).await;
    }
}

/// Every number of an upgraded database against the tables that it had.
#[tokio::test]
async fn no_number_is_lost_or_changed_on_the_way() {
    for name in FIXTURES {
        let (_folder, path) = copied(name);
        let old = rusqlite::Connection::open(fixture(name)).unwrap();
        let mut reader = Reader::open(&path).await.unwrap();
        for (sql, of_old) in [
            (
                "SELECT trial_id, step, accuracy_interpolation, loss_extrapolation, ponder_steps_computed,
                 solved, kl_direction, first_step_flag, initial_scale FROM trial_result ORDER BY 1",
                None,
            ),
            ("SELECT * FROM difficulty_result ORDER BY trial_id, range, first_nonzeros", None),
            ("SELECT * FROM halting_result ORDER BY trial_id, range, step", None),
            ("SELECT * FROM compute_result ORDER BY trial_id", None),
            (
                "SELECT n, solved, solved_share_low, solved_share_high, accuracy_interpolation_mean,
                 accuracy_interpolation_sd, ponder_steps_interpolation_mean
                 FROM cell_result ORDER BY configuration_id",
                None,
            ),
            (
                "SELECT sum(count) FROM breakdown",
                Some(
                    "SELECT (SELECT sum(examples + correct + ponder_steps) FROM difficulty)
                         + (SELECT sum(examples) FROM halting)",
                ),
            ),
        ] {
            let mut rows = reader.query(sql, None).await.unwrap();
            let mut statement = old.prepare(of_old.unwrap_or(sql)).unwrap();
            let columns = statement.column_count();
            let mut before = statement.query([]).unwrap();
            let mut count = 0;
            while let Some(row) = rows.next().await.unwrap() {
                let before = before.next().unwrap().expect("as many rows");
                for (column, value) in (0..columns).zip(&row) {
                    let before: rusqlite::types::Value = before.get(column).unwrap();
                    assert_eq!(bits(value), bits_of(&before), "{name}: {sql}, column {column}");
                }
                count += 1;
            }
            assert!(count > 0 && before.next().unwrap().is_none(), "{name}: {sql}");
        }
    }
}

/// A number to the bit.
fn bits(value: &Value) -> String {
    match value {
        Value::Real(number) => format!("{:x}", number.to_bits()),
        other => format!("{other:?}"),
    }
}

fn bits_of(value: &rusqlite::types::Value) -> String {
    use rusqlite::types::Value as Old;
    bits(&match value {
        Old::Null => Value::Null,
        Old::Integer(whole) => Value::Integer(*whole),
        Old::Real(number) => Value::Real(*number),
        Old::Text(text) => Value::Text(text.clone()),
        Old::Blob(bytes) => Value::Blob(bytes.clone()),
    })
}

#[tokio::test]
async fn a_view_of_another_build_is_replaced_by_who_writes_and_shadowed_for_who_reads() {
    let fixture = super::super::testing::Fixture::new().await;
    let path = fixture.path();
    fixture.store.close().await.unwrap();
    let foreign = rusqlite::Connection::open(&path).unwrap();
    let altered = "DROP VIEW trial_metric; CREATE VIEW trial_metric AS SELECT 'old' AS metric";
    foreign.execute_batch(altered).unwrap();
    foreign.close().unwrap();
    let value = async || {
        let mut reader = Reader::open(&path).await.unwrap();
        let mut rows = reader
            .query("SELECT count(*) FROM trial_metric", None)
            .await
            .unwrap();
        rows.next().await.unwrap().unwrap().remove(0)
    };
    assert_eq!(value().await, Value::Integer(0));
    let text = || {
        let file = rusqlite::Connection::open(&path).unwrap();
        let sql = "SELECT sql FROM sqlite_schema WHERE name = 'trial_metric'";
        file.query_row(sql, [], |row| row.get::<_, String>(0))
            .unwrap()
    };
    assert!(text().contains("'old'"));
    Store::open(&path).await.unwrap().close().await.unwrap();
    assert!(!text().contains("'old'"));
    assert_eq!(value().await, Value::Integer(0));
    assert_eq!(open::known_version(), 4);
}
