//! A whole database over the network, for commands that read all of it: a complete copy of one
//! moment, without its tokens, in pieces. One is made at a time, where there is room for it, and a
//! reader who is too slow loses it; the driver never waits.

use std::{
    fs::File,
    io::{self, Read as _},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use pondersweep_proto::{
    error::SweepError,
    wire::{self, get_database_copy_response::Part},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::spawn_blocking,
    time::timeout,
};
use tonic::Status;

use super::gate::Pass;
use crate::store::{CopyForReaders, copy_for_readers};

/// Bytes of one message, well below the limit of messages.
const PIECE_BYTES: usize = 256 * 1_024;
/// Pieces on their way to a reader.
const PIECES_AHEAD: usize = 4;
/// How long a reader may take for one piece.
const PIECE_PATIENCE: Duration = Duration::from_secs(60);
/// How long a reader may take for all of them.
const COPY_PATIENCE: Duration = Duration::from_secs(3_600);

/// A message to a reader, or why there is none.
pub(super) type Message = Result<wire::GetDatabaseCopyResponse, Status>;

/// Makes copies.
#[derive(Clone, Debug)]
pub(super) struct Copies {
    database: Arc<PathBuf>,
    one: Arc<Semaphore>,
}

impl Copies {
    pub(super) fn new(database: Arc<PathBuf>) -> Self {
        let one = Arc::new(Semaphore::new(1));
        Self { database, one }
    }

    /// Makes a copy and sends it to a channel of its own.
    pub(super) async fn send(&self, pass: Option<Pass>) -> Result<mpsc::Receiver<Message>, Status> {
        let turn = Arc::clone(&self.one).try_acquire_owned().map_err(|_| {
            SweepError::Unavailable(
                "another copy of its database is being made; ask again later".into(),
            )
        })?;
        let database = Arc::clone(&self.database);
        let made = spawn_blocking(move || copy_for_readers(&database, &std::env::temp_dir())).await;
        let made = made.map_err(|_| SweepError::Unavailable("no copy could be made".into()))?;
        let copy = made.map_err(|error| {
            tracing::warn!(%error, "a copy for a reader could not be made");
            SweepError::Unavailable(error.to_string())
        })?;
        let (sender, receiver) = mpsc::channel(PIECES_AHEAD);
        tokio::spawn(async move {
            let sent = timeout(COPY_PATIENCE, send_all(copy, turn, pass, sender)).await;
            if !matches!(sent, Ok(Ok(()))) {
                tracing::info!("a reader did not take the whole copy");
            }
        });
        Ok(receiver)
    }
}

async fn send_all(
    copy: CopyForReaders,
    _turn: OwnedSemaphorePermit,
    pass: Option<Pass>,
    sender: mpsc::Sender<Message>,
) -> Result<(), ()> {
    let send = async |message: Message| {
        let sent = timeout(PIECE_PATIENCE, sender.send(message)).await;
        sent.map_err(drop)?.map_err(drop)
    };
    let part = |part| Ok(wire::GetDatabaseCopyResponse { part: Some(part) });
    send(part(Part::Bytes(copy.bytes))).await?;
    let mut file = copy.file;
    loop {
        if pass.as_ref().is_some_and(|pass| !pass.is_valid()) {
            return send(Err(Status::unauthenticated("the token is no longer valid"))).await;
        }
        let read = spawn_blocking(move || {
            let piece = read_piece(file.as_file_mut());
            (file, piece)
        });
        let piece;
        (file, piece) = read.await.map_err(drop)?;
        match piece {
            Ok(piece) if piece.is_empty() => return Ok(()),
            Ok(piece) => send(part(Part::Piece(piece))).await?,
            Err(error) => {
                let unread = SweepError::Unavailable(format!("the copy cannot be read: {error}"));
                return send(Err(unread.into())).await;
            }
        }
    }
}

/// The next bytes of a file; none at its end.
fn read_piece(file: &mut File) -> io::Result<Vec<u8>> {
    let mut piece = Vec::with_capacity(PIECE_BYTES);
    file.take(PIECE_BYTES as u64).read_to_end(&mut piece)?;
    Ok(piece)
}
