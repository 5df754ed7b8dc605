//! A user's program: how it is started, what it is told and what it reports. A sweep file says it, the
//! sweep keeps it, every trial names it by its hash. It decides nothing about when and where it runs.

mod metric;
mod template;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use self::{
    metric::{Pattern, ProgramMetric},
    template::{Part, Template},
};
use crate::{
    id::{canonical_json, content_sha256, hexadecimal},
    limit::{MAX_ARGUMENTS, MAX_PROGRAM_BYTES, MAX_PROGRAM_FILE_BYTES, MAX_PROGRAM_FILES, shown},
    metric::MetricTable,
    setting::{SettingTable, program::PARAMETERS},
    spec::SpecError,
};

/// What starts the name of every variable that a program is told something by.
pub const VARIABLES: &str = "PONDERSWEEP_";
/// What starts a line of standard output that is a report.
pub const REPORT_PREFIX: &str = "pondersweep-report ";
/// How long a program has after SIGTERM, unless it says otherwise: to write a checkpoint.
pub const DEFAULT_GRACE_SECONDS: u64 = 10;
/// The longest times: a month for a trial, an hour to end.
const MAX_TIMEOUT_SECONDS: u64 = 31 * 86_400;
const MAX_GRACE_SECONDS: u64 = 3_600;
/// Graphics processors of one trial.
const MAX_GPUS: u32 = 64;

/// What every program is told besides its parameters; each may stand in braces in its command.
pub const TOLD: &[&str] = &[
    "seed",
    "replicate",
    "trial",
    "attempt",
    "checkpoint_dir",
    "output_dir",
];

/// A program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramSpec {
    /// The program and its arguments, with parameters in braces. No shell reads them.
    pub command: Vec<String>,
    /// Variables of its environment, besides those of the worker.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
    /// Its files by their path, each with the SHA-256 of its content.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// Graphics processors that it has for itself; 0 for whatever the worker has.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gpus: u32,
    /// How long it has between SIGTERM and SIGKILL.
    #[serde(default = "default_grace", skip_serializing_if = "is_default_grace")]
    pub grace_seconds: u64,
    /// The exit code that says that these parameters give no result: infeasible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub infeasible_exit_code: Option<u8>,
    /// What it reports; the first is what trials are judged by.
    pub metrics: Vec<ProgramMetric>,
    /// How long it may run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
    /// Where it runs: a folder of the worker's machine; with files, below them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_directory: Option<String>,
}

const fn is_zero(number: &u32) -> bool {
    *number == 0
}

const fn default_grace() -> u64 {
    DEFAULT_GRACE_SECONDS
}

const fn is_default_grace(seconds: &u64) -> bool {
    *seconds == DEFAULT_GRACE_SECONDS
}

