//! EDGE: the folder with the published stories of bAbI. It reads the files that a configuration
//! needs, and holds what it finds to the hash that the configuration states; what stories say is
//! parsed in `task`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use pondersweep_proto::{
    need::Need,
    setting::Setting,
    spec::{ConfigurationSpec, Settings, SpecError, StorySet, StorySource, TaskKind},
    task::babi,
};

use crate::task::stories::{MalformedStory, Published, StoryFile, digest, keep, kept};

/// Names the folder, where nothing else does.
pub const VARIABLE: &str = "PONDERSWEEP_BABI";

/// Why there are no stories.
#[derive(Debug, thiserror::Error)]
pub enum StoriesError {
    /// No one said where they are.
    #[error(
        "the published stories of bAbI are needed, and no one says where they are\n\
         hint: set {VARIABLE} to the folder that holds en-10k; docs/tasks.md says where to get it"
    )]
    NoFolder,
    /// It is another folder.
    #[error(
        "{0}, which {VARIABLE} names, has neither en-10k nor en\n\
         hint: name the folder tasks_1-20_v1-2; docs/tasks.md says where to get it"
    )]
    Elsewhere(String),
    /// A file is not there.
    #[error(
        "{folder} has no file qa{task}_..._{kind}.txt in {set}\n\
         hint: name the folder tasks_1-20_v1-2, which holds en and en-10k, each with two files a task"
    )]
    Missing {
        /// The folder.
        folder: String,
        /// The set that was looked into.
        set: &'static str,
        /// The task.
        task: u32,
        /// "train" or "test".
        kind: &'static str,
    },
    /// A file cannot be read.
    #[error("{path}: {error}\nhint: let it be readable to the user that trains")]
    Unreadable {
        /// The file or folder.
        path: String,
        /// Why.
        error: io::Error,
    },
    /// A file is not as the published ones are.
    #[error(transparent)]
    Malformed(#[from] MalformedStory),
    /// They are not those that the trial is about.
    #[error(
        "{folder} has other stories ({found}) than the trial ({expected})\n\
         hint: set {VARIABLE} to a copy of the folder that the sweep was submitted with"
    )]
    Other {
        /// The folder.
        folder: String,
        /// The hash of what it has.
        found: String,
        /// The hash that the configuration states.
        expected: String,
    },
}

/// The folder that a sweep file named to this program.
static NAMED: OnceLock<PathBuf> = OnceLock::new();

/// The folder with the stories, as a sweep file or the environment names it.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    let stated = || std::env::var_os(VARIABLE).filter(|folder| !folder.is_empty());
    NAMED.get().cloned().or_else(|| stated().map(PathBuf::from))
}

/// The published stories that the environment names, as what they offer to trials.
///
/// # Errors
/// It names a folder without them.
pub fn offered() -> Result<Vec<Need>, StoriesError> {
    let Some(folder) = folder() else {
        return Ok(Vec::new());
    };
    let sets = [StorySet::Large, StorySet::Small];
    let mut there = sets
        .into_iter()
        .filter(|set| folder.join(set.name()).exists())
        .peekable();
    if there.peek().is_none() {
        return Err(StoriesError::Elsewhere(folder.display().to_string()));
    }
    let offered = |set| Ok(Need::Stories(digest(&files(&folder, set)?)));
    there.map(offered).collect()
}

/// Makes sure that training finds the stories that a configuration is about.
///
/// # Errors
/// They are not there, or others are.
pub fn fetch(configuration: &ConfigurationSpec) -> Result<(), StoriesError> {
    let stated = configuration.get(Setting::STORIES).map(ToString::to_string);
    let expected = stated.unwrap_or_default();
    if expected.is_empty() || kept(&expected).is_some() {
        return Ok(());
    }
    let folder = folder().ok_or(StoriesError::NoFolder)?;
    let published = load(&folder, configuration.choice(Setting::STORY_SET))?;
    if published.sha256() != expected {
        return Err(StoriesError::Other {
            folder: folder.display().to_string(),
            found: published.sha256().to_owned(),
            expected,
        });
    }
    keep(published);
    Ok(())
}

/// Replaces the folder that a sweep file names by what names its content, and fills in what follows
/// from it; leaves settings alone that are about no published stories.
///
/// # Errors
/// The stories are needed, and cannot be had.
pub fn fill_in(settings: &mut Settings) -> Result<(), SpecError> {
    let published = StorySource::Published.name();
    let named = settings.get(Setting::FOLDER).map(ToString::to_string);
    let named = named.filter(|folder| !folder.is_empty());
    let needed =
        settings.says(Setting::SOURCE, published) || settings.says(Setting::TESTED_ON, published);
    if !settings.says(Setting::TASK, TaskKind::Babi.name()) || !needed && named.is_none() {
        return Ok(());
    }
    if let Some(folder) = named {
        // Of several files that name one in a program, the first counts; the hash tells.
        let _ = NAMED.set(folder.into());
    }
    let set = match settings.says(Setting::STORY_SET, StorySet::Small.name()) {
        true => StorySet::Small,
        false => StorySet::Large,
    };
    let loaded = folder()
        .ok_or(StoriesError::NoFolder)
        .and_then(|folder| load(&folder, set));
    let published = loaded.map_err(|error| {
        let text = error.to_string();
        let (problem, hint) = text
            .split_once("\nhint: ")
            .unwrap_or((&text, "see docs/tasks.md"));
        SpecError::new(Setting::FOLDER.path(), problem, hint)
    })?;
    settings.set_or_clear(Setting::FOLDER, None::<&str>)?;
    settings.set(Setting::STORIES, published.sha256())?;
    settings.set(Setting::VOCABULARY, published.words().len() as u64)?;
    settings.set(Setting::ANSWERS, published.answers().len() as u64)?;
    settings.set(Setting::SENTENCE_WORDS, published.most_words() as u64)?;
    keep(published);
    Ok(())
}

/// Reads the stories of a folder. A training file that the large set lacks is taken from the small
/// one: the copy that circulates has none of task 3.
///
/// # Errors
/// They cannot be had.
pub fn load(folder: &Path, set: StorySet) -> Result<Published, StoriesError> {
    Ok(Published::read(&files(folder, set)?)?)
}

/// The files of a set, in the order of their tasks.
fn files(folder: &Path, set: StorySet) -> Result<Vec<StoryFile>, StoriesError> {
    let names = |set: StorySet| names(&folder.join(set.name()));
    let (own, small) = (names(set)?, names(StorySet::Small).unwrap_or_default());
    let mut files = Vec::new();
    for task in 1..=babi::TASKS {
        for (trains, kind) in [(true, "train"), (false, "test")] {
            let fits = |name: &&String| {
                name.starts_with(&format!("qa{task}_")) && name.ends_with(&format!("_{kind}.txt"))
            };
            let here = own.iter().find(fits).map(|name| (set, name));
            let there = || small.iter().find(fits).map(|name| (StorySet::Small, name));
            let (set, name) = here.or_else(there).ok_or_else(|| StoriesError::Missing {
                folder: folder.display().to_string(),
                set: set.name(),
                task,
                kind,
            })?;
            let path = folder.join(set.name()).join(name);
            files.push(StoryFile {
                text: fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?,
                path: path.display().to_string(),
                task,
                trains,
            });
        }
    }
    Ok(files)
}

fn unreadable(path: &Path, error: io::Error) -> StoriesError {
    let path = path.display().to_string();
    StoriesError::Unreadable { path, error }
}

/// The names of the files in a folder, in order.
fn names(folder: &Path) -> Result<Vec<String>, StoriesError> {
    let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, error))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| unreadable(folder, error))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}
