//! Where the lanes of a bundle start: from a checkpoint that an earlier attempt left, if it can be
//! had and is exactly what this worker would have computed, else at update 0. Never in between.

use pondersweep_proto::error::LeaseError;

use super::{Lane, Slot};
use crate::{
    client::CheckpointRef,
    train::{LaneState, Start, checkpoint::decode},
};

impl Slot {
    /// Where each of the lanes starts. Waits for a coordinator that is away: a checkpoint is worth
    /// more than the time.
    pub(super) async fn starts(&self, lanes: &[Lane]) -> Result<Vec<Start>, LeaseError> {
        let mut starts = Vec::with_capacity(lanes.len());
        for lane in lanes {
            let state = match lane.lease.checkpoint {
                Some(checkpoint) => self.state_of(lane, checkpoint).await?,
                None => None,
            };
            let trial = lane.lease.spec.clone();
            starts.push(Start { trial, state });
        }
        Ok(starts)
    }

    /// The state a checkpoint holds, once the coordinator knows that the attempt starts from it;
    /// `None` where it must start at update 0.
    async fn state_of(
        &self,
        lane: &Lane,
        checkpoint: CheckpointRef,
    ) -> Result<Option<LaneState>, LeaseError> {
        let token = lane.lease.token;
        let bytes = match self.client.load_checkpoint(token).await {
            Ok(bytes) => bytes,
            Err(error) => return self.start_over(lane, error),
        };
        let state = match decode(&bytes, &lane.lease.spec, &self.origin()) {
            Ok(state) => state,
            Err(refused) => {
                tracing::warn!(%token, %refused, "starting at update 0");
                return Ok(None);
            }
        };
        if state.updates_done() != checkpoint.updates_done {
            tracing::warn!(%token, "the checkpoint is not the one announced, starting at update 0");
            return Ok(None);
        }
        match self.client.start_from_checkpoint(token, checkpoint).await {
            Ok(()) => {
                let updates_done = checkpoint.updates_done;
                tracing::info!(%token, updates_done, of = %checkpoint.attempt, "going on");
                lane.control.set_updates_done(updates_done);
                Ok(Some(state))
            }
            Err(error) => self.start_over(lane, error),
        }
    }

    /// No checkpoint is no reason not to train; but a lost lease is, and a coordinator that
    /// refuses.
    pub(super) fn start_over<T>(
        &self,
        lane: &Lane,
        error: LeaseError,
    ) -> Result<Option<T>, LeaseError> {
        match error {
            LeaseError::CheckpointLost(why) => {
                tracing::warn!(token = %lane.lease.token, %why, "starting at update 0");
                Ok(None)
            }
            other => self.still_mine(lane, Err(other)).map(|()| None),
        }
    }
}
