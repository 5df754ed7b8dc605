//! A database at hand for a command that reads all of it: the file itself, or a private copy that a
//! coordinator makes of its own, gone with the value. Whatever reads it does not know which.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use tempfile::TempDir;

use super::{
    connect::Sweeps,
    place::{Place, PlaceArgs},
};
use crate::{
    explain::is_served,
    store::{OpenError, Reader, WorkerStatus},
};

/// A database that can be read.
pub(super) struct AtHand {
    path: PathBuf,
    /// The folder of a copy.
    copied: Option<TempDir>,
}

impl AtHand {
    /// The database of a place.
    pub(super) async fn of(args: &PlaceArgs) -> anyhow::Result<Self> {
        let url = match args.choose().0 {
            Place::Database(path) => return Ok(Self { path, copied: None }),
            Place::Coordinator(url) => url,
        };
        let mut sweeps = Sweeps::connect(&url, &args.trust()?).await?;
        let folder = tempfile::Builder::new().prefix("pondersweep-").tempdir();
        let folder =
            folder.context("there is no room for a copy\nhint: TMPDIR names where it is kept")?;
        let path = folder.path().join("copy.db");
        let cannot = || {
            format!(
                "cannot keep a copy in {}\nhint: TMPDIR names another folder",
                path.display()
            )
        };
        let mut file = File::create_new(&path).with_context(cannot)?;
        sweeps.copy_database(&url, &mut file).await?;
        Ok(Self {
            path,
            copied: Some(folder),
        })
    }

    /// Where it lies.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads it.
    pub(super) async fn reader(&self) -> Result<Reader, OpenError> {
        Reader::open(&self.path).await
    }

    /// Whether a coordinator has it, which these are the workers of.
    pub(super) fn is_served(&self, workers: &[WorkerStatus], now_ms: i64) -> bool {
        self.copied.is_some() || is_served(&self.path, workers, now_ms)
    }
}
