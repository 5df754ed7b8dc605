//! The search space of a sweep file: for each parameter a list, a range or a single value.

use pondersweep_proto::setting::{ParameterValue, Setting, SettingTable};
use toml::{Spanned, de::DeValue};

use super::{Span, nearest, problem::Problem, range, section::Table, value::Typed};
use crate::sweep::{
    Axis,
    check::{REPEATED_HINT, first_repeated},
};

/// The key of the exclusion rules.
pub(super) const EXCLUDE: &str = "exclude";

/// An axis and where it stands.
pub(super) struct SpaceAxis {
    pub(super) parameter: Setting,
    pub(super) key: Span,
    /// Empty when they could not be read, which is reported.
    pub(super) values: Vec<(ParameterValue, Span)>,
}

impl SpaceAxis {
    pub(super) fn to_axis(&self) -> Axis {
        Axis {
            parameter: self.parameter,
            values: self.values.iter().map(|(value, _)| value.clone()).collect(),
        }
    }
}

/// The axes in the order of the file, and the exclusion rules, unread.
pub(super) fn read<'a, 'i>(
    text: &str,
    space: Option<&Table<'a, 'i>>,
    settings: &'static SettingTable,
    problems: &mut Vec<Problem>,
) -> (Vec<SpaceAxis>, Option<&'a Spanned<DeValue<'i>>>) {
    let (mut axes, mut rules) = (Vec::new(), None);
    for (key, value) in space.iter().flat_map(|space| space.keys) {
        let name = key.get_ref().as_ref();
        if name == EXCLUDE {
            rules = Some(value);
            continue;
        }
        let Ok(parameter) = settings.parameter(name) else {
            problems.push(unknown(settings, name, &key.span()));
            continue;
        };
        let typed = Typed {
            text,
            key: name,
            value,
            settings: Some(settings),
        };
        let values = read_values(parameter, &typed, &key.span());
        axes.push(SpaceAxis {
            parameter,
            key: key.span(),
            values: values.unwrap_or_else(|found| {
                problems.extend(found);
                Vec::new()
            }),
        });
    }
    (axes, rules)
}

/// A name that is no parameter's.
pub(super) fn unknown(settings: &SettingTable, name: &str, span: &Span) -> Problem {
    let names: Vec<_> = settings.parameters().map(|known| known.0.name).collect();
    let what = format!("{name} is not a parameter");
    Problem::at(span, what, nearest::hint(name, &names))
}

fn read_values(
    parameter: Setting,
    typed: &Typed<'_, '_>,
    key: &Span,
) -> Result<Vec<(ParameterValue, Span)>, Vec<Problem>> {
    let values = match typed.value.get_ref() {
        DeValue::Table(table) => range::read(parameter, typed, table).map_err(|p| vec![p])?,
        _ => read_list(parameter, typed)?,
    };
    if values.is_empty() {
        let what = format!("{parameter} has no values");
        let hint = "a list needs at least one value";
        return Err(vec![Problem::at(key, what, hint)]);
    }
    let plain: Vec<_> = values.iter().map(|(value, _)| value.clone()).collect();
    if let Some(index) = first_repeated(&plain) {
        let (value, span) = &values[index];
        let what = format!("{parameter} has the value {value} twice");
        return Err(vec![Problem::at(span, what, REPEATED_HINT)]);
    }
    Ok(values)
}

/// A list's elements, or the single value that stands for a list of one.
pub(super) fn read_list(
    parameter: Setting,
    typed: &Typed<'_, '_>,
) -> Result<Vec<(ParameterValue, Span)>, Vec<Problem>> {
    let elements = match typed.value.get_ref() {
        DeValue::Array(elements) => elements.iter().collect(),
        _ => vec![typed.value],
    };
    let (mut values, mut problems) = (Vec::new(), Vec::new());
    for value in elements {
        match (Typed { value, ..*typed }).read(parameter.kind) {
            Ok(read) => values.push((read, value.span())),
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() {
        Ok(values)
    } else {
        Err(problems)
    }
}
