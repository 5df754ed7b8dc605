//! `pondersweep init`: a first sweep file to change, with comments. It never replaces a file.

use std::{fs::OpenOptions, io::Write as _, path::Path, process::ExitCode};

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use pondersweep_worker::say;

/// Write a first sweep file, with comments, into this folder
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// What its trials are
    #[arg(value_enum)]
    kind: Kind,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// Runs of your own program: writes sweep.toml and train.py
    Program,
    /// Networks that are trained here, PonderNets: writes sweep.toml
    Ponder,
}

impl Kind {
    const fn files(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Program => &[
                ("sweep.toml", include_str!("../../assets/init/sweep.toml")),
                ("train.py", include_str!("../../assets/init/train.py")),
            ],
            Self::Ponder => &[("sweep.toml", include_str!("../../../sweeps/first.toml"))],
        }
    }
}

pub(super) fn run(args: &InitArgs) -> anyhow::Result<ExitCode> {
    let files = args.kind.files();
    for (name, _) in files {
        anyhow::ensure!(
            !Path::new(name).exists(),
            "{name} is there already\nhint: give this command in another folder, or move {name} away"
        );
    }
    for (name, text) in files {
        let file = OpenOptions::new().write(true).create_new(true).open(name);
        file.and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write {name}"))?;
        say!("wrote {name}");
    }
    say!("hint: `pondersweep run sweep.toml` runs it as it stands");
    Ok(ExitCode::SUCCESS)
}
