//! Files that are there whole or not at all: written to the same folder under another name, synced,
//! then renamed. A disk that fills up leaves what was there before, and a symbolic link in the
//! place is replaced, never followed. It decides no names.

use std::{
    fs::{self, Permissions},
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use tempfile::NamedTempFile;

/// What the other name begins with.
const PREFIX: &str = ".pondersweep-";

/// The permissions of a file for everybody, as far as the user's mask allows.
const ANYBODY: u32 = 0o666;
/// The permissions of a file for its owner alone.
pub(crate) const OWNER: u32 = 0o600;

/// A file that is to become the one of this path. It goes with the value, unless it is given its name.
///
/// # Errors
/// The folder cannot be written, or what is there is no file.
pub(crate) fn begin(path: &Path) -> io::Result<NamedTempFile> {
    begin_with(path, ANYBODY)
}

fn begin_with(path: &Path, mode: u32) -> io::Result<NamedTempFile> {
    check_place(path)?;
    tempfile::Builder::new()
        .prefix(PREFIX)
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder_of(path))
}

/// Whether a file may be put there: nothing is there, or a file. A device, such as /dev/stdout, would be
/// gone from the machine for everyone.
///
/// # Errors
/// It may not.
pub(crate) fn check_place(path: &Path) -> io::Result<()> {
    let is_special = fs::metadata(path).is_ok_and(|found| !found.is_file());
    let is_stream = fs::read_link(path).is_ok_and(|target| target.starts_with("/proc"));
    if is_special || is_stream {
        let problem = "a device, a pipe or a folder is there, which no file takes the place of";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
    }
    Ok(())
}

/// Gives a file its name, once all of it is on the disk.
///
/// # Errors
/// The disk is full, or the place cannot be written.
pub(crate) fn finish(file: NamedTempFile, path: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// Writes a file, replacing what was there.
///
/// # Errors
/// As for [`begin`] and [`finish`]; what was there is there still.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_with(path, ANYBODY, bytes)
}

/// As [`write`], with these permissions.
///
/// # Errors
/// As for [`write`].
pub(crate) fn write_with(path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let mut file = begin_with(path, mode)?;
    file.write_all(bytes)?;
    finish(file, path)
}

/// As [`write_with`], only where nothing is.
///
/// # Errors
/// As for [`write`], or something is there.
pub(crate) fn write_new(path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
    let mut file = begin_with(path, mode)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    let put = file.persist_noclobber(path);
    put.map(drop).map_err(|error| error.error)
}

pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Removes from a folder what a process that was killed had begun.
pub(crate) fn remove_leftovers(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let begun = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for entry in begun {
        // It is in no one's way.
        let _ = fs::remove_file(entry.path());
    }
}
