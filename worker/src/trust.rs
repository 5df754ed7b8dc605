//! A client's side of trust: which authority it believes, what it shows of itself, and that a token
//! never leaves the machine unencrypted unless that is said. It opens no connection.

mod validity;

use std::{
    fmt, fs,
    net::IpAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use clap::Args;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::Interceptor,
    transport::{Certificate, ClientTlsConfig, Endpoint, Identity},
};

use crate::small_file;

pub use validity::{Unusable, unusable};

/// A token for programs that cannot have a file, such as containers: not a flag, since everybody on
/// a machine sees the arguments of its processes.
pub const TOKEN_VARIABLE: &str = "PONDERSWEEP_TOKEN";
/// Every variable of this file and of `serve`'s keys, for code that starts a process without them.
pub const TRUST_VARIABLES: [&str; 5] = [
    TOKEN_VARIABLE,
    "PONDERSWEEP_TOKEN_FILE",
    "PONDERSWEEP_TLS_CA",
    "PONDERSWEEP_TLS_CERT",
    "PONDERSWEEP_TLS_KEY",
];

/// Who is believed and what is shown, for every command that speaks to a coordinator.
#[derive(Clone, Debug, Default, Args)]
pub struct TrustArgs {
    /// File with the token to show; PONDERSWEEP_TOKEN holds a token itself
    #[arg(long, env = "PONDERSWEEP_TOKEN_FILE", value_name = "PATH")]
    token_file: Option<PathBuf>,
    /// Certificate of the authority that signed the coordinator's (PEM), for https:// addresses
    #[arg(long, env = "PONDERSWEEP_TLS_CA", value_name = "PATH")]
    tls_ca: Option<PathBuf>,
    /// Certificate to show to the coordinator (PEM), if it asks for one
    #[arg(
        long,
        env = "PONDERSWEEP_TLS_CERT",
        value_name = "PATH",
        requires = "tls_key"
    )]
    tls_cert: Option<PathBuf>,
    /// Private key of --tls-cert (PEM)
    #[arg(
        long,
        env = "PONDERSWEEP_TLS_KEY",
        value_name = "PATH",
        requires = "tls_cert"
    )]
    tls_key: Option<PathBuf>,
    /// Send the token unencrypted to another machine, over a network that is trusted
    #[arg(long)]
    insecure: bool,
}

/// Why a coordinator is not spoken to.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A named file cannot be read.
    #[error(
        "cannot read {path}: {source}\nhint: `pondersweep tls init` and `token new --out` make such files"
    )]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A token is one line of printable ASCII.
    #[error("{0} holds no token\nhint: a token is one line, as `pondersweep token new` prints it")]
    NoToken(String),
    /// The text is not a URL.
    #[error("{0:?} is not an address\nhint: use the form http://HOST:PORT or https://HOST:PORT")]
    BadAddress(String),
    /// The URL holds the name of a user, and perhaps a password.
    #[error("an address names no user\nhint: say who you are by --token-file")]
    NamesUser,
    /// A file that was named for another kind of content.
    #[error(
        "{path} holds no {content}\nhint: it is a PEM file with a line `-----BEGIN ...-----`, as `pondersweep tls init` makes them"
    )]
    NoPem {
        /// Which.
        path: PathBuf,
        /// What it should hold.
        content: &'static str,
    },
    /// An encrypted address, and no authority that vouches for it.
    #[error(
        "{0} is encrypted, but no authority is named that vouches for it\nhint: --tls-ca PATH names the ca.pem of `pondersweep tls init`"
    )]
    NoAuthority(String),
    /// An authority was named for an address that is not encrypted.
    #[error("{0} is not encrypted, although certificates are named\nhint: use https://")]
    NotEncrypted(String),
    /// A certificate or key cannot be used.
    #[error(
        "the certificates cannot be used: {0}\nhint: they are PEM files, as `pondersweep tls init` makes them"
    )]
    BadCertificates(String),
    /// The token would be readable on the way.
    #[error(
        "the token would be sent to {0} unencrypted\nhint: use https:// with --tls-ca, or a port forwarded by ssh; say --insecure if the network is trusted"
    )]
    Exposed(String),
}

/// Who is believed and what is shown, as read from the files.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    bearer: Bearer,
    authority: Option<Certificate>,
    identity: Option<Identity>,
    insecure: bool,
}

/// Shows the token with every call.
#[derive(Clone, Default)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

/// Which of these a client has: enough to say whether it would speak to an address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Means {
    /// A token to show.
    pub token: bool,
    /// The certificate of an authority to believe.
    pub authority: bool,
    /// A certificate to show.
    pub certificate: bool,
    /// The word that the network is trusted.
    pub insecure: bool,
}

