//! Numbers as people read them. Files for programs carry full precision instead.

use std::collections::HashSet;

use pondersweep_proto::setting::ParameterValue;

/// Digits that tell the values of an axis apart in nearly every sweep, and that hide the
/// `0.30000000000000004` of an evenly spaced grid.
const LABEL_DIGITS: usize = 6;

/// More make no difference to a number, and with so many it is written as shortly as it can be told from
/// all others: 0.3 stays 0.3.
const MAX_DIGITS: usize = 17;

/// The label of every value of an axis: short, and different wherever the values are.
pub(super) fn labels(values: &[ParameterValue]) -> Vec<String> {
    let exact = || values.iter().map(ToString::to_string).collect();
    let mut distinct =
        (LABEL_DIGITS..=MAX_DIGITS).filter_map(|digits| distinct_labels(values, digits));
    distinct.next().unwrap_or_else(exact)
}

/// Labels of that many digits, unless two of them would be the same.
fn distinct_labels(values: &[ParameterValue], digits: usize) -> Option<Vec<String>> {
    let texts: Vec<String> = values
        .iter()
        .map(|value| rounded_label(value, digits))
        .collect();
    let distinct: HashSet<&String> = texts.iter().collect();
    (distinct.len() == texts.len()).then_some(texts)
}

/// The labels with as many digits as fit; at least three, so they may not fit after all.
pub(super) fn labels_that_fit(
    values: &[ParameterValue],
    fits: impl Fn(&str) -> bool,
) -> Vec<String> {
    let shorter = (3..LABEL_DIGITS)
        .rev()
        .map(|digits| distinct_labels(values, digits));
    let candidates = std::iter::once(Some(labels(values))).chain(shorter);
    let mut fitting = candidates
        .flatten()
        .filter(|texts| texts.iter().all(|text| fits(text)));
    fitting.next().unwrap_or_else(|| labels(values))
}

/// The label of a value of an axis that has these: different from that of any other.
pub(super) fn label_among(value: &ParameterValue, values: &[ParameterValue]) -> String {
    match values.iter().position(|other| other == value) {
        Some(position) => labels(values).swap_remove(position),
        None => label(value),
    }
}

/// A value's label on its own.
pub(super) fn label(value: &ParameterValue) -> String {
    rounded_label(value, LABEL_DIGITS)
}

fn rounded_label(value: &ParameterValue, digits: usize) -> String {
    match value {
        ParameterValue::Number(number) if digits == MAX_DIGITS => shortest(*number),
        ParameterValue::Number(number) => significant(*number, digits),
        _ => value.to_string(),
    }
}

fn shortest(number: f64) -> String {
    let scientific = format!("{number:e}");
    let digits = scientific.bytes().take_while(|&byte| byte != b'e');
    significant(number, digits.filter(u8::is_ascii_digit).count().max(1))
}

/// The number with up to this many significant digits, without trailing zeros; very small and very
/// large ones in powers of ten.
pub(super) fn significant(number: f64, digits: usize) -> String {
    if number == 0.0 || !number.is_finite() {
        return number.to_string().replace("-0", "0");
    }
    let scientific = format!("{number:.*e}", digits - 1);
    let (mantissa, exponent) = scientific
        .split_once('e')
        .expect("scientific notation has an exponent");
    let exponent: i32 = exponent.parse().expect("exponents are whole numbers");
    if (-4..7).contains(&exponent) {
        let last_digit = i32::try_from(digits).unwrap_or(i32::MAX) - 1 - exponent;
        let decimals = usize::try_from(last_digit).unwrap_or(0);
        trimmed(&format!("{number:.decimals$}")).to_owned()
    } else {
        format!("{}e{exponent}", trimmed(mantissa))
    }
}

fn trimmed(decimal: &str) -> &str {
    if decimal.contains('.') {
        decimal.trim_end_matches('0').trim_end_matches('.')
    } else {
        decimal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_short_as_their_digits_allow() {
        for (number, expected) in [
            (0.1 + 0.2, "0.3"),
            (0.0002, "0.0002"),
            (3e-5, "3e-5"),
            (0.0013 + 1e-18, "0.0013"),
            (20.0, "20"),
            (1_500_000.0, "1500000"),
            (2.5e9, "2.5e9"),
            (-0.05, "-0.05"),
            (0.0, "0"),
        ] {
            assert_eq!(significant(number, 6), expected);
        }
    }

    #[test]
    fn labels_lose_digits_before_they_lose_their_difference() {
        let thirds = [1.0 / 3.0, 2.0 / 3.0].map(ParameterValue::Number);
        let within = |length| labels_that_fit(&thirds, |text| text.len() <= length);
        assert_eq!(within(9), ["0.333333", "0.666667"]);
        assert_eq!(within(6), ["0.3333", "0.6667"]);
        assert_eq!(within(1), ["0.333333", "0.666667"]);
    }

    #[test]
    fn values_that_differ_never_share_a_label() {
        let close = [0.1, 0.100_000_000_1].map(ParameterValue::Number);
        assert_eq!(labels(&close), ["0.1", "0.1000000001"]);
        let closest = [0.3, 0.1 + 0.2, 0.5].map(ParameterValue::Number);
        assert_eq!(labels(&closest), ["0.3", "0.30000000000000004", "0.5"]);
        assert_eq!(label_among(&closest[1], &closest), "0.30000000000000004");
        let even = [0.1, 0.1 + 0.2].map(ParameterValue::Number);
        assert_eq!(labels(&even), ["0.1", "0.3"]);
        assert_eq!(label_among(&even[1], &even), "0.3");
    }
}
