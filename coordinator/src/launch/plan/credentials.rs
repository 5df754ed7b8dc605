//! What lets a worker in, and by what it knows the coordinator: four files at most. They travel as
//! contents and lie as files on the other side; no list of processes ever shows them.

use std::{fmt, str::FromStr};

/// A file that a worker is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Credential {
    /// The token it shows.
    Token,
    /// The certificates by which it knows the coordinator.
    Authority,
    /// The certificate it shows.
    Certificate,
    /// That certificate's private key.
    Key,
}

/// Credentials, as contents of files.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Credentials(Vec<(Credential, String)>);

/// Why something is no credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// Empty, of several lines, or with characters that no token has.
    #[error("a token is one line of printable characters")]
    Token,
    /// Not the PEM file it should be.
    #[error("{0} is a PEM file with a {1}")]
    Pem(Credential, &'static str),
    /// There is no file of this name among credentials.
    #[error("{0:?} is none of token, ca.pem, cert.pem and key.pem")]
    Name(String),
}

impl Credential {
    /// Each, in the order of a worker's flags.
    pub const ALL: [Self; 4] = [Self::Token, Self::Authority, Self::Certificate, Self::Key];

    /// The file's name on the other side.
    #[must_use]
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Authority => "ca.pem",
            Self::Certificate => "cert.pem",
            Self::Key => "key.pem",
        }
    }

    /// The worker's flag that names it.
    #[must_use]
    pub const fn flag(self) -> &'static str {
        match self {
            Self::Token => "--token-file",
            Self::Authority => "--tls-ca",
            Self::Certificate => "--tls-cert",
            Self::Key => "--tls-key",
        }
    }

    fn check(self, content: &str) -> Result<(), CredentialsError> {
        let found = |label: &str| content.contains(label);
        // A key where others may read it is the mistake that matters.
        let key = found("PRIVATE KEY-----");
        match self {
            Self::Token
                if content.is_empty() || !content.bytes().all(|byte| byte.is_ascii_graphic()) =>
            {
                Err(CredentialsError::Token)
            }
            Self::Authority | Self::Certificate if key || !found("-----BEGIN CERTIFICATE-----") => {
                Err(CredentialsError::Pem(self, "certificate and no key"))
            }
            Self::Key if !key => Err(CredentialsError::Pem(self, "private key")),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.file_name())
    }
}

impl FromStr for Credential {
    type Err = CredentialsError;

    fn from_str(name: &str) -> Result<Self, CredentialsError> {
        let mut all = Self::ALL.into_iter();
        all.find(|credential| credential.file_name() == name)
            .ok_or_else(|| CredentialsError::Name(name.to_owned()))
    }
}

impl Credentials {
    /// Credentials of what was read from files.
    ///
    /// # Errors
    /// One is not what it should be.
    pub fn new(
        files: impl IntoIterator<Item = (Credential, String)>,
    ) -> Result<Self, CredentialsError> {
        let mut credentials = Vec::new();
        for (credential, content) in files {
            let content = content.trim_end().to_owned();
            credential.check(&content)?;
            credentials.push((credential, content));
        }
        credentials.sort();
        Ok(Self(credentials))
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The files and their contents.
    pub fn files(&self) -> impl Iterator<Item = (Credential, &str)> {
        self.0
            .iter()
            .map(|(credential, content)| (*credential, content.as_str()))
    }
}

// Never the contents.
impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = self.files().map(|(credential, _)| credential);
        formatter.debug_list().entries(files).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(credential: Credential, content: &str) -> Result<(), CredentialsError> {
        Credentials::new([(credential, content.to_owned())]).map(drop)
    }

    #[test]
    fn what_is_no_credential_is_refused() {
        for bad in ["", "two\nlines", "with space", "a\u{7f}"] {
            assert_eq!(
                check(Credential::Token, bad),
                Err(CredentialsError::Token),
                "{bad:?}"
            );
        }
        let certificate = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n";
        let key = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n";
        assert_eq!(check(Credential::Token, "abc\n"), Ok(()));
        assert_eq!(check(Credential::Authority, certificate), Ok(()));
        assert_eq!(check(Credential::Key, key), Ok(()));
        for (credential, content) in [
            (Credential::Key, certificate.to_owned()),
            (Credential::Authority, "nothing".to_owned()),
            (Credential::Certificate, format!("{certificate}{key}")),
        ] {
            let refused = check(credential, &content);
            assert!(
                matches!(refused, Err(CredentialsError::Pem(..))),
                "{credential}"
            );
        }
    }

    #[test]
    fn what_is_a_credential_is_not_shown() {
        let credentials = Credentials::new([(Credential::Token, "hush".to_owned())]).unwrap();
        assert_eq!(format!("{credentials:?}"), "[Token]");
    }
}
