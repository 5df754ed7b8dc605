//! What a launch is called: the same command is the same launch, on whatever day it is given, so
//! that giving it again starts nothing twice.

use std::{fmt, str::FromStr};

use pondersweep_proto::id::hexadecimal;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::WorkerPlan;

/// Digits of the hash that names a launch: enough for the launches of one person.
const DIGITS: usize = 8;
/// A longer name makes paths that sockets cannot have.
const MAX_LENGTH: usize = 32;

/// The name of a launch: lower-case letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LaunchName(String);

/// Why a text names no launch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} cannot name a launch\n\
     hint: use up to {MAX_LENGTH} lower-case letters, digits and hyphens, but not `last`"
)]
pub struct NameError(String);

impl LaunchName {
    /// The name of a launch that was given none: a hash of what is started, and `how`.
    #[must_use]
    pub fn of(how: &[&str], worker: &WorkerPlan) -> Self {
        let mut hash = Sha256::new();
        for part in how
            .iter()
            .map(ToString::to_string)
            .chain(worker.arguments())
        {
            // With its length, so that no two lists hash alike.
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        let digits = hexadecimal(&hash.finalize());
        Self(digits[..DIGITS].to_owned())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LaunchName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for LaunchName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let fits = (1..=MAX_LENGTH).contains(&text.len())
            && !text.starts_with('-')
            && !text.ends_with('-');
        if fits && text != "last" && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(NameError(text.to_owned()))
        }
    }
}

impl TryFrom<String> for LaunchName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<LaunchName> for String {
    fn from(name: LaunchName) -> Self {
        name.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_command_is_the_same_launch_and_another_is_another() {
        let worker = WorkerPlan::for_coordinator("http://a:1");
        let name = LaunchName::of(&["ssh"], &worker);
        assert_eq!(name, LaunchName::of(&["ssh"], &worker.clone()));
        assert_eq!(name.as_str().parse(), Ok(name.clone()));
        assert_ne!(name, LaunchName::of(&["slurm"], &worker));
        let other = WorkerPlan::for_coordinator("http://b:1");
        assert_ne!(name, LaunchName::of(&["ssh"], &other));
    }

    #[test]
    fn names_that_would_be_read_as_something_else_are_refused() {
        for bad in ["", "last", "a/b", "..", "-x", "x-", "A", &"a".repeat(33)] {
            assert!(bad.parse::<LaunchName>().is_err(), "{bad}");
        }
    }
}
