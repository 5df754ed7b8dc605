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
pub(super) struct Seldom {
    said_at: Option<Instant>,
    times: u64,
}

impl Seldom {
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
        let mut seldom = Seldom::default();
        assert_eq!(seldom.happened(start), Some(1));
        for _ in 0..99 {
            assert_eq!(seldom.happened(start + SAY_EVERY / 2), None);
        }
        assert_eq!(seldom.happened(start + SAY_EVERY), Some(100));
    }
}
