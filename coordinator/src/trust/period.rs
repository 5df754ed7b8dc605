//! How long a token is valid, as people say it: `30d`, `12h`, `never`.

use std::{fmt, str::FromStr};

/// The units people use, and their milliseconds.
const UNITS: [(&str, i64); 5] = [
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 7 * 86_400_000),
];
/// A hundred years: beyond it, say `never`.
const LONGEST_MS: i64 = 36_525 * 86_400_000;

/// A time from now on; without an end for `never`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period(Option<i64>);

/// A text that is no period.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no period\nhint: a number and a unit, such as 12h, 30d or 8w; or never")]
pub struct InvalidPeriod(String);

impl Period {
    /// The moment it ends if it begins now, in milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn end(self, now_ms: i64) -> Option<i64> {
        self.0.map(|length_ms| now_ms.saturating_add(length_ms))
    }
}

impl FromStr for Period {
    type Err = InvalidPeriod;

    fn from_str(text: &str) -> Result<Self, InvalidPeriod> {
        if text == "never" {
            return Ok(Self(None));
        }
        let length = UNITS.iter().find_map(|(unit, milliseconds)| {
            let number: u32 = text.strip_suffix(unit)?.parse().ok()?;
            i64::from(number).checked_mul(*milliseconds)
        });
        let sensible = length.filter(|length| (1..=LONGEST_MS).contains(length));
        sensible
            .map(|length| Self(Some(length)))
            .ok_or_else(|| InvalidPeriod(text.to_owned()))
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("never"),
            Some(length_ms) => write!(f, "{}s", length_ms / 1_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_read_as_people_say_them() {
        let end = |text: &str| text.parse::<Period>().map(|period| period.end(1_000));
        assert_eq!(end("1s").unwrap(), Some(2_000));
        assert_eq!(end("30d").unwrap(), Some(1_000 + 30 * 86_400_000));
        assert_eq!(end("never").unwrap(), None);
        for bad in [
            "",
            "30",
            "d",
            "0d",
            "-1d",
            "1.5h",
            "4294967295w",
            "1y",
            "99999999999d",
        ] {
            assert!(end(bad).is_err(), "{bad}");
        }
    }
}
