//! Reads a sweep file for the commands that take one, with the files of its program.

use std::{io, os::unix::fs::OpenOptionsExt as _, path::Path};

use anyhow::Context as _;
use pondersweep_proto::{
    error::SweepError,
    limit::{MAX_PROGRAM_FILE_BYTES, MAX_TRIALS_UNCONFIRMED},
    program::{ProgramFile, file_sha256},
};
use pondersweep_worker::{
    small_file::{self, MAX_TEXT_BYTES},
    stories,
};

use crate::sweep::{SweepFile, SweepSpec};

/// Reads and checks the file.
pub(super) fn read(path: &Path) -> anyhow::Result<SweepSpec> {
    let shown = path.display().to_string();
    let bytes = small_file::read(path, MAX_TEXT_BYTES).with_context(|| unreadable(&shown))?;
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    let mut files: Vec<ProgramFile> = Vec::new();
    let mut hash = |name: &str| {
        let content = read_within(folder, name).map_err(|error| error.to_string())?;
        let sha256 = file_sha256(&content);
        files.push((name.to_owned(), content));
        Ok(sha256)
    };
    let spec = SweepFile::parse_with(&bytes, &shown, &mut hash, &stories::fill_in)?;
    Ok(spec.with_files(files)?)
}

/// Reads a file below a folder. No part of the path may be a link: what is sent to workers is what stands
/// in the folder.
fn read_within(folder: &Path, name: &str) -> io::Result<Vec<u8>> {
    let mut path = folder.to_owned();
    for part in name.split('/') {
        path.push(part);
        if std::fs::symlink_metadata(&path)?.is_symlink() {
            return Err(io::Error::other("it is a symbolic link, or below one"));
        }
    }
    let mut options = std::fs::OpenOptions::new();
    let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let file = options.read(true).custom_flags(no_follow).open(&path)?;
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    if about.len() > MAX_PROGRAM_FILE_BYTES as u64 {
        let most = format!(
            "it has {} bytes, more than {MAX_PROGRAM_FILE_BYTES}",
            about.len()
        );
        return Err(io::Error::other(most));
    }
    let mut content = Vec::new();
    io::Read::read_to_end(
        &mut io::Read::take(file, MAX_PROGRAM_FILE_BYTES as u64 + 1),
        &mut content,
    )?;
    Ok(content)
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
