//! EDGE: the folder in which launches are remembered, a file for each. Written whole or not at all,
//! and by one program at a time for each launch. What is not remembered in the end leaves nothing.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::plan::{Launch, LaunchName};

/// A path of a socket cannot be longer on Linux, with its end and what ssh adds while it makes one.
const MAX_SOCKET_PATH_BYTES: usize = 86;

/// The folder of all launches from here.
#[derive(Clone, Debug)]
pub struct Ledger {
    folder: PathBuf,
}

/// The right to change one launch; ends with the value.
#[derive(Debug)]
pub struct Held {
    _lock: File,
    path: PathBuf,
    record: PathBuf,
    folder: PathBuf,
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.record.exists() {
            // A folder in which something lies stays.
            let _ = fs::remove_dir(&self.folder);
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Why a launch cannot be remembered or recalled.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// There is no home to keep state in.
    #[error("neither XDG_STATE_HOME nor HOME is set\nhint: name a folder with --state PATH")]
    NoHome,
    /// Nothing was launched under this name.
    #[error("no launch {0:?}\nhint: `pondersweep launch ls` lists them")]
    Unknown(String),
    /// The name is the beginning of several.
    #[error("{0:?} fits several launches: {1}")]
    Ambiguous(String, String),
    /// Another program is at it.
    #[error("another pondersweep is launching or stopping {0}\nhint: wait for it to end")]
    Busy(LaunchName),
    /// The file is damaged, or of another version.
    #[error("cannot understand {path}\nhint: it was written by another version; move it away", path = .0.display())]
    Unreadable(PathBuf),
    /// The path of a socket would be too long.
    #[error("the path {path} is too long for a socket\nhint: name a shorter folder with --state PATH", path = .0.display())]
    TooLong(PathBuf),
    /// The machine would not.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// Where.
        path: PathBuf,
        /// The machine's reason.
        source: io::Error,
    },
}

impl Ledger {
    /// The folder named, or the usual one. It is made when something is to be written.
    ///
    /// # Errors
    /// There is no place for it.
    pub fn open(named: Option<PathBuf>) -> Result<Self, LedgerError> {
        let folder = match named {
            // The hosts' ssh and Slurm's machines do not know this process's folder.
            Some(folder) => std::path::absolute(&folder).map_err(io_error("find", &folder))?,
            None => usual_folder()?,
        };
        Ok(Self { folder })
    }

    /// Where the files of a launch lie.
    #[must_use]
    pub fn folder_of(&self, name: &LaunchName) -> PathBuf {
        self.folder.join(name.as_str())
    }

    /// Makes the folder for the files of a launch, unless it is there.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn make_folder_of(&self, name: &LaunchName) -> Result<(), LedgerError> {
        create_folder(&self.folder_of(name))
    }

    /// A path for a socket that belongs to a launch, with this at its end.
    ///
    /// # Errors
    /// It would be too long.
    pub fn socket(&self, name: &LaunchName, end: &str) -> Result<String, LedgerError> {
        let path = self.folder.join(format!("{name}.{end}"));
        match path.to_str() {
            Some(text) if text.len() <= MAX_SOCKET_PATH_BYTES => Ok(text.to_owned()),
            _ => Err(LedgerError::TooLong(path)),
        }
    }

    /// Takes the right to change a launch.
    ///
    /// # Errors
    /// Another program has it.
    pub fn hold(&self, name: &LaunchName) -> Result<Held, LedgerError> {
        create_folder(&self.folder)?;
        let path = self.folder.join(format!("{name}.lock"));
        loop {
            let opened = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path);
            let lock = opened.map_err(io_error("open", &path))?;
            match lock.try_lock() {
                Ok(()) if is_at(&lock, &path) => {
                    return Ok(Held {
                        _lock: lock,
                        path,
                        record: self.path(name),
                        folder: self.folder_of(name),
                    });
                }
                // Its last holder has just removed it: a lock is another's only by its name.
                Ok(()) => {}
                Err(fs::TryLockError::WouldBlock) => return Err(LedgerError::Busy(name.clone())),
                Err(fs::TryLockError::Error(source)) => {
                    return Err(io_error("lock", &path)(source));
                }
            }
        }
    }

    /// What is remembered of a launch of exactly this name.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn recall(&self, name: &LaunchName) -> Result<Option<Launch>, LedgerError> {
        let path = self.path(name);
        match fs::read(&path) {
            Ok(bytes) => parse(&path, &bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error("read", &path)(error)),
        }
    }

    /// The launch that a person names: whole, by its beginning, or as `last`.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn find(&self, text: &str) -> Result<Launch, LedgerError> {
        let all = self.all()?;
        let named = |launch: &&Launch| match text {
            "last" => true,
            _ => launch.name.as_str().starts_with(text),
        };
        let found: Vec<&Launch> = all.iter().filter(named).collect();
        let exact = found.iter().find(|launch| launch.name.as_str() == text);
        match (text, exact, found.as_slice()) {
            (_, Some(&launch), _) | (_, _, &[launch]) | ("last", _, &[.., launch]) => {
                Ok(launch.clone())
            }
            (_, _, []) => Err(LedgerError::Unknown(text.to_owned())),
            (_, _, several) => {
                let names: Vec<&str> = several.iter().map(|launch| launch.name.as_str()).collect();
                Err(LedgerError::Ambiguous(text.to_owned(), names.join(", ")))
            }
        }
    }

    /// All launches, the latest last.
    ///
    /// # Errors
    /// One cannot be read.
    pub fn all(&self) -> Result<Vec<Launch>, LedgerError> {
        let mut launches = Vec::new();
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(launches),
            other => other.map_err(io_error("read", &self.folder))?,
        };
        for entry in entries {
            let path = entry.map_err(io_error("read", &self.folder))?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                let bytes = fs::read(&path).map_err(io_error("read", &path))?;
                launches.push(parse(&path, &bytes)?);
            }
        }
        launches.sort_by(|a, b| (a.started_at_ms, &a.name).cmp(&(b.started_at_ms, &b.name)));
        Ok(launches)
    }

    /// Remembers a launch.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn remember(&self, launch: &Launch) -> Result<(), LedgerError> {
        create_folder(&self.folder)?;
        let path = self.path(&launch.name);
        let text = serde_json::to_vec_pretty(launch).expect("a launch has only text keys");
        let new = path.with_extension("new");
        let write = || {
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&new, &path)
        };
        write().map_err(io_error("write", &path))
    }

    /// Forgets a launch, and the files it had.
    ///
    /// # Errors
    /// They cannot be removed.
    pub fn forget(&self, name: &LaunchName) -> Result<(), LedgerError> {
        let (file, folder) = (self.path(name), self.folder_of(name));
        let gone = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        };
        fs::remove_file(&file)
            .or_else(gone)
            .map_err(io_error("remove", &file))?;
        fs::remove_dir_all(&folder)
            .or_else(gone)
            .map_err(io_error("remove", &folder))
    }

    fn path(&self, name: &LaunchName) -> PathBuf {
        self.folder.join(format!("{name}.json"))
    }
}

