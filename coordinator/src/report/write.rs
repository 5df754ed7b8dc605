//! Writes a report into a folder: the only file of this room that touches the disk. It decides
//! file names and nothing else.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    Report, csv,
    figure::{
        HeatMapFigure, HeatMapQuantity,
        draw::{Scene, draw_box_plot, draw_heat_map, draw_ponder_steps},
    },
    json, markdown,
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

/// Writes tables and figures into the folder, which is made if it is missing, and names the files
/// in the order they were written. Files of an earlier report with the same names are replaced.
///
/// # Errors
/// The first file that could not be written.
pub fn write_all(report: &Report, folder: &Path) -> Result<Vec<PathBuf>, WriteError> {
    fs::create_dir_all(folder).map_err(|source| WriteError {
        path: folder.into(),
        source,
    })?;
    let mut writer = FolderWriter {
        folder,
        written: Vec::new(),
    };
    writer.write("report.md", markdown::render(report).as_bytes())?;
    writer.write("report.json", json::render(report).as_bytes())?;
    writer.write("cells.csv", csv::cells(report).as_bytes())?;
    writer.write("parameters.csv", csv::parameters(report).as_bytes())?;
    for figure in &report.figures.accuracy {
        let name = format!("accuracy_by_{}", figure.axis.parameter);
        writer.write_picture(&name, &draw_box_plot(figure))?;
    }
    for figure in &report.figures.ponder_steps {
        let name = format!("ponder_steps_by_{}", figure.axis.parameter);
        writer.write_picture(&name, &draw_ponder_steps(figure))?;
    }
    for figure in &report.figures.heat_maps {
        writer.write_picture(&heat_map_name(figure), &draw_heat_map(figure))?;
    }
    Ok(writer.written)
}

fn heat_map_name(figure: &HeatMapFigure) -> String {
    let axes = format!(
        "{}_{}",
        figure.horizontal.parameter, figure.vertical.parameter
    );
    match figure.quantity {
        HeatMapQuantity::MeanAccuracy => format!("heat_map_{axes}"),
        HeatMapQuantity::ShareSolved => format!("heat_map_solved_{axes}"),
    }
}

struct FolderWriter<'a> {
    folder: &'a Path,
    written: Vec<PathBuf>,
}

impl FolderWriter<'_> {
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
