//! Which checkpoint a trial has: saved by the holder of its lease, used by the next holder, and
//! gone when the trial has ended. It knows nothing of the bytes but a name for them.

use pondersweep_proto::id::{Attempt, LeaseToken, TrialId, WorkerId};

use super::{
    change::{Change, TrialState},
    scheduling::{Scheduler, Superseded},
};

/// Where a trial can go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The attempt that wrote it.
    pub attempt: Attempt,
    /// Parameter updates done by then.
    pub updates_done: u64,
    /// Its size.
    pub bytes: u64,
    /// Where its bytes are: a name that no other checkpoint ever has.
    pub blob: String,
}

/// What became of a checkpoint that was to be saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    /// It is the trial's newest now.
    Now,
    /// The attempt had saved a later one already: the call was late. Nothing changed.
    TooLate,
}

/// Why an attempt does not start from a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// The attempt is not the worker's to speak for.
    #[error(transparent)]
    Superseded(#[from] Superseded),
    /// The trial's checkpoint is another one, or there is none.
    #[error("{0} has no such checkpoint")]
    NoSuchCheckpoint(LeaseToken),
}

impl Scheduler {
    /// Takes up the checkpoints that were stored, after [`Self::restore`].
    pub fn restore_checkpoints(&mut self, stored: Vec<(TrialId, Checkpoint)>) {
        self.checkpoints.extend(stored);
    }

    /// A trial's newest checkpoint.
    #[must_use]
    pub fn checkpoint(&self, trial_id: TrialId) -> Option<&Checkpoint> {
        self.checkpoints.get(&trial_id)
    }

    /// The blobs of every checkpoint.
    pub fn checkpoint_blobs(&self) -> impl Iterator<Item = &str> {
        self.checkpoints
            .values()
            .map(|checkpoint| checkpoint.blob.as_str())
    }

    /// Makes a checkpoint, whose bytes are durable, the trial's newest.
    ///
    /// # Errors
    /// The attempt is not the worker's current lease; that it tried is recorded.
    pub fn save_checkpoint(
        &mut self,
        worker_id: &WorkerId,
        trial_id: TrialId,
        checkpoint: Checkpoint,
    ) -> Result<Saved, Superseded> {
        let attempt = checkpoint.attempt;
        let token = LeaseToken { trial_id, attempt };
        self.check(worker_id, token, "save_checkpoint")?;
        let newest = self.checkpoints.get(&trial_id);
        let later = |newest: &Checkpoint| {
            newest.attempt == attempt && newest.updates_done > checkpoint.updates_done
        };
        if newest.is_some_and(later) {
            return Ok(Saved::TooLate);
        }
        let replaced = self.checkpoints.insert(trial_id, checkpoint.clone());
        self.changes.push(Change::CheckpointSaved {
            trial_id,
            checkpoint,
            replaced,
        });
        Ok(Saved::Now)
    }

    /// Notes that an attempt starts from the trial's checkpoint, the one that this attempt wrote
    /// after `updates_done` updates. Noting it again changes nothing.
    ///
    /// # Errors
    /// The attempt is not the worker's current lease, which is recorded; or that is not the trial's
    /// checkpoint.
    pub fn start_from_checkpoint(
        &mut self,
        worker_id: &WorkerId,
        token: LeaseToken,
        from: Attempt,
        updates_done: u64,
    ) -> Result<(), StartError> {
        self.check(worker_id, token, "start_from_checkpoint")?;
        let meant = |checkpoint: &&Checkpoint| {
            checkpoint.attempt == from && checkpoint.updates_done == updates_done
        };
        let found = self.checkpoint(token.trial_id).filter(meant);
        found.ok_or(StartError::NoSuchCheckpoint(token))?;
        self.changes.push(Change::StartedFromCheckpoint {
            token,
            from,
            updates_done,
        });
        Ok(())
    }

    /// Lets a trial's checkpoint go if the trial has come to its end.
    pub(super) fn drop_checkpoint_if_ended(&mut self, trial_id: TrialId, state: TrialState) {
        if matches!(state, TrialState::Pending | TrialState::Leased) {
            return;
        }
        if let Some(checkpoint) = self.checkpoints.remove(&trial_id) {
            self.changes.push(Change::CheckpointDropped {
                trial_id,
                checkpoint,
            });
        }
    }

    /// Checks that only trials that may still run have checkpoints, and of their own attempts.
    #[cfg(test)]
    pub(super) fn check_checkpoints(&self) {
        for (trial_id, checkpoint) in &self.checkpoints {
            let trial = self.sweep_of(*trial_id).trial(*trial_id);
            assert!(
                matches!(trial.state, TrialState::Pending | TrialState::Leased),
                "trial {trial_id} has ended and keeps a checkpoint"
            );
            assert!(checkpoint.attempt.0 <= trial.attempt);
        }
    }
}