fn usual_folder() -> Result<PathBuf, LedgerError> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let state = set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")));
    Ok(state
        .ok_or(LedgerError::NoHome)?
        .join("pondersweep/launches"))
}

fn create_folder(folder: &Path) -> Result<(), LedgerError> {
    let created = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    created.map_err(io_error("create", folder))
}

/// Whether an open file is the one of this name.
fn is_at(file: &File, path: &Path) -> bool {
    let inode = |data: &fs::Metadata| (data.dev(), data.ino());
    matches!((file.metadata(), fs::metadata(path)), (Ok(a), Ok(b)) if inode(&a) == inode(&b))
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Launch, LedgerError> {
    let launch: Option<Launch> = serde_json::from_slice(bytes).ok();
    launch
        .filter(Launch::is_readable)
        .ok_or_else(|| LedgerError::Unreadable(path.to_owned()))
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LedgerError {
    let path = path.to_owned();
    move |source| LedgerError::Io {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::plan::{JobRecord, Launched, WorkerPlan};

    fn launch(name: &str, started_at_ms: i64) -> Launch {
        let job = JobRecord {
            job: "7".into(),
            workers: 2,
            folder: "/tmp".into(),
        };
        let worker = WorkerPlan::for_coordinator("http://c:1");
        Launch::new(
            name.parse().unwrap(),
            started_at_ms,
            worker,
            Launched::Slurm(job),
        )
    }

    #[test]
    fn launches_are_found_by_name_beginning_and_time() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(Some(folder.path().join("deep/state"))).unwrap();
        for (name, at) in [("one", 3), ("only", 1), ("on", 2)] {
            ledger.remember(&launch(name, at)).unwrap();
        }
        let found = |text: &str| ledger.find(text).map(|launch| launch.name.to_string());
        assert_eq!(found("last").unwrap(), "one");
        assert_eq!(found("onl").unwrap(), "only");
        // Whole, although it begins two others.
        assert_eq!(found("on").unwrap(), "on");
        assert!(matches!(found("o"), Err(LedgerError::Ambiguous(..))));
        assert!(matches!(found("two"), Err(LedgerError::Unknown(_))));
        ledger.forget(&"only".parse().unwrap()).unwrap();
        assert!(matches!(found("only"), Err(LedgerError::Unknown(_))));
    }

    #[test]
    fn two_programs_do_not_change_one_launch_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(Some(folder.path().into())).unwrap();
        let (one, other) = ("one".parse().unwrap(), "other".parse().unwrap());
        let held = ledger.hold(&one).unwrap();
        assert!(matches!(ledger.hold(&one), Err(LedgerError::Busy(_))));
        ledger.hold(&other).unwrap();
        drop(held);
        ledger.hold(&one).unwrap();
    }

    #[test]
    fn a_launch_that_is_not_remembered_leaves_neither_folder_nor_lock() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(Some(folder.path().join("state"))).unwrap();
        assert!(ledger.all().unwrap().is_empty());
        assert!(
            !folder.path().join("state").exists(),
            "looking makes nothing"
        );
        let left = || fs::read_dir(folder.path().join("state")).unwrap().count();
        let name = "one".parse().unwrap();
        let held = ledger.hold(&name).unwrap();
        ledger.make_folder_of(&name).unwrap();
        assert_eq!(left(), 2);
        drop(held);
        assert_eq!(left(), 0);
        let held = ledger.hold(&name).unwrap();
        ledger.make_folder_of(&name).unwrap();
        ledger.remember(&launch("one", 1)).unwrap();
        drop(held);
        assert_eq!(left(), 3);
        let held = ledger.hold(&name).unwrap();
        ledger.forget(&name).unwrap();
        drop(held);
        assert_eq!(left(), 0);
    }

    #[test]
    fn a_file_of_another_version_is_refused_and_not_taken_for_something() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::open(Some(folder.path().into())).unwrap();
        ledger.remember(&launch("one", 1)).unwrap();
        let path = folder.path().join("one.json");
        let text = fs::read_to_string(&path)
            .unwrap()
            .replace("\"schema\": 1", "\"schema\": 2");
        fs::write(&path, text).unwrap();
        assert!(matches!(ledger.all(), Err(LedgerError::Unreadable(_))));
    }
}
