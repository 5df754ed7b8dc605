//! How long to wait before a call is repeated: twice as long each time, up to a limit, and spread
//! so that workers that lost the coordinator together do not come back together. Pure.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

/// The first delay is drawn below this.
const FIRST: Duration = Duration::from_millis(50);
/// No delay is longer: a coordinator that is back is noticed within this time.
const LONGEST: Duration = Duration::from_secs(3);

/// The delays of one call's repetitions.
#[derive(Debug)]
pub struct Backoff {
    /// Differs between workers, so that their delays do.
    salt: u64,
    repetition: u32,
}

impl Backoff {
    /// Delays for a caller known by `name`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            salt: hash(name),
            repetition: 0,
        }
    }

    /// The next delay: between a half and the whole of a doubling bound.
    pub fn next_delay(&mut self) -> Duration {
        let bound = FIRST
            .saturating_mul(1 << self.repetition.min(10))
            .min(LONGEST);
        self.repetition += 1;
        let share = hash((self.salt, self.repetition)) as f64 / u64::MAX as f64;
        bound.mul_f64(0.5 + share / 2.0)
    }
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_limit_and_differ_between_workers() {
        let delays = |name| {
            let mut backoff = Backoff::new(name);
            (0..12).map(|_| backoff.next_delay()).collect::<Vec<_>>()
        };
        let first = delays("a");
        assert!(first[0] <= FIRST);
        assert!(
            first
                .iter()
                .all(|&delay| delay >= FIRST / 2 && delay <= LONGEST)
        );
        assert!(first[11] >= LONGEST / 2);
        assert_ne!(first, delays("b"));
    }
}
