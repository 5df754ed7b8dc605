//! Where a command finds its sweeps: in a database, or with a running coordinator. A flag beats the
//! environment, the environment beats `results.db` in this folder, and every command looks in this order.
//! It opens neither.

use std::{
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
};

use clap::Args;
use pondersweep_worker::{
    say,
    trust::{Trust, TrustArgs, TrustError},
};

/// The database unless another is named.
pub(super) const DEFAULT_DATABASE: &str = "results.db";
/// Names the database where no flag does.
pub(super) const DATABASE_VARIABLE: &str = "PONDERSWEEP_DB";
/// Names the coordinator where no flag does; it beats the other.
const COORDINATOR_VARIABLE: &str = "PONDERSWEEP_COORDINATOR";

/// Names a database that a command reads or serves by itself.
#[derive(Clone, Debug, Args)]
pub(super) struct DatabaseArgs {
    /// The results database
    #[arg(long, env = DATABASE_VARIABLE, default_value = DEFAULT_DATABASE, value_name = "PATH")]
    pub(super) db: PathBuf,
}

// No `env` of clap's: to it a variable contradicts a flag, here the flag wins.
/// Names a database or a coordinator.
#[derive(Clone, Debug, Args)]
pub(super) struct PlaceArgs {
    /// The results database [env: PONDERSWEEP_DB] [default: results.db]
    #[arg(long, value_name = "PATH")]
    db: Option<PathBuf>,
    /// The running coordinator at this address, instead of a database [env: PONDERSWEEP_COORDINATOR]
    #[arg(long, value_name = "URL", conflicts_with = "db")]
    coordinator: Option<String>,
    #[command(flatten)]
    trust: TrustArgs,
}

/// Where the sweeps are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Database(PathBuf),
    Coordinator(String),
}

/// Who said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SaidBy {
    Flag,
    Variable,
    Nothing,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(path) => path.display().fmt(f),
            Self::Coordinator(url) => f.write_str(url),
        }
    }
}

impl PlaceArgs {
    /// The place, and who said so. A coordinator that only the environment names is told where a database
    /// could have been meant.
    pub(super) fn choose(&self) -> (Place, SaidBy) {
        let (place, said_by) = self.choose_with(variable);
        if let (Place::Coordinator(url), SaidBy::Variable) = (&place, said_by)
            && (variable(DATABASE_VARIABLE).is_some() || Path::new(DEFAULT_DATABASE).exists())
        {
            say!("asking {url}, which {COORDINATOR_VARIABLE} names");
        }
        (place, said_by)
    }

    fn choose_with(&self, variable: impl Fn(&str) -> Option<OsString>) -> (Place, SaidBy) {
        let database = |path: &dyn AsRef<Path>| Place::Database(path.as_ref().to_owned());
        if let Some(path) = &self.db {
            return (database(path), SaidBy::Flag);
        }
        if let Some(url) = &self.coordinator {
            return (Place::Coordinator(url.clone()), SaidBy::Flag);
        }
        if let Some(url) = variable(COORDINATOR_VARIABLE) {
            let url = url.to_string_lossy().into_owned();
            return (Place::Coordinator(url), SaidBy::Variable);
        }
        match variable(DATABASE_VARIABLE) {
            Some(path) => (database(&path), SaidBy::Variable),
            None => (database(&DEFAULT_DATABASE), SaidBy::Nothing),
        }
    }

    /// Who is believed by, and what is shown to a coordinator.
    pub(super) fn trust(&self) -> Result<Trust, TrustError> {
        self.trust.load()
    }
}

/// The coordinator that the environment names.
pub(super) fn coordinator_of_environment() -> Option<String> {
    variable(COORDINATOR_VARIABLE).map(|url| url.to_string_lossy().into_owned())
}

/// A variable that says something.
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_beats_the_environment_and_that_beats_the_default() {
        let database = |path: &str| Place::Database(path.into());
        let coordinator = |url: &str| Place::Coordinator(url.into());
        let check = |flags: [Option<&str>; 2], variables: [Option<&str>; 2], expected| {
            let args = PlaceArgs {
                db: flags[0].map(PathBuf::from),
                coordinator: flags[1].map(str::to_owned),
                trust: TrustArgs::default(),
            };
            let variable = |name: &str| {
                let place = usize::from(name == COORDINATOR_VARIABLE);
                variables[place].map(OsString::from)
            };
            assert_eq!(
                args.choose_with(variable),
                expected,
                "{flags:?} {variables:?}"
            );
        };
        let both = [Some("e.db"), Some("http://e")];
        check([Some("f.db"), None], both, (database("f.db"), SaidBy::Flag));
        check(
            [None, Some("http://f")],
            both,
            (coordinator("http://f"), SaidBy::Flag),
        );
        check(
            [None, None],
            both,
            (coordinator("http://e"), SaidBy::Variable),
        );
        check(
            [None, None],
            [Some("e.db"), None],
            (database("e.db"), SaidBy::Variable),
        );
        check(
            [None, None],
            [None, None],
            (database("results.db"), SaidBy::Nothing),
        );
    }
}
