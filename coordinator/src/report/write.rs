//! Writes a report into a folder: the only file of this room that touches the disk. It decides
//! file names and nothing else.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    csv,
    document::{Study, StudySweep},
    figure::draw::{Scene, draw},
    html, json, latex, markdown,
};

/// A file or folder that could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}\nhint: name a folder that you may write to, on a disk with free space", .path.display())]
pub struct WriteError {
    /// Which.
    path: PathBuf,
    /// Why.
    source: io::Error,
}

/// Whether a report has a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// It has.
    Written,
    /// It has not: the plotting library in it is larger than all the rest.
    LeftOut,
}

/// Writes the study in every form into the folder, which is made if it is missing, and names the files
/// in the order they were written. Files of an earlier report with the same names are replaced.
///
/// # Errors
/// The first file that could not be written.
pub fn write_all(study: &Study, folder: &Path, page: Page) -> Result<Vec<PathBuf>, WriteError> {
    fs::create_dir_all(folder).map_err(|source| WriteError {
        path: folder.into(),
        source,
    })?;
    let mut writer = FolderWriter {
        folder,
        written: Vec::new(),
    };
    let document = &study.document;
    if page == Page::Written {
        writer.write("report.html", html::render(document).as_bytes())?;
    }
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
        writer.write_picture(&picture.file, &draw(&picture.figure))?;
    }
    Ok(writer.written)
}

struct FolderWriter<'a> {
    folder: &'a Path,
    written: Vec<PathBuf>,
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
        self.written.contains(&self.folder.join(name))
    }

    fn write_picture(&mut self, name: &str, scene: &Scene) -> Result<(), WriteError> {
        self.write(&format!("{name}.svg"), scene.to_svg().as_bytes())?;
        self.write(&format!("{name}.png"), &scene.to_png())
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), WriteError> {
        let path = self.folder.join(name);
        match fs::write(&path, bytes) {
            Ok(()) => self.written.push(path),
            Err(source) => return Err(WriteError { path, source }),
        }
        Ok(())
    }
}
