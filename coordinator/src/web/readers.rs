//! Connections that read, lent to one question at a time and kept for the next one.

use std::{
    ops::{Deref, DerefMut},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::store::{OpenError, Reader};

/// Questions at the same time: each has a connection, and a cache that grows with what it reads.
const MOST: usize = 6;

/// Connections to one database.
#[derive(Debug)]
pub(super) struct Readers {
    /// Of an older schema, a copy is read; it goes with the reader that made it.
    first: Mutex<Option<Reader>>,
    path: PathBuf,
    idle: Mutex<Vec<Reader>>,
    permits: Arc<Semaphore>,
}

/// A connection on loan.
#[derive(Debug)]
pub(super) struct Lent {
    /// Taken only when it goes.
    reader: Option<Reader>,
    readers: Arc<Readers>,
    _permit: OwnedSemaphorePermit,
}

impl Readers {
    pub(super) async fn open(database: &Path) -> Result<Arc<Self>, OpenError> {
        let first = Reader::open(database).await?;
        Ok(Arc::new(Self {
            path: first.path().to_owned(),
            first: Mutex::new(Some(first)),
            idle: Mutex::default(),
            permits: Arc::new(Semaphore::new(MOST)),
        }))
    }

    /// The file that is read.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// A connection, as soon as one is free.
    pub(super) async fn take(self: &Arc<Self>) -> Result<Lent, OpenError> {
        let permits = Arc::clone(&self.permits);
        let permit = permits.acquire_owned().await.expect("it is never closed");
        let idle = locked(&self.idle).pop();
        let reader = match idle {
            Some(reader) => reader,
            None => Reader::open(&self.path).await?,
        };
        Ok(Lent {
            reader: Some(reader),
            readers: Arc::clone(self),
            _permit: permit,
        })
    }

    /// Closes what is not on loan.
    pub(super) async fn close(&self) {
        let mut readers = std::mem::take(&mut *locked(&self.idle));
        readers.extend(locked(&self.first).take());
        for reader in readers {
            reader.close().await;
        }
    }
}

impl Deref for Lent {
    type Target = Reader;

    fn deref(&self) -> &Reader {
        self.reader.as_ref().expect("it has not gone")
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Reader {
        self.reader.as_mut().expect("it has not gone")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        locked(&self.readers.idle).extend(self.reader.take());
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Each change is one step, so the content is whole even if a holder panicked.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
