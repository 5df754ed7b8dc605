//! When a certificate may be used. Who signed it is not looked at: that is for those it is shown
//! to.

use std::{sync::Arc, time::Duration};

use rustls::{
    CertificateError, Error, RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier as _},
    crypto::ring::default_provider,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
};

/// Why a certificate cannot be used at a moment, with a time in seconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It is used too late.
    Expired {
        /// When it was over.
        at: u64,
    },
    /// It is used too early.
    NotYetValid {
        /// When it begins.
        from: u64,
    },
}

/// Whether the first certificate of a PEM text can be used so long after 1970-01-01 UTC. `None` as
/// well for what is no certificate.
#[must_use]
pub fn unusable(pem: &str, at: Duration) -> Option<Unusable> {
    let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    // The verifier looks at the time before it looks for an authority, and has to have one.
    let mut authorities = RootCertStore::empty();
    authorities.add(certificate.clone()).ok()?;
    let provider = Arc::new(default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(authorities), provider);
    let verifier = verifier.build().ok()?;
    let name = ServerName::try_from("localhost").ok()?;
    let time = UnixTime::since_unix_epoch(at);
    match verifier.verify_server_cert(&certificate, &[], &name, &[], time) {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            Some(Unusable::Expired {
                at: not_after.as_secs(),
            })
        }
        Err(Error::InvalidCertificate(CertificateError::NotValidYetContext {
            not_before, ..
        })) => Some(Unusable::NotYetValid {
            from: not_before.as_secs(),
        }),
        _ => None,
    }
}
