//! Checkpoints over the network: pieces to a blob and back. A blob is written outside of the
//! driver, which never waits for it, and recorded by it; who may write one is asked before and
//! after.
//!
//! Memory is taken for what has arrived, never for what was announced, and a peer that falls silent
//! is given up. When the memory is taken, an upload is refused at once instead of waiting with what
//! it has: a checkpoint that is not saved costs time, and the next one comes soon.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use pondersweep_proto::{
    error::LeaseError,
    id::{Attempt, LeaseToken},
    limit::{MAX_CHECKPOINT_BYTES, MAX_CHECKPOINT_PIECE_BYTES, MAX_UPDATES},
    wire::{self, save_checkpoint_request::Part},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinError,
    time::timeout,
};
use tonic::{Status, Streaming};

use super::leases::{malformed, parse_worker_id, token};
use crate::{
    checkpoint::Blobs,
    driver::{DriverHandle, Grant, LeaseRequest, Speaker},
    scheduler::{Checkpoint, Saved},
    trust::TokenId,
};

/// How long receiving and storing one checkpoint may take.
const MAX_SAVE_DURATION: Duration = Duration::from_secs(120);
/// How long its next piece may take: seven kilobytes a second with the pieces that workers send.
const MAX_SILENCE: Duration = Duration::from_secs(10);
/// Memory that checkpoints under way may take together.
const MAX_BYTES_UNDER_WAY: u64 = 4 * MAX_CHECKPOINT_BYTES;
/// What the memory is counted in.
const UNIT_BYTES: u64 = 1_024;

/// Saves and loads checkpoints.
#[derive(Clone, Debug)]
pub(super) struct Checkpoints {
    driver: DriverHandle,
    blobs: Blobs,
    memory: Arc<Semaphore>,
}

/// What a worker announces.
struct Header {
    speaker: Speaker,
    token: LeaseToken,
    updates_done: u64,
    bytes: u64,
}

impl Checkpoints {
    pub(super) fn new(driver: DriverHandle, blobs: Blobs) -> Self {
        Self {
            driver,
            blobs,
            memory: Arc::new(Semaphore::new(units(MAX_BYTES_UNDER_WAY) as usize)),
        }
    }

    /// Receives a checkpoint, makes it durable and then the trial's newest.
    pub(super) async fn save(
        &self,
        token_id: Option<TokenId>,
        pieces: Streaming<wire::SaveCheckpointRequest>,
    ) -> Result<(), Status> {
        let saved = timeout(MAX_SAVE_DURATION, self.receive_and_record(token_id, pieces)).await;
        saved.map_err(|_| LeaseError::Unavailable("saving a checkpoint took too long".into()))?
    }

    async fn receive_and_record(
        &self,
        token_id: Option<TokenId>,
        mut pieces: Streaming<wire::SaveCheckpointRequest>,
    ) -> Result<(), Status> {
        let header = header(token_id, next(&mut pieces).await?)?;
        // A worker that lost its lease is told so before it sends, and fills no disk.
        let may = LeaseRequest::MaySaveCheckpoint {
            token: header.token,
            updates_done: header.updates_done,
            bytes: header.bytes,
        };
        self.driver.lease(header.speaker.clone(), may).await?;
        let (bytes, memory) = self.receive(&mut pieces, header.bytes).await?;
        // A worker that hangs up ends this call, but not what is written: it would be left behind.
        let storing = tokio::spawn(self.clone().store(header, bytes, memory));
        let failed = |error: JoinError| LeaseError::Unavailable(error.to_string());
        storing.await.map_err(failed)?
    }

    /// Makes a checkpoint durable and then the trial's newest.
    async fn store(
        self,
        header: Header,
        bytes: Bytes,
        _memory: OwnedSemaphorePermit,
    ) -> Result<(), Status> {
        let blob = self.blobs.put(header.token, header.updates_done, bytes);
        let blob = blob.await.map_err(|error| unavailable(&error))?;
        self.record(header, blob).await
    }

    /// Makes a durable blob the trial's newest checkpoint; removes it if it must not be.
    async fn record(&self, header: Header, blob: String) -> Result<(), Status> {
        let request = LeaseRequest::SaveCheckpoint {
            trial_id: header.token.trial_id,
            checkpoint: Checkpoint {
                attempt: header.token.attempt,
                updates_done: header.updates_done,
                bytes: header.bytes,
                blob: blob.clone(),
            },
        };
        let refused = match self.driver.lease(header.speaker, request).await {
            Ok(Grant::Saved(Saved::Now)) => return Ok(()),
            // The driver is gone, perhaps after it recorded it: the next start knows.
            Err(error @ LeaseError::Unavailable(_)) => return Err(error.into()),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(()),
        };
        if let Err(error) = self.blobs.delete(&blob).await {
            tracing::warn!(%error, blob, "could not remove a checkpoint that was refused");
        }
        refused
    }

