//! The product under measurement: this same program, which does what `pondersweep` does when it is
//! started with one of its commands. So it is always what was built along with this, in processes
//! of its own, and what those start in turn is the product, too.

use std::path::PathBuf;

use anyhow::Context as _;
use tokio::process::Command;

/// Whether this process was started to be the product.
pub(crate) fn is_meant() -> bool {
    let verb = std::env::args_os().nth(1);
    verb.is_some_and(|verb| pondersweep::cli::command().find_subcommand(verb).is_some())
}

/// The product, without the caller's settings. It ends when it is forgotten.
pub(crate) fn command() -> anyhow::Result<Command> {
    let mut command = Command::new(this_program()?);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PONDERSWEEP_") {
            command.env_remove(name);
        }
    }
    command.kill_on_drop(true);
    Ok(command)
}

/// Where this program is.
pub(crate) fn this_program() -> anyhow::Result<PathBuf> {
    std::env::current_exe().context("cannot find this program")
}
