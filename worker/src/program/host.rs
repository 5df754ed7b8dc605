//! EDGE: what all programs of a worker share: the folder they work in, their guard, and what the kernel
//! counted.

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use pondersweep_proto::program::{ProgramFile, VARIABLES};
use rustix::process::Pid;

use super::gpus::Gpus;
use super::guard::{Guard, MARK_VARIABLE, memory_kills};

/// Why a worker cannot run programs.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Name another folder.
    #[error("cannot work in {path}: {error}\nhint: name another folder with --work-dir")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        error: io::Error,
    },
    /// Without a guard programs could outlive the worker.
    #[error("cannot start the guard over programs: {0}")]
    Guard(io::Error),
}

/// A worker's side of its programs.
#[derive(Debug)]
pub struct Host {
    work: PathBuf,
    guard: Option<Guard>,
    /// In the environment of every program, so that each can be found.
    mark: String,
    memory_kills: AtomicU64,
    /// What no program inherits: what the worker was told, its token among it.
    hidden: Vec<OsString>,
    gpus: Gpus,
    /// The files of the program that ran last, by its hash.
    files: Mutex<Option<(String, Arc<Vec<ProgramFile>>)>>,
}

impl Host {
    /// Makes the folder if it is not there, and starts the guard.
    ///
    /// # Errors
    /// See [`HostError`].
    pub fn open(work: &Path, mark: &str, gpus: Vec<String>) -> Result<Self, HostError> {
        let guard = Guard::start(mark).map_err(HostError::Guard)?;
        Ok(Self {
            guard: Some(guard),
            ..Self::unguarded(work, mark, gpus)?
        })
    }

    /// As [`Self::open`], for tests, whose executable cannot be a guard.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub(crate) fn unguarded(work: &Path, mark: &str, gpus: Vec<String>) -> Result<Self, HostError> {
        let made = fs::create_dir_all(work).and_then(|()| work.canonicalize());
        let work = made.map_err(|error| HostError::Folder {
            path: work.to_owned(),
            error,
        })?;
        let names = std::env::vars_os().map(|(name, _)| name);
        let hidden = names.filter(|name| name.to_string_lossy().starts_with(VARIABLES));
        Ok(Self {
            work,
            guard: None,
            mark: mark.to_owned(),
            memory_kills: AtomicU64::new(memory_kills()),
            hidden: hidden.collect(),
            files: Mutex::default(),
            gpus: Gpus::new(gpus),
        })
    }

    /// The graphics processors of its programs.
    pub(super) const fn gpus(&self) -> &Gpus {
        &self.gpus
    }

    /// The folder in which the attempts have theirs.
    pub(super) fn work(&self) -> &Path {
        &self.work
    }

    /// The variables by which its programs are known.
    pub(super) fn mark(&self) -> (&'static str, &str) {
        (MARK_VARIABLE, &self.mark)
    }

    /// The variables that no program inherits.
    pub(super) fn hidden(&self) -> &[OsString] {
        &self.hidden
    }

    /// The files of a program, if it is the one that ran last.
    pub(crate) fn files(&self, sha256: &str) -> Option<Arc<Vec<ProgramFile>>> {
        let kept = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, files) = kept.as_ref()?;
        (of == sha256).then(|| Arc::clone(files))
    }

    /// Keeps the files of a program in place of another's.
    pub(crate) fn keep_files(
        &self,
        sha256: String,
        files: Vec<ProgramFile>,
    ) -> Arc<Vec<ProgramFile>> {
        let files = Arc::new(files);
        let kept = (sha256, Arc::clone(&files));
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        files
    }

    /// Whether the kernel ended processes for want of memory since this was last asked.
    pub(super) fn has_memory_kills(&self) -> bool {
        let now = memory_kills();
        self.memory_kills.swap(now, Ordering::Relaxed) < now
    }

    pub(super) fn watch(&self, group: Pid) {
        if let Some(guard) = &self.guard {
            guard.watch(group);
        }
    }

    pub(super) fn forget(&self, group: Pid) {
        if let Some(guard) = &self.guard {
            guard.forget(group);
        }
    }
}
