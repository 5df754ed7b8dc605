//! The sweep file: TOML text to a valid [`SweepSpec`], or to errors that point at their cause. It
//! reads no file itself, and what a setting may be is decided in `spec`, not here.
//!
//! All sections are read before anything is refused, so that one run shows what several sections
//! have wrong. A setting that is swept may be left out of its own section: the first value of its
//! axis stands in.

mod exclude;
mod layout;
mod nearest;
mod problem;
mod range;
mod section;
mod space;
mod value;

use std::ops::Range;

use pondersweep_proto::spec::{ConfigurationSpec, Settings, SpecError};
use serde_json::{Map, Value};
use toml::de::DeTable;

use self::{
    layout::{SETTINGS, SPACE, SWEEP},
    problem::Problem,
    section::{Places, Section},
    space::SpaceAxis,
};
use super::{SweepSpec, SweepTerms};

pub use self::problem::SweepFileError;

/// Bytes from the start of the file.
type Span = Range<usize>;

/// The share of correct answers from which a trial counts as solved, where a file states none.
/// PonderNet's seeds in the paper (Figure 1) average 0.974 with an interval of 0.964 to 0.983, so a
/// seed below 0.95 is not one that learnt the task; chance is 0.5.
const SOLVED_THRESHOLD: f64 = 0.95;
/// Attempts that may fail by the trial's own doing: enough for a passing fault, few enough that a
/// broken trial does not occupy the workers.
const MAX_FAILURES: u64 = 3;
/// Attempts that may run out of memory: what else ran on the machine then may be gone the next time.
const MAX_OUT_OF_MEMORY: u64 = 3;
/// Attempts that may be lost with their worker: machines that are taken away are no sign of a
/// broken trial, so more of them are forgiven.
const MAX_WORKER_LOSSES: u64 = 5;

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
    let mut problems = Vec::new();
    let tables = section::tables(text, root, &mut problems);
    let space = tables.get(SPACE);
    let (axes, rules) = space::read(text, space, &mut problems);
    let mut places = Places::new();
    let header = space.map(|space| ("space", space.header.span()));
    let excluded = rules.map(|rules| ("space.exclude", rules.span()));
    for (path, span) in header.into_iter().chain(excluded) {
        places.insert(path.into(), span);
    }
    let mut read_all = |layout: &'static [layout::SectionLayout]| {
        let mut read = Map::new();
        for layout in layout {
            let section = Section::new(text, layout, tables.get(layout.name), &axes);
            let values = section.read(&mut places, &mut problems);
            read.insert(layout.name.into(), values.into());
        }
        Value::from(read)
    };
    let (sweep, settings) = (read_all(SWEEP), read_all(SETTINGS));
    if !problems.is_empty() {
        return Err(problems);
    }
    let settings: Settings = serde_json::from_value(settings)
        .expect("the layout lists exactly the settings and their types");
    check_axes(&settings, &axes)?;
    let at = |error: SpecError| vec![locate(&error, &places)];
    let template = ConfigurationSpec::try_from(settings).map_err(at)?;
    let exclusions = exclude::read(text, rules, &axes)?;
    SweepSpec::new(SweepTerms {
        axes: axes.iter().map(SpaceAxis::to_axis).collect(),
        exclusions,
        ..scalar_terms(&sweep, template)
    })
    .map_err(at)
}

/// The terms without the space.
fn scalar_terms(sweep: &Value, template: ConfigurationSpec) -> SweepTerms {
    let whole = |section: &str, key: &str, default| sweep[section][key].as_u64().unwrap_or(default);
    let count = |section, key, default| {
        u32::try_from(whole(section, key, default)).expect("the layout bounds counts")
    };
    let threshold = sweep["sweep"]["solved_threshold"].as_f64();
    let initial = count("replicates", "count", 1);
    // With `most`, those beyond `count` are withheld.
    let most = sweep["replicates"]["most"].as_u64();
    let replicates = most.map_or(initial, |_| count("replicates", "most", 1));
    SweepTerms {
        name: sweep["sweep"]["name"].as_str().unwrap_or_default().into(),
        template,
        axes: Vec::new(),
        exclusions: Vec::new(),
        replicates,
        initial_replicates: most.map(|_| initial),
        seed: whole("replicates", "seed", 0),
        common_seeds: sweep["replicates"]["common_seeds"]
            .as_bool()
            .unwrap_or(false),
        solved_threshold: threshold.unwrap_or(SOLVED_THRESHOLD),
        max_failures: count("limits", "max_failures", MAX_FAILURES),
        max_out_of_memory: count("limits", "max_out_of_memory", MAX_OUT_OF_MEMORY),
        max_worker_losses: count("limits", "max_worker_losses", MAX_WORKER_LOSSES),
        device: sweep["sweep"]["device"].as_str().map(str::to_owned),
    }
}

/// Tries every value of every axis by itself, to point at the very ones that cannot be: the
/// specification only says which setting is wrong, not which of its values.
fn check_axes(settings: &Settings, axes: &[SpaceAxis]) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    for axis in axes {
        // Once for the axis, whose values are as good as any.
        if let Err(error) = settings.model.kind.admit(axis.parameter) {
            problems.push(explain(&error, Some(axis.key.clone())));
            continue;
        }
        for (value, span) in &axis.values {
            let mut settings = settings.clone();
            let set = axis.parameter.set(&mut settings, value);
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
