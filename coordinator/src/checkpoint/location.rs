//! Where blobs are kept: the text people write, and the store it names.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use object_store::{ObjectStore, local::LocalFileSystem};

use super::BlobError;

/// What an S3 location begins with.
const S3: &str = "s3://";

/// Where blobs are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckpointLocation {
    /// A folder, made when it is first needed.
    Folder(PathBuf),
    /// `s3://BUCKET/PREFIX`, with the credentials of the environment.
    #[cfg(feature = "s3")]
    S3(String),
}

impl CheckpointLocation {
    /// The folder next to a database: its name with `.checkpoints` at the end.
    #[must_use]
    pub fn next_to(database: &Path) -> Self {
        let mut folder = database.as_os_str().to_owned();
        folder.push(".checkpoints");
        Self::Folder(folder.into())
    }

    /// The folder, if it is one.
    pub(super) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Folder(path) => Some(path),
            #[cfg(feature = "s3")]
            Self::S3(_) => None,
        }
    }

    pub(super) fn open(&self) -> Result<Arc<dyn ObjectStore>, BlobError> {
        match self {
            Self::Folder(path) => {
                let source = |source| BlobError::Folder {
                    path: path.clone(),
                    source,
                };
                make_durable(path).map_err(source)?;
                let store = LocalFileSystem::new_with_prefix(path);
                let store = store.map_err(|source| self.failed(source))?;
                // Files and their folder reach the disk before anybody hears of them, and the
                // folder of the database's id goes with the last of its blobs.
                let store = store.with_fsync(true).with_automatic_cleanup(true);
                Ok(Arc::new(store))
            }
            #[cfg(feature = "s3")]
            Self::S3(url) => self.open_s3(url),
        }
    }

    #[cfg(feature = "s3")]
    fn open_s3(&self, url: &str) -> Result<Arc<dyn ObjectStore>, BlobError> {
        let builder = object_store::aws::AmazonS3Builder::from_env();
        build_s3(builder, url).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: object_store::Error) -> BlobError {
        BlobError::Store {
            location: self.clone(),
            source,
        }
    }
}

/// What is below a URL `s3://BUCKET/PREFIX`.
#[cfg(feature = "s3")]
pub(super) fn build_s3(
    builder: object_store::aws::AmazonS3Builder,
    url: &str,
) -> object_store::Result<Arc<dyn ObjectStore>> {
    let prefix = url.trim_start_matches(S3).split_once('/');
    let store = builder.with_url(url).build()?;
    Ok(match prefix.map(|(_, prefix)| prefix) {
        None | Some("") => Arc::new(store),
        Some(prefix) => Arc::new(object_store::prefix::PrefixStore::new(store, prefix)),
    })
}

/// Makes a folder whose name is on the disk, as those of the files in it will be.
fn make_durable(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    let parent = folder.canonicalize()?;
    parent
        .parent()
        .map_or(Ok(()), |parent| fs::File::open(parent)?.sync_all())
}

impl fmt::Display for CheckpointLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            #[cfg(feature = "s3")]
            Self::S3(url) => f.write_str(url),
        }
    }
}

/// A text that names no place for blobs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownLocation {
    /// This program was built without S3.
    #[error(
        "this program was built without S3\n\
         hint: build it with `--features s3`, or name a folder"
    )]
    NoS3,
    /// Another scheme.
    #[error("{0:?} is neither a folder nor s3://BUCKET/PREFIX")]
    OtherScheme(String),
}

impl FromStr for CheckpointLocation {
    type Err = UnknownLocation;

    fn from_str(text: &str) -> Result<Self, UnknownLocation> {
        if text.starts_with(S3) {
            #[cfg(feature = "s3")]
            return Ok(Self::S3(text.into()));
            #[cfg(not(feature = "s3"))]
            return Err(UnknownLocation::NoS3);
        }
        if text.contains("://") {
            return Err(UnknownLocation::OtherScheme(
                text.chars().take(80).collect(),
            ));
        }
        Ok(Self::Folder(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_folder_and_a_url_must_be_one_of_s3() {
        let folder = CheckpointLocation::Folder("/mnt/blobs".into());
        assert_eq!("/mnt/blobs".parse(), Ok(folder));
        assert!("gs://bucket".parse::<CheckpointLocation>().is_err());
        let s3 = "s3://bucket/prefix".parse::<CheckpointLocation>();
        assert_eq!(s3.is_ok(), cfg!(feature = "s3"));
    }

    #[test]
    fn the_default_is_next_to_the_database() {
        let location = CheckpointLocation::next_to(Path::new("/data/results.db"));
        assert_eq!(location.to_string(), "/data/results.db.checkpoints");
    }
}
