//! The right to be the one coordinator of a database: an exclusive lock of the operating system
//! (flock) on the database file itself. It belongs to the file, by whatever name it is opened, and
//! the kernel releases it when the process ends, however it ends, so it is never stale. SQLite's
//! own locks on the file are of another kind (POSIX) and do not meet it.
//!
//! POSIX locks have a trap: a process that closes any descriptor of a file loses all of them, also
//! those of connections that are open. So every descriptor of a database that this program opens by
//! itself is kept here, open, as long as the file has a name.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{error::OpenError, holder::Holder};

/// How often a lock that is taken is tried again: somebody may only be asking whether it is taken.
const TRIES: u32 = 3;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(20);

/// Which file it is, by whatever name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// That of an open file, or of one that was found.
    pub(super) fn of(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }
}

/// A descriptor of a database file.
struct Descriptor {
    file: File,
    identity: Identity,
    /// The number of the [`WriterLock`] that uses it.
    holder: Option<u64>,
}

struct Descriptors {
    kept: Vec<Descriptor>,
    /// Locks that were taken by this process.
    locks: u64,
}

static DESCRIPTORS: Mutex<Descriptors> = Mutex::new(Descriptors {
    kept: Vec::new(),
    locks: 0,
});

fn descriptors() -> MutexGuard<'static, Descriptors> {
    DESCRIPTORS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Descriptors {
    /// A descriptor of the file at a path that holds no lock.
    fn free(&mut self, path: &Path) -> io::Result<&mut Descriptor> {
        let has_name = |file: &File| file.metadata().is_ok_and(|found| found.nlink() > 0);
        self.kept
            .retain(|kept| kept.holder.is_some() || has_name(&kept.file));
        let wanted = Identity::of(&fs::metadata(path)?);
        let is_free = |kept: &Descriptor| kept.identity == wanted && kept.holder.is_none();
        let position = match self.kept.iter().position(is_free) {
            Some(position) => position,
            None => {
                self.keep(File::open(path)?)?;
                self.kept.len() - 1
            }
        };
        Ok(&mut self.kept[position])
    }

    /// Makes an empty file.
    fn make(&mut self, path: &Path) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        self.keep(options.open(path)?)
    }

    fn keep(&mut self, file: File) -> io::Result<()> {
        self.kept.push(Descriptor {
            identity: Identity::of(&file.metadata()?),
            file,
            holder: None,
        });
        Ok(())
    }
}

/// Uses a descriptor of the file at a path, which stays open.
///
/// # Errors
/// There is no such file, it may not be read, or what was done with it failed.
pub(super) fn with_file<T>(
    path: &Path,
    action: impl FnOnce(&File) -> io::Result<T>,
) -> io::Result<T> {
    action(&descriptors().free(path)?.file)
}

/// Held for as long as the database may be written.
#[derive(Debug)]
pub(super) struct WriterLock {
    number: u64,
}

impl WriterLock {
    /// Takes the lock of a database, or refuses. Where there is no file, an empty one is made,
    /// since only a file can be locked; to SQLite the two are the same.
    pub(super) async fn take(database: &Path) -> Result<Self, OpenError> {
        for _ in 1..TRIES {
            if let Some(lock) = Self::try_take(database)? {
                return Ok(lock);
            }
            tokio::time::sleep(PAUSE).await;
        }
        let in_use = || OpenError::InUse {
            path: database.into(),
            holder: Holder::of(database),
        };
        Self::try_take(database)?.ok_or_else(in_use)
    }

    fn try_take(database: &Path) -> Result<Option<Self>, OpenError> {
        let denied = |source| OpenError::Denied {
            action: "write",
            path: database.into(),
            source,
        };
        let mut descriptors = descriptors();
        if !database.exists() {
            descriptors.make(database).map_err(denied)?;
        }
        let number = descriptors.locks + 1;
        let descriptor = descriptors.free(database).map_err(denied)?;
        match descriptor.file.try_lock() {
            Ok(()) => {
                descriptor.holder = Some(number);
                descriptors.locks = number;
                Ok(Some(Self { number }))
            }
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(denied(source)),
        }
    }
}

impl Drop for WriterLock {
    fn drop(&mut self) {
        let mut descriptors = descriptors();
        let mut kept = descriptors.kept.iter_mut();
        if let Some(held) = kept.find(|kept| kept.holder == Some(self.number)) {
            // Should it fail, the lock goes with the process.
            let _ = held.file.unlock();
            held.holder = None;
        }
    }
}

/// Whether somebody holds the lock of a database. One that cannot be asked counts as free.
pub(super) fn is_taken(database: &Path) -> bool {
    let asked = with_file(database, |file| match file.try_lock_shared() {
        Ok(()) => file.unlock().map(|()| false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    });
    asked.unwrap_or(false)
}
