//! Makes the disk fail where a test wants it: just before a transaction is committed, and just
//! after, when it is durable and not yet acknowledged. Compiled for tests only.

use super::error::DatabaseError;

/// Where a commit fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CommitMoment {
    /// Nothing of it is stored.
    Before,
    /// All of it is stored.
    After,
}

/// The next failure, if there is to be one.
#[derive(Debug, Default)]
pub(crate) struct PlannedFailure(Option<(u32, CommitMoment)>);

impl PlannedFailure {
    /// Fails after `commits` commits that succeed.
    pub(crate) const fn after(commits: u32, moment: CommitMoment) -> Self {
        Self(Some((commits, moment)))
    }

    /// Called at every moment of every commit.
    pub(super) fn strike(&mut self, moment: CommitMoment) -> Result<(), DatabaseError> {
        match &mut self.0 {
            Some((0, planned)) if *planned == moment => {
                self.0 = None;
                Err(DatabaseError::DiskFailed(format!(
                    "{moment:?} the commit, on purpose"
                )))
            }
            Some((commits @ 1.., _)) if moment == CommitMoment::After => {
                *commits -= 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
