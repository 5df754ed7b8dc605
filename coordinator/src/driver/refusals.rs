//! How much of what is refused goes into the audit log. A worker that was cut off is refused a few
//! times, which is worth knowing; one that is broken or evil is refused for ever, and would fill the
//! disk. Decides what is recorded; what was refused stays refused.

use std::time::{Duration, Instant};

use crate::scheduler::Change;

/// As many as a large fleet has that comes back after a cut...
const MAX_RECORDED: u32 = 1_000;
/// ...in so long: at worst some megabytes a day.
const PERIOD: Duration = Duration::from_secs(600);

/// The refused calls of the period that goes on.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    began_at: Option<Instant>,
    recorded: u32,
    unrecorded: u64,
}

impl Refusals {
    /// Takes those refused calls out of the changes that are beyond what is recorded, and says how many.
    pub(super) fn bound(&mut self, changes: &mut Vec<Change>, now: Instant) -> u64 {
        let is_over = |began: Instant| now.saturating_duration_since(began) >= PERIOD;
        if self.began_at.is_some_and(is_over) {
            self.end();
        }
        let before = self.unrecorded;
        changes.retain(|change| !matches!(change, Change::Refused { .. }) || self.record(now));
        if before == 0 && self.unrecorded > 0 {
            tracing::warn!(
                "more than {MAX_RECORDED} calls were refused in {} minutes; the audit log leaves out \
                 the rest",
                PERIOD.as_secs() / 60
            );
        }
        self.unrecorded - before
    }

    fn record(&mut self, now: Instant) -> bool {
        self.began_at.get_or_insert(now);
        let fits = self.recorded < MAX_RECORDED;
        if fits {
            self.recorded += 1;
        } else {
            self.unrecorded += 1;
        }
        fits
    }

    fn end(&mut self) {
        if self.unrecorded > 0 {
            let calls = self.unrecorded;
            tracing::warn!(calls, "refused calls are not in the audit log");
        }
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::id::{Attempt, LeaseToken, TrialId};

    use super::*;
    use crate::scheduler::TrialState;

    fn refused(trial: u64) -> Change {
        Change::Refused {
            token: LeaseToken {
                trial_id: TrialId(trial),
                attempt: Attempt(1),
            },
            worker_id: "w".parse().unwrap(),
            call: "finish",
        }
    }

    #[test]
    fn refused_calls_are_recorded_up_to_a_number_and_again_after_a_while() {
        #[expect(clippy::disallowed_methods, reason = "any moment will do")]
        let start = Instant::now();
        let mut refusals = Refusals::default();
        let mut bound = |count: u64, now: Instant| {
            let mut changes: Vec<_> = (0..count).map(refused).collect();
            changes.push(Change::Trial {
                trial_id: TrialId(1),
                state: TrialState::Pending,
            });
            let left_out = refusals.bound(&mut changes, now);
            // Nothing else is ever left out.
            assert!(matches!(changes.last(), Some(Change::Trial { .. })));
            (changes.len() - 1, left_out)
        };
        assert_eq!(bound(400, start), (400, 0));
        assert_eq!(bound(700, start + PERIOD / 2), (600, 100));
        assert_eq!(bound(5, start + PERIOD / 2), (0, 5));
        assert_eq!(bound(0, start + PERIOD), (0, 0));
        assert_eq!(bound(1_200, start + PERIOD), (1_000, 200));
    }
}
