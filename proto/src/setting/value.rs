//! A value of a setting, as files, JSON and tables hold it.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

/// A value of a setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ParameterValue {
    /// Of a whole number, 0 or above.
    Integer(u64),
    /// Of a whole number below 0.
    Negative(i64),
    /// Of a number; never a negative zero, which is zero.
    Number(f64),
    /// Of a choice or a text.
    Choice(Arc<str>),
    /// Of a flag.
    Flag(bool),
}

impl ParameterValue {
    /// The value as JSON.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("numbers, names and flags")
    }
}

impl fmt::Display for ParameterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(value) => value.fmt(f),
            Self::Negative(value) => value.fmt(f),
            Self::Number(value) => value.fmt(f),
            Self::Choice(value) => value.fmt(f),
            Self::Flag(value) => value.fmt(f),
        }
    }
}

impl From<f64> for ParameterValue {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<u64> for ParameterValue {
    fn from(value: u64) -> Self {
        Self::Integer(value)
    }
}

impl From<u32> for ParameterValue {
    fn from(value: u32) -> Self {
        Self::Integer(value.into())
    }
}

impl From<i64> for ParameterValue {
    fn from(value: i64) -> Self {
        u64::try_from(value).map_or(Self::Negative(value), Self::Integer)
    }
}

impl From<&str> for ParameterValue {
    fn from(value: &str) -> Self {
        Self::Choice(value.into())
    }
}

impl From<bool> for ParameterValue {
    fn from(value: bool) -> Self {
        Self::Flag(value)
    }
}
