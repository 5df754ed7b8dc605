//! The tables and figures of a report made again, in a temporary folder, and compared with the published
//! ones.

use std::{fs, path::Path};

use super::{Check, file_in};
use crate::{
    cli::report::{manifest::this_program, write_files},
    report::manifest::Manifest,
    report_input::Judgement,
};

/// Files whose bytes follow from the database alone, whatever machine makes them.
const DETERMINISTIC: [&str; 6] = ["csv", "html", "json", "md", "svg", "tex"];
/// Characters of a line that are shown.
const MAX_SHOWN: usize = 120;

/// Makes the report of the manifest's sweeps again and compares its tables with the files in the folder.
pub(super) async fn check(
    manifest: &Manifest,
    database: &Path,
    folder: &Path,
) -> anyhow::Result<Vec<Check>> {
    let sweeps: Vec<String> = manifest
        .sweeps
        .iter()
        .map(|sweep| sweep.sweep_id.clone())
        .collect();
    let again = tempfile::tempdir()?;
    let judgement = Judgement {
        metric: manifest.metric.clone(),
        solved_at: manifest.solved_at,
    };
    write_files(database, &sweeps, &judgement, again.path()).await?;
    let same_program = this_program()? == manifest.made_by;
    let files = manifest.files.iter().map(|file| &file.name);
    let tables = files.filter(|name| is_table(name));
    Ok(tables
        .map(|name| {
            let problem = compare(&file_in(folder, name), &file_in(again.path(), name));
            let problem = problem.map(|problem| {
                if same_program {
                    problem
                } else {
                    by_another(&problem)
                }
            });
            Check::new("tables", name.clone(), problem)
        })
        .collect())
}

fn by_another(problem: &str) -> String {
    format!(
        "{problem}\nhint: the report was made by another build of pondersweep, which may write it otherwise"
    )
}

fn is_table(name: &str) -> bool {
    let extension = Path::new(name)
        .extension()
        .and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| DETERMINISTIC.contains(&extension))
}

/// The first line in which a published file and the one made again differ.
fn compare(published: &Path, again: &Path) -> Option<String> {
    let (published, again) = match (fs::read(published), fs::read(again)) {
        (Ok(published), Ok(again)) => (published, again),
        (Err(error), _) => return Some(format!("cannot be read: {error}")),
        (_, Err(_)) => return Some("is not made from this database".into()),
    };
    if published == again {
        return None;
    }
    let [published, again] =
        [published, again].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let mut lines = (1..).zip(lines(&published).zip(lines(&again)));
    let differing = lines.find(|(_, (published, again))| published != again);
    let Some((line, (published, again))) = differing else {
        return Some("is longer or shorter than made again".into());
    };
    Some(format!(
        "line {line} is {:?}, made again {:?}",
        shown(published),
        shown(again)
    ))
}

/// The lines of a text, and then emptiness, so that the longer of two has something to differ from.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().chain(std::iter::once(""))
}

fn shown(line: &str) -> String {
    line.chars().take(MAX_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_differs_is_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &str| {
            let path = folder.path().join(name);
            fs::write(&path, content).unwrap();
            path
        };
        let published = file("a", "n,mean\n1,0.5\n2,0.25\n");
        assert_eq!(compare(&published, &published), None);
        let changed = file("b", "n,mean\n1,0.5\n2,0.75\n");
        let told = compare(&published, &changed).unwrap();
        assert_eq!(told, "line 3 is \"2,0.25\", made again \"2,0.75\"");
        let longer = file("c", "n,mean\n1,0.5\n2,0.25\n3,1\n");
        let told = compare(&published, &longer).unwrap();
        assert_eq!(told, "line 4 is \"\", made again \"3,1\"");
    }

    #[test]
    fn what_a_machine_may_paint_otherwise_is_no_table() {
        assert!(is_table("cells.csv") && is_table("report.md") && is_table("accuracy.svg"));
        assert!(!is_table("accuracy.png") && !is_table("manifest"));
    }
}
