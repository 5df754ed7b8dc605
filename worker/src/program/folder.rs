//! EDGE: the folder of one attempt: its checkpoints, its output, its log, the pipe it reports
//! through, and the program's own files. What is of use afterwards stays: the log, and what the
//! program left in its output folder.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use pondersweep_proto::{
    id::{Attempt, ContentKey},
    limit::MAX_CHECKPOINT_BYTES,
    program::check_path,
};
use rustix::fs::{CWD, Mode, mkfifoat};

/// What a checkpoint of a program starts with.
const MAGIC: &[u8] = b"pondersweep program 1\n";
/// The name of the log.
const LOG: &str = "output.log";
/// Files that a program has not finished writing.
const UNFINISHED: &str = ".tmp";

#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    pub(super) checkpoints: PathBuf,
    pub(super) output: PathBuf,
    pub(super) report: PathBuf,
    /// Made when there is something to log.
    pub(super) log: PathBuf,
    /// Of the program, if it has any.
    files: PathBuf,
}

impl Folder {
    /// Makes the folder of an attempt.
    pub(super) fn make(work: &Path, trial: ContentKey, attempt: Attempt) -> io::Result<Self> {
        let root = make_new(work, &format!("{trial}-{attempt}"))?;
        let folder = Self {
            checkpoints: root.join("checkpoint"),
            output: root.join("output"),
            report: root.join("report"),
            log: root.join(LOG),
            files: root.join("files"),
            root,
        };
        fs::create_dir(&folder.checkpoints)?;
        fs::create_dir(&folder.output)?;
        mkfifoat(CWD, &folder.report, Mode::RUSR | Mode::WUSR)?;
        Ok(folder)
    }

    /// Writes the program's files, and says where they are.
    pub(super) fn write_files(&self, files: &[(String, Vec<u8>)]) -> io::Result<&Path> {
        use std::os::unix::fs::PermissionsExt as _;
        for (path, bytes) in files {
            check_path("files", path).map_err(io::Error::other)?;
            let path = self.files.join(path);
            fs::create_dir_all(path.parent().expect("it is below the folder"))?;
            fs::write(&path, bytes)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }
        Ok(&self.files)
    }

    /// Takes away what is of no use when the attempt has ended.
    pub(super) fn clear(&self) {
        // What cannot be removed does no harm.
        let _ = fs::remove_file(&self.report);
        let _ = fs::remove_dir_all(&self.checkpoints);
        if self.files.exists() {
            let _ = fs::remove_dir_all(&self.files);
        }
        let _ = fs::remove_dir(&self.output);
        let _ = fs::remove_dir(&self.root);
    }

    /// When and how much was last written to the checkpoint folder: changes with its content.
    pub(super) fn checkpoint_state(&self) -> CheckpointState {
        let mut state = Vec::new();
        let _ = walk(&self.checkpoints, "", &mut |path, file| {
            let about = file.metadata()?;
            state.push((path, about.len(), about.modified().ok()));
            Ok(())
        });
        state.sort();
        CheckpointState(state)
    }

    /// The content of the checkpoint folder as bytes; `None` where there is nothing, it is too
    /// large, or it changed meanwhile.
    pub(super) fn pack(&self) -> io::Result<Option<Vec<u8>>> {
        let before = self.checkpoint_state();
        let size: u64 = before
            .0
            .iter()
            .map(|(path, bytes, _)| path.len() as u64 + bytes + 16)
            .sum();
        if before.0.is_empty() {
            return Ok(None);
        }
        if size + MAGIC.len() as u64 > MAX_CHECKPOINT_BYTES {
            tracing::warn!(
                bytes = size,
                most = MAX_CHECKPOINT_BYTES,
                "too large for a checkpoint"
            );
            return Ok(None);
        }
        let mut packed = MAGIC.to_vec();
        for (path, _, _) in &before.0 {
            let bytes = fs::read(self.checkpoints.join(path))?;
            for part in [path.as_bytes(), &bytes] {
                packed.extend_from_slice(&(part.len() as u64).to_le_bytes());
                packed.extend_from_slice(part);
            }
        }
        Ok((self.checkpoint_state() == before).then_some(packed))
    }

    /// Fills the checkpoint folder from bytes that [`Self::pack`] made, wherever.
    pub(super) fn unpack(&self, packed: &[u8]) -> io::Result<()> {
        for (path, bytes) in entries(packed)? {
            let path = self.checkpoints.join(path);
            fs::create_dir_all(path.parent().expect("it is below the folder"))?;
            fs::write(path, bytes)?;
        }
        Ok(())
    }
}

/// Makes a folder of this name, with a number behind it where there are such folders already: of
/// another coordinator, whose attempts may have the same names.
fn make_new(work: &Path, name: &str) -> io::Result<PathBuf> {
    let mut folder = work.join(name);
    let mut number = 1_u64;
    loop {
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                folder = work.join(format!("{name}.{number}"));
                number += 1;
            }
            made => return made.map(|()| folder),
        }
    }
}