    /// All pieces, which together have as many bytes as announced, and the memory they take.
    async fn receive(
        &self,
        pieces: &mut Streaming<wire::SaveCheckpointRequest>,
        announced: u64,
    ) -> Result<(Bytes, OwnedSemaphorePermit), Status> {
        let mut bytes = BytesMut::new();
        let mut memory = self.reserve(0)?;
        while let Some(message) = next(pieces).await? {
            let Some(Part::Piece(piece)) = message.part else {
                return Err(malformed("after the header come pieces"));
            };
            let arrived = (bytes.len() + piece.len()) as u64;
            if piece.len() > MAX_CHECKPOINT_PIECE_BYTES || arrived > announced {
                return Err(malformed("a piece is too long"));
            }
            let held = memory.num_permits() as u32;
            memory.merge(self.reserve(units(arrived) - held)?);
            bytes.extend_from_slice(&piece);
        }
        if bytes.len() as u64 != announced {
            return Err(malformed("the checkpoint is shorter than announced"));
        }
        Ok((bytes.freeze(), memory))
    }

    fn reserve(&self, units: u32) -> Result<OwnedSemaphorePermit, LeaseError> {
        let permits = Arc::clone(&self.memory).try_acquire_many_owned(units);
        let full = |_| LeaseError::Unavailable("too many checkpoints are under way".into());
        permits.map_err(full)
    }

    /// The bytes of the trial's checkpoint, in pieces.
    pub(super) async fn load(
        &self,
        speaker: Speaker,
        token: LeaseToken,
    ) -> Result<Vec<Bytes>, Status> {
        let asked = LeaseRequest::LoadCheckpoint(token);
        let Grant::Checkpoint(checkpoint) = self.driver.lease(speaker, asked).await? else {
            unreachable!("asked for a checkpoint, the driver answers with one")
        };
        let none = || LeaseError::CheckpointLost(format!("{token} has none"));
        let Checkpoint { blob, .. } = checkpoint.ok_or_else(none)?;
        let bytes = self.blobs.get(&blob).await.map_err(|error| {
            tracing::warn!(%error, %token, blob, "a checkpoint cannot be read");
            LeaseError::CheckpointLost(error.to_string())
        })?;
        Ok(pieces(&bytes))
    }

    /// Notes that an attempt starts from its trial's checkpoint.
    pub(super) async fn start_from(
        &self,
        speaker: Speaker,
        request: wire::StartFromCheckpointRequest,
    ) -> Result<(), Status> {
        let request = LeaseRequest::StartFromCheckpoint {
            token: token(request.token)?,
            from: Attempt(request.checkpoint_attempt),
            updates_done: request.updates_done,
        };
        self.driver.lease(speaker, request).await?;
        Ok(())
    }
}

fn header(
    token_id: Option<TokenId>,
    first: Option<wire::SaveCheckpointRequest>,
) -> Result<Header, Status> {
    let Some(Part::Header(header)) = first.and_then(|first| first.part) else {
        return Err(malformed("a checkpoint begins with its header"));
    };
    if !(1..=MAX_CHECKPOINT_BYTES).contains(&header.bytes) {
        return Err(malformed("a checkpoint has 1 byte to 64 MiB"));
    }
    if !(1..=MAX_UPDATES).contains(&header.updates_done) {
        return Err(malformed("a checkpoint comes after at least one update"));
    }
    Ok(Header {
        speaker: Speaker {
            worker_id: parse_worker_id(&header.worker_id)?,
            token_id,
        },
        token: token(header.token)?,
        updates_done: header.updates_done,
        bytes: header.bytes,
    })
}

/// The next message of an upload that makes progress.
async fn next(
    pieces: &mut Streaming<wire::SaveCheckpointRequest>,
) -> Result<Option<wire::SaveCheckpointRequest>, Status> {
    let silent = |_| LeaseError::Unavailable(format!("nothing arrived for {MAX_SILENCE:?}"));
    timeout(MAX_SILENCE, pieces.message())
        .await
        .map_err(silent)?
}

fn pieces(bytes: &Bytes) -> Vec<Bytes> {
    let starts = (0..bytes.len()).step_by(MAX_CHECKPOINT_PIECE_BYTES);
    let piece = |start| bytes.slice(start..bytes.len().min(start + MAX_CHECKPOINT_PIECE_BYTES));
    starts.map(piece).collect()
}

fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).expect("checkpoints are bounded")
}

fn unavailable(error: &crate::checkpoint::BlobError) -> LeaseError {
    tracing::warn!(%error, "a checkpoint cannot be stored");
    LeaseError::Unavailable(error.to_string())
}
