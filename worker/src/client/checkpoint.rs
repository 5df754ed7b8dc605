//! Checkpoints to the coordinator and back, in pieces, and who computed them.

use pondersweep_proto::{
    error::LeaseError,
    id::LeaseToken,
    limit::MAX_CHECKPOINT_BYTES,
    wire::{self, save_checkpoint_request::Part},
};
use tonic::Status;

use super::{CheckpointRef, Client};
use crate::{kernel::InstructionSet, train::checkpoint::Origin};

/// Bytes of a checkpoint in one message: few, so that a slow line shows that it moves.
const PIECE_BYTES: usize = 64 * 1_024;

impl Client {
    /// Who computes on this worker's device.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin {
            device: self.worker.device.clone(),
            backend: self.worker.backend.clone(),
            instructions: InstructionSet::detect().name().to_owned(),
            binary_sha256: self.worker.binary_sha256.clone(),
        }
    }

    /// Sends a checkpoint of a running attempt; returns once it is durable. Tried once.
    ///
    /// # Errors
    /// The lease is no longer the worker's, or the coordinator refused or cannot be reached.
    pub async fn save_checkpoint_once(
        &self,
        token: LeaseToken,
        updates_done: u64,
        bytes: &[u8],
    ) -> Result<(), LeaseError> {
        self.send_checkpoint(token, updates_done, bytes).await?;
        Ok(())
    }

    /// As [`Self::save_checkpoint_once`], repeated until it is answered.
    ///
    /// # Errors
    /// The lease is no longer the worker's, or the coordinator refused for good.
    pub async fn save_checkpoint(
        &self,
        token: LeaseToken,
        updates_done: u64,
        bytes: &[u8],
    ) -> Result<(), LeaseError> {
        let send = || self.send_checkpoint(token, updates_done, bytes);
        self.persist("save_checkpoint", send).await
    }

    async fn send_checkpoint(
        &self,
        token: LeaseToken,
        updates_done: u64,
        bytes: &[u8],
    ) -> Result<(), Status> {
        let header = wire::CheckpointHeader {
            worker_id: self.worker_id.to_string(),
            token: Some(token.into()),
            updates_done,
            bytes: bytes.len() as u64,
        };
        let pieces = bytes.chunks(PIECE_BYTES);
        let pieces = pieces.map(|piece| Part::Piece(piece.to_vec()));
        let parts: Vec<_> = std::iter::once(Part::Header(header))
            .chain(pieces)
            .map(|part| wire::SaveCheckpointRequest { part: Some(part) })
            .collect();
        let parts = tokio_stream::iter(parts);
        self.transfers.clone().save_checkpoint(parts).await?;
        Ok(())
    }

    /// The bytes of the checkpoint that a lease names.
    ///
    /// # Errors
    /// The bytes are lost, the lease is no longer the worker's, or the coordinator refused for good.
    pub async fn load_checkpoint(&self, token: LeaseToken) -> Result<Vec<u8>, LeaseError> {
        self.persist("load_checkpoint", || self.receive_checkpoint(token))
            .await
    }

    async fn receive_checkpoint(&self, token: LeaseToken) -> Result<Vec<u8>, Status> {
        let request = wire::LoadCheckpointRequest {
            worker_id: self.worker_id.to_string(),
            token: Some(token.into()),
        };
        let mut transfers = self.transfers.clone();
        let mut pieces = transfers.load_checkpoint(request).await?.into_inner();
        let mut bytes = Vec::new();
        while let Some(message) = pieces.message().await? {
            bytes.extend_from_slice(&message.piece);
            if bytes.len() as u64 > MAX_CHECKPOINT_BYTES {
                let why = "it is larger than any checkpoint";
                return Err(LeaseError::CheckpointLost(why.into()).into());
            }
        }
        Ok(bytes)
    }

    /// Tells the coordinator that an attempt starts from the checkpoint its lease names.
    ///
    /// # Errors
    /// That is not the trial's checkpoint, the lease is no longer the worker's, or the coordinator
    /// refused for good.
    pub async fn start_from_checkpoint(
        &self,
        token: LeaseToken,
        checkpoint: CheckpointRef,
    ) -> Result<(), LeaseError> {
        let request = wire::StartFromCheckpointRequest {
            worker_id: self.worker_id.to_string(),
            token: Some(token.into()),
            checkpoint_attempt: checkpoint.attempt.0,
            updates_done: checkpoint.updates_done,
        };
        self.persist("start_from_checkpoint", || {
            let (mut service, request) = (self.service.clone(), request.clone());
            async move { service.start_from_checkpoint(request).await }
        })
        .await?;
        Ok(())
    }
}
