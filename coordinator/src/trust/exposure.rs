//! What a coordinator may be exposed to: on loopback everything is allowed; off loopback it takes
//! encryption and tokens, unless its owner says that the network is trusted. Addresses are data here.

use core::net::SocketAddr;

/// Where a coordinator listens, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exposure {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Whether calls are encrypted.
    pub tls: bool,
    /// Whether its owner trusts the network.
    pub insecure: bool,
}

/// An address off loopback without encryption.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0} can be reached from other machines, without encryption or authentication\nhint: say --insecure if the network is trusted, forward a loopback port by ssh, or encrypt calls: `pondersweep tls init`, then `serve --tls DIR`"
)]
pub struct Unprotected(SocketAddr);

impl Exposure {
    /// Refuses what must not be.
    ///
    /// # Errors
    /// It listens off loopback without encryption.
    pub fn check(self) -> Result<(), Unprotected> {
        if self.is_private() || self.tls || self.insecure {
            return Ok(());
        }
        Err(Unprotected(self.listen))
    }

    /// Whether callers need a token even if none was ever made. Where a token was made, they do
    /// everywhere.
    #[must_use]
    pub fn needs_tokens(self) -> bool {
        !self.is_private() && !self.insecure
    }

    /// Whether only this machine can reach it.
    #[must_use]
    pub fn is_private(self) -> bool {
        self.listen.ip().to_canonical().is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn off_loopback_it_takes_encryption_and_tokens_or_a_word() {
        // Address, TLS, insecure: may it be, and does it need tokens.
        for (listen, tls, insecure, allowed, needs_tokens) in [
            ("127.0.0.1:1", false, false, true, false),
            ("[::1]:1", false, false, true, false),
            ("[::ffff:127.0.0.1]:1", false, false, true, false),
            ("127.9.9.9:1", true, false, true, false),
            ("0.0.0.0:1", false, false, false, true),
            ("[::]:1", false, false, false, true),
            ("192.0.2.1:1", false, false, false, true),
            ("192.0.2.1:1", true, false, true, true),
            ("192.0.2.1:1", false, true, true, false),
            ("192.0.2.1:1", true, true, true, false),
        ] {
            let exposure = Exposure {
                listen: listen.parse().unwrap(),
                tls,
                insecure,
            };
            assert_eq!(exposure.check().is_ok(), allowed, "{exposure:?}");
            assert_eq!(exposure.needs_tokens(), needs_tokens, "{exposure:?}");
        }
    }
}
