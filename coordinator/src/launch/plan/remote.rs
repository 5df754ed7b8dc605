//! The scripts that run on a host, for its `sh`: the text of `remote/*.sh` with this launch's words
//! above it. They travel on standard input, where no list of processes shows them, and answer in
//! lines of their own, which [`super::answer`] reads. Nothing is run here.

use std::fmt::Write as _;

use super::{
    HostName, LaunchName,
    shell::{quote, quote_all},
};

const COMMON: &str = include_str!("remote/common.sh");
const START: &str = include_str!("remote/start.sh");
const STATE: &str = include_str!("remote/state.sh");
const STOP: &str = include_str!("remote/stop.sh");
const LOGS: &str = include_str!("remote/logs.sh");
const COPY: &str = include_str!("remote/copy.sh");

/// How long a worker that was just started is watched, in tenths of a second.
const START_MOMENTS: u32 = 50;
/// No line of a credential is this one: it has characters that neither tokens nor PEM files have.
const END_OF_FILE: &str = "<end of file>";

/// What a worker needs to be let in, as contents of files.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    token: Option<String>,
    certificate_authority: Option<String>,
}

/// Why something is no credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// Empty, of several lines, or with characters that no token has.
    #[error("a token is one line of printable characters")]
    Token,
    /// Not a PEM file.
    #[error("a certificate authority is a PEM file of certificates")]
    CertificateAuthority,
}

impl Credentials {
    /// Credentials of what was read from files.
    ///
    /// # Errors
    /// They are none.
    pub fn new(token: Option<String>, authority: Option<String>) -> Result<Self, CredentialsError> {
        let token = token.map(|token| token.trim_end().to_owned());
        let is_token =
            |token: &String| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        if !token.iter().all(is_token) {
            return Err(CredentialsError::Token);
        }
        let is_pem =
            |text: &String| text.contains("-----BEGIN CERTIFICATE-----") && !text.contains('\0');
        if !authority
            .iter()
            .all(|text| is_pem(text) && !text.contains("PRIVATE KEY"))
        {
            return Err(CredentialsError::CertificateAuthority);
        }
        Ok(Self {
            token,
            certificate_authority: authority,
        })
    }

    /// The token, if there is one.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The certificates by which the coordinator is known, if there are any.
    #[must_use]
    pub fn certificate_authority(&self) -> Option<&str> {
        self.certificate_authority.as_deref()
    }

    /// A shell function that writes them into the folder `$here`, or takes away what lies there.
    fn script(&self) -> String {
        let mut script =
            String::from("write_credentials() {\n  rm -f \"$here/token\" \"$here/ca.pem\"\n");
        let files = [
            ("token", &self.token),
            ("ca.pem", &self.certificate_authority),
        ];
        for (name, content) in files {
            let Some(content) = content else { continue };
            let content = content.trim_end();
            // Written by the shell itself: nothing of it is an argument of any process.
            let _ = write!(
                script,
                "  cat >\"$here/{name}\" <<'{END_OF_FILE}' || return\n{content}\n{END_OF_FILE}\n"
            );
        }
        script.push_str("}\n");
        script
    }
}

// Never the token itself.
impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let token = self.token.as_ref().map(|_| "..");
        let authority = self.certificate_authority.is_some();
        formatter
            .debug_struct("Credentials")
            .field("token", &token)
            .field("certificate_authority", &authority)
            .finish()
    }
}

/// How a worker is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Asked to leave in order, and waited for so many tenths of a second.
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
    /// Starts a worker with these `arguments`, unless one lives. The program is `binary`, looked for
    /// on the path, or the `copied` one; it must be of the version `wanted`.
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
        let arguments = format!("set -- {}\n", quote_all(arguments));
        self.script(&words, &[&credentials.script(), &arguments, START])
    }

    /// Takes a program of so many bytes from standard input, as `copied` in the launches' folder.
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
            let _ = writeln!(script, "{name}={}", quote(value));
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

    fn remote<'a>(launch: &'a LaunchName, host: &'a HostName) -> Remote<'a> {
        Remote {
            launch,
            host,
            directory: Some("/tmp/it's here"),
        }
    }

    #[test]
    fn every_script_is_one_that_a_shell_can_read() {
        let (launch, host) = ("abc".parse().unwrap(), "alpha".parse().unwrap());
        let remote = remote(&launch, &host);
        let pem = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
        let credentials = Credentials::new(Some("secret\n".into()), Some(pem.into())).unwrap();
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

    #[test]
    fn what_is_no_credential_is_refused_and_what_is_one_is_not_shown() {
        for bad in ["", "two\nlines", "with space", "<end\u{7f}"] {
            assert_eq!(
                Credentials::new(Some(bad.into()), None),
                Err(CredentialsError::Token),
                "{bad:?}"
            );
        }
        let key = "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----".to_owned();
        for bad in ["nothing".to_owned(), key] {
            assert_eq!(
                Credentials::new(None, Some(bad)),
                Err(CredentialsError::CertificateAuthority)
            );
        }
        let shown = format!("{:?}", Credentials::new(Some("hush".into()), None).unwrap());
        assert!(!shown.contains("hush"), "{shown}");
    }
}
