//! One field of a table: what it holds, how people read it, and how programs do. Every format shows
//! a field by [`Field::shown`], so no two formats can show different numbers.

use serde::Serialize;

use super::number::significant;
use crate::statistics::Interval;

/// A field of a row.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Field {
    /// Words.
    Text(String),
    /// A count.
    Count(u64),
    /// A number; `None` where there is none.
    Number(Option<f64>),
    /// A number with its interval.
    Estimate(ShownEstimate),
    /// A share of a count, with its interval.
    Share(ShownShare),
}

/// A number with its interval, and the decimals it is known to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ShownEstimate {
    /// The number; `None` where there is none.
    pub value: Option<f64>,
    /// Its interval, if it has one.
    pub interval: Option<Interval>,
    /// Decimals that people are shown.
    pub decimals: usize,
}

/// `part` of `whole`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ShownShare {
    /// Trials that did.
    pub part: u64,
    /// Trials that could have.
    pub whole: u64,
    /// The share's interval; `None` where `whole` is 0.
    pub interval: Option<Interval>,
}

/// Digits of a plain number shown to people.
const DIGITS: usize = 3;

/// What stands where there is no number.
const NOTHING: &str = "-";

impl Field {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) const fn number(number: f64) -> Self {
        Self::Number(Some(number))
    }

    pub(super) const fn estimate(
        value: Option<f64>,
        interval: Option<Interval>,
        decimals: usize,
    ) -> Self {
        Self::Estimate(ShownEstimate {
            value,
            interval,
            decimals,
        })
    }

    /// For people: a few digits, and a dash for nothing.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(count) => count.to_string(),
            Self::Number(Some(number)) => significant(*number, DIGITS),
            Self::Number(None) => NOTHING.to_owned(),
            Self::Estimate(estimate) => estimate.shown(),
            Self::Share(share) => share.shown(),
        }
    }

    /// The columns of a file for programs that hold this field, after the name of its own column.
    #[must_use]
    pub const fn parts(&self) -> &'static [&'static str] {
        match self {
            Self::Text(_) | Self::Count(_) | Self::Number(_) => &[""],
            Self::Estimate(_) => &["", "_lower", "_upper"],
            Self::Share(_) => &["", "_of", "_share_lower", "_share_upper"],
        }
    }

    /// For programs: a text for each of its parts, the shortest that reads back as the same number.
    #[must_use]
    pub fn exact(&self) -> Vec<String> {
        match self {
            Self::Text(text) => vec![text.clone()],
            Self::Count(count) => vec![count.to_string()],
            Self::Number(value) => vec![exact(*value)],
            Self::Estimate(estimate) => {
                let [lower, upper] = ends(estimate.interval);
                vec![exact(estimate.value), lower, upper]
            }
            Self::Share(share) => {
                let [lower, upper] = ends(share.interval);
                vec![
                    share.part.to_string(),
                    share.whole.to_string(),
                    lower,
                    upper,
                ]
            }
        }
    }
}

impl ShownEstimate {
    /// `0.974 [0.964, 0.983]`.
    fn shown(&self) -> String {
        let Self {
            value,
            interval,
            decimals,
        } = *self;
        let Some(value) = value else {
            return NOTHING.to_owned();
        };
        let interval = interval.map(|interval| format!(" {}", bracketed(interval, decimals)));
        format!("{value:.decimals$}{}", interval.unwrap_or_default())
    }
}

impl ShownShare {
    /// `9/10 = 0.90 [0.60, 0.98]`.
    fn shown(&self) -> String {
        let Self { part, whole, .. } = self;
        let Some(interval) = self.interval else {
            return NOTHING.to_owned();
        };
        let share = *part as f64 / *whole as f64;
        format!("{part}/{whole} = {share:.2} {}", bracketed(interval, 2))
    }
}

fn bracketed(Interval { lower, upper }: Interval, decimals: usize) -> String {
    format!("[{lower:.decimals$}, {upper:.decimals$}]")
}

/// Nothing where there is no number.
fn exact(number: Option<f64>) -> String {
    number.map_or_else(String::new, |number| number.to_string())
}

fn ends(interval: Option<Interval>) -> [String; 2] {
    [
        exact(interval.map(|interval| interval.lower)),
        exact(interval.map(|interval| interval.upper)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Option<Interval> = Some(Interval {
        lower: 0.25,
        upper: 0.5,
    });

    #[test]
    fn a_field_is_short_for_people_and_exact_for_programs() {
        let estimate = Field::estimate(Some(1.0 / 3.0), INTERVAL, 2);
        assert_eq!(estimate.shown(), "0.33 [0.25, 0.50]");
        assert_eq!(estimate.exact(), ["0.3333333333333333", "0.25", "0.5"]);
        let share = Field::Share(ShownShare {
            part: 1,
            whole: 3,
            interval: INTERVAL,
        });
        assert_eq!(share.shown(), "1/3 = 0.33 [0.25, 0.50]");
        assert_eq!(share.exact(), ["1", "3", "0.25", "0.5"]);
    }

    #[test]
    fn every_field_has_a_text_for_each_of_its_parts() {
        for field in [
            Field::text("words"),
            Field::Count(3),
            Field::Number(None),
            Field::estimate(None, None, 3),
            Field::Share(ShownShare {
                part: 0,
                whole: 0,
                interval: None,
            }),
        ] {
            assert_eq!(field.exact().len(), field.parts().len(), "{field:?}");
        }
    }
}
