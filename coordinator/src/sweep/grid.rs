//! The product of the axes: which point has which number, and which points no rule excludes.

use std::collections::HashMap;

use pondersweep_proto::{
    setting::{ParameterValue, Setting},
    spec::{ConfigurationSpec, Settings, SpecError},
};

use super::terms::{Axis, Exclusion, SweepTerms};

/// Where the values of the axes stand, to be looked up: a space may have a hundred thousand values, and
/// its rules as many.
pub(super) struct Places(HashMap<Setting, (usize, HashMap<String, usize>)>);

impl Places {
    /// Of these axes.
    pub(super) fn of(axes: &[Axis]) -> Self {
        let place = |(index, axis): (usize, &Axis)| {
            let values = axis.values.iter().map(ToString::to_string).zip(0..);
            (axis.parameter, (index, values.collect()))
        };
        Self(axes.iter().enumerate().map(place).collect())
    }

    /// Whether there is an axis of this parameter.
    pub(super) fn has_axis(&self, parameter: Setting) -> bool {
        self.0.contains_key(&parameter)
    }

    /// The axis of a parameter and the position of a value on it.
    pub(super) fn find(
        &self,
        parameter: Setting,
        value: &ParameterValue,
    ) -> Option<(usize, usize)> {
        let (axis, values) = self.0.get(&parameter)?;
        values
            .get(&value.to_string())
            .map(|&position| (*axis, position))
    }
}

/// Points of the full grid; `None` for more than can be counted.
pub(super) fn points(axes: &[Axis]) -> Option<u64> {
    axes.iter().try_fold(1_u64, |points, axis| {
        points.checked_mul(axis.values.len() as u64)
    })
}

/// The first configuration of the full grid.
///
/// # Errors
/// What is wrong with the combination.
pub(super) fn first(terms: &SweepTerms) -> Result<ConfigurationSpec, SpecError> {
    let mut settings = terms.template.to_settings();
    for (setting, value) in values(&terms.axes, 0) {
        settings.set(setting, value.clone())?;
    }
    settings.try_into()
}

/// What stands on every axis at a grid point.
pub(super) fn values(axes: &[Axis], grid_index: u64) -> Vec<(Setting, &ParameterValue)> {
    axes.iter()
        .zip(positions(axes, grid_index))
        .map(|(axis, position)| (axis.parameter, &axis.values[position]))
        .collect()
}

/// The position on every axis of a grid point: the index in mixed radix, last axis fastest.
pub(super) fn positions(axes: &[Axis], grid_index: u64) -> Vec<usize> {
    let mut rest = as_index(grid_index);
    let mut positions = vec![0; axes.len()];
    for (axis, position) in axes.iter().zip(&mut positions).rev() {
        *position = rest % axis.values.len();
        rest /= axis.values.len();
    }
    positions
}

/// Checks every configuration and returns the grid index of each that is kept; `None` means all.
pub(super) fn kept(terms: &SweepTerms) -> Result<Option<Vec<u32>>, SpecError> {
    let mut walk = Walk::new(terms);
    let mut positions = vec![0; terms.axes.len()];
    walk.visit(&terms.axes, &terms.template, &mut positions)?;
    if terms.exclusions.is_empty() {
        return Ok(None);
    }
    if walk.kept.is_empty() {
        let hint = "loosen the [[space.exclude]] rules";
        let problem = "the rules exclude every configuration";
        return Err(SpecError::new("space.exclude", problem, hint));
    }
    Ok(Some(walk.kept))
}

/// A walk over the whole grid in its order. It sets only what changes from one point to the next:
/// a million configurations are checked while the person waits.
struct Walk {
    rules: Vec<Rule>,
    /// Grid index of the next point; `MAX_TRIALS` fits.
    next: u32,
    /// Stays empty when there are no rules.
    kept: Vec<u32>,
}

impl Walk {
    fn new(terms: &SweepTerms) -> Self {
        let places = Places::of(&terms.axes);
        let compile = |rule| Rule::new(rule, &places);
        Self {
            rules: terms.exclusions.iter().map(compile).collect(),
            next: 0,
            kept: Vec::new(),
        }
    }

    /// Visits all points whose first axes are set in `settings` and `positions` already; `axes`
    /// are the remaining ones.
    fn visit(
        &mut self,
        axes: &[Axis],
        settings: &Settings,
        positions: &mut [usize],
    ) -> Result<(), SpecError> {
        let Some((axis, inner)) = axes.split_first() else {
            return self.arrive(settings, positions);
        };
        let depth = positions.len() - axes.len();
        for (position, value) in axis.values.iter().enumerate() {
            let mut settings = settings.clone();
            settings.set(axis.parameter, value.clone())?;
            positions[depth] = position;
            self.visit(inner, &settings, positions)?;
        }
        Ok(())
    }

    fn arrive(&mut self, settings: &Settings, positions: &[usize]) -> Result<(), SpecError> {
        let grid_index = self.next;
        self.next += 1;
        if self.rules.iter().any(|rule| rule.matches(positions)) {
            return Ok(());
        }
        ConfigurationSpec::try_from(settings.clone())?;
        if !self.rules.is_empty() {
            self.kept.push(grid_index);
        }
        Ok(())
    }
}

/// An exclusion in terms of positions, so that matching compares no values.
struct Rule {
    /// For each condition its axis and the positions on it that match, in order.
    conditions: Vec<(usize, Vec<usize>)>,
}

impl Rule {
    fn new(rule: &Exclusion, places: &Places) -> Self {
        let compile = |condition: &super::Condition| {
            let find = |value| {
                let found = places.find(condition.parameter, value);
                found.expect("admitted rules name values of axes only")
            };
            let (axes, mut positions): (Vec<_>, Vec<_>) = condition.values.iter().map(find).unzip();
            positions.sort_unstable();
            (axes[0], positions)
        };
        Self {
            conditions: rule.conditions.iter().map(compile).collect(),
        }
    }

    fn matches(&self, positions: &[usize]) -> bool {
        self.conditions
            .iter()
            .all(|(axis, matching)| matching.binary_search(&positions[*axis]).is_ok())
    }
}

pub(super) fn as_index(value: u64) -> usize {
    usize::try_from(value).expect("sizes are bounded by MAX_TRIALS")
}
