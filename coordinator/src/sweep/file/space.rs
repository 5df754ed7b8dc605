//! The table `[space]`: parameters with their values, and what is left out of their product.

use std::ops::Range;

use pondersweep_proto::{
    limit::MAX_AXIS_VALUES,
    parameter::{Parameter, ParameterKind, ParameterValue},
};
use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

use super::{
    super::{Axis, Condition, Exclusion},
    error::Fault,
    place::nearest,
};

/// Decimal digits kept of computed values, so that 0.1, 0.2, ... are what a person would type.
const SIGNIFICANT_DIGITS: usize = 12;

/// The search space of a file.
#[derive(Debug, Default)]
pub(super) struct Space {
    pub(super) axes: Vec<Axis>,
    pub(super) exclusions: Vec<Exclusion>,
    spans: Vec<(Parameter, Range<usize>)>,
}

impl Space {
    /// The first value of every axis as TOML text.
    pub(super) fn first_values(&self) -> Vec<(Parameter, String)> {
        let first = |axis: &Axis| {
            let text = match &axis.values[0] {
                ParameterValue::Choice(name) => format!("{name:?}"),
                ParameterValue::Number(number) => format!("{number:?}"),
                ParameterValue::Integer(whole) => whole.to_string(),
            };
            (axis.parameter, text)
        };
        self.axes.iter().map(first).collect()
    }

    /// Where an axis stands.
    pub(super) fn span_of(&self, parameter: Parameter) -> Range<usize> {
        let found = self.spans.iter().find(|(other, _)| *other == parameter);
        found.map_or(0..0, |(_, span)| span.clone())
    }
}

/// Reads `[space]`; a file without one has a single configuration.
pub(super) fn read(document: &DeTable<'_>) -> Result<Space, Fault> {
    let mut space = Space::default();
    let Some(table) = document
        .get("space")
        .and_then(|value| value.get_ref().as_table())
    else {
        return Ok(space);
    };
    for (key, value) in table {
        if key.get_ref() == "exclude" {
            space.exclusions = exclusions(value)?;
            continue;
        }
        let parameter = parameter(key.get_ref(), key.span())?;
        let values = values(parameter, value)?;
        space.axes.push(Axis { parameter, values });
        space.spans.push((parameter, value.span()));
    }
    Ok(space)
}

fn parameter(name: &str, span: Range<usize>) -> Result<Parameter, Fault> {
    name.parse::<Parameter>().map_err(|error| {
        let names = Parameter::ALL.iter().map(|parameter| parameter.name());
        let meant = nearest(name, names).map(|meant| format!("did you mean {meant}?"));
        Fault::new(span, error.problem, meant.unwrap_or(error.hint))
    })
}

fn values(
    parameter: Parameter,
    value: &Spanned<DeValue<'_>>,
) -> Result<Vec<ParameterValue>, Fault> {
    match value.get_ref() {
        DeValue::Array(list) if list.is_empty() => {
            let problem = format!("{parameter} has no values");
            Err(Fault::new(
                value.span(),
                problem,
                "a list needs at least one value",
            ))
        }
        DeValue::Array(list) => list
            .iter()
            .map(|element| scalar(parameter, element))
            .collect(),
        DeValue::Table(table) => spaced(parameter, table, value.span()),
        _ => Ok(vec![scalar(parameter, value)?]),
    }
}

/// One value of a parameter.
fn scalar(parameter: Parameter, value: &Spanned<DeValue<'_>>) -> Result<ParameterValue, Fault> {
    let wrong = |hint: String| {
        let kind = value.get_ref().type_str();
        Fault::new(
            value.span(),
            format!("{parameter} cannot be a TOML {kind}"),
            hint,
        )
    };
    let expected = || match parameter.kind() {
        ParameterKind::Number => "a number, without quotes".to_owned(),
        ParameterKind::Integer => "a whole number, without quotes".to_owned(),
        ParameterKind::Choice(names) => format!("one of {}", names.join(", ")),
    };
    let plain = match value.get_ref() {
        DeValue::Integer(_) | DeValue::Float(_) => {
            let number = number(value).ok_or_else(|| wrong(expected()))?;
            whole(value).map_or(ParameterValue::Number(number), ParameterValue::Integer)
        }
        DeValue::String(text) => ParameterValue::Choice(text.to_string()),
        _ => return Err(wrong(expected())),
    };
    parameter
        .admit(plain)
        .map_err(|error| Fault::new(value.span(), error.problem, error.hint))
}

