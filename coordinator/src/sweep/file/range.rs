//! `{ linspace = [first, last, count] }` and `{ logspace = [first, last, count] }`: evenly spaced
//! values, in the number or in its logarithm, both ends included.

use pondersweep_proto::{
    limit::MAX_AXIS_VALUES,
    setting::{Kind, ParameterValue, Setting},
};
use toml::de::{DeTable, DeValue};

use super::{Span, problem::Problem, value::Typed};
use crate::sweep::check::first_repeated;

const FORMS: &str = "{ linspace = [first, last, count] } or { logspace = [first, last, count] }";

/// The values of a range, each with the place that makes it: the ends their own, all others the
/// whole range.
pub(super) fn read(
    parameter: Setting,
    typed: &Typed<'_, '_>,
    table: &DeTable<'_>,
) -> Result<Vec<(ParameterValue, Span)>, Problem> {
    if !parameter.is_ordered() {
        let what = format!("{parameter} cannot be a range");
        let hint = match parameter.kind {
            Kind::Choice(names) => format!("a list of {}", names.join(", ")),
            _ => "a list of its values".into(),
        };
        return Err(Problem::at(&typed.span(), what, hint));
    }
    let is_one = table.len() == 1;
    let (form, ends) = table.iter().next().filter(|_| is_one).ok_or_else(|| {
        let what = format!("the range of {parameter} has not exactly one form");
        Problem::at(&typed.span(), what, FORMS)
    })?;
    let space = match form.get_ref().as_ref() {
        "linspace" => linear,
        "logspace" => geometric,
        other => {
            let what = format!("unknown range {other}");
            return Err(Problem::at(&form.span(), what, FORMS));
        }
    };
    let ends = Typed {
        value: ends,
        ..*typed
    };
    let range = Ends::read(&ends)?;
    if form.get_ref() == "logspace" && (range.first <= 0.0 || range.last <= 0.0) {
        return Err(ends.wrong("cannot be spaced by logarithm", "both ends lie above 0"));
    }
    let last = range.count - 1;
    let value = |index| {
        let (number, span) = match index {
            0 => (range.first, &range.first_span),
            _ if index == last => (range.last, &range.last_span),
            _ => (space(&range, index), &range.span),
        };
        Ok((of_kind(parameter, number, span)?, span.clone()))
    };
    let values: Vec<_> = (0..range.count).map(value).collect::<Result<_, _>>()?;
    let plain: Vec<_> = values.iter().map(|(value, _)| value.clone()).collect();
    if let Some(index) = first_repeated(&plain) {
        let what = format!("has the value {} twice", plain[index]);
        let hint = "its ends are too close for that number of values, of twelve digits each";
        return Err(ends.wrong(&what, hint));
    }
    Ok(values)
}

struct Ends {
    first: f64,
    last: f64,
    /// From 2.
    count: usize,
    span: Span,
    first_span: Span,
    last_span: Span,
}

impl Ends {
    fn read(typed: &Typed<'_, '_>) -> Result<Self, Problem> {
        let elements: Vec<_> = match typed.value.get_ref() {
            DeValue::Array(elements) => elements.iter().collect(),
            _ => Vec::new(),
        };
        let &[first, last, count] = elements.as_slice() else {
            return Err(typed.wrong("is not [first, last, count]", FORMS));
        };
        let element = |value| Typed { value, ..*typed };
        let range = Self {
            first: element(first).number()?,
            last: element(last).number()?,
            count: count_of(&Typed {
                key: "count",
                ..element(count)
            })?,
            span: typed.span(),
            first_span: first.span(),
            last_span: last.span(),
        };
        if range.first.total_cmp(&range.last).is_eq() {
            return Err(typed.wrong("starts and ends at the same value", "write the value alone"));
        }
        Ok(range)
    }
}

fn count_of(typed: &Typed<'_, '_>) -> Result<usize, Problem> {
    let count = usize::try_from(typed.whole()?).unwrap_or(usize::MAX);
    if (2..=MAX_AXIS_VALUES).contains(&count) {
        return Ok(count);
    }
    let hint = format!("a range has 2 to {MAX_AXIS_VALUES} values, both ends among them");
    Err(typed.wrong("is out of range", hint))
}

fn linear(range: &Ends, index: usize) -> f64 {
    let share = index as f64 / (range.count - 1) as f64;
    let scale = range.first.abs().max(range.last.abs());
    round(range.first * (1.0 - share) + range.last * share, scale)
}

fn geometric(range: &Ends, index: usize) -> f64 {
    let share = index as f64 / (range.count - 1) as f64;
    let value = range.first.ln() * (1.0 - share) + range.last.ln() * share;
    round(value.exp(), 0.0)
}

/// Rounds to twelve significant digits, so that 0.1 to 0.9 in nine steps has the 0.3 that people
/// type and not 0.30000000000000004. What is tiny relative to `scale` is zero.
fn round(value: f64, scale: f64) -> f64 {
    if value.abs() < scale * 1e-12 {
        return 0.0;
    }
    format!("{value:.11e}")
        .parse()
        .expect("a formatted number is a number")
}

fn of_kind(parameter: Setting, number: f64, span: &Span) -> Result<ParameterValue, Problem> {
    let (least, most) = match parameter.kind {
        Kind::Integer { .. } => (0.0, u64::MAX as f64),
        Kind::Whole => (i64::MIN as f64, i64::MAX as f64),
        _ => return Ok(number.into()),
    };
    let fits = (least..=most).contains(&number);
    if number.fract() != 0.0 {
        let what = format!("{parameter} = {number} is not a whole number");
        let hint = "choose the count so that every value is whole, or list the values";
        return Err(Problem::at(span, what, hint));
    }
    if !fits {
        let what = format!("{parameter} = {number} is out of range");
        return Err(Problem::at(span, what, parameter.kind.to_string()));
    }
    match parameter.kind {
        Kind::Whole => Ok((number as i64).into()),
        _ => Ok(ParameterValue::Integer(number as u64)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ends(first: f64, last: f64, count: usize) -> Ends {
        Ends {
            first,
            last,
            count,
            span: 0..0,
            first_span: 0..0,
            last_span: 0..0,
        }
    }

    #[test]
    fn evenly_spaced_values_are_the_decimals_people_type() {
        let range = ends(0.1, 0.9, 9);
        let values: Vec<f64> = (0..9).map(|index| linear(&range, index)).collect();
        assert_eq!(values, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]);
        let around_zero = ends(-0.3, 0.3, 7);
        assert_eq!(linear(&around_zero, 3), 0.0);
        // The paper's grid of tau.
        let tau = ends(2e-4, 2e-2, 19);
        assert_eq!(linear(&tau, 1), 0.0013);
    }

    #[test]
    fn geometric_values_have_a_constant_ratio() {
        let range = ends(1e-4, 1e-1, 4);
        let values: Vec<f64> = (0..4).map(|index| geometric(&range, index)).collect();
        assert_eq!(values, [1e-4, 1e-3, 1e-2, 1e-1]);
        assert_eq!(geometric(&ends(32.0, 256.0, 4), 1), 64.0);
    }

    proptest! {
        #[test]
        fn a_range_runs_from_its_first_to_its_last_value_in_equal_steps(
            first in -100.0..100.0_f64, step in 0.01..10.0_f64, count in 2..50_usize,
        ) {
            let range = ends(first, first + step * (count - 1) as f64, count);
            for index in 1..count {
                let gap = linear(&range, index) - linear(&range, index - 1);
                prop_assert!((gap - step).abs() < 1e-8, "{gap} instead of {step}");
            }
        }
    }
}
