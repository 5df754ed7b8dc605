//! The scripts that run on a host, for its `sh`: the text of `remote/*.sh` with this launch's words
//! above it. They travel on standard input, where no list of processes shows them, and answer in
//! lines of their own, which [`super::answer`] reads. Nothing is run here.

use std::fmt::Write as _;

use super::{Credentials, HostName, LaunchName, quote};

const COMMON: &str = include_str!("remote/common.sh");
const START: &str = include_str!("remote/start.sh");
const STATE: &str = include_str!("remote/state.sh");
const STOP: &str = include_str!("remote/stop.sh");
const LOGS: &str = include_str!("remote/logs.sh");
const COPY: &str = include_str!("remote/copy.sh");

/// How long a worker that was just started is watched, in tenths of a second: a busy host takes
/// seconds to read a program and to end it.
const START_MOMENTS: u32 = 100;
/// No line of a credential is this one: it has characters that neither tokens nor PEM files have.
const END_OF_FILE: &str = "<end of file>";

/// A shell function that writes credentials into a folder of their own, or takes away what lies
/// there. The shell itself writes them: nothing of them is an argument of any process.
fn write_credentials(credentials: &Credentials) -> String {
    let mut script = String::from(
        "write_credentials() {\n  rm -rf \"$here/access\"\n  mkdir \"$here/access\" || return\n",
    );
    for (credential, content) in credentials.files() {
        let name = credential.file_name();
        let _ = write!(
            script,
            "  cat >\"$here/access/{name}\" <<'{END_OF_FILE}' || return\n{content}\n{END_OF_FILE}\n"
        );
    }
    script.push_str("}\n");
    script
}

/// Sets the words of the worker's command line, with where its credentials will lie.
fn set_arguments(arguments: &[String], credentials: &Credentials) -> String {
    let mut line = format!("set -- {}", quote(arguments.iter().map(String::as_str)));
    for (credential, _) in credentials.files() {
        let (flag, name) = (credential.flag(), credential.file_name());
        let _ = write!(line, " {flag} \"$here/access/{name}\"");
    }
    line.push('\n');
    line
}

/// The command that reads a script from standard input and runs it, which may read on. Login shells
/// are not all POSIX shells, so the command is one that each passes on as it is: its quoted word
/// has no apostrophe, backslash, exclamation mark or line end. `dd` takes no byte more than it was
/// told.
#[must_use]
pub fn run_from_stdin(script: &str) -> String {
    let bytes = script.len();
    format!("sh -c 'eval \"$(dd bs=1 count={bytes} 2>/dev/null)\"'")
}

/// How a worker is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Asked to leave in order, and waited for.
    InOrder {
        /// The longest wait.
        moments: u32,
    },
    /// Killed; its leases lapse.
    Now,
}

/// One host's part in a launch, whose scripts it writes.
#[derive(Clone, Copy, Debug)]
pub struct Remote<'a> {
    /// The launch.
    pub launch: &'a LaunchName,
    /// The host.
    pub host: &'a HostName,
    /// The folder of all launches there, unless it is the usual one.
    pub directory: Option<&'a str>,
}

