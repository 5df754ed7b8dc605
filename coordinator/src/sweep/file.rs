//! The sweep file: TOML text to a valid [`SweepSpec`], or to errors that point at their cause. It
//! reads no file itself, and what a setting may be is decided in `spec`, not here.
//!
//! All sections are read before anything is refused, so that one run shows what several sections
//! have wrong. A setting that is swept may be left out of its own section: the first value of its
//! axis stands in.

mod exclude;
mod nearest;
mod problem;
mod range;
mod section;
mod space;
mod value;

use std::ops::Range;

use pondersweep_proto::{
    setting::{Setting, SettingTable, training::TRAINING},
    spec::{ConfigurationSpec, Settings, SpecError},
};
use toml::de::DeTable;

use self::{
    problem::Problem,
    section::{Places, Section},
    space::SpaceAxis,
};
use super::{
    SweepSpec, SweepTerms,
    layout::{
        COMMON_SEEDS, COUNT, DEVICE, MAX_FAILURES, MAX_OUT_OF_MEMORY, MAX_WORKER_LOSSES, MOST,
        NAME, SEED, SOLVED_THRESHOLD, SPACE, SWEEP,
    },
};

pub use self::problem::SweepFileError;

/// Bytes from the start of the file.
type Span = Range<usize>;

/// The language of sweep files.
pub struct SweepFile;

impl SweepFile {
    /// Reads a sweep file's text; `file_name` is how errors name it.
    ///
    /// # Errors
    /// Everything that is wrong in the first stage that finds anything wrong: syntax; then keys
    /// and types of all sections; then values; then their combinations.
    pub fn parse(source: impl AsRef<[u8]>, file_name: &str) -> Result<SweepSpec, SweepFileError> {
        let source = source.as_ref();
        let refuse = |problems| SweepFileError::new(source, file_name, problems);
        let text = utf8(source).map_err(|problem| refuse(vec![problem]))?;
        let root = DeTable::parse(text).map_err(|error| refuse(vec![syntax(&error)]))?;
        read(text, root.get_ref()).map_err(refuse)
    }
}

fn utf8(source: &[u8]) -> Result<&str, Problem> {
    std::str::from_utf8(source).map_err(|error| {
        let at = error.valid_up_to();
        let hint = "save the file as UTF-8";
        Problem::at(&(at..at + 1), "the file is not UTF-8 text", hint)
    })
}

fn syntax(error: &toml::de::Error) -> Problem {
    Problem {
        span: error.span(),
        what: format!("this is not TOML: {}", error.message()),
        hint: "see https://toml.io for the syntax; texts stand in quotes, lists in [ ]".into(),
    }
}

fn read(text: &str, root: &DeTable<'_>) -> Result<SweepSpec, Vec<Problem>> {
    let table = &TRAINING;
    let mut problems = Vec::new();
    let tables = section::tables(text, root, table, &mut problems);
    let space = tables.get(SPACE);
    let (axes, rules) = space::read(text, space, table, &mut problems);
    let mut places = Places::new();
    let header = space.map(|space| ("space", space.header.span()));
    let excluded = rules.map(|rules| ("space.exclude", rules.span()));
    for (path, span) in header.into_iter().chain(excluded) {
        places.insert(path.into(), span);
    }
    let mut read_all = |here: &'static SettingTable| {
        let mut values = Settings::new(here);
        for name in here.sections() {
            let section = Section {
                text,
                name,
                table: tables.get(name).copied(),
                settings: table,
                axes: &axes,
            };
            section.read(&mut values, &mut places, &mut problems);
        }
        values
    };
    let (sweep, settings) = (read_all(&SWEEP), read_all(table));
    if !problems.is_empty() {
        return Err(problems);
    }
    check_axes(&settings, &axes)?;
    let at = |error: SpecError| vec![locate(&error, &places)];
    let template = ConfigurationSpec::try_from(settings).map_err(at)?;
    let exclusions = exclude::read(text, rules, table, &axes)?;
    let terms = scalar_terms(sweep, template).map_err(at)?;
    SweepSpec::new(SweepTerms {
        axes: axes.iter().map(SpaceAxis::to_axis).collect(),
        exclusions,
        ..terms
    })
    .map_err(at)
}

/// The terms without the space.
fn scalar_terms(sweep: Settings, template: ConfigurationSpec) -> Result<SweepTerms, SpecError> {
    let sweep = sweep.completed()?;
    let text = |setting: Setting| sweep.get(setting).map(ToString::to_string);
    let initial = sweep.count(COUNT);
    // With `most`, those beyond `count` are withheld.
    let most = sweep.get(MOST).map(|_| sweep.count(MOST));
    Ok(SweepTerms {
        name: text(NAME).unwrap_or_default(),
        template,
        axes: Vec::new(),
        exclusions: Vec::new(),
        replicates: most.unwrap_or(initial),
        initial_replicates: most.map(|_| initial),
        seed: sweep.whole(SEED),
        common_seeds: sweep.flag(COMMON_SEEDS),
        solved_threshold: sweep.number(SOLVED_THRESHOLD),
        max_failures: sweep.count(MAX_FAILURES),
        max_out_of_memory: sweep.count(MAX_OUT_OF_MEMORY),
        max_worker_losses: sweep.count(MAX_WORKER_LOSSES),
        device: text(DEVICE),
    })
}

/// Tries every value of every axis by itself, to point at the very ones that cannot be: the
/// specification only says which setting is wrong, not which of its values.
fn check_axes(settings: &Settings, axes: &[SpaceAxis]) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    for axis in axes {
        // Once for the axis, whose values are as good as any.
        if let Err(error) = settings.takes(axis.parameter) {
            problems.push(explain(&error, Some(axis.key.clone())));
            continue;
        }
        for (value, span) in &axis.values {
            let mut settings = settings.clone();
            let set = settings.set(axis.parameter, value.clone());
            let checked = set.and_then(|()| ConfigurationSpec::try_from(settings));
            match checked {
                Err(error) if error.path == axis.parameter.path() => {
                    problems.push(explain(&error, Some(span.clone())));
                }
                // Another setting's error is reported for that setting.
                _ => {}
            }
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        Err(problems)
    }
}

/// The place of an error in the file: its setting, else its section.
fn locate(error: &SpecError, places: &Places) -> Problem {
    let section = error.path.split('.').next().unwrap_or_default();
    let span = places.get(&error.path).or_else(|| places.get(section));
    explain(error, span.cloned())
}

/// A specification's error in the words of the file.
fn explain(error: &SpecError, span: Option<Span>) -> Problem {
    let SpecError {
        path,
        problem,
        hint,
    } = error;
    let key = path.rsplit('.').next().unwrap_or_default();
    let what = if problem.ends_with("is out of range") {
        format!("{key} = {problem}")
    } else if ["is ", "has ", "holds "]
        .iter()
        .any(|verb| problem.starts_with(verb))
    {
        format!("{key} {problem}")
    } else {
        problem.clone()
    };
    Problem {
        span,
        what,
        hint: hint.clone(),
    }
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
