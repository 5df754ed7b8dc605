//! `pondersweep launch probe`: whether a worker's heart beats, by the file it writes. For clusters
//! that ask by running a program in the worker's container, which has no other.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context as _;
use clap::Args;
use pondersweep_worker::say;

use super::code_of;

/// Exit with 0 if a worker wrote its --alive-file recently, else with 1
#[derive(Debug, Args)]
pub(in crate::cli) struct ProbeArgs {
    /// The worker's --alive-file
    file: PathBuf,
    /// Seconds since it was written that still count as recent
    #[arg(long, default_value = "300", value_name = "SECONDS")]
    within: u64,
}

pub(super) fn run(args: &ProbeArgs) -> anyhow::Result<ExitCode> {
    let written = std::fs::metadata(&args.file).and_then(|file| file.modified());
    let written = written.with_context(|| format!("no heartbeat in {}", args.file.display()))?;
    // A clock that was set back makes the file one of the future: it is fresh.
    let age = written.elapsed().unwrap_or(Duration::ZERO);
    let fresh = age <= Duration::from_secs(args.within);
    if !fresh {
        say!("the last heartbeat is {} s old", age.as_secs());
    }
    Ok(code_of(fresh))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heart_that_stopped_or_never_beat_is_told_from_one_that_beats() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let args = |file: &std::path::Path, within| ProbeArgs {
            file: file.to_owned(),
            within,
        };
        let code = |args| format!("{:?}", run(&args).unwrap());
        let now = file.as_file().metadata().unwrap().modified().unwrap();
        assert_eq!(
            code(args(file.path(), 60)),
            format!("{:?}", ExitCode::SUCCESS)
        );
        file.as_file()
            .set_modified(now - Duration::from_secs(90))
            .unwrap();
        assert_eq!(
            code(args(file.path(), 60)),
            format!("{:?}", ExitCode::FAILURE)
        );
        assert!(run(&args("/no/such/file".as_ref(), 60)).is_err());
    }
}
