//! The sweep file: TOML text to a valid [`SweepSpec`], or to errors that point at their cause. It
//! reads no file itself, and what a setting may be is decided in `spec`, not here.
//!
//! All sections are read before anything is refused, so that one run shows what several sections
//! have wrong. A setting that is swept may be left out of its own section: the first value of its
//! axis stands in.

mod exclude;
mod nearest;
mod problem;
mod program;
mod range;
mod section;
mod space;
mod value;

use std::{ops::Range, sync::Arc};

use pondersweep_proto::{
    setting::{
        Setting, SettingTable,
        program::{PROGRAM, SHA256},
        training::TRAINING,
    },
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

/// Says the SHA-256 of a file that a sweep file names, or why it cannot: who reads sweep files from
/// a folder reads those, too.
pub type ProgramFiles<'a> = dyn FnMut(&str) -> Result<String, String> + 'a;

/// The language of sweep files.
pub struct SweepFile;

impl SweepFile {
    /// Reads a sweep file's text; `file_name` is how errors name it.
    ///
    /// # Errors
    /// Everything that is wrong in the first stage that finds anything wrong: syntax; then keys
    /// and types of all sections; then values; then their combinations.
    pub fn parse(source: impl AsRef<[u8]>, file_name: &str) -> Result<SweepSpec, SweepFileError> {
        let mut none = |_: &str| Err("this is no folder".to_owned());
        Self::parse_with(source, file_name, &mut none, &|_| Ok(()))
    }

    /// As [`Self::parse`], of a file that may name files of a program, or others that an edge reads
    /// to fill in settings.
    ///
    /// # Errors
    /// See there; or such a file cannot be read.
    pub fn parse_with(
        source: impl AsRef<[u8]>,
        file_name: &str,
        files: &mut ProgramFiles<'_>,
        fill_in: &FillIn,
    ) -> Result<SweepSpec, SweepFileError> {
        let source = source.as_ref();
        let refuse = |problems| SweepFileError::new(source, file_name, problems);
        let text = utf8(source).map_err(|problem| refuse(vec![problem]))?;
        let root = DeTable::parse(text).map_err(|error| refuse(vec![syntax(&error)]))?;
        read(text, root.get_ref(), files, fill_in).map_err(refuse)
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

/// Fills in what follows from files that settings name.
type FillIn = dyn Fn(&mut Settings) -> Result<(), SpecError>;

fn read(
    text: &str,
    root: &DeTable<'_>,
    files: &mut ProgramFiles<'_>,
    fill_in: &FillIn,
) -> Result<SweepSpec, Vec<Problem>> {
    let (mut problems, mut places) = (Vec::new(), Places::new());
    let own = program::table_of(text, root, &mut places, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let table = own.unwrap_or(&TRAINING);
    let tables = section::tables(text, root, table, &mut problems);
    let space = tables.get(SPACE);
    let (axes, rules) = space::read(text, space, table, &mut problems);
    let header = space.map(|space| ("space", space.header.span()));
    let excluded = rules.map(|rules| ("space.exclude", rules.span()));
    for (path, span) in header.into_iter().chain(excluded) {
        places.insert(path.into(), span);
    }
    let mut read_all = |here: &'static SettingTable| {
        let mut values = Settings::new(here);
        for name in here.sections().into_iter().filter(|name| *name != PROGRAM) {
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
    let (sweep, mut settings) = (read_all(&SWEEP), read_all(table));
    let program = own.and_then(|table| {
        refuse_threshold(&places, &mut problems);
        program::read(text, &tables, table, files, &mut places, &mut problems)
    });
    if let Some(program) = &program {
        let set = settings.set(SHA256, program.sha256().as_str());
        set.expect("a hash is a text");
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let at = |error: SpecError| vec![locate(&error, &places)];
    if own.is_none() {
        fill_in(&mut settings).map_err(at)?;
    }
    check_axes(&settings, &axes)?;
    let template = ConfigurationSpec::try_from(settings).map_err(at)?;
    let exclusions = exclude::read(text, rules, table, &axes)?;
    let terms = scalar_terms(sweep, template).map_err(at)?;
    let spec = SweepSpec::new(SweepTerms {
        axes: axes.iter().map(SpaceAxis::to_axis).collect(),
        exclusions,
        program: program.map(Arc::new),
        ..terms
    })
    .map_err(at)?;
    spec.check_new().map_err(at)?;
    Ok(spec)
}

/// What is solved by a program is said with its metrics.
fn refuse_threshold(places: &Places, problems: &mut Vec<Problem>) {
    if let Some(span) = places.get(&SOLVED_THRESHOLD.path()) {
        let what = "solved_threshold has no meaning for a program";
        let hint =
            "say it with the metric: [metrics] accuracy = { better = \"higher\", solved = 0.95 }";
        problems.push(Problem::at(span, what, hint));
    }
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
        program: None,
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
    explain(error, place_of(error, places))
}

fn place_of(error: &SpecError, places: &Places) -> Option<Span> {
    let mut path = error.path.as_str();
    loop {
        match (places.get(path), path.rsplit_once('.')) {
            (Some(span), _) => return Some(span.clone()),
            (None, Some((outer, _))) => path = outer,
            (None, None) => return None,
        }
    }
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
    } else if ["is ", "has ", "holds ", "names ", "takes "]
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
