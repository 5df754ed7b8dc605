//! EDGE: the bytes of checkpoints, in a folder next to the database or in an object store. It never
//! looks into them and decides nothing: which checkpoint a trial has is the scheduler's affair.
//!
//! A blob is written once, whole, under a name that no other ever has, and is durable before
//! anybody is told of it. So the database may name it without a transaction across the two: a blob
//! that no row names (a crash came between) is removed at the next start.

mod garbage;
mod location;
mod name;
#[cfg(test)]
mod tests;

use std::{io, path::PathBuf, sync::Arc};

use bytes::Bytes;
use object_store::{ObjectStore, ObjectStoreExt as _, path::Path};
use pondersweep_proto::id::LeaseToken;
use tokio::sync::OnceCell;

pub use garbage::{Collector, Garbage};
pub use location::CheckpointLocation;
use name::Names;

/// Why a blob was not written or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// The folder cannot be made.
    #[error("cannot make the folder {path}: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The disk or the object store failed.
    #[error("{location}: {source}")]
    Store {
        /// Which store.
        location: CheckpointLocation,
        /// What it said.
        source: object_store::Error,
    },
}

/// The blobs of one database. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Blobs(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    location: CheckpointLocation,
    /// Opened when it is first needed: most sweeps end without a checkpoint, and then there is no
    /// folder.
    store: OnceCell<Arc<dyn ObjectStore>>,
    /// The blobs of this database are below it.
    prefix: Path,
    names: Names,
}

impl Blobs {
    /// The blobs of the database with this id. `started_at_ms` tells the blobs of this run of the
    /// coordinator from those of earlier ones.
    #[must_use]
    pub fn new(location: CheckpointLocation, database_id: &str, started_at_ms: i64) -> Self {
        Self(Arc::new(Inner {
            location,
            store: OnceCell::new(),
            prefix: Path::from(database_id),
            names: Names::of_run(started_at_ms),
        }))
    }

    /// The same in a store that is open already.
    #[cfg(all(test, feature = "s3"))]
    fn over(
        store: Arc<dyn ObjectStore>,
        location: CheckpointLocation,
        database_id: &str,
        started_at_ms: i64,
    ) -> Self {
        Self(Arc::new(Inner {
            location,
            store: OnceCell::new_with(Some(store)),
            prefix: Path::from(database_id),
            names: Names::of_run(started_at_ms),
        }))
    }

    /// Writes a blob; when it returns, the blob is durable. Returns its name.
    ///
    /// # Errors
    /// The store failed; nothing is left of the blob.
    pub async fn put(
        &self,
        token: LeaseToken,
        updates_done: u64,
        bytes: Bytes,
    ) -> Result<String, BlobError> {
        let name = self.0.names.next(token, updates_done);
        let path = self.path(&name);
        let put = self.store().await?.put(&path, bytes.into()).await;
        put.map_err(|source| self.failed(source))?;
        Ok(name)
    }

    /// Reads a blob.
    ///
    /// # Errors
    /// It is gone, or the store failed.
    pub async fn get(&self, name: &str) -> Result<Bytes, BlobError> {
        let found = self.store().await?.get(&self.path(name)).await;
        let found = found.map_err(|source| self.failed(source))?;
        found.bytes().await.map_err(|source| self.failed(source))
    }

    /// Removes a blob. One that is gone already is no error.
    ///
    /// # Errors
    /// The store failed.
    pub async fn delete(&self, name: &str) -> Result<(), BlobError> {
        match self.store().await?.delete(&self.path(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(self.failed(source)),
        }
    }

    async fn store(&self) -> Result<&Arc<dyn ObjectStore>, BlobError> {
        let open = || async { self.0.location.open() };
        self.0.store.get_or_try_init(open).await
    }

    fn path(&self, name: &str) -> Path {
        self.0.prefix.clone().join(name)
    }

    fn failed(&self, source: object_store::Error) -> BlobError {
        BlobError::Store {
            location: self.0.location.clone(),
            source,
        }
    }
}