impl ProgramSpec {
    /// The canonical JSON form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical_json(self).into_bytes()
    }

    /// Reads a program from JSON, as a peer sent it: a claim until it was checked.
    ///
    /// # Errors
    /// It is too long, or no program.
    pub fn from_bytes(json: &[u8]) -> Result<Self, SpecError> {
        if json.len() > MAX_PROGRAM_BYTES {
            let problem = format!("has {} bytes", json.len());
            return Err(too_long(problem));
        }
        serde_json::from_slice(json).map_err(|error| {
            let problem = format!("cannot be read: {}", shown(&error.to_string()));
            SpecError::new("program", problem, "a program in its JSON form")
        })
    }

    /// The hash that configurations name it by.
    #[must_use]
    pub fn sha256(&self) -> String {
        content_sha256(self)
    }

    /// What it reports, as a table.
    ///
    /// # Panics
    /// It was not checked.
    #[must_use]
    pub fn metric_table(&self) -> MetricTable {
        metric::table(&self.metrics)
    }

    /// # Errors
    /// Its hash is another.
    pub fn check_is(&self, sha256: &str) -> Result<(), SpecError> {
        let own = self.sha256();
        if own == sha256 {
            return Ok(());
        }
        let problem = format!("{own} is not the program that the configuration names");
        Err(SpecError::new("program.sha256", problem, shown(sha256)))
    }

    /// Whether it can be run with these parameters.
    ///
    /// # Errors
    /// The first thing that cannot be, with its place: `program.command`, `metrics.loss`, ...
    pub fn check(&self, table: &SettingTable) -> Result<(), SpecError> {
        self.check_command(table)?;
        self.check_environment(table)?;
        self.check_files()?;
        self.check_numbers()?;
        metric::check(&self.metrics, table)?;
        match self.to_bytes().len() {
            ..=MAX_PROGRAM_BYTES => Ok(()),
            bytes => Err(too_long(format!("takes {bytes} bytes"))),
        }
    }

    fn check_command(&self, table: &SettingTable) -> Result<(), SpecError> {
        let path = "program.command";
        if self.command.first().is_none_or(String::is_empty) {
            let hint = "the program and its arguments, such as [\"python3\", \"train.py\"]";
            return Err(SpecError::new(path, "names no program", hint));
        }
        if self.command.len() > MAX_ARGUMENTS {
            let problem = format!("has {} arguments", self.command.len());
            let hint = format!("up to {MAX_ARGUMENTS}");
            return Err(SpecError::new(path, problem, hint));
        }
        let mut texts = self.command.iter();
        texts.try_for_each(|text| check_template(path, text, table))
    }

    fn check_environment(&self, table: &SettingTable) -> Result<(), SpecError> {
        for (name, value) in &self.environment {
            let path = format!("program.environment.{}", shown(name));
            let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !is_name || name.starts_with(VARIABLES) {
                let problem = format!("{} is no variable's name", shown(name));
                let hint = "letters, digits and underscores; those with PONDERSWEEP_ are set for every trial";
                return Err(SpecError::new(path, problem, hint));
            }
            check_template(&path, value, table)?;
        }
        Ok(())
    }

    fn check_files(&self) -> Result<(), SpecError> {
        let path = "program.files";
        if self.files.len() > MAX_PROGRAM_FILES {
            let problem = format!("has {} files", self.files.len());
            let hint = format!(
                "up to {MAX_PROGRAM_FILES}; leave data on the workers, and name it by path"
            );
            return Err(SpecError::new(path, problem, hint));
        }
        for (file, sha256) in &self.files {
            check_path(path, file)?;
            let is_hash = sha256.len() == 64
                && sha256
                    .bytes()
                    .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            if !is_hash {
                let problem = format!("{} is no SHA-256", shown(sha256));
                return Err(SpecError::new(path, problem, "64 hexadecimal digits"));
            }
        }
        match &self.working_directory {
            Some(folder) if !self.files.is_empty() => {
                check_path("program.working_directory", folder)
            }
            Some(folder) if folder.is_empty() || folder.contains('\0') => Err(SpecError::new(
                "program.working_directory",
                "is no folder",
                "a path on the worker's machine",
            )),
            _ => Ok(()),
        }
    }

    fn check_numbers(&self) -> Result<(), SpecError> {
        let within = |key: &str, value: u64, least: u64, most: u64| {
            if (least..=most).contains(&value) {
                return Ok(());
            }
            let hint = format!("from {least} to {most}");
            Err(SpecError::new(
                format!("program.{key}"),
                format!("{value} is out of range"),
                hint,
            ))
        };
        if let Some(seconds) = self.timeout_seconds {
            within("timeout", seconds, 1, MAX_TIMEOUT_SECONDS)?;
        }
        if let Some(code) = self.infeasible_exit_code {
            within("infeasible_exit_code", code.into(), 1, 255)?;
        }
        within("gpus", self.gpus.into(), 0, MAX_GPUS.into())?;
        within("grace", self.grace_seconds, 0, MAX_GRACE_SECONDS)
    }
}

fn too_long(problem: String) -> SpecError {
    let hint = format!("up to {MAX_PROGRAM_BYTES} bytes with its command, environment and metrics");
    SpecError::new("program", problem, hint)
}

fn check_template(path: &str, text: &str, table: &SettingTable) -> Result<(), SpecError> {
    if text.contains('\0') {
        return Err(SpecError::new(
            path,
            "holds a NUL character",
            "no argument can hold one",
        ));
    }
    for name in Template::of(text).names() {
        if table.parameter(name).is_ok() || TOLD.contains(&name) {
            continue;
        }
        let parameters = table.section(PARAMETERS).map(|row| row.0.name);
        let known: Vec<&str> = parameters.chain(TOLD.iter().copied()).collect();
        let problem = format!("{{{}}} is not a parameter", shown(name));
        let hint = format!(
            "one of {}; for these very characters write {{{{{}}}}}",
            known.join(", "),
            shown(name)
        );
        return Err(SpecError::new(path, problem, hint));
    }
    Ok(())
}

/// A file of a program: its path, and what is in it.
pub type ProgramFile = (String, Vec<u8>);

/// The SHA-256 of a file, as programs name theirs.
#[must_use]
pub fn file_sha256(content: &[u8]) -> String {
    hexadecimal(&Sha256::digest(content))
}

