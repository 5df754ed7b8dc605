//! PURE but for `read`: why a trial or a sweep stands as it does, what it waits for and how fast it goes,
//! as sentences. It says what the database knows and guesses nothing; commands and pages show it.

mod eta;
mod read;
mod sweep;
mod trial;
mod waiting;

pub(crate) use eta::{Pace, RECENTLY, lasting};
pub(crate) use read::{is_served, scene};
pub(crate) use sweep::{Scene, findings, pace_of, subject};
pub(crate) use trial::{findings as trial_findings, subject as trial_subject, waits_for};
pub(crate) use waiting::waiting;

/// What is said of work that waits in a database without a coordinator.
pub(crate) const NOT_SERVED: &str = "no coordinator serves this database; start one with \
    `pondersweep serve`, or go on with `pondersweep run FILE`";

/// A point in time, in milliseconds since 1970-01-01 UTC, as ISO 8601; empty where there is no such time.
pub(crate) fn iso_time(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map_or_else(|_| String::new(), |time| time.to_string())
}
