//! How many calls a peer may make: a bucket that fills steadily and is emptied by calls.

use std::time::Instant;

/// Seconds of calls that may be saved up, so that a burst after a pause is no offence.
const SAVED_SECONDS: f64 = 2.0;

/// The calls a peer may still make.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// Calls a second; 0 for as many as it likes.
    rate: u32,
    left: f64,
    filled_at: Instant,
}

impl Bucket {
    /// A full bucket.
    #[must_use]
    pub fn new(rate: u32, now: Instant) -> Self {
        let left = f64::from(rate) * SAVED_SECONDS;
        Self {
            rate,
            left,
            filled_at: now,
        }
    }

    /// Takes one call; false if there is none left.
    pub fn take(&mut self, now: Instant) -> bool {
        if self.rate == 0 {
            return true;
        }
        let rate = f64::from(self.rate);
        let passed = now.saturating_duration_since(self.filled_at).as_secs_f64();
        self.left = (self.left + passed * rate).min(rate * SAVED_SECONDS);
        self.filled_at = self.filled_at.max(now);
        let enough = self.left >= 1.0;
        if enough {
            self.left -= 1.0;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_peer_may_make_a_burst_and_then_a_limited_number_of_calls_a_second() {
        #[expect(clippy::disallowed_methods, reason = "any moment will do")]
        let start = Instant::now();
        let mut bucket = Bucket::new(10, start);
        let calls = |bucket: &mut Bucket, now| (0..100).filter(|_| bucket.take(now)).count();
        assert_eq!(calls(&mut bucket, start), 20);
        assert_eq!(calls(&mut bucket, start + Duration::from_secs(1)), 10);
        assert_eq!(calls(&mut bucket, start), 0, "time never runs backwards");
        assert_eq!(calls(&mut bucket, start + Duration::from_secs(60)), 20);
        assert_eq!(calls(&mut Bucket::new(0, start), start), 100);
    }
}
