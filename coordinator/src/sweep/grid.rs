//! The product of the axes: which point has which number, and which points no rule excludes.

use std::collections::HashMap;

use pondersweep_proto::{
    setting::{ParameterValue, Setting},
    spec::{ConfigurationSpec, SpecError},
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

/// The grid index of every point that no rule leaves out; `None` means all. Whether they can be is for
/// [`check`].
///
/// # Errors
/// There is none.
pub(super) fn kept(terms: &SweepTerms) -> Result<Option<Vec<u32>>, SpecError> {
    if terms.exclusions.is_empty() {
        return Ok(None);
    }
    let places = Places::of(&terms.axes);
    let compile = |rule| Rule::new(rule, &places, &terms.axes);
    let rules: Vec<Rule> = terms.exclusions.iter().map(compile).collect();
    let mut kept = Vec::new();
    visit(&terms.axes, |grid_index, positions| {
        if !rules.iter().any(|rule| rule.matches(positions)) {
            kept.push(grid_index);
        }
        Ok(())
    })?;
    if kept.is_empty() {
        let hint = "loosen the [[space.exclude]] rules";
        let problem = "the rules exclude every configuration";
        return Err(SpecError::new("space.exclude", problem, hint));
    }
    Ok(Some(kept))
}

/// Checks every configuration that is kept.
///
/// # Errors
/// The first that cannot be.
pub(super) fn check(terms: &SweepTerms, kept: Option<&[u32]>) -> Result<(), SpecError> {
    let mut parts = Parts::of(terms);
    let mut kept = kept.map(|kept| kept.iter().peekable());
    visit(&terms.axes, |grid_index, positions| {
        let is_kept = match &mut kept {
            None => true,
            Some(kept) => kept.next_if(|&&next| next == grid_index).is_some(),
        };
        if !is_kept || !parts.has_new(positions) {
            return Ok(());
        }
        let mut settings = terms.template.to_settings();
        for (axis, &position) in terms.axes.iter().zip(positions) {
            settings.set(axis.parameter, axis.values[position].clone())?;
        }
        ConfigurationSpec::try_from(settings).map(drop)
    })
}

/// How many combinations of values [`check`] has to look at, at most.
pub(super) fn combinations(terms: &SweepTerms) -> u64 {
    let stands_alone = |axis: &Axis| terms.template.table().stands_alone(axis.parameter);
    let (alone, together): (Vec<_>, Vec<_>) =
        terms.axes.iter().partition(|axis| stands_alone(axis));
    let length = |axis: &Axis| axis.values.len() as u64;
    let product = together
        .into_iter()
        .map(length)
        .fold(1, u64::saturating_mul);
    alone
        .into_iter()
        .map(length)
        .fold(product, u64::saturating_add)
}

/// Visits every point of the grid in its order: its index and its position on every axis.
fn visit(
    axes: &[Axis],
    mut arrive: impl FnMut(u32, &[usize]) -> Result<(), SpecError>,
) -> Result<(), SpecError> {
    let points = points(axes).and_then(|points| u32::try_from(points).ok());
    let mut positions = vec![0; axes.len()];
    for grid_index in 0..points.expect("sizes are bounded by MAX_TRIALS") {
        arrive(grid_index, &positions)?;
        for (axis, position) in axes.iter().zip(&mut positions).rev() {
            *position += 1;
            if *position < axis.values.len() {
                break;
            }
            *position = 0;
        }
    }
    Ok(())
}

/// What was met of the space. A configuration is valid if each value that stands alone is, and the
/// combination of all others: so tens of millions need not be checked one by one.
struct Parts {
    /// The axes that are checked together, and the factor of each in the number of a combination.
    together: Vec<(usize, usize)>,
    combinations: Vec<bool>,
    /// Each other axis, and which of its values were met.
    alone: Vec<(usize, Vec<bool>)>,
}

impl Parts {
    fn of(terms: &SweepTerms) -> Self {
        let (mut together, mut alone, mut combinations) = (Vec::new(), Vec::new(), 1);
        for (index, axis) in terms.axes.iter().enumerate() {
            if terms.template.table().stands_alone(axis.parameter) {
                alone.push((index, vec![false; axis.values.len()]));
            } else {
                together.push((index, combinations));
                combinations *= axis.values.len();
            }
        }
        Self {
            together,
            combinations: vec![false; combinations],
            alone,
        }
    }

    /// Whether something of a point was not met before.
    fn has_new(&mut self, positions: &[usize]) -> bool {
        let place = |&(axis, factor): &(usize, usize)| positions[axis] * factor;
        let combination = self.together.iter().map(place).sum::<usize>();
        let mut is_new = !std::mem::replace(&mut self.combinations[combination], true);
        for (axis, met) in &mut self.alone {
            is_new |= !std::mem::replace(&mut met[positions[*axis]], true);
        }
        is_new
    }
}

/// An exclusion in terms of positions, so that matching compares no values.
struct Rule {
    /// For each condition its axis and whether the value at each position on it matches.
    conditions: Vec<(usize, Vec<bool>)>,
}

impl Rule {
    fn new(rule: &Exclusion, places: &Places, axes: &[Axis]) -> Self {
        let compile = |condition: &super::Condition| {
            let find = |value| {
                let found = places.find(condition.parameter, value);
                found.expect("admitted rules name values of axes only")
            };
            let (axis, _) = find(&condition.values[0]);
            let mut matches = vec![false; axes[axis].values.len()];
            for value in &condition.values {
                matches[find(value).1] = true;
            }
            (axis, matches)
        };
        Self {
            conditions: rule.conditions.iter().map(compile).collect(),
        }
    }

    fn matches(&self, positions: &[usize]) -> bool {
        let mut conditions = self.conditions.iter();
        conditions.all(|(axis, matches)| matches[positions[*axis]])
    }
}

pub(super) fn as_index(value: u64) -> usize {
    usize::try_from(value).expect("sizes are bounded by MAX_TRIALS")
}
