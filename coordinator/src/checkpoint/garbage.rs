//! Removes blobs that are no longer needed: those the driver names, and those an earlier run of the
//! coordinator left behind. What cannot be removed now is removed at a later start, without a wait.

use std::{collections::HashSet, fs, path::Path, time::Duration};

use object_store::ObjectStore as _;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use tokio_stream::StreamExt as _;

use super::{BlobError, Blobs};

/// Names that may wait. The driver never waits for them: a name that does not fit is removed at the
/// next start.
const MAX_WAITING: usize = 65_536;

/// How long a coordinator that stops waits for what is being removed.
const FINISH_WITHIN: Duration = Duration::from_secs(5);
/// What object_store puts between a file's name and a number while it writes the file.
const UNFINISHED: char = '#';

/// Where the driver leaves the names of blobs that are not needed. By default they are dropped.
#[derive(Clone, Debug, Default)]
pub struct Garbage(Option<mpsc::Sender<String>>);

impl Garbage {
    /// Leaves a blob to be removed.
    pub fn collect(&self, blob: &str) {
        if let Some(waiting) = &self.0
            && waiting.try_send(blob.to_owned()).is_err()
        {
            tracing::debug!(blob, "too many blobs to remove, left to the next start");
        }
    }
}

/// The task that removes blobs. It ends when every [`Garbage`] is gone and all is removed.
#[derive(Debug)]
pub struct Collector {
    removing: JoinHandle<()>,
}

impl Collector {
    /// Starts it, first with what is there and neither kept nor of this run.
    #[must_use]
    pub fn start(blobs: Blobs, kept: HashSet<String>) -> (Self, Garbage) {
        let (sender, mut names) = mpsc::channel::<String>(MAX_WAITING);
        let removing = tokio::spawn(async move {
            if let Err(error) = blobs.sweep(&kept).await {
                tracing::warn!(%error, "could not look for checkpoints left behind");
            }
            while let Some(name) = names.recv().await {
                if let Err(error) = blobs.delete(&name).await {
                    tracing::warn!(%error, name, "could not remove a checkpoint");
                }
            }
            // It is made again when it is needed, and goes only if it is empty.
            let _ = blobs.0.location.folder().map(fs::remove_dir);
        });
        (Self { removing }, Garbage(Some(sender)))
    }

    /// Waits for its end, but not for long: what is left is removed at the next start.
    pub async fn finish(mut self) {
        if timeout(FINISH_WITHIN, &mut self.removing).await.is_err() {
            self.removing.abort();
        }
    }
}

impl Blobs {
    /// Removes the blobs of earlier runs that are not kept.
    async fn sweep(&self, kept: &HashSet<String>) -> Result<(), BlobError> {
        if let Some(folder) = self.0.location.folder() {
            if !folder.exists() {
                return Ok(());
            }
            self.remove_unfinished(folder);
        }
        let mut listed = self.store().await?.list(Some(&self.0.prefix));
        while let Some(found) = listed.next().await {
            let found = found.map_err(|source| self.failed(source))?;
            let name = found.location.filename().unwrap_or_default();
            if !kept.contains(name) && !self.0.names.is_of_this_run(name) {
                tracing::info!(name, "removing a checkpoint that was left behind");
                self.delete(name).await?;
            }
        }
        Ok(())
    }

    /// Removes the files that a run was writing when it was killed. A listing does not show them.
    fn remove_unfinished(&self, folder: &Path) {
        let unfinished = |entry: &fs::DirEntry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.contains(UNFINISHED) && !self.0.names.is_of_this_run(&name)
        };
        let entries = fs::read_dir(folder.join(self.0.prefix.as_ref()));
        for entry in entries.into_iter().flatten().flatten().filter(unfinished) {
            if let Err(error) = fs::remove_file(entry.path()) {
                tracing::warn!(%error, file = %entry.path().display(), "could not remove");
            }
        }
    }
}