/// The newest log of an attempt below a folder in which programs work.
#[must_use]
pub fn log_of(work: &Path, trial: ContentKey, attempt: Attempt) -> Option<PathBuf> {
    let name = format!("{trial}-{attempt}");
    let numbered = (1_u64..).map(|number| format!("{name}.{number}"));
    let folders = std::iter::once(name.clone())
        .chain(numbered)
        .map(|name| work.join(name));
    let there = folders.take_while(|folder| folder.exists());
    let logs = there
        .map(|folder| folder.join(LOG))
        .filter(|log| log.exists());
    logs.last()
}

/// Refuses bytes that are no checkpoint of a program.
///
/// # Errors
/// They are none.
pub fn check_checkpoint(packed: &[u8]) -> io::Result<()> {
    entries(packed).map(drop)
}

/// The files of a checkpoint.
fn entries(packed: &[u8]) -> io::Result<Vec<(&str, &[u8])>> {
    let broken = || io::Error::other("the checkpoint is not one of a program");
    let mut rest = packed.strip_prefix(MAGIC).ok_or_else(broken)?;
    let mut next = || {
        let (length, after) = rest.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (part, after) = after.split_at_checked(length)?;
        rest = after;
        Some((part, after.is_empty()))
    };
    let mut entries = Vec::new();
    loop {
        let (path, _) = next().ok_or_else(broken)?;
        let (bytes, is_last) = next().ok_or_else(broken)?;
        let path = std::str::from_utf8(path).map_err(io::Error::other)?;
        check_path("checkpoint", path).map_err(io::Error::other)?;
        entries.push((path, bytes));
        if is_last {
            return Ok(entries);
        }
    }
}

/// What was where, and when it was written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct CheckpointState(Vec<(String, u64, Option<SystemTime>)>);

/// Visits every finished file below a folder. Links are not followed.
fn walk(
    folder: &Path,
    prefix: &str,
    visit: &mut impl FnMut(String, &fs::DirEntry) -> io::Result<()>,
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (kind, name) = (entry.file_type()?, entry.file_name());
        let Some(name) = name.to_str().filter(|name| !name.ends_with(UNFINISHED)) else {
            continue;
        };
        let path = if prefix.is_empty() {
            name.to_owned()
        } else {
            format!("{prefix}/{name}")
        };
        if check_path("checkpoint", &path).is_err() {
            continue;
        }
        if kind.is_dir() {
            walk(&entry.path(), &path, visit)?;
        } else if kind.is_file() {
            visit(path, &entry)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> Folder {
        let work =
            std::env::temp_dir().join(format!("pondersweep-folder-{name}-{}", std::process::id()));
        fs::create_dir_all(&work).unwrap();
        Folder::make(&work, ContentKey::of(&name), Attempt(1)).unwrap()
    }

    #[test]
    fn a_checkpoint_survives_as_bytes_without_what_is_unfinished() {
        let (one, other) = (folder("one"), folder("other"));
        assert_eq!(one.pack().unwrap(), None);
        fs::create_dir(one.checkpoints.join("deep")).unwrap();
        for (path, bytes) in [
            ("model", &b"weights"[..]),
            ("deep/empty", b""),
            ("next.tmp", b"half"),
        ] {
            fs::write(one.checkpoints.join(path), bytes).unwrap();
        }
        std::os::unix::fs::symlink("/etc/passwd", one.checkpoints.join("link")).unwrap();
        let packed = one.pack().unwrap().unwrap();
        other.unpack(&packed).unwrap();
        assert_eq!(
            fs::read(other.checkpoints.join("model")).unwrap(),
            b"weights"
        );
        assert_eq!(fs::read(other.checkpoints.join("deep/empty")).unwrap(), b"");
        assert!(
            !other.checkpoints.join("next.tmp").exists()
                && !other.checkpoints.join("link").exists()
        );
        one.clear();
        other.clear();
        assert!(!one.root.exists());
    }

    #[test]
    fn bytes_that_are_no_checkpoint_or_leave_the_folder_are_refused() {
        let folder = folder("hostile");
        let entry = |path: &str| {
            let mut packed = MAGIC.to_vec();
            for part in [path.as_bytes(), b"x"] {
                packed.extend_from_slice(&(part.len() as u64).to_le_bytes());
                packed.extend_from_slice(part);
            }
            packed
        };
        folder.unpack(&entry("fine")).unwrap();
        for bad in [
            entry("../outside"),
            entry("/tmp/outside"),
            MAGIC.to_vec(),
            b"other".to_vec(),
            vec![],
        ] {
            assert!(folder.unpack(&bad).is_err());
        }
        let whole = entry("fine");
        for end in MAGIC.len()..whole.len() {
            assert!(folder.unpack(&whole[..end]).is_err(), "{end}");
        }
        folder.clear();
    }

    #[test]
    fn what_a_program_left_stays_and_nothing_else() {
        let folder = folder("left");
        fs::write(folder.output.join("model"), "weights").unwrap();
        fs::write(folder.checkpoints.join("model"), "weights").unwrap();
        folder
            .write_files(&[("src/train.py".into(), b"print()".to_vec())])
            .unwrap();
        folder.clear();
        assert!(folder.output.join("model").exists());
        assert!(!folder.checkpoints.exists() && !folder.report.exists() && !folder.files.exists());
        fs::remove_dir_all(&folder.root).unwrap();
    }
}
