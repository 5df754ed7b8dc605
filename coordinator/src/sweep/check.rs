//! Checks each part of a sweep by itself and brings its values into their parameter's form. Whether
//! the combinations are valid is found by walking the grid, in [`super::grid`].

use std::collections::HashSet;

use pondersweep_proto::{
    foreign::is_seen,
    id::SweepId,
    limit::{
        MAX_AXIS_VALUES, MAX_COMBINATIONS, MAX_CONFIGURATION_BYTES, MAX_EXCLUSIONS, MAX_NAME_BYTES,
        MAX_RULE_CHECKS, MAX_TRIALS,
    },
    setting::ParameterValue,
    spec::SpecError,
};

use super::{
    grid::{self, Places},
    layout::{COUNT, MAX_FAILURES, MAX_OUT_OF_MEMORY, MAX_WORKER_LOSSES, MOST, SOLVED_THRESHOLD},
    select::LAST,
    terms::{Axis, Condition, Exclusion, SweepTerms},
};

/// What workers compute on.
const DEVICE_KINDS: [&str; 4] = ["cpu", "tch", "cuda", "wgpu"];
/// Bytes of a device's name.
const MAX_DEVICE_BYTES: usize = 64;

/// Checks and admits everything but the template.
pub(super) fn admit(terms: &mut SweepTerms) -> Result<(), SpecError> {
    check_name(&terms.name)?;
    admit_replicates(terms)?;
    check_numbers(terms)?;
    check_device(terms.device.as_deref())?;
    check_program(terms)?;
    check_parameters(terms)?;
    admit_axes(&mut terms.axes)?;
    check_grid_size(&terms.axes)?;
    check_form(terms)?;
    admit_exclusions(terms)
}

/// Whether the template is one of the program's, if there is one.
fn check_program(terms: &SweepTerms) -> Result<(), SpecError> {
    match (&terms.program, terms.template.program_sha256()) {
        (None, None) => Ok(()),
        (Some(program), Some(named)) => {
            program.check_is(named)?;
            program.check(terms.template.table())
        }
        (_, _) => Err(SpecError::new(
            "program",
            "is stated without its configurations, or they without it",
            "a program and configurations that name it, or neither",
        )),
    }
}

/// Whether everything that varies is a setting of the template.
fn check_parameters(terms: &SweepTerms) -> Result<(), SpecError> {
    let conditions = terms.exclusions.iter().flat_map(|rule| &rule.conditions);
    let conditions = conditions.map(|condition| condition.parameter);
    let mut named = terms
        .axes
        .iter()
        .map(|axis| axis.parameter)
        .chain(conditions);
    let rows = terms.template.table().rows;
    match named.find(|parameter| !rows.contains(parameter)) {
        None => Ok(()),
        Some(parameter) => Err(SpecError::new(
            format!("space.{parameter}"),
            "is no setting of the configurations, or has other values there",
            "let the template hold the first value of every axis",
        )),
    }
}

/// Whether the forms of all configurations are short enough to be sent.
fn check_form(terms: &SweepTerms) -> Result<(), SpecError> {
    if terms.program.is_none() {
        return Ok(());
    }
    let longest = |axis: &Axis| {
        let lengths = axis
            .values
            .iter()
            .map(|value| value.to_json().to_string().len());
        lengths.max().unwrap_or(0)
    };
    let bytes = terms.template.json().len() + terms.axes.iter().map(longest).sum::<usize>();
    if bytes <= MAX_CONFIGURATION_BYTES {
        return Ok(());
    }
    let hint = "shorter texts: name what is long by a short word";
    let problem =
        format!("has configurations of {bytes} bytes, more than {MAX_CONFIGURATION_BYTES}");
    Err(SpecError::new("space", problem, hint))
}

fn check_name(name: &str) -> Result<(), SpecError> {
    let refuse = |problem: &str, hint| Err(SpecError::new("sweep.name", problem, hint));
    if name.is_empty() {
        return refuse("is empty", "what people will call the sweep");
    }
    if name.len() > MAX_NAME_BYTES {
        return refuse("is too long", "a name has up to 128 bytes");
    }
    if name.chars().any(char::is_control) {
        return refuse("holds control characters", "a name is one line of text");
    }
    Ok(())
}

/// Checks what is asked of new sweeps only; older ones stay as they are.
pub(super) fn check_new(terms: &SweepTerms) -> Result<(), SpecError> {
    check_new_name(&terms.name)?;
    check_kind_of_device(terms.device.as_deref())
}

