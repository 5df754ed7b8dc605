//! Identifiers. Each is a type of its own, so a trial's number is never taken for an attempt's.

use std::{fmt, str::FromStr};

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::limit::{MAX_WORKER_ID_BYTES, shown};

/// A 64-bit content hash: the first eight bytes of the SHA-256 of a canonical JSON text, shown as
/// sixteen hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentKey(u64);

impl ContentKey {
    /// The key of a value's canonical JSON form.
    #[must_use]
    pub fn of(value: &impl Serialize) -> Self {
        Self::of_canonical_json(&canonical_json(value))
    }

    /// The key of the value whose canonical JSON form this is.
    #[must_use]
    pub fn of_canonical_json(text: &str) -> Self {
        ContentHasher::of(text).key_with("")
    }

    /// The key as a number, for keying random streams.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// The beginning of a canonical JSON text, hashed: for many texts that begin alike.
#[derive(Clone, Debug)]
pub(crate) struct ContentHasher(Sha256);

impl ContentHasher {
    pub(crate) fn of(head: &str) -> Self {
        Self(Sha256::new_with_prefix(head))
    }

    /// The key of the text that begins so and ends like this.
    pub(crate) fn key_with(&self, tail: &str) -> ContentKey {
        let digest = self.0.clone().chain_update(tail).finalize();
        let head: [u8; 8] = digest[..8].try_into().expect("a SHA-256 has 32 bytes");
        ContentKey(u64::from_be_bytes(head))
    }
}

impl fmt::Display for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// A text that is not an identifier of the wanted kind.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not {1}")]
pub struct InvalidId(String, &'static str);

impl FromStr for ContentKey {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = is_hex.then(|| u64::from_str_radix(text, 16).ok()).flatten();
        number
            .map(Self)
            .ok_or_else(|| InvalidId(shown(text), "sixteen hexadecimal digits"))
    }
}

/// Identifies a sweep by the content of its specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SweepId(pub ContentKey);

impl fmt::Display for SweepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SweepId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        text.parse().map(Self)
    }
}

/// Identifies a trial within one database; the trials of a sweep are numbered without a gap, in
/// the order of the search space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrialId(pub u64);

impl fmt::Display for TrialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One execution of a trial, counted from 1. The trial's current attempt is the fencing token:
/// a call for an older one is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attempt(pub u32);

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The right to run one attempt of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseToken {
    /// The leased trial.
    pub trial_id: TrialId,
    /// The attempt the lease is for.
    pub attempt: Attempt,
}

impl fmt::Display for LeaseToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "trial {} attempt {}", self.trial_id, self.attempt)
    }
}

/// Identifies a worker process for its life: printable ASCII without spaces, bounded in length.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(String);

impl WorkerId {
    /// The identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for WorkerId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let bounded = (1..=MAX_WORKER_ID_BYTES).contains(&text.len());
        if bounded && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidId(
                shown(text),
                "a worker id: 1 to 64 printable ASCII characters",
            ))
        }
    }
}

/// The SHA-256 of a value's canonical JSON form, as 64 hexadecimal digits; the first sixteen are
/// its [`ContentKey`].
#[must_use]
pub fn content_sha256(value: &impl Serialize) -> String {
    hexadecimal(&Sha256::digest(canonical_json(value).as_bytes()))
}

/// Bytes as hexadecimal digits, two each.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let text = String::with_capacity(2 * bytes.len());
    bytes.iter().fold(text, |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes every write");
        text
    })
}

/// The canonical JSON form: keys sorted, no white space, numbers in shortest round-trip form.
/// Equal values have equal texts on every machine.
#[must_use]
pub fn canonical_json(value: &impl Serialize) -> String {
    // `serde_json::Value` keeps its keys in a sorted map, which does the sorting.
    let value = serde_json::to_value(value).expect("specifications always serialise");
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_key_survives_its_text_form() {
        let key = ContentKey::of(&("lambda_p", 0.1));
        assert_eq!(key.to_string().parse::<ContentKey>().unwrap(), key);
        assert!(content_sha256(&("lambda_p", 0.1)).starts_with(&key.to_string()));
        assert!("12".parse::<ContentKey>().is_err());
        assert!("+123456789abcdef".parse::<ContentKey>().is_err());
    }

    #[test]
    fn canonical_json_sorts_keys_and_keeps_numbers_exact() {
        let value = serde_json::json!({"b": 0.1, "a": {"d": 1, "c": 3e-4}});
        assert_eq!(
            canonical_json(&value),
            r#"{"a":{"c":0.0003,"d":1},"b":0.1}"#
        );
    }

    #[test]
    fn a_worker_id_is_short_and_printable() {
        assert!("host-17-ab12".parse::<WorkerId>().is_ok());
        for bad in ["", "two words", "é", &"x".repeat(65)] {
            assert!(bad.parse::<WorkerId>().is_err(), "{bad:?}");
        }
    }
}
