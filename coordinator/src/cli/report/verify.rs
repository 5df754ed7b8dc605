//! `report --verify`: whether a published report is that of a database: the database against the
//! manifest's hashes, the files of its folder against theirs, and the tables made again. It changes
//! nothing.

mod tables;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use pondersweep_proto::{error::SweepError, id::SweepId};
use serde_json::json;

use super::{
    ReportFormat,
    manifest::{describe, sha256},
};
use crate::{
    cli::output::{Rows, print_json, print_text},
    report::{
        files_of_others,
        manifest::{MANIFEST_SCHEMA, Manifest, ManifestFile, ManifestSweep, SweepDifference},
    },
    store::{ReadError, Reader},
    whole_file::folder_of,
};

/// The version of the JSON that the checks are printed as.
const SCHEMA: &str = "pondersweep.verification/1";

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Check {
    /// "database", "file" or "tables".
    what: &'static str,
    /// Which sweep or file.
    subject: String,
    /// The first difference and what to do about it; `None` where there is none.
    problem: Option<String>,
}

/// Checks a manifest and prints a line for every check.
pub(super) async fn run(
    manifest: &Path,
    database: &Path,
    format: ReportFormat,
) -> anyhow::Result<ExitCode> {
    let (path, manifest) = (manifest, read(manifest)?);
    let folder = folder_of(path);
    let mut checks = Vec::new();
    let mut reader = Reader::open(database).await?;
    for sweep in &manifest.sweeps {
        checks.push(check_sweep(&mut reader, sweep).await?);
    }
    checks.extend(manifest.files.iter().map(|file| check_file(folder, file)));
    checks.extend(strangers(folder, path, &manifest)?);
    let stored = checks.iter().filter(|check| check.what == "database");
    if stored.clone().all(|check| check.problem.is_none()) {
        checks.extend(tables::check(&manifest, database, folder).await?);
    } else {
        let problem = "not made again: the database is another".to_owned();
        checks.push(Check::new("tables", "all".into(), Some(problem)));
    }
    print(&manifest, &checks, format)?;
    let holds = checks.iter().all(|check| check.problem.is_none());
    Ok(if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn read(path: &Path) -> anyhow::Result<Manifest> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the manifest {}", path.display()))?;
    let version: serde_json::Value =
        serde_json::from_str(&text).with_context(|| format!("{} is no JSON", path.display()))?;
    anyhow::ensure!(
        version["schema"] == MANIFEST_SCHEMA,
        "{} is no manifest that this version reads\nhint: it reads {MANIFEST_SCHEMA}",
        path.display()
    );
    serde_json::from_value(version).with_context(|| format!("{} is damaged", path.display()))
}

impl Check {
    const fn new(what: &'static str, subject: String, problem: Option<String>) -> Self {
        Self {
            what,
            subject,
            problem,
        }
    }

    fn line(&self) -> String {
        let Self {
            what,
            subject,
            problem,
        } = self;
        match problem {
            None => format!("ok       {what:<9}{subject}"),
            Some(problem) => format!("DIFFERS  {what:<9}{subject}: {problem}"),
        }
    }
}

/// Whether a sweep in the database is the published one.
async fn check_sweep(reader: &mut Reader, published: &ManifestSweep) -> anyhow::Result<Check> {
    let subject = format!("{} ({})", published.name, published.sweep_id);
    let sweep_id: SweepId = published
        .sweep_id
        .parse()
        .context("the manifest names no sweep")?;
    let found = match reader.find_sweep(&published.sweep_id).await {
        Ok(_) => describe(reader, sweep_id).await?,
        Err(ReadError::Sweep(SweepError::NotFound(_))) => {
            let problem = "no such sweep in this database\nhint: --db names another".into();
            return Ok(Check::new("database", subject, Some(problem)));
        }
        Err(error) => return Err(error.into()),
    };
    let (found, first_trial_id) = found;
    let difference = published.first_difference(&found);
    let problem = difference
        .map(|difference| describe_difference(difference, published, &found, first_trial_id));
    Ok(Check::new("database", subject, problem))
}

fn describe_difference(
    difference: SweepDifference,
    published: &ManifestSweep,
    found: &ManifestSweep,
    first_trial_id: u64,
) -> String {
    match difference {
        SweepDifference::Specification => {
            "its frozen specification was changed: it no longer has the published hash".into()
        }
        SweepDifference::TrialSet => "its trials are not the published ones".into(),
        SweepDifference::Results { first, end } => {
            results(first_trial_id + first, first_trial_id + end)
        }
        SweepDifference::Counts => {
            let [published, now] = [published, found].map(|sweep| sweep.trials.without_result());
            format!(
                "{published} trials had no result when the report was made, now {now} have none"
            )
        }
        SweepDifference::Producers => {
            "the same results, computed by other programs or devices than published".into()
        }
    }
}

fn results(first: u64, end: u64) -> String {
    if end - first == 1 {
        return format!(
            "the result or the observations of trial {first} are not the published ones\n\
             hint: `pondersweep trial replay {first}` names the number, if it was changed here"
        );
    }
    format!(
        "results or observations of trials {first} to {} are not the published ones\n\
         hint: `pondersweep trial replay` of each names the number, if it was changed here",
        end - 1
    )
}

/// Whether a file of the manifest's folder is the published one.
fn check_file(folder: &Path, published: &ManifestFile) -> Check {
    let problem = match fs::read(file_in(folder, &published.name)) {
        Err(error) => Some(format!("cannot be read: {error}")),
        Ok(bytes) if bytes.len() as u64 != published.bytes => Some(format!(
            "has {} bytes, published were {}",
            bytes.len(),
            published.bytes
        )),
        Ok(bytes) if sha256(&bytes) != published.sha256 => {
            Some("has the published size, but another content".into())
        }
        Ok(_) => None,
    };
    Check::new("file", published.name.clone(), problem)
}

/// Files that lie among those of the report and are not its own, such as the figures of another
/// one.
fn strangers(folder: &Path, path: &Path, manifest: &Manifest) -> anyhow::Result<Vec<Check>> {
    let files = manifest.files.iter().map(|file| folder.join(&file.name));
    // As the folder's entries are named.
    let path = folder.join(path.file_name().unwrap_or_default());
    let own: Vec<PathBuf> = files.chain([path]).collect();
    let strange = files_of_others(folder, &own)?.into_iter().map(|path| {
        let name = path.strip_prefix(folder).unwrap_or(&path);
        let problem = "is not a file of this report".to_owned();
        Check::new("file", name.display().to_string(), Some(problem))
    });
    Ok(strange.collect())
}

/// A file of the report; never one elsewhere, whatever a manifest says.
fn file_in(folder: &Path, name: &str) -> PathBuf {
    let plain = Path::new(name)
        .components()
        .all(|part| matches!(part, std::path::Component::Normal(_)));
    if plain {
        folder.join(name)
    } else {
        folder.join("outside-of-the-report")
    }
}

fn print(manifest: &Manifest, checks: &[Check], format: ReportFormat) -> anyhow::Result<()> {
    match format {
        ReportFormat::Json => print_json(&json!({
            "schema": SCHEMA,
            "complete": manifest.complete,
            "holds": checks.iter().all(|check| check.problem.is_none()),
            "checks": rows(checks).to_json(),
        }))?,
        ReportFormat::Csv => rows(checks).print(crate::cli::output::Format::Csv)?,
        _ => {
            for check in checks {
                print_text(&check.line())?;
            }
            print_text(&conclusion(manifest, checks))?;
        }
    }
    Ok(())
}

fn rows(checks: &[Check]) -> Rows {
    let row = |check: &Check| {
        vec![
            json!(check.what),
            json!(check.subject),
            json!(check.problem),
        ]
    };
    Rows::of(&["check", "subject", "problem"], checks.iter().map(row))
}

fn conclusion(manifest: &Manifest, checks: &[Check]) -> String {
    let failed = checks
        .iter()
        .filter(|check| check.problem.is_some())
        .count();
    let mut text = match failed {
        0 => format!(
            "the report is that of this database: {} checks hold",
            checks.len()
        ),
        _ => format!("{failed} of {} checks fail", checks.len()),
    };
    let missing: u64 = manifest
        .sweeps
        .iter()
        .map(|sweep| sweep.trials.without_result())
        .sum();
    if missing > 0 {
        text += &format!("; it was made while {missing} trials had no result");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_reaches_no_file_outside_of_its_folder() {
        let folder = Path::new("/report");
        assert_eq!(file_in(folder, "a/b.csv"), Path::new("/report/a/b.csv"));
        for name in ["../b.csv", "/etc/passwd", "a/../../b"] {
            assert_eq!(
                file_in(folder, name),
                Path::new("/report/outside-of-the-report")
            );
        }
    }

    #[test]
    fn a_changed_missing_or_cut_file_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.csv"), "abc").unwrap();
        let published = |name: &str, content: &str| ManifestFile {
            name: name.into(),
            bytes: content.len() as u64,
            sha256: sha256(content.as_bytes()),
        };
        let problem = |name, content| check_file(folder.path(), &published(name, content)).problem;
        assert_eq!(problem("a.csv", "abc"), None);
        assert!(problem("a.csv", "abd").unwrap().contains("another content"));
        assert!(
            problem("a.csv", "ab")
                .unwrap()
                .contains("has 3 bytes, published were 2")
        );
        assert!(problem("b.csv", "abc").unwrap().contains("cannot be read"));
    }
}
