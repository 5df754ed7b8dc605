//! When a sweep fails so often that going on makes no sense: it is paused, with its reason, until a
//! person looks at it and resumes it. Pure arithmetic on counts.

use super::sweep::TrialCounts;

/// Trials that must have ended before a share of them means anything. With fewer, the share is
/// taken of this many: three early failures are no reason to stop a sweep of a thousand trials.
const FEWEST_TRIALS: u64 = 10;

/// The counts from which on a sweep's failure rate is counted: those when a person last resumed it
/// or retried trials. What was failing then is known to that person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Baseline {
    /// Trials that had a result or had failed.
    pub ended: u64,
    /// Trials that had failed.
    pub failed: u64,
}

impl Baseline {
    /// The present as the beginning.
    pub(super) const fn now(counts: &TrialCounts) -> Self {
        Self {
            ended: counts.succeeded + counts.infeasible + counts.failed,
            failed: counts.failed,
        }
    }

    /// Why the sweep should be paused, if more than this share of the trials that ended since then
    /// have failed.
    pub(super) fn complaint(&self, counts: &TrialCounts, max_failure_rate: f64) -> Option<String> {
        let now = Self::now(counts);
        let failed = now.failed.saturating_sub(self.failed);
        let ended = now.ended.saturating_sub(self.ended);
        let allowed = max_failure_rate * ended.max(FEWEST_TRIALS) as f64;
        let too_many = failed as f64 > allowed;
        too_many.then(|| {
            format!(
                "{failed} of {ended} trials that ended have failed, more than the allowed share of \
                 {max_failure_rate}"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counts(succeeded: u64, failed: u64) -> TrialCounts {
        TrialCounts {
            succeeded,
            failed,
            ..TrialCounts::default()
        }
    }

    #[test]
    fn few_trials_count_as_ten_and_a_rate_of_zero_stops_at_the_first_failure() {
        let complains = |succeeded, failed, rate| {
            let start = Baseline::default();
            start.complaint(&counts(succeeded, failed), rate).is_some()
        };
        assert!(!complains(0, 5, 0.5));
        assert!(complains(0, 6, 0.5));
        assert!(!complains(50, 50, 0.5));
        assert!(complains(50, 51, 0.5));
        assert!(complains(1_000, 1, 0.0));
        assert!(!complains(0, 1_000, 1.0));
    }

    #[test]
    fn what_had_failed_before_a_person_resumed_is_forgiven() {
        let base = Baseline::now(&counts(4, 6));
        assert_eq!(base.complaint(&counts(4, 11), 0.5), None);
        let complaint = base.complaint(&counts(5, 12), 0.5).unwrap();
        assert!(complaint.starts_with("6 of 7 trials"), "{complaint}");
        // Retried trials are gone from the counts.
        assert_eq!(base.complaint(&counts(0, 0), 0.0), None);
    }

    proptest! {
        #[test]
        fn one_success_more_never_brings_a_complaint(
            succeeded in 0_u64..100, failed in 0_u64..100, rate in 0.0..=1.0_f64,
        ) {
            let start = Baseline::default();
            let complains = |succeeded| start.complaint(&counts(succeeded, failed), rate).is_some();
            prop_assert!(complains(succeeded) || !complains(succeeded + 1));
        }
    }
}