/// Chooses ring for every encrypted connection of this process. A build with S3 has two libraries
/// for that, between which rustls chooses only when it is told to.
pub fn choose_cryptography() {
    // Refused only if somebody has chosen before.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl TrustArgs {
    /// The files that are named: token, authority, certificate, private key.
    #[must_use]
    pub fn files(&self) -> [Option<&Path>; 4] {
        [
            &self.token_file,
            &self.tls_ca,
            &self.tls_cert,
            &self.tls_key,
        ]
        .map(Option::as_deref)
    }

    /// Whether the network is trusted.
    #[must_use]
    pub const fn is_insecure(&self) -> bool {
        self.insecure
    }

    /// Reads what is named.
    ///
    /// # Errors
    /// A file cannot be read, or holds no token.
    pub fn load(&self) -> Result<Trust, TrustError> {
        for secret in [&self.token_file, &self.tls_key].into_iter().flatten() {
            warn_if_anyone_reads(secret);
        }
        let pem = |path: &Option<PathBuf>, content| {
            let read = path.as_ref().map(|path| read_pem(path, content));
            read.transpose()
        };
        let certificate = pem(&self.tls_cert, CERTIFICATE)?;
        let key = pem(&self.tls_key, PRIVATE_KEY)?;
        Ok(Trust {
            bearer: self.bearer()?,
            authority: pem(&self.tls_ca, CERTIFICATE)?.map(Certificate::from_pem),
            identity: certificate
                .zip(key)
                .map(|(certificate, key)| Identity::from_pem(certificate, key)),
            insecure: self.insecure,
        })
    }

    fn bearer(&self) -> Result<Bearer, TrustError> {
        if let Some(path) = &self.token_file {
            return Bearer::of(&read(path)?, || path.display().to_string());
        }
        match std::env::var(TOKEN_VARIABLE) {
            Ok(token) if !token.is_empty() => Bearer::of(&token, || TOKEN_VARIABLE.into()),
            _ => Ok(Bearer::default()),
        }
    }
}

impl Trust {
    /// Shows this token, and speaks to this machine only.
    ///
    /// # Errors
    /// It is no token.
    pub fn of_token(token: &str) -> Result<Self, TrustError> {
        let bearer = Bearer::of(token, || "the text".into())?;
        Ok(Self {
            bearer,
            ..Self::default()
        })
    }

    /// The coordinator at a URL, to be connected to.
    ///
    /// # Errors
    /// The URL is none, or what was named does not fit it or would expose the token.
    pub fn endpoint(&self, url: &str) -> Result<Endpoint, TrustError> {
        let means = Means {
            token: self.bearer.0.is_some(),
            authority: self.authority.is_some(),
            certificate: self.identity.is_some(),
            insecure: self.insecure,
        };
        let endpoint = means.endpoint(url)?;
        match &self.authority {
            Some(authority) => self.encrypted(endpoint, authority),
            None => Ok(endpoint),
        }
    }

    fn encrypted(
        &self,
        endpoint: Endpoint,
        authority: &Certificate,
    ) -> Result<Endpoint, TrustError> {
        let config = ClientTlsConfig::new().ca_certificate(authority.clone());
        let config = match &self.identity {
            Some(identity) => config.identity(identity.clone()),
            None => config,
        };
        endpoint
            .tls_config(config)
            .map_err(|error| TrustError::BadCertificates(chain(&error)))
    }

    /// What shows the token.
    #[must_use]
    pub fn bearer(&self) -> Bearer {
        self.bearer.clone()
    }
}

impl Means {
    /// Whether somebody who has these would speak to the coordinator at a URL. It is encrypted if
    /// and only if an authority is among them.
    ///
    /// # Errors
    /// The URL is none, or what they are does not fit it or would expose the token.
    pub fn check(self, url: &str) -> Result<(), TrustError> {
        self.endpoint(url).map(drop)
    }

    fn endpoint(self, url: &str) -> Result<Endpoint, TrustError> {
        let bad = || TrustError::BadAddress(url.to_owned());
        let endpoint = Endpoint::from_shared(url.to_owned()).map_err(|_| bad())?;
        let host = endpoint.uri().host().ok_or_else(bad)?;
        // It would be repeated in logs and errors, and is of no use.
        if endpoint
            .uri()
            .authority()
            .is_some_and(|it| it.as_str().contains('@'))
        {
            return Err(TrustError::NamesUser);
        }
        match endpoint.uri().scheme_str() {
            Some("https") if !self.authority => Err(TrustError::NoAuthority(url.to_owned())),
            Some("http") if self.authority || self.certificate => {
                Err(TrustError::NotEncrypted(url.to_owned()))
            }
            Some("http") if self.token && !is_loopback(host) && !self.insecure => {
                Err(TrustError::Exposed(url.to_owned()))
            }
            Some("http" | "https") => Ok(endpoint),
            _ => Err(bad()),
        }
    }
}

impl Bearer {
    fn of(text: &str, place: impl Fn() -> String) -> Result<Self, TrustError> {
        let token = text.trim();
        let sensible = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        let value = sensible.then(|| format!("Bearer {token}").parse().ok());
        let mut value: MetadataValue<Ascii> = value
            .flatten()
            .ok_or_else(|| TrustError::NoToken(place()))?;
        // Neither shown in logs nor kept in the tables of the header compression.
        value.set_sensitive(true);
        Ok(Self(Some(value)))
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request
                .metadata_mut()
                .insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// Never shows the token.
impl fmt::Debug for Bearer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(..)")
    }
}