/// A name that a command line can name, and that means this sweep.
fn check_new_name(name: &str) -> Result<(), SpecError> {
    let refuse = |problem: String, hint: &str| Err(SpecError::new("sweep.name", problem, hint));
    if name.trim().is_empty() {
        return refuse("is blank".into(), "what people will call the sweep");
    }
    if let Some(unseen) = name.chars().find(|&character| !is_seen(character)) {
        let problem = format!(
            "holds the character U+{:04X}, which is not seen",
            u32::from(unseen)
        );
        return refuse(
            problem,
            "a name is one line of text that can be read and typed",
        );
    }
    if name.trim() != name {
        let problem = "begins or ends with a space";
        return refuse(problem.into(), "it would look like the name without it");
    }
    // To a spreadsheet the others begin a formula, in their wide forms too.
    if let Some(first) = name
        .chars()
        .next()
        .filter(|first| "-=+@\u{ff0d}\u{ff1d}\u{ff0b}\u{ff20}".contains(*first))
    {
        let problem = format!("begins with {first:?}");
        return refuse(
            problem,
            "begin it with a letter or a digit; `-` begins a flag",
        );
    }
    if !name.chars().any(char::is_alphanumeric) {
        return refuse(
            "holds no letter and no digit".into(),
            "a name can be read and typed",
        );
    }
    if name == LAST {
        return refuse(
            format!("is {LAST:?}"),
            "that names the newest sweep; choose another",
        );
    }
    if name.parse::<SweepId>().is_ok() {
        return refuse(
            "has the form of an id".into(),
            "sixteen hexadecimal digits name a sweep by its id",
        );
    }
    Ok(())
}

/// Whether a worker of this version may have such a device.
fn check_kind_of_device(device: Option<&str>) -> Result<(), SpecError> {
    let kind = |device: &str| device.split(':').next().unwrap_or_default().to_owned();
    match device.map(kind) {
        Some(kind) if !DEVICE_KINDS.contains(&&*kind) => Err(SpecError::new(
            "sweep.device",
            format!("is {kind:?}, which no worker has"),
            "workers have cpu, tch, cuda and wgpu, or one of them such as cuda:0; leave it out for any",
        )),
        _ => Ok(()),
    }
}

/// Whether it can be a device's name; which devices there are is for the workers to say.
fn check_device(device: Option<&str>) -> Result<(), SpecError> {
    let Some(device) = device else { return Ok(()) };
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_name = !device.is_empty()
        && device.len() <= MAX_DEVICE_BYTES
        && device
            .split(':')
            .all(|part| !part.is_empty() && part.chars().all(known));
    if is_name {
        return Ok(());
    }
    let hint = "a device as workers name theirs, such as cpu, cuda or cuda:0";
    Err(SpecError::new("sweep.device", "is no device", hint))
}

/// Checks how often every configuration is repeated. That all repetitions are run anyway is said by
/// leaving their number out, so that one sweep has one identity.
fn admit_replicates(terms: &mut SweepTerms) -> Result<(), SpecError> {
    let Some(initial) = terms.initial_replicates else {
        return COUNT.check(&terms.replicates.into());
    };
    COUNT.check(&initial.into())?;
    MOST.check(&terms.replicates.into())?;
    if terms.replicates < initial {
        let problem = format!("{} is out of range", terms.replicates);
        let hint = format!("at least replicates.count, which is {initial}");
        return Err(SpecError::new("replicates.most", problem, hint));
    }
    if terms.replicates == initial {
        terms.initial_replicates = None;
    }
    Ok(())
}

fn check_numbers(terms: &SweepTerms) -> Result<(), SpecError> {
    SOLVED_THRESHOLD.check(&terms.solved_threshold.into())?;
    MAX_FAILURES.check(&terms.max_failures.into())?;
    MAX_OUT_OF_MEMORY.check(&terms.max_out_of_memory.into())?;
    MAX_WORKER_LOSSES.check(&terms.max_worker_losses.into())
}

fn admit_axes(axes: &mut [Axis]) -> Result<(), SpecError> {
    let mut seen = HashSet::new();
    for axis in axes {
        let refuse = |problem: String, hint: &str| {
            let path = format!("space.{}", axis.parameter);
            Err(SpecError::new(path, problem, hint))
        };
        if !seen.insert(axis.parameter) {
            return refuse("stands twice".into(), "give each parameter once");
        }
        if axis.values.is_empty() {
            return refuse("has no values".into(), "a list needs at least one value");
        }
        if axis.values.len() > MAX_AXIS_VALUES {
            let problem = format!("has {} values", axis.values.len());
            return refuse(problem, "an axis may have up to 100000");
        }
        for value in &mut axis.values {
            *value = axis.parameter.admit(value.clone())?;
        }
        if let Some(index) = first_repeated(&axis.values) {
            let problem = format!("has the value {} twice", axis.values[index]);
            return refuse(problem, REPEATED_HINT);
        }
    }
    Ok(())
}

/// What to do about a repeated value.
pub(super) const REPEATED_HINT: &str =
    "the same trial is never run twice; for more repetitions raise replicates.count";

/// The index of the first value that stands earlier in the list already.
pub(super) fn first_repeated(values: &[ParameterValue]) -> Option<usize> {
    let mut seen = HashSet::with_capacity(values.len());
    values
        .iter()
        .position(|value| !seen.insert(value.to_string()))
}

