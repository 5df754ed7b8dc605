//! What blobs are called: for people which checkpoint it is, for the program a name that no other
//! checkpoint ever has, whatever is sent twice, late or after a restart. Pure.

use std::sync::atomic::{AtomicU64, Ordering};

use pondersweep_proto::id::LeaseToken;

/// Names blobs of one run of the coordinator.
#[derive(Debug)]
pub(super) struct Names {
    /// Such as `19ab3f2c1d0`: when the run started.
    run: String,
    given: AtomicU64,
}

impl Names {
    pub(super) fn of_run(started_at_ms: i64) -> Self {
        Self {
            run: format!("{started_at_ms:x}"),
            given: AtomicU64::new(0),
        }
    }

    /// A new name, such as `trial-12-attempt-2-update-5000-19ab3f2c1d0.7`.
    pub(super) fn next(&self, token: LeaseToken, updates_done: u64) -> String {
        let LeaseToken { trial_id, attempt } = token;
        let number = self.given.fetch_add(1, Ordering::Relaxed);
        let run = &self.run;
        format!("trial-{trial_id}-attempt-{attempt}-update-{updates_done}-{run}.{number}")
    }

    /// Whether this run gave the name. Of a file that is being written, too.
    pub(super) fn is_of_this_run(&self, name: &str) -> bool {
        let last = name.rsplit('-').next();
        let run = last.and_then(|last| last.split('.').next());
        run == Some(self.run.as_str())
    }
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::id::{Attempt, TrialId};

    use super::*;

    #[test]
    fn names_never_repeat_and_tell_the_run_that_gave_them() {
        let token = LeaseToken {
            trial_id: TrialId(12),
            attempt: Attempt(2),
        };
        let (earlier, later) = (Names::of_run(255), Names::of_run(256));
        let names = [
            earlier.next(token, 5),
            earlier.next(token, 5),
            later.next(token, 5),
        ];
        assert_eq!(names[0], "trial-12-attempt-2-update-5-ff.0");
        assert!(names[0] != names[1] && names[1] != names[2]);
        assert!(earlier.is_of_this_run(&names[1]) && !later.is_of_this_run(&names[1]));
        assert!(later.is_of_this_run(&names[2]) && !earlier.is_of_this_run(&names[2]));
        // A file while object_store writes it.
        assert!(earlier.is_of_this_run(&format!("{}#1", names[0])));
        assert!(!earlier.is_of_this_run("notes.txt"));
    }
}
