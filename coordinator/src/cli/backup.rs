//! `pondersweep backup`: a copy of a database, also while it is served.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use pondersweep_worker::say;

use crate::store;

/// Copy a results database as it is now, also while a coordinator serves it
#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The results database
    from: PathBuf,
    /// The file to make
    to: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &BackupArgs) -> anyhow::Result<ExitCode> {
    let bytes = store::back_up(&args.from, &args.to, args.force)?;
    say!(
        "copied {} to {} ({bytes} bytes)",
        args.from.display(),
        args.to.display()
    );
    Ok(ExitCode::SUCCESS)
}
