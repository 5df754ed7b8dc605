//! A sweep, frozen: one search space, its replicates, seed and limits. A [`SweepSpec`] that exists
//! is valid, every configuration of it included, and its trials are numbered.

use pondersweep_proto::{
    id::{ContentKey, SweepId},
    limit::{MAX_AXIS_VALUES, MAX_EXCLUSIONS, MAX_NAME_BYTES, MAX_REPLICATES, MAX_TRIALS},
    parameter::{Parameter, ParameterValue},
    spec::{ConfigurationSpec, SpecError, TrialSpec},
};
use serde::{Deserialize, Serialize};

/// One parameter and the values it takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Axis {
    /// What varies.
    pub parameter: Parameter,
    /// Its values, without repetition, in the order given.
    pub values: Vec<ParameterValue>,
}

/// Configurations for which every condition holds are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exclusion {
    /// All must hold.
    pub conditions: Vec<Condition>,
}

/// Holds when the parameter has one of the values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// An axis of the space.
    pub parameter: Parameter,
    /// Values of that axis.
    pub values: Vec<ParameterValue>,
}

/// The parts of a sweep, unchecked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepTerms {
    /// For people.
    pub name: String,
    /// What every configuration shares; axes replace single settings of it.
    pub template: ConfigurationSpec,
    /// The search space is their product, the last axis varying fastest.
    pub axes: Vec<Axis>,
    /// What is left out of the product.
    pub exclusions: Vec<Exclusion>,
    /// Repetitions of every configuration.
    pub replicates: u32,
    /// Base of every random stream.
    pub seed: u64,
    /// A trial is solved when `accuracy_interpolation` reaches this share.
    pub solved_threshold: f64,
    /// Attempts that may fail by the trial's own doing before it counts as failed, from 1.
    pub max_failures: u32,
    /// Attempts that may be lost with their worker before it counts as failed, from 1.
    pub max_worker_losses: u32,
}

/// A valid sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct SweepSpec {
    terms: SweepTerms,
    /// Grid index of every configuration that no exclusion matches; `None` when that is all.
    kept: Option<Vec<u64>>,
    configurations: u64,
}

impl SweepSpec {
    /// Checks the terms and freezes them.
    ///
    /// # Errors
    /// The first thing that cannot be, with its place (`space.lambda_p`, `model.beta`, ...).
    pub fn new(mut terms: SweepTerms) -> Result<Self, SpecError> {
        check_terms(&terms)?;
        admit_axes(&mut terms.axes)?;
        let grid = grid_size(&terms.axes)?;
        admit_exclusions(&mut terms)?;
        // The template's value of a swept setting is never used: the first value of its axis
        // stands there, so that one search space has one identity.
        terms.template = point(&terms, 0)?;
        let kept = kept(&terms, grid)?;
        let configurations = kept.as_ref().map_or(grid, |kept| kept.len() as u64);
        let trials = configurations.saturating_mul(u64::from(terms.replicates));
        if trials > MAX_TRIALS {
            return Err(SpecError::new(
                "space",
                format!("{trials} trials are more than the {MAX_TRIALS} one sweep may have"),
                "split the space into several sweeps",
            ));
        }
        Ok(Self {
            terms,
            kept,
            configurations,
        })
    }

    /// What the sweep was made from, in canonical form.
    #[must_use]
    pub const fn terms(&self) -> &SweepTerms {
        &self.terms
    }

    /// The sweep's identity: that of its content.
    #[must_use]
    pub fn id(&self) -> SweepId {
        SweepId(ContentKey::of(&self.terms))
    }

    /// Number of configurations.
    #[must_use]
    pub const fn configurations(&self) -> u64 {
        self.configurations
    }

    /// Number of trials.
    #[must_use]
    pub fn trials(&self) -> u64 {
        self.configurations * u64::from(self.terms.replicates)
    }

