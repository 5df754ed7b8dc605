//! Reads a sweep file for the commands that take one.

use std::path::Path;

use anyhow::Context as _;
use pondersweep_proto::{error::SweepError, limit::MAX_TRIALS_UNCONFIRMED};

use crate::sweep::{SweepFile, SweepSpec};

/// A sweep file larger than this is none.
const MAX_FILE_BYTES: u64 = 16 * 1_024 * 1_024;

/// Reads and checks the file.
pub(super) fn read(path: &Path) -> anyhow::Result<SweepSpec> {
    let shown = path.display().to_string();
    let size = std::fs::metadata(path)
        .with_context(|| unreadable(&shown))?
        .len();
    anyhow::ensure!(
        size <= MAX_FILE_BYTES,
        "{shown} is too large for a sweep file"
    );
    let bytes = std::fs::read(path).with_context(|| unreadable(&shown))?;
    Ok(SweepFile::parse(&bytes, &shown)?)
}

fn unreadable(shown: &str) -> String {
    format!("cannot read the sweep file {shown}")
}

/// Refuses a sweep of more than a million trials unless it is wanted.
pub(super) fn confirm_size(spec: &SweepSpec, path: &Path, yes: bool) -> Result<(), SweepError> {
    if yes || spec.trials() <= MAX_TRIALS_UNCONFIRMED {
        return Ok(());
    }
    Err(SweepError::Invalid(format!(
        "{}: {} trials are more than {MAX_TRIALS_UNCONFIRMED}\n\
         hint: if that is what you want, say so with --yes",
        path.display(),
        spec.trials()
    )))
}
