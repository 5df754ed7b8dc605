//! The roles of a token.

use std::{fmt, str::FromStr};

/// What the holder of a token is. A submitter may do everything a viewer may; a worker is apart: it
/// trains and sees no sweep but through its leases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Looks at sweeps and changes nothing.
    Viewer,
    /// Looks at sweeps, submits and steers them.
    Submitter,
    /// Leases trials and reports what it measured.
    Worker,
}

/// A text that names no role.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no role\nhint: viewer, submitter or worker")]
pub struct UnknownRole(String);

impl Role {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Submitter, Self::Worker];

    /// Its name, in the database and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Submitter => "submitter",
            Self::Worker => "worker",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        let found = Self::ALL.into_iter().find(|role| role.name() == text);
        found.ok_or_else(|| UnknownRole(text.to_owned()))
    }
}
