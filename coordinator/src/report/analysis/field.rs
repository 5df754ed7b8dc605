//! One cell of an analysis: what it holds, and how people and programs read it.

use serde::Serialize;

use crate::report::number::significant;

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
}

/// Digits shown to people.
const DIGITS: usize = 3;

impl Field {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(super) const fn number(number: f64) -> Self {
        Self::Number(Some(number))
    }

    /// For people: a few digits, and a dash for nothing.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(count) => count.to_string(),
            Self::Number(Some(number)) => significant(*number, DIGITS),
            Self::Number(None) => "-".to_owned(),
        }
    }

    /// For programs: the shortest text that reads back as the same number, and an empty field.
    pub(super) fn exact(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Count(count) => count.to_string(),
            Self::Number(Some(number)) => number.to_string(),
            Self::Number(None) => String::new(),
        }
    }
}