/// The words of rustls for a certificate it refuses, for a peer that refused ours, and for one that
/// does not encrypt.
const REFUSED_THEIRS: &str = "invalid peer certificate";
const REFUSED_OURS: &str = "received fatal alert";
const NOT_ENCRYPTED: &str = "received corrupt message";

/// What is wrong with a certificate, in the words of rustls, and what to do about it.
const FAULTS: [(&str, &str); 3] = [
    (
        "not valid for name",
        "reach it by a name or address that its certificate has; `pondersweep tls init --host NAME` makes one with another",
    ),
    (
        "expired",
        "new ones come from `pondersweep tls init --force` where the coordinator runs; or the clock of this machine is wrong",
    ),
    (
        "not valid yet",
        "the clock of this machine is behind, or that of the one that made the certificate was ahead",
    ),
];

/// Why the two sides do not trust each other's certificates, if that is what the error says.
#[must_use]
pub fn distrust(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(text) = deepest(error, REFUSED_THEIRS) {
        let fault = FAULTS.iter().find(|(words, _)| text.contains(words));
        let hint = fault.map_or(
            "--tls-ca names the authority of another coordinator, or somebody stands between",
            |(_, hint)| hint,
        );
        return Some(format!(
            "the coordinator is not trusted: {text}\nhint: {hint}"
        ));
    }
    if deepest(error, NOT_ENCRYPTED).is_some() {
        return Some(
            "what answers there does not encrypt its calls\n\
             hint: a coordinator without --tls is at http://, without --tls-ca"
                .into(),
        );
    }
    let text = deepest(error, REFUSED_OURS)?;
    let hint = "hint: --tls-cert and --tls-key name a certificate of its authority, such as worker.pem of `pondersweep tls init`";
    Some(format!(
        "the coordinator does not trust this client: {text}\n{hint}"
    ))
}

/// The text of the deepest cause that has these words: those above it quote it with their own.
fn deepest(error: &(dyn std::error::Error + 'static), words: &str) -> Option<String> {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts = causes
        .map(ToString::to_string)
        .filter(|text| text.contains(words));
    texts.last()
}

/// An error with its causes in one line: transport errors keep the telling one inside.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// Warns of a secret's file that everybody on its machine can read, and so use.
pub fn warn_if_anyone_reads(secret: &Path) {
    let mode = fs::metadata(secret).map(|found| found.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o004 != 0) {
        let path = secret.display();
        tracing::warn!("everybody on this machine can read {path}\nhint: chmod 600 {path}");
    }
}

fn read(path: &Path) -> Result<String, TrustError> {
    small_file::read_text(path).map_err(|source| TrustError::File {
        path: path.to_owned(),
        source,
    })
}

/// What PEM files are named for; each is between lines that end so.
pub const CERTIFICATE: &str = "CERTIFICATE";
/// The other kind.
pub const PRIVATE_KEY: &str = "PRIVATE KEY";

/// Reads a PEM file that holds such a content.
///
/// # Errors
/// It cannot be read, or holds something else.
pub fn read_pem(path: &Path, content: &'static str) -> Result<String, TrustError> {
    let text = read(path)?;
    let is_begin = |line: &str| {
        line.starts_with("-----BEGIN ") && line.trim_end().ends_with(&format!("{content}-----"))
    };
    if text.lines().any(is_begin) {
        return Ok(text);
    }
    Err(TrustError::NoPem {
        path: path.to_owned(),
        content: if content == CERTIFICATE {
            "certificate"
        } else {
            "private key"
        },
    })
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let address = address.parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_sent_unencrypted_to_another_machine_unless_that_is_said() {
        let with_token = Trust::of_token("pondersweep_ab").unwrap();
        let insecure = Trust {
            insecure: true,
            ..with_token.clone()
        };
        for (url, reached, exposed) in [
            ("http://127.0.0.1:1", true, false),
            ("http://localhost:1", true, false),
            ("http://[::1]:1", true, false),
            ("http://192.0.2.1:1", true, true),
            ("http://lab.example:1", true, true),
            ("http://localhost.example:1", true, true),
            ("ftp://localhost:1", false, false),
            ("localhost:1", false, false),
        ] {
            assert_eq!(Trust::default().endpoint(url).is_ok(), reached, "{url}");
            assert_eq!(insecure.endpoint(url).is_ok(), reached, "{url}");
            assert_eq!(
                with_token.endpoint(url).is_ok(),
                reached && !exposed,
                "{url}"
            );
            if exposed {
                let refused = with_token.endpoint(url).unwrap_err();
                assert!(matches!(refused, TrustError::Exposed(_)), "{refused}");
            }
        }
    }

    #[test]
    fn an_encrypted_address_needs_an_authority() {
        let refused = Trust::default()
            .endpoint("https://127.0.0.1:1")
            .unwrap_err();
        assert!(matches!(refused, TrustError::NoAuthority(_)), "{refused}");
    }

    #[test]
    fn debug_output_shows_no_token() {
        let shown = format!("{:?}", Trust::of_token("pondersweep_ab").unwrap());
        assert!(!shown.contains("pondersweep_ab"), "{shown}");
    }
}
