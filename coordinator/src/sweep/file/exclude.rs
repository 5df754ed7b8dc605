//! The `[[space.exclude]]` rules of a sweep file.

use std::borrow::Cow;

use pondersweep_proto::setting::SettingTable;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    explain,
    problem::Problem,
    space::{self, SpaceAxis},
    value::Typed,
};
use crate::sweep::{
    Axis, Condition, Exclusion,
    check::{admit_condition, admit_exclusion},
    grid::Places,
};

/// The rules, checked against the axes.
pub(super) fn read(
    text: &str,
    rules: Option<&Spanned<DeValue<'_>>>,
    settings: &'static SettingTable,
    axes: &[SpaceAxis],
) -> Result<Vec<Exclusion>, Vec<Problem>> {
    let Some(rules) = rules else {
        return Ok(Vec::new());
    };
    let axes: Vec<Axis> = axes.iter().map(SpaceAxis::to_axis).collect();
    let places = Places::of(&axes);
    let not_rules = || {
        let what = "exclude is not a list of rules";
        let hint = "write [[space.exclude]] on a line of its own, the rule's keys below";
        vec![Problem::at(&rules.span(), what, hint)]
    };
    let rules = rules.get_ref().as_array().ok_or_else(not_rules)?;
    let (mut exclusions, mut problems) = (Vec::new(), Vec::new());
    for rule in rules {
        let keys = rule.get_ref().as_table().ok_or_else(not_rules)?;
        match read_rule(text, rule, keys, settings, &places) {
            Ok(exclusion) => exclusions.push(exclusion),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() {
        Ok(exclusions)
    } else {
        Err(problems)
    }
}

fn read_rule(
    text: &str,
    rule: &Spanned<DeValue<'_>>,
    keys: &DeTable<'_>,
    settings: &'static SettingTable,
    places: &Places,
) -> Result<Exclusion, Vec<Problem>> {
    let mut conditions = Vec::new();
    for (key, value) in keys {
        conditions.push(read_condition(text, key, value, settings, places)?);
    }
    let mut exclusion = Exclusion { conditions };
    admit_exclusion(places, &mut exclusion)
        .map_err(|error| vec![explain(&error, Some(rule.span()))])?;
    Ok(exclusion)
}

fn read_condition(
    text: &str,
    key: &Spanned<Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
    settings: &'static SettingTable,
    places: &Places,
) -> Result<Condition, Vec<Problem>> {
    let name = key.get_ref().as_ref();
    let parameter = settings
        .parameter(name)
        .map_err(|_| vec![space::unknown(settings, name, &key.span())])?;
    let typed = Typed {
        text,
        key: name,
        value,
        settings: Some(settings),
    };
    let mut condition = Condition {
        parameter,
        values: Vec::new(),
    };
    let is_swept = places.has_axis(parameter);
    // One value at a time, to point at the one that the axis does not have.
    for (value, span) in space::read_list(parameter, &typed)? {
        let mut one = Condition {
            parameter,
            values: vec![value],
        };
        let span = if is_swept { span } else { key.span() };
        admit_condition(places, &mut one).map_err(|error| vec![explain(&error, Some(span))])?;
        condition.values.append(&mut one.values);
    }
    admit_condition(places, &mut condition)
        .map_err(|error| vec![explain(&error, Some(key.span()))])?;
    Ok(condition)
}