impl Remote<'_> {
    /// Starts a worker with these `arguments`, unless one lives. The program is `binary`, looked
    /// for on the path, or the `copied` one; it must be of the version `wanted`.
    #[must_use]
    pub fn start(
        &self,
        binary: &str,
        copied: Option<&str>,
        wanted: &str,
        arguments: &[String],
        credentials: &Credentials,
    ) -> String {
        let words = [
            ("binary", binary),
            ("copied", copied.unwrap_or_default()),
            ("wanted", wanted),
            ("moments", &START_MOMENTS.to_string()),
        ];
        let parts = [
            &write_credentials(credentials),
            &set_arguments(arguments, credentials),
            START,
        ];
        self.script(&words, &parts)
    }

    /// Takes a program of `bytes` bytes from standard input, as `copied` in the launches' folder.
    #[must_use]
    pub fn copy(&self, copied: &str, bytes: u64) -> String {
        let words = [("copied", copied), ("bytes", &bytes.to_string())];
        self.script(&words, &[COPY])
    }

    /// Says whether the worker lives.
    #[must_use]
    pub fn state(&self) -> String {
        self.script(&[], &[STATE])
    }

    /// Ends the worker.
    #[must_use]
    pub fn stop(&self, how: Stop) -> String {
        let (force, moments) = match how {
            Stop::InOrder { moments } => ("", moments),
            // For the kernel to do it.
            Stop::Now => ("yes", 20),
        };
        self.script(
            &[("force", force), ("moments", &moments.to_string())],
            &[STOP],
        )
    }

    /// Prints the last `lines` of the worker's log, or all of it.
    #[must_use]
    pub fn logs(&self, lines: Option<u32>) -> String {
        let lines = lines.map(|lines| lines.to_string()).unwrap_or_default();
        self.script(&[("lines", &lines)], &[LOGS])
    }

    fn script(&self, words: &[(&str, &str)], parts: &[&str]) -> String {
        let own = [
            ("launch", self.launch.as_str()),
            ("host", self.host.as_str()),
            ("directory", self.directory.unwrap_or_default()),
        ];
        let mut script = String::new();
        for (name, value) in own.iter().chain(words) {
            let _ = writeln!(script, "{name}={}", quote([*value]));
        }
        for part in std::iter::once(&COMMON).chain(parts) {
            script.push_str(part);
        }
        script
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::launch::plan::Credential;

    fn remote<'a>(launch: &'a LaunchName, host: &'a HostName) -> Remote<'a> {
        Remote {
            launch,
            host,
            directory: Some("/tmp/it's here"),
        }
    }

    #[test]
    fn a_script_from_standard_input_leaves_what_follows_it_and_any_login_shell_passes_it_on() {
        let script = "x='it'\\''s!'\nprintf '%s|' \"$x\"\ncat";
        let command = run_from_stdin(script);
        let quoted = command.split('\'').nth(1).unwrap();
        assert!(!quoted.contains(['\\', '!', '\n']), "{command}");
        assert_eq!(command.matches('\'').count(), 2, "{command}");
        let ran = std::process::Command::new("sh")
            .args(["-c", "printf '%s' \"$1\" | sh -c \"$0\"", &command])
            .arg(format!("{script}rest\n"))
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(ran.stdout).unwrap(), "it's!|rest\n");
    }

    #[test]
    fn a_directory_below_the_home_of_the_host_is_found_there() {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(home.path().join("it's/abc/alpha")).unwrap();
        std::fs::write(home.path().join("it's/abc/alpha/log"), "hello\n").unwrap();
        let (launch, host) = ("abc".parse().unwrap(), "alpha".parse().unwrap());
        let script = Remote {
            directory: Some("~/it's"),
            ..remote(&launch, &host)
        }
        .logs(None);
        let ran = std::process::Command::new("sh")
            .args(["-c", &script])
            .env("HOME", home.path())
            .output();
        let said = String::from_utf8(ran.unwrap().stdout).unwrap();
        assert_eq!(said, "pondersweep-launch: log\nhello\n");
    }

    #[test]
    fn every_script_is_one_that_a_shell_can_read() {
        let (launch, host) = ("abc".parse().unwrap(), "alpha".parse().unwrap());
        let remote = remote(&launch, &host);
        let pem = "-----BEGIN CERTIFICATE-----
AA==
-----END CERTIFICATE-----
";
        let files = [
            (
                Credential::Token,
                "secret
",
            ),
            (Credential::Authority, pem),
        ];
        let files = files.map(|(credential, content)| (credential, content.to_owned()));
        let credentials = Credentials::new(files).unwrap();
        let arguments = ["--sweep".into(), "it's \"odd\"".into()];
        for script in [
            remote.start("~/bin/pondersweep", None, "1.2.3", &arguments, &credentials),
            remote.copy("pondersweep-1", 7),
            remote.state(),
            remote.stop(Stop::Now),
            remote.stop(Stop::InOrder { moments: 3 }),
            remote.logs(None),
        ] {
            let checked = std::process::Command::new("sh")
                .args(["-n", "-c", &script])
                .output()
                .unwrap();
            assert!(checked.status.success(), "{script}\n{checked:?}");
        }
    }
}
