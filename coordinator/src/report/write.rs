//! Writes a report into a folder of its own: the only file of this room that touches the disk. It
//! decides file names, and what an earlier report has left there; it follows no link out of the
//! folder. All files are written under other names first, so that a full disk leaves the earlier
//! report as it was.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use super::{
    csv,
    document::{Study, StudySweep},
    figure::draw::draw,
    html, json, latex,
    manifest::{MANIFEST_FILE, Manifest},
    markdown,
};
use crate::whole_file;

/// What the names of a report's files end with.
const EXTENSIONS: [&str; 7] = ["csv", "html", "json", "md", "png", "svg", "tex"];

/// Why a report was not written. What was in its folder before is there still.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A file or folder could not be written.
    #[error("cannot write {}\nhint: name a folder that you may write to, on a disk with free space", .path.display())]
    Denied {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder holds what is not of the report that was written there last.
    #[error("{} is not of a report, and a report has its folder for itself\nhint: name a new folder, or remove that file", .path.display())]
    NotItsOwn {
        /// The first such file.
        path: PathBuf,
    },
}

/// The files that hold a report's figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pictures {
    /// SVG, and PNG for what shows no SVG.
    SvgAndPng,
    /// SVG alone.
    Svg,
}

/// Writes the study in every form into the folder, which is made if it is missing, and names the
/// files in the order they were written. Those of an earlier report go.
///
/// # Errors
/// The first file that could not be written, or is not a report's.
pub fn write_all(
    study: &Study,
    folder: &Path,
    pictures: Pictures,
) -> Result<Vec<PathBuf>, WriteError> {
    fs::create_dir_all(folder).map_err(|source| denied(folder, source))?;
    whole_file::remove_leftovers(folder);
    if let Some(path) = files_of_others(folder, &earlier_files(folder))?
        .into_iter()
        .next()
    {
        return Err(WriteError::NotItsOwn { path });
    }
    let mut writer = FolderWriter {
        folder,
        begun: Vec::new(),
    };
    let document = &study.document;
    writer.write("report.html", html::render(document).as_bytes())?;
    writer.write("report.md", markdown::render(document).as_bytes())?;
    writer.write("report.tex", latex::render(document).as_bytes())?;
    for sweep in &study.sweeps {
        writer.write_sweep(sweep)?;
    }
    for table in document.tables() {
        let name = format!("{}.csv", table.file);
        // Cells and parameters are there already, with more columns than people are shown.
        if !writer.has(&name) {
            writer.write(&name, csv::table(table).as_bytes())?;
        }
    }
    for picture in document.pictures() {
        let scene = draw(&picture.figure);
        let file = &picture.file;
        writer.write(&format!("{file}.svg"), scene.to_svg().as_bytes())?;
        if pictures == Pictures::SvgAndPng {
            writer.write(&format!("{file}.png"), &scene.to_png())?;
        }
    }
    writer.finish()
}

/// Files in the folder of a report that have the form of a report's and are not its own, in the
/// order of their names.
///
/// # Errors
/// The folder cannot be read.
pub fn files_of_others(folder: &Path, own: &[PathBuf]) -> Result<Vec<PathBuf>, WriteError> {
    let entries = fs::read_dir(folder).map_err(|source| denied(folder, source))?;
    let mut others = Vec::new();
    for entry in entries {
        let path = entry.map_err(|source| denied(folder, source))?.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        let has_form = extension.is_some_and(|extension| EXTENSIONS.contains(&extension));
        if has_form && !path.is_dir() && !own.contains(&path) {
            others.push(path);
        }
    }
    others.sort();
    Ok(others)
}

/// The files of the report that is in a folder, its manifest among them; none, if there is none.
fn earlier_files(folder: &Path) -> Vec<PathBuf> {
    let manifest = folder.join(MANIFEST_FILE);
    let Ok(text) = fs::read(&manifest) else {
        return Vec::new();
    };
    let Ok(Manifest { files, .. }) = serde_json::from_slice(&text) else {
        return Vec::new();
    };
    let names = files.into_iter().map(|file| file.name);
    // Of this folder only, whatever a manifest says.
    let plain = names.filter(|name| Path::new(name).file_name() == Some(name.as_ref()));
    let files = plain.map(|name| folder.join(name));
    files.chain([manifest]).collect()
}

fn denied(path: &Path, source: io::Error) -> WriteError {
    WriteError::Denied {
        path: path.into(),
        source,
    }
}

struct FolderWriter<'a> {
    folder: &'a Path,
    /// The files, which have not got their names yet.
    begun: Vec<(PathBuf, NamedTempFile)>,
}

impl FolderWriter<'_> {
    /// What programs read of one sweep, in full precision.
    fn write_sweep(&mut self, sweep: &StudySweep) -> Result<(), WriteError> {
        let StudySweep { prefix, report } = sweep;
        self.write(
            &format!("{prefix}report.json"),
            json::render(report).as_bytes(),
        )?;
        self.write(&format!("{prefix}cells.csv"), csv::cells(report).as_bytes())?;
        let parameters = csv::parameters(report);
        self.write(&format!("{prefix}parameters.csv"), parameters.as_bytes())
    }

    fn has(&self, name: &str) -> bool {
        let path = self.folder.join(name);
        self.begun.iter().any(|(begun, _)| *begun == path)
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), WriteError> {
        let path = self.folder.join(name);
        let begun = whole_file::begin(&path).and_then(|mut file| {
            file.write_all(bytes)?;
            Ok(file)
        });
        let file = begun.map_err(|source| denied(&path, source))?;
        self.begun.push((path, file));
        Ok(())
    }

    /// Gives every file its name, and removes what an earlier report had more.
    fn finish(self) -> Result<Vec<PathBuf>, WriteError> {
        let earlier = earlier_files(self.folder);
        // All that may fail for want of space, before anything is replaced.
        for (path, file) in &self.begun {
            let synced = file.as_file().sync_all();
            synced.map_err(|source| denied(path, source))?;
        }
        let mut written = Vec::new();
        for (path, file) in self.begun {
            whole_file::finish(file, &path).map_err(|source| denied(&path, source))?;
            written.push(path);
        }
        let is_kept = |path: &PathBuf| written.contains(path) || path.ends_with(MANIFEST_FILE);
        for path in earlier.into_iter().filter(|path| !is_kept(path)) {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(denied(&path, error));
                }
                _ => {}
            }
        }
        Ok(written)
    }
}