fn number(value: &Spanned<DeValue<'_>>) -> Option<f64> {
    match value.get_ref() {
        DeValue::Float(float) => float.as_str().replace('_', "").parse().ok(),
        DeValue::Integer(integer) => integer.as_str().replace('_', "").parse().ok(),
        _ => None,
    }
}

fn whole(value: &Spanned<DeValue<'_>>) -> Option<u64> {
    let integer = value.get_ref().as_integer()?;
    u64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok()
}

/// `{ linspace = [first, last, count] }` or `{ logspace = [first, last, count] }`, ends included.
fn spaced(
    parameter: Parameter,
    table: &DeTable<'_>,
    span: Range<usize>,
) -> Result<Vec<ParameterValue>, Fault> {
    let form = "{ linspace = [first, last, count] }, { logspace = [first, last, count] } or a list";
    let wrong = |span: Range<usize>| Fault::new(span, format!("{parameter} cannot be this"), form);
    let (Some((key, value)), 1) = (table.iter().next(), table.len()) else {
        return Err(wrong(span));
    };
    let ends = value
        .get_ref()
        .as_array()
        .and_then(ends)
        .ok_or_else(|| wrong(value.span()))?;
    let (first, last, count) = ends;
    if !(1..=MAX_AXIS_VALUES as u64).contains(&count) {
        let hint = format!("the third number counts the values, from 1 to {MAX_AXIS_VALUES}");
        return Err(Fault::new(
            value.span(),
            format!("{count} values of {parameter}"),
            hint,
        ));
    }
    let at = |share: f64| match key.get_ref().as_ref() {
        "linspace" => Some(first + (last - first) * share),
        "logspace" if first > 0.0 && last > 0.0 => Some(first * (last / first).powf(share)),
        _ => None,
    };
    let steps = (count - 1).max(1);
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    let share = |step: u64| step as f64 / steps as f64;
    (0..count)
        .map(|step| {
            let number = rounded(at(share(step)).ok_or_else(|| wrong(key.span()))?);
            admit_number(parameter, number, value.span())
        })
        .collect()
}

fn ends(array: &DeArray<'_>) -> Option<(f64, f64, u64)> {
    let [first, last, count] = [array.get(0)?, array.get(1)?, array.get(2)?];
    if array.len() != 3 {
        return None;
    }
    let (first, last) = (number(first)?, number(last)?);
    (first.is_finite() && last.is_finite()).then_some((first, last, whole(count)?))
}

fn rounded(number: f64) -> f64 {
    let text = format!("{number:.*e}", SIGNIFICANT_DIGITS - 1);
    text.parse().expect("a formatted number is a number")
}

fn admit_number(
    parameter: Parameter,
    number: f64,
    span: Range<usize>,
) -> Result<ParameterValue, Fault> {
    let is_whole = number.fract() == 0.0 && (0.0..1e15).contains(&number);
    let value = match parameter.kind() {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked"
        )]
        ParameterKind::Integer if is_whole => ParameterValue::Integer(number as u64),
        _ => ParameterValue::Number(number),
    };
    parameter
        .admit(value)
        .map_err(|error| Fault::new(span, error.problem, error.hint))
}

fn exclusions(value: &Spanned<DeValue<'_>>) -> Result<Vec<Exclusion>, Fault> {
    let wrong = |span: Range<usize>| {
        let hint = "write each rule as [[space.exclude]] and lines such as beta = 0.1 below it";
        Fault::new(span, "exclude is not a list of rules", hint)
    };
    let rules = value
        .get_ref()
        .as_array()
        .ok_or_else(|| wrong(value.span()))?;
    let rule = |rule: &Spanned<DeValue<'_>>| {
        let table = rule
            .get_ref()
            .as_table()
            .ok_or_else(|| wrong(rule.span()))?;
        let conditions: Result<Vec<Condition>, Fault> = table
            .iter()
            .map(|(key, value)| {
                let parameter = parameter(key.get_ref(), key.span())?;
                Ok(Condition {
                    parameter,
                    values: values(parameter, value)?,
                })
            })
            .collect();
        Ok(Exclusion {
            conditions: conditions?,
        })
    };
    rules.iter().map(rule).collect()
}
