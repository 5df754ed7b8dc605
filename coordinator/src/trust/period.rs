//! How long a token is valid, as people say it: `30d`, `12h`, `never`.

use std::str::FromStr;

use jiff::{SignedDuration, Span, SpanRelativeTo};

/// A hundred years: beyond it, say `never`.
const LONGEST: SignedDuration = SignedDuration::from_hours(36_525 * 24);

/// A time from now on; without an end for `never`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period(Option<SignedDuration>);

/// A text that is no period.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is no period\nhint: a number and a unit, such as 12h, 30d or 8w; or never")]
pub struct InvalidPeriod(String);

impl Period {
    /// The moment it ends if it begins now, in milliseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn end(self, now_ms: i64) -> Option<i64> {
        let end = |length| SignedDuration::from_millis(now_ms).saturating_add(length);
        let end_ms = |length| i64::try_from(end(length).as_millis()).unwrap_or(i64::MAX);
        self.0.map(end_ms)
    }
}

impl FromStr for Period {
    type Err = InvalidPeriod;

    fn from_str(text: &str) -> Result<Self, InvalidPeriod> {
        if text == "never" {
            return Ok(Self(None));
        }
        let length = text.parse().and_then(|span: Span| {
            // Months and years have no length of their own, and are refused.
            span.to_duration(SpanRelativeTo::days_are_24_hours())
        });
        let sensible = length
            .ok()
            .filter(|length| (SignedDuration::from_secs(1)..=LONGEST).contains(length));
        sensible
            .map(|length| Self(Some(length)))
            .ok_or_else(|| InvalidPeriod(text.to_owned()))
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
        assert_eq!(end("1d 12h").unwrap(), Some(1_000 + 36 * 3_600_000));
        assert_eq!(end("1.5h").unwrap(), Some(1_000 + 90 * 60_000));
        assert_eq!(end("never").unwrap(), None);
        for bad in [
            "",
            "30",
            "d",
            "0d",
            "-1d",
            "1d ago",
            "4294967295w",
            "1y",
            "99999999999d",
        ] {
            assert!(end(bad).is_err(), "{bad}");
        }
    }
}