fn check_grid_size(axes: &[Axis]) -> Result<(), SpecError> {
    if grid::points(axes).is_some_and(|points| points <= MAX_TRIALS) {
        return Ok(());
    }
    let problem = format!("the grid has more than {MAX_TRIALS} configurations");
    Err(SpecError::new("space", problem, SPLIT_HINT))
}

/// Checks the number of trials of all replicates together.
pub(super) fn check_trials(configurations: u64, replicates: u32) -> Result<(), SpecError> {
    let trials = configurations.saturating_mul(replicates.into());
    if trials <= MAX_TRIALS {
        return Ok(());
    }
    let problem = format!("{trials} trials are more than the {MAX_TRIALS} one sweep may have");
    Err(SpecError::new("space", problem, SPLIT_HINT))
}

/// Refuses a space that would take minutes to be checked.
pub(super) fn check_combinations(terms: &SweepTerms) -> Result<(), SpecError> {
    let combinations = grid::combinations(terms);
    if combinations <= MAX_COMBINATIONS {
        return Ok(());
    }
    let problem = format!(
        "{combinations} combinations of settings that depend on each other, more than {MAX_COMBINATIONS}"
    );
    Err(SpecError::new("space", problem, SPLIT_HINT))
}

const SPLIT_HINT: &str = "split the space into several sweeps";

fn admit_exclusions(terms: &mut SweepTerms) -> Result<(), SpecError> {
    let SweepTerms {
        axes, exclusions, ..
    } = terms;
    if exclusions.len() > MAX_EXCLUSIONS {
        let problem = format!("{} rules", exclusions.len());
        return Err(SpecError::new("space.exclude", problem, "up to 1000 rules"));
    }
    let places = Places::of(axes);
    exclusions
        .iter_mut()
        .try_for_each(|rule| admit_exclusion(&places, rule))?;
    check_rule_work(axes, exclusions)
}

/// Refuses rules that would take minutes to be tried on every point of the grid.
fn check_rule_work(axes: &[Axis], exclusions: &[Exclusion]) -> Result<(), SpecError> {
    let conditions: usize = exclusions.iter().map(|rule| rule.conditions.len()).sum();
    let points = grid::points(axes).unwrap_or(u64::MAX);
    if points.saturating_mul(conditions as u64) <= MAX_RULE_CHECKS {
        return Ok(());
    }
    let problem = format!("{conditions} conditions for each of {points} points of the grid");
    let hint = "fewer rules, or several sweeps with a part of the space each";
    Err(SpecError::new("space.exclude", problem, hint))
}

/// Checks one rule against the axes.
pub(super) fn admit_exclusion(places: &Places, rule: &mut Exclusion) -> Result<(), SpecError> {
    if rule.conditions.is_empty() {
        let hint = "name at least one parameter and its value";
        let problem = "an empty rule excludes everything";
        return Err(SpecError::new("space.exclude", problem, hint));
    }
    let mut seen = HashSet::new();
    for Condition { parameter, .. } in &rule.conditions {
        if !seen.insert(*parameter) {
            let problem = format!("one rule names {parameter} twice");
            let hint = "list its values together: a rule's conditions hold all at once";
            return Err(SpecError::new("space.exclude", problem, hint));
        }
    }
    rule.conditions
        .iter_mut()
        .try_for_each(|condition| admit_condition(places, condition))
}

/// Checks one condition against the axes.
pub(super) fn admit_condition(places: &Places, condition: &mut Condition) -> Result<(), SpecError> {
    const NOTHING: &str = "a rule that matches nothing is most often a typing mistake";
    let Condition { parameter, values } = condition;
    let refuse = |problem: String, hint: &str| Err(SpecError::new("space.exclude", problem, hint));
    if !places.has_axis(*parameter) {
        let hint = "rules name parameters of [space]";
        return refuse(format!("{parameter} is not swept"), hint);
    }
    if values.is_empty() {
        return refuse(format!("{parameter} has no values"), NOTHING);
    }
    for value in values {
        *value = parameter.admit(value.clone())?;
        if places.find(*parameter, value).is_none() {
            return refuse(format!("{parameter} never is {value}"), NOTHING);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{
        super::{SweepSpec, test_support},
        *,
    };

    #[test]
    fn a_sweep_that_would_not_be_made_today_is_still_read() {
        for name in ["last", "-v", " ", "0123456789abcdef", "a\u{202e}b"] {
            let terms = SweepTerms {
                name: name.into(),
                ..test_support::terms()
            };
            let spec = SweepSpec::new(terms).unwrap();
            let json = SweepSpec::from_bytes(spec.json().as_bytes());
            assert_eq!(json.unwrap(), spec);
            let refused = spec.check_new().unwrap_err();
            assert_eq!(refused.path, "sweep.name", "{name:?}: {refused}");
        }
        let terms = SweepTerms {
            device: Some("gpu".into()),
            ..test_support::terms()
        };
        let refused = SweepSpec::new(terms).unwrap().check_new().unwrap_err();
        assert_eq!(refused.path, "sweep.device", "{refused}");
    }
}
