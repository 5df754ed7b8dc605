//! A time limit as Slurm writes it, and the one among the options of `sbatch`.

use std::{fmt, str::FromStr};

/// Longest limit that is taken for one, in seconds: a year.
const MAX_SECONDS: u64 = 366 * 86_400;

/// How long a batch system lets a job run, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeLimit {
    /// Seconds; at least one.
    pub seconds: u64,
}

/// Why a text is no time limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no time limit\n\
     hint: use MINUTES, MINUTES:SECONDS, HOURS:MINUTES:SECONDS, DAYS-HOURS or DAYS-HOURS:MINUTES:SECONDS"
)]
pub struct TimeLimitError(String);

impl TimeLimit {
    /// The time limit among options of `sbatch`: the last of `-t` and `--time`, as `sbatch` reads
    /// them. `None` without one, and when it is said that there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn among(options: &[String]) -> Result<Option<Self>, TimeLimitError> {
        let mut limit = None;
        for (at, option) in options.iter().enumerate() {
            let next = || options.get(at + 1).map(String::as_str).unwrap_or_default();
            let text = match option.as_str() {
                "-t" | "--time" => next(),
                long => match long
                    .strip_prefix("--time=")
                    .or_else(|| long.strip_prefix("-t"))
                {
                    Some(text) => text,
                    None => continue,
                },
            };
            limit = match text.to_ascii_lowercase().as_str() {
                "unlimited" | "infinite" | "0" => None,
                _ => Some(text.parse()?),
            };
        }
        Ok(limit)
    }
}

impl fmt::Display for TimeLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} s", self.seconds)
    }
}

impl FromStr for TimeLimit {
    type Err = TimeLimitError;

    fn from_str(text: &str) -> Result<Self, TimeLimitError> {
        let refuse = || TimeLimitError(text.to_owned());
        let (days, clock) = match text.split_once('-') {
            Some((days, clock)) => (Some(days), clock),
            None => (None, text),
        };
        let number = |text: &str| match text.parse::<u64>() {
            Ok(number) if text.bytes().all(|byte| byte.is_ascii_digit()) => Some(number),
            _ => None,
        };
        let parts: Option<Vec<u64>> = clock.split(':').map(number).collect();
        let seconds = match (days, parts.ok_or_else(refuse)?.as_slice()) {
            (None, &[minutes]) => clock_seconds(0, minutes, 0),
            (None, &[minutes, seconds]) => clock_seconds(0, minutes, seconds),
            (None | Some(_), &[hours, minutes, seconds]) => clock_seconds(hours, minutes, seconds),
            (Some(_), &[hours, minutes]) => clock_seconds(hours, minutes, 0),
            (Some(_), &[hours]) => clock_seconds(hours, 0, 0),
            _ => None,
        };
        let days = days
            .map_or(Some(0), number)
            .and_then(|days| days.checked_mul(86_400));
        let total = seconds
            .zip(days)
            .and_then(|(seconds, days)| seconds.checked_add(days));
        match total {
            Some(seconds @ 1..=MAX_SECONDS) => Ok(Self { seconds }),
            _ => Err(refuse()),
        }
    }
}

fn clock_seconds(hours: u64, minutes: u64, seconds: u64) -> Option<u64> {
    let minutes = hours.checked_mul(60)?.checked_add(minutes)?;
    minutes.checked_mul(60)?.checked_add(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(text: &str) -> Option<u64> {
        text.parse().ok().map(|limit: TimeLimit| limit.seconds)
    }

    #[test]
    fn limits_are_read_as_slurm_reads_them() {
        assert_eq!(seconds("90"), Some(5_400));
        assert_eq!(seconds("90:30"), Some(5_430));
        assert_eq!(seconds("04:00:00"), Some(14_400));
        assert_eq!(seconds("2-12"), Some(216_000));
        assert_eq!(seconds("2-12:30"), Some(217_800));
        assert_eq!(seconds("1-00:00:01"), Some(86_401));
        for bad in [
            "",
            "x",
            "1:2:3:4",
            "-5",
            "+5",
            "1-",
            "0",
            "99999999999999999999",
            "400-0",
        ] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_last_limit_among_the_options_counts() {
        let among = |options: &[&str]| {
            let options: Vec<String> = options.iter().map(ToString::to_string).collect();
            TimeLimit::among(&options).map(|limit| limit.map(|limit| limit.seconds))
        };
        assert_eq!(among(&["-p", "gpu", "--time=1:00:00"]), Ok(Some(3_600)));
        assert_eq!(among(&["--time", "10", "-t20"]), Ok(Some(1_200)));
        assert_eq!(among(&["-t", "5"]), Ok(Some(300)));
        assert_eq!(among(&["--time-min=5", "-p", "x"]), Ok(None));
        assert_eq!(among(&["--time=5", "--time=UNLIMITED"]), Ok(None));
        assert!(among(&["--time=soon"]).is_err());
        assert!(among(&["--time"]).is_err());
    }
}
