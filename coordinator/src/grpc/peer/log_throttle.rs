//! What a peer can bring about as often as it likes is logged once in a while, with how often it
//! happened: a log is no place to fill a disk from.

use std::{
    mem,
    time::{Duration, Instant},
};

/// The time between two lines.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// Something that may happen often.
#[derive(Debug, Default)]
pub(super) struct LogThrottle {
    said_at: Option<Instant>,
    times: u64,
}

impl LogThrottle {
    /// Notes that it happened; how often since it was last said, if it is to be said now.
    pub(super) fn happened(&mut self, now: Instant) -> Option<u64> {
        self.times += 1;
        if self.said_at.is_some_and(|at| now < at + SAY_EVERY) {
            return None;
        }
        self.said_at = Some(now);
        Some(mem::take(&mut self.times))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn what_happens_often_is_said_once_in_a_while_with_its_count() {
        let start = clock::now();
        let mut throttle = LogThrottle::default();
        assert_eq!(throttle.happened(start), Some(1));
        for _ in 0..99 {
            assert_eq!(throttle.happened(start + SAY_EVERY / 2), None);
        }
        assert_eq!(throttle.happened(start + SAY_EVERY), Some(100));
    }
}
