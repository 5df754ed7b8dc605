//! What trials need of a worker besides a device. A worker says what it offers whenever it asks for
//! trials; the words are compared, and what they mean is between a sweep and its workers.

use std::fmt;

use crate::{setting::Setting, spec::ConfigurationSpec};

/// What trials need of a worker. Its text is what travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// It runs users' programs.
    Programs,
    /// It has the published stories with this SHA-256.
    Stories(String),
}

impl Need {
    /// What a configuration of the built-in training needs.
    #[must_use]
    pub fn of(configuration: &ConfigurationSpec) -> Option<Self> {
        let stories = configuration.get(Setting::STORIES)?.to_string();
        (!stories.is_empty()).then_some(Self::Stories(stories))
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Programs => f.write_str("programs"),
            Self::Stories(sha256) => write!(f, "stories:{sha256}"),
        }
    }
}