    /// The configuration at an index below [`Self::configurations`].
    #[must_use]
    pub fn configuration(&self, index: u64) -> ConfigurationSpec {
        let grid_index = self
            .kept
            .as_ref()
            .map_or(index, |kept| kept[as_index(index)]);
        point(&self.terms, grid_index).expect("every configuration was checked in `new`")
    }

    /// Where a trial stands: its configuration's index and its replicate.
    ///
    /// All configurations come once before any comes again, so that a sweep that is not finished
    /// already shows its whole space.
    #[must_use]
    pub const fn place(&self, trial_index: u64) -> (u64, u32) {
        assert!(trial_index < self.configurations * self.terms.replicates as u64);
        #[expect(clippy::cast_possible_truncation, reason = "below `replicates`, a u32")]
        let replicate = (trial_index / self.configurations) as u32;
        (trial_index % self.configurations, replicate)
    }

    /// The trial at an index below [`Self::trials`].
    #[must_use]
    pub fn trial(&self, trial_index: u64) -> TrialSpec {
        let (configuration, replicate) = self.place(trial_index);
        TrialSpec {
            configuration: self.configuration(configuration),
            seed: self.terms.seed,
            replicate,
        }
    }
}

fn check_terms(terms: &SweepTerms) -> Result<(), SpecError> {
    let refuse = |path, problem: String, hint| Err(SpecError::new(path, problem, hint));
    if terms.name.is_empty() || terms.name.len() > MAX_NAME_BYTES {
        return refuse("sweep.name", format!("{:?}", terms.name), "1 to 128 bytes");
    }
    if terms.name.chars().any(char::is_control) {
        return refuse(
            "sweep.name",
            format!("{:?}", terms.name),
            "no control characters",
        );
    }
    if !(1..=MAX_REPLICATES).contains(&terms.replicates) {
        let hint = "a whole number from 1 to 1000000";
        return refuse(
            "replicates.count",
            format!("{} is out of range", terms.replicates),
            hint,
        );
    }
    if !(terms.solved_threshold > 0.0 && terms.solved_threshold <= 1.0) {
        let problem = format!("{} is out of range", terms.solved_threshold);
        return refuse(
            "sweep.solved_threshold",
            problem,
            "a share above 0 and up to 1",
        );
    }
    for (path, count) in [
        ("limits.max_failures", terms.max_failures),
        ("limits.max_worker_losses", terms.max_worker_losses),
    ] {
        if !(1..=1_000).contains(&count) {
            return refuse(
                path,
                format!("{count} is out of range"),
                "a whole number from 1 to 1000",
            );
        }
    }
    Ok(())
}

fn admit_axes(axes: &mut [Axis]) -> Result<(), SpecError> {
    for index in 0..axes.len() {
        let (before, rest) = axes.split_at_mut(index);
        let axis = &mut rest[0];
        let path = format!("space.{}", axis.parameter);
        if before.iter().any(|other| other.parameter == axis.parameter) {
            return Err(SpecError::new(
                path,
                "stands twice",
                "give each parameter once",
            ));
        }
        if axis.values.is_empty() {
            return Err(SpecError::new(
                path,
                "has no values",
                "a list needs at least one value",
            ));
        }
        if axis.values.len() > MAX_AXIS_VALUES {
            let problem = format!("has {} values", axis.values.len());
            return Err(SpecError::new(
                path,
                problem,
                "an axis may have up to 100000",
            ));
        }
        for value in &mut axis.values {
            *value = axis.parameter.admit(value.clone())?;
        }
        check_distinct(&path, &axis.values)?;
    }
    Ok(())
}

fn check_distinct(path: &str, values: &[ParameterValue]) -> Result<(), SpecError> {
    let mut seen = std::collections::HashSet::with_capacity(values.len());
    match values.iter().find(|value| !seen.insert(value.to_string())) {
        None => Ok(()),
        Some(twice) => Err(SpecError::new(
            path,
            format!("{twice} stands twice"),
            "the same trial is never run twice; for more repetitions raise replicates.count",
        )),
    }
}

