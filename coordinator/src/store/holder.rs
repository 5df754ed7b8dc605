//! Who has the lock of a database, as far as the kernel tells (`/proc`): for people, who have to
//! end it. It decides nothing.

use std::{
    fmt, fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use pondersweep_proto::limit::shown;
use rustix::fs::{major, minor};

/// A process that has a database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holder(Option<Command>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Command {
    process_id: u32,
    /// As it was typed, without the folder of the program.
    words: Vec<String>,
}

impl Holder {
    /// The process that has the lock of a file.
    pub(super) fn of(path: &Path) -> Self {
        let process_id = fs::metadata(path).ok().and_then(|found| {
            let file = format!(
                "{:02x}:{:02x}:{}",
                major(found.dev()),
                minor(found.dev()),
                found.ino()
            );
            holder_in(&fs::read_to_string("/proc/locks").ok()?, &file)
        });
        let command = process_id.and_then(|process_id| {
            let arguments = fs::read(format!("/proc/{process_id}/cmdline")).ok()?;
            Some(Command {
                process_id,
                words: words(&arguments)?,
            })
        });
        Self(command)
    }

    /// What to do about it.
    pub(super) fn hint(&self, path: &Path) -> String {
        let path = path.display();
        if self.runs() {
            return format!(
                "`pondersweep status --db {path}` shows how far it is; Ctrl-C there ends it, and the same command \
                 goes on"
            );
        }
        format!(
            "`pondersweep status --db {path}` shows its sweeps, --coordinator URL steers them; end it before \
             starting another"
        )
    }

    /// Whether it is a `run`, which no other command reaches.
    fn runs(&self) -> bool {
        let word = self.0.as_ref().and_then(|command| command.words.get(1));
        word.is_some_and(|word| word == "run")
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Command { process_id, words }) = &self.0 else {
            return f.write_str("another coordinator");
        };
        let command = shown(&words.join(" "));
        let kind = if self.runs() {
            "a run"
        } else {
            "another coordinator"
        };
        write!(f, "{kind}, process {process_id} (`{command}`)")
    }
}

/// The process that has an flock on a file, from the kernel's list of locks.
fn holder_in(locks: &str, file: &str) -> Option<u32> {
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [_, "FLOCK", _, "WRITE", process_id, locked, ..] if locked == file => {
                process_id.parse().ok()
            }
            _ => None,
        }
    })
}

/// The words of a command as the kernel has them; none of a process that is not ours to look at.
fn words(arguments: &[u8]) -> Option<Vec<String>> {
    let text = String::from_utf8_lossy(arguments);
    let mut words: Vec<String> = text.split_terminator('\0').map(str::to_owned).collect();
    let program = words.first_mut()?;
    *program = PathBuf::from(&program)
        .file_name()?
        .to_string_lossy()
        .into_owned();
    Some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_found_among_the_locks() {
        let locks = "1: POSIX  ADVISORY  WRITE 11 fe:00:131 0 EOF\n\
                     2: FLOCK  ADVISORY  READ 12 fe:00:131 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 13 fe:00:13 0 EOF\n\
                     4: FLOCK  ADVISORY  WRITE 14 fe:00:131 0 EOF\n\
                     4: -> FLOCK  ADVISORY  WRITE 15 fe:00:132 0 EOF\n";
        assert_eq!(holder_in(locks, "fe:00:131"), Some(14));
        assert_eq!(holder_in(locks, "fe:00:132"), None);
    }

    #[test]
    fn a_run_and_a_coordinator_are_told_apart() {
        let holder = |arguments: &[u8]| {
            Holder(Some(Command {
                process_id: 7,
                words: words(arguments).unwrap(),
            }))
        };
        let run = holder(b"/opt/bin/pondersweep\0run\0first.toml\0");
        assert_eq!(
            run.to_string(),
            "a run, process 7 (`pondersweep run first.toml`)"
        );
        assert!(run.hint(Path::new("r.db")).contains("Ctrl-C"));
        let serve = holder(b"pondersweep\0serve\0");
        assert_eq!(
            serve.to_string(),
            "another coordinator, process 7 (`pondersweep serve`)"
        );
        assert_eq!(Holder::default().to_string(), "another coordinator");
    }
}
