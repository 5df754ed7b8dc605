//! A token's secret, its text, and the hash that is all the coordinator keeps of it.
//!
//! The secret is 256 random bits, so a plain SHA-256 is the right hash: salts and slow hashes
//! protect what people can guess, and this cannot be guessed. A secret is compared by looking its
//! hash up: how long that takes tells about hashes of guesses, never about the secret.

use std::{fmt, sync::Arc};

use pondersweep_proto::id::hexadecimal;
use sha2::{Digest, Sha256};

/// Random bytes of a secret.
pub const SECRET_BYTES: usize = 32;
/// How the text begins, so that scanners of leaked secrets, and people, know it.
const PREFIX: &str = "pondersweep_";
/// Digits of the hash that name a token.
const ID_DIGITS: usize = 12;

/// What only the holder of a token knows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret([u8; SECRET_BYTES]);

/// The SHA-256 of a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SecretHash([u8; 32]);

/// The public name of a token: the first digits of its secret's hash.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TokenId(Arc<str>);

/// A text that is no token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a token")]
pub struct InvalidToken;

impl Secret {
    /// The secret of these random bytes.
    #[must_use]
    pub const fn from_random(bytes: [u8; SECRET_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads the text that its holder sends.
    ///
    /// # Errors
    /// The text is no token.
    pub fn parse(text: &str) -> Result<Self, InvalidToken> {
        let digits = text.strip_prefix(PREFIX).ok_or(InvalidToken)?;
        bytes(digits).map(Self).ok_or(InvalidToken)
    }

    /// The text for its holder, shown once.
    #[must_use]
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}", hexadecimal(&self.0))
    }

    /// What is kept of it.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash(Sha256::digest(self.0).into())
    }
}

/// Never shows the secret: debug output ends in logs.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl SecretHash {
    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    /// The text is something else.
    pub fn parse(text: &str) -> Result<Self, InvalidToken> {
        bytes(text).map(Self).ok_or(InvalidToken)
    }

    /// The public name of the token.
    #[must_use]
    pub fn id(&self) -> TokenId {
        TokenId(hexadecimal(&self.0)[..ID_DIGITS].into())
    }
}

impl fmt::Display for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hexadecimal(&self.0))
    }
}

impl TokenId {
    /// The name as it is stored.
    #[must_use]
    pub fn from_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The bytes of lower-case hexadecimal digits: one text for each secret.
fn bytes(digits: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let lower = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
    if digits.len() != 2 * bytes.len() || !digits.bytes().all(lower) {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * index..2 * index + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_text_and_nothing_else_is_one() {
        let secret = Secret::from_random(std::array::from_fn(|index| index as u8));
        let text = secret.reveal();
        assert_eq!(Secret::parse(&text), Ok(secret));
        for forged in [
            "",
            "pondersweep_",
            &text[1..],
            &text[..text.len() - 1],
            &format!("{text}0"),
            &text.to_uppercase(),
        ] {
            assert_eq!(Secret::parse(forged), Err(InvalidToken), "{forged}");
        }
        assert_eq!(Secret::parse(&text.replace("0a", "é")), Err(InvalidToken));
    }

    #[test]
    fn neither_debug_output_nor_hash_nor_name_shows_the_secret() {
        let secret = Secret::from_random([0xab; SECRET_BYTES]);
        let shown = format!("{secret:?} {} {}", secret.hash(), secret.hash().id());
        assert!(!shown.contains("abab"), "{shown}");
        assert!(
            secret
                .hash()
                .to_string()
                .starts_with(secret.hash().id().as_str())
        );
        assert_eq!(
            SecretHash::parse(&secret.hash().to_string()),
            Ok(secret.hash())
        );
    }
}