fn grid_size(axes: &[Axis]) -> Result<u64, SpecError> {
    let size = axes.iter().try_fold(1_u64, |size, axis| {
        size.checked_mul(axis.values.len() as u64)
    });
    size.filter(|&size| size <= MAX_TRIALS).ok_or_else(|| {
        SpecError::new(
            "space",
            format!("the grid has more than {MAX_TRIALS} configurations"),
            "split the space into several sweeps",
        )
    })
}

fn admit_exclusions(terms: &mut SweepTerms) -> Result<(), SpecError> {
    let SweepTerms {
        axes, exclusions, ..
    } = terms;
    if exclusions.len() > MAX_EXCLUSIONS {
        let problem = format!("{} rules", exclusions.len());
        return Err(SpecError::new("space.exclude", problem, "up to 1000 rules"));
    }
    for exclusion in exclusions {
        if exclusion.conditions.is_empty() {
            let hint = "name at least one parameter and its value";
            return Err(SpecError::new(
                "space.exclude",
                "an empty rule excludes everything",
                hint,
            ));
        }
        for condition in &mut exclusion.conditions {
            admit_condition(axes, condition)?;
        }
    }
    Ok(())
}

fn admit_condition(axes: &[Axis], condition: &mut Condition) -> Result<(), SpecError> {
    let Condition { parameter, values } = condition;
    let refuse = |problem: String, hint: &str| Err(SpecError::new("space.exclude", problem, hint));
    let Some(axis) = axes.iter().find(|axis| axis.parameter == *parameter) else {
        return refuse(
            format!("{parameter} is not swept"),
            "rules name parameters of [space]",
        );
    };
    for value in values {
        *value = parameter.admit(value.clone())?;
        if !axis.values.contains(value) {
            let problem = format!("{parameter} never is {value}");
            return refuse(
                problem,
                "a rule that matches nothing is most often a typing mistake",
            );
        }
    }
    Ok(())
}

/// The configuration at one point of the full grid.
fn point(terms: &SweepTerms, grid_index: u64) -> Result<ConfigurationSpec, SpecError> {
    let mut settings = terms.template.to_settings();
    for (axis, position) in terms.axes.iter().zip(positions(&terms.axes, grid_index)) {
        axis.parameter.set(&mut settings, &axis.values[position])?;
    }
    ConfigurationSpec::try_from(settings)
}

/// The position on every axis of a grid point: the index in mixed radix, last axis fastest.
fn positions(axes: &[Axis], grid_index: u64) -> Vec<usize> {
    let mut rest = grid_index;
    let mut positions = vec![0; axes.len()];
    for (axis, position) in axes.iter().zip(&mut positions).rev() {
        let values = axis.values.len() as u64;
        *position = as_index(rest % values);
        rest /= values;
    }
    positions
}

/// Checks every configuration and collects those that no exclusion matches.
fn kept(terms: &SweepTerms, grid: u64) -> Result<Option<Vec<u64>>, SpecError> {
    let mut kept = Vec::new();
    for grid_index in 0..grid {
        let positions = positions(&terms.axes, grid_index);
        if terms
            .exclusions
            .iter()
            .any(|rule| matches(rule, &terms.axes, &positions))
        {
            continue;
        }
        point(terms, grid_index)?;
        kept.push(grid_index);
    }
    if kept.is_empty() {
        let hint = "loosen the [[space.exclude]] rules";
        return Err(SpecError::new(
            "space.exclude",
            "the rules exclude every configuration",
            hint,
        ));
    }
    Ok((kept.len() as u64 != grid).then_some(kept))
}

fn matches(rule: &Exclusion, axes: &[Axis], positions: &[usize]) -> bool {
    rule.conditions.iter().all(|condition| {
        axes.iter().zip(positions).any(|(axis, &position)| {
            axis.parameter == condition.parameter
                && condition.values.contains(&axis.values[position])
        })
    })
}

fn as_index(value: u64) -> usize {
    usize::try_from(value).expect("sizes are bounded by MAX_TRIALS")
}