impl ProgramSpec {
    /// Whether these are its files.
    ///
    /// # Errors
    /// One is missing, is not one of them, or is another one.
    pub fn check_contents(&self, files: &[ProgramFile]) -> Result<(), SpecError> {
        let refuse = |problem: String| {
            let hint = "send every file that the program names, as it was when it was hashed";
            Err(SpecError::new("program.files", problem, hint))
        };
        let bytes = files.iter().fold(0_usize, |sum, (_, content)| {
            sum.saturating_add(content.len())
        });
        if bytes > MAX_PROGRAM_FILE_BYTES {
            return refuse(format!(
                "has {bytes} bytes, more than {MAX_PROGRAM_FILE_BYTES}"
            ));
        }
        if files.len() != self.files.len() {
            return refuse(format!(
                "has {} files, and {} were sent",
                self.files.len(),
                files.len()
            ));
        }
        for (path, sha256) in &self.files {
            let sent = files.iter().find(|(sent, _)| sent == path);
            if sent.is_none_or(|(_, content)| file_sha256(content) != *sha256) {
                return refuse(format!("{} was not sent, or is another file", shown(path)));
            }
        }
        Ok(())
    }
}

/// Whether a path stays within its folder, in whatever system.
///
/// # Errors
/// It does not, or is no path.
pub fn check_path(place: &str, path: &str) -> Result<(), SpecError> {
    let is_plain = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && !part.contains(|c: char| c.is_control() || c == '\\')
    };
    if path.len() <= 1_024 && path.split('/').all(is_plain) {
        return Ok(());
    }
    let problem = format!(
        "{:?} is not a path within the folder of the sweep file",
        shown(path)
    );
    let hint = "names joined by /, without . and .., and not from the root";
    Err(SpecError::new(place, problem, hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        metric::Better,
        setting::program::{self, ParameterKind},
    };

    fn table() -> &'static SettingTable {
        program::table(vec![("depth".into(), ParameterKind::Whole)]).unwrap()
    }

    fn program() -> ProgramSpec {
        ProgramSpec {
            command: ["python3", "train.py", "--depth", "{depth}"]
                .map(String::from)
                .into(),
            environment: BTreeMap::new(),
            files: BTreeMap::from([("train.py".into(), "0".repeat(64))]),
            gpus: 0,
            grace_seconds: DEFAULT_GRACE_SECONDS,
            infeasible_exit_code: None,
            metrics: vec![ProgramMetric::new(
                "accuracy".parse().unwrap(),
                Better::Higher,
            )],
            timeout_seconds: None,
            working_directory: None,
        }
    }

    fn refused(change: impl FnOnce(&mut ProgramSpec)) -> String {
        let mut program = program();
        change(&mut program);
        program.check(table()).unwrap_err().path
    }

    #[test]
    fn a_program_survives_its_form_with_its_hash() {
        let program = program();
        program.check(table()).unwrap();
        let back = ProgramSpec::from_bytes(&program.to_bytes()).unwrap();
        assert_eq!(back, program);
        program.check_is(&back.sha256()).unwrap();
        assert!(program.check_is(&"0".repeat(64)).is_err());
        assert!(ProgramSpec::from_bytes(b"{}").is_err());
    }

    #[test]
    fn what_cannot_be_run_is_refused_by_its_place() {
        assert_eq!(refused(|p| p.command.clear()), "program.command");
        assert_eq!(refused(|p| p.command[0].clear()), "program.command");
        assert_eq!(
            refused(|p| p.command.push("{dept}".into())),
            "program.command"
        );
        assert_eq!(refused(|p| p.command.push("a\0".into())), "program.command");
        assert_eq!(refused(|p| p.timeout_seconds = Some(0)), "program.timeout");
        assert_eq!(
            refused(|p| p.infeasible_exit_code = Some(0)),
            "program.infeasible_exit_code"
        );
        assert_eq!(refused(|p| p.metrics.clear()), "metrics");
        for bad in ["PONDERSWEEP_SEED", "a=b", "", "1"] {
            let set = |p: &mut ProgramSpec| {
                p.environment.insert(bad.into(), String::new());
            };
            assert_eq!(refused(set), format!("program.environment.{bad}"));
        }
    }

    #[test]
    fn no_path_leaves_its_folder() {
        for bad in [
            "../a",
            "/etc/passwd",
            "a/../../b",
            "a//b",
            "./a",
            "",
            "a\\b",
            "a/",
            "a\nb",
        ] {
            let add = |p: &mut ProgramSpec| {
                p.files.insert(bad.into(), "0".repeat(64));
            };
            assert_eq!(refused(add), "program.files", "{bad:?}");
        }
        check_path("program.files", "src/model/train.py").unwrap();
        assert_eq!(
            refused(|p| p.working_directory = Some("..".into())),
            "program.working_directory"
        );
    }
}
