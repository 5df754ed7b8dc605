//! The sweep file: TOML to a [`SweepSpec`]. Pure: it is given the text. Whatever is wrong with a
//! file is answered with the line, the very value, and what to do about it.

mod error;
mod place;
mod space;

use std::ops::Range;

use pondersweep_proto::{
    parameter::Parameter,
    spec::{ConfigurationSpec, Settings, SpecError},
};
use serde::{Deserialize, de::DeserializeOwned};
use toml::{
    Spanned,
    de::{DeTable, DeValue, Deserializer},
};

pub use error::SweepFileError;

use self::{error::Fault, place::nearest};
use super::{SweepSpec, SweepTerms};

/// The tables a sweep file may have.
const TABLES: [&str; 8] = [
    "sweep",
    "task",
    "model",
    "space",
    "replicates",
    "training",
    "evaluation",
    "limits",
];
/// Those that hold settings of a configuration.
const SETTINGS: [&str; 4] = ["task", "model", "training", "evaluation"];

/// A sweep file.
#[derive(Debug)]
pub struct SweepFile;

/// `[sweep]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SweepTable {
    name: String,
    /// The paper calls no accuracy "solved"; its successful runs of Figure 1 are above 0.95.
    #[serde(default = "default_solved_threshold")]
    solved_threshold: f64,
}

const fn default_solved_threshold() -> f64 {
    0.95
}

/// `[replicates]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplicatesTable {
    count: u32,
    #[serde(default)]
    seed: u64,
}

/// `[limits]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitsTable {
    max_failures: u32,
    max_worker_losses: u32,
}

impl Default for LimitsTable {
    fn default() -> Self {
        // A trial that fails three times will fail again; losing five machines under one trial
        // points at the trial.
        Self {
            max_failures: 3,
            max_worker_losses: 5,
        }
    }
}

impl SweepFile {
    /// The sweep in the bytes of a file; `name` is what messages call the file.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn parse_bytes(bytes: &[u8], name: &str) -> Result<SweepSpec, SweepFileError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::parse(text, name),
            Err(error) => {
                let readable = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                let at = readable.len();
                let fault = Fault::new(at..at, "not UTF-8 text", "save the file as UTF-8");
                Err(fault.locate(&readable, name))
            }
        }
    }

    /// The sweep in a text; `name` is what messages call the file.
    ///
    /// # Errors
    /// As [`Self::parse_bytes`].
    pub fn parse(text: &str, name: &str) -> Result<SweepSpec, SweepFileError> {
        parse(text).map_err(|fault| fault.locate(text, name))
    }
}

fn parse(text: &str) -> Result<SweepSpec, Fault> {
    let document = DeTable::parse(text).map_err(|error| Fault::of_syntax(&error))?;
    let document = document.get_ref();
    check_tables(document)?;
    let space = space::read(document)?;
    let template = template(document, &space)?;
    let sweep: SweepTable = table(document, "sweep", None)?;
    let replicates: ReplicatesTable = table(document, "replicates", None)?;
    let limits = table(document, "limits", Some(LimitsTable::default()))?;
    let terms = SweepTerms {
        name: sweep.name,
        template,
        axes: space.axes,
        exclusions: space.exclusions,
        replicates: replicates.count,
        seed: replicates.seed,
        solved_threshold: sweep.solved_threshold,
        max_failures: limits.max_failures,
        max_worker_losses: limits.max_worker_losses,
    };
    SweepSpec::new(terms).map_err(|error| fault_of(document, error))
}

fn check_tables(document: &DeTable<'_>) -> Result<(), Fault> {
    for (key, value) in document {
        let name = key.get_ref();
        if !TABLES.contains(&name.as_ref()) {
            let problem = format!("unknown table or key {name:?}");
            let hint = match nearest(name, TABLES) {
                Some(meant) => format!("did you mean [{meant}]?"),
                None => format!("the tables are {}", TABLES.join(", ")),
            };
            return Err(Fault::new(key.span(), problem, hint));
        }
        if !value.get_ref().is_table() {
            let hint = format!("write it as a table: [{name}]");
            return Err(Fault::new(
                value.span(),
                format!("{name} is not a table"),
                hint,
            ));
        }
    }
    Ok(())
}

/// One table, typed; the default, if there is one, where the file leaves it out.
fn table<T: DeserializeOwned>(
    document: &DeTable<'_>,
    name: &str,
    default: Option<T>,
) -> Result<T, Fault> {
    let Some(value) = document.get(name) else {
        return default.ok_or_else(|| missing_table(name));
    };
    let value = value
        .get_ref()
        .as_table()
        .expect("checked by `check_tables`")
        .clone();
    let span = document[name].span();
    T::deserialize(Deserializer::from(Spanned::new(span, value)))
        .map_err(|error| Fault::of_table(&error, name))
}

fn missing_table(name: &str) -> Fault {
    let hint = format!("add a table [{name}]; sweeps/first.toml is a commented example");
    Fault::new(0..0, format!("the table [{name}] is missing"), hint)
}

/// The settings every configuration shares. A swept setting need not stand in its own table: the
/// first value of its axis stands in.
fn template(document: &DeTable<'_>, space: &space::Space) -> Result<ConfigurationSpec, Fault> {
    let firsts: Vec<(Parameter, String)> = space.first_values();
    let mut settings = DeTable::new();
    for name in SETTINGS {
        match document.get_key_value(name) {
            Some((key, value)) => drop(settings.insert(key.clone(), value.clone())),
            None if name == "evaluation" => {}
            None => return Err(missing_table(name)),
        }
    }
    for (parameter, text) in &firsts {
        let span = space.span_of(*parameter);
        let section = settings.get_mut(parameter.section());
        let section = section.ok_or_else(|| missing_table(parameter.section()))?;
        let DeValue::Table(section) = section.get_mut() else {
            continue;
        };
        if let Some((fixed, _)) = section.get_key_value(parameter.name()) {
            return Err(fixed_and_swept(*parameter, fixed.span()));
        }
        let value = DeValue::parse(text).expect("a parameter's value is TOML");
        let key = Spanned::new(span.clone(), parameter.name().into());
        section.insert(key, Spanned::new(span, value.into_inner()));
    }
    let settings = Settings::deserialize(Deserializer::from(Spanned::new(0..0, settings)))
        .map_err(|error| Fault::of_settings(&error))?;
    ConfigurationSpec::try_from(settings).map_err(|error| fault_of(document, error))
}

fn fixed_and_swept(parameter: Parameter, span: Range<usize>) -> Fault {
    let section = parameter.section();
    let problem = format!("{parameter} is fixed in [{section}] and swept in [space]");
    Fault::new(span, problem, "remove one of the two")
}

/// A specification's error at its place in the file.
fn fault_of(document: &DeTable<'_>, error: SpecError) -> Fault {
    let span = place::find(document, &error);
    Fault::new(
        span,
        format!("{}: {}", error.path, error.problem),
        error.hint,
    )
}
