//! Sweeps being created. A large one is written out on a thread of its own and written down piece
//! by piece, a piece a round, so that others are served in between. Once the last piece is on the
//! disk the sweep exists, and those who asked for it are answered. One is created after the other.

use std::{collections::VecDeque, sync::Arc};

use pondersweep_proto::id::SweepId;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{Driver, DriverError, command::SweepView, sweeps::SweepEntry};
use crate::{
    store::{CommitError, Creation, ROWS_OF_A_PIECE},
    sweep::{Expansion, Piece, Shapes, SweepSpec},
};

/// Pieces written out ahead of the disk: some megabytes each.
const MAX_PIECES_AHEAD: usize = 2;

/// Where the answer goes: the sweep, and whether this call created it.
type Reply = oneshot::Sender<(SweepView, bool)>;

/// The sweeps that were asked for and are not there yet, the next one first.
#[derive(Default)]
pub(super) struct Creations(VecDeque<Asked>);

struct Asked {
    sweep_id: SweepId,
    spec: Arc<SweepSpec>,
    at_ms: i64,
    /// Those who asked for it, the first one first.
    replies: Vec<Reply>,
    /// Once it is its turn.
    writing: Option<Writing>,
}

struct Writing {
    creation: Creation,
    pieces: mpsc::Receiver<Piece>,
    /// The piece that was received and not written.
    next: Option<Piece>,
    /// Writes the sweep out; in the end it has the shape of every configuration.
    thread: JoinHandle<Vec<u32>>,
}

impl Creations {
    /// Asks for a sweep that is not there.
    pub(super) fn ask(&mut self, spec: SweepSpec, at_ms: i64, reply: Reply) {
        let sweep_id = spec.id();
        if let Some(asked) = self.0.iter_mut().find(|asked| asked.sweep_id == sweep_id) {
            asked.replies.push(reply);
            return;
        }
        self.0.push_back(Asked {
            sweep_id,
            spec: Arc::new(spec),
            at_ms,
            replies: vec![reply],
            writing: None,
        });
    }

    /// Waits until there is something to do: a sweep to begin, or a piece to write.
    pub(super) async fn ready(&mut self) {
        let Some(asked) = self.0.front_mut() else {
            return std::future::pending().await;
        };
        let Some(writing) = &mut asked.writing else {
            return;
        };
        if writing.next.is_none() {
            let piece = writing.pieces.recv().await;
            writing.next = Some(piece.expect("the last piece says that it is the last"));
        }
    }
}

impl Driver {
    /// Writes one piece of the sweep whose turn it is, if one is there to be written.
    pub(super) async fn write_piece(&mut self) -> Result<(), DriverError> {
        let Some(asked) = self.creations.0.front_mut() else {
            return Ok(());
        };
        let Some(writing) = &mut asked.writing else {
            let creation = self.store.begin_creation(&asked.spec, asked.at_ms);
            let creation = creation.map_err(CommitError::from)?;
            asked.writing = Some(Writing::begin(creation, Arc::clone(&asked.spec)));
            return Ok(());
        };
        let piece = writing.next.take();
        let Some(piece) = piece.or_else(|| writing.pieces.try_recv().ok()) else {
            return Ok(());
        };
        self.store
            .write_piece(&asked.spec, &mut writing.creation, &piece)?;
        if piece.is_last {
            self.take_up().await;
        }
        Ok(())
    }

    /// Takes up the sweep whose last piece is written, and answers those who asked for it.
    async fn take_up(&mut self) {
        let asked = self.creations.0.pop_front();
        let Asked {
            spec,
            replies,
            writing,
            ..
        } = asked.expect("its last piece was written");
        let Writing {
            creation, thread, ..
        } = writing.expect("its last piece was written");
        let stored = creation.stored();
        let entry = SweepEntry {
            sweep_id: stored.sweep_id,
            spec,
            first_trial_id: stored.first_trial_id,
            created_at_ms: stored.created_at_ms,
        };
        let shapes = thread.await.expect("writing a sweep out does not panic");
        self.scheduler.enqueue(entry.for_scheduler(shapes));
        self.sweeps.insert(entry.clone());
        self.monitor.note_trials(&self.scheduler.total_counts());
        let view = self.view(&entry);
        for (number, reply) in replies.into_iter().enumerate() {
            // An asker that has gone away repeats its call and gets the sweep then.
            let _ = reply.send((view.clone(), number == 0));
        }
    }
}

impl Writing {
    fn begin(creation: Creation, spec: Arc<SweepSpec>) -> Self {
        let (sender, pieces) = mpsc::channel(MAX_PIECES_AHEAD);
        let thread = tokio::task::spawn_blocking(move || {
            let shapes = Shapes::of(&spec).of_configuration;
            // Without a driver there is nothing to write out any more.
            let _ = Expansion::of(&spec, ROWS_OF_A_PIECE)
                .try_for_each(|piece| sender.blocking_send(piece));
            shapes
        });
        Self {
            creation,
            pieces,
            next: None,
            thread,
        }
    }
}
