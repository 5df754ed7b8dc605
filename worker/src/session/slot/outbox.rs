//! What a bundle's training leaves for the coordinator until it is there to take it: observations,
//! in order and bounded, and of every lane the newest checkpoint.
//!
//! When the buffer is full, training waits: nothing is thrown away, and memory stays bounded
//! however long the coordinator is away. Of checkpoints only the newest is of use, so an older one
//! that still waits makes room for it.

use std::sync::{Arc, Mutex, PoisonError};

use pondersweep_proto::{limit::MAX_CHECKPOINT_BYTES, metric::Observation, spec::TrialSpec};
use tokio::sync::mpsc;

use super::checkpoint::Cadence;
use crate::train::{
    LaneState, Start,
    checkpoint::{Origin, encode},
};

/// Messages that may wait for a coordinator that is away; training then waits as well. It is hours
/// of evaluations, and a few hundred kilobytes.
const BUFFERED_MESSAGES: usize = 8_192;

/// A lane's state as bytes.
#[derive(Debug)]
pub(super) struct Checkpoint {
    /// Parameter updates done by then.
    pub(super) updates_done: u64,
    pub(super) bytes: Vec<u8>,
}

/// Something for the coordinator, in the order it happened.
#[derive(Clone, Debug)]
pub(super) enum Message {
    /// A lane was measured.
    Observed(usize, Observation),
    /// A lane was checkpointed after this many updates. The bytes wait elsewhere, unless newer ones
    /// have taken their place.
    Checkpointed(usize, u64),
}

/// The newest checkpoint of every lane.
#[derive(Clone)]
pub(super) struct Newest(Arc<[Mutex<Option<Checkpoint>>]>);

/// Training's side.
pub(super) struct Outbox {
    messages: mpsc::Sender<Message>,
    newest: Newest,
    trials: Vec<TrialSpec>,
    origin: Origin,
    pub(super) cadence: Mutex<Cadence>,
}

/// The slot's side.
pub(super) struct Messages {
    messages: mpsc::Receiver<Message>,
    newest: Newest,
}

/// An outbox for lanes that are trained from these starts.
pub(super) fn outbox(starts: &[Start], origin: Origin, cadence: Cadence) -> (Outbox, Messages) {
    with_room(BUFFERED_MESSAGES, starts, origin, cadence)
}

fn with_room(
    room: usize,
    starts: &[Start],
    origin: Origin,
    cadence: Cadence,
) -> (Outbox, Messages) {
    let (sender, receiver) = mpsc::channel(room);
    let newest = Newest(starts.iter().map(|_| Mutex::default()).collect());
    let outbox = Outbox {
        messages: sender,
        newest: newest.clone(),
        trials: starts.iter().map(|start| start.trial.clone()).collect(),
        origin,
        cadence: Mutex::new(cadence),
    };
    let messages = Messages {
        messages: receiver,
        newest,
    };
    (outbox, messages)
}

impl Outbox {
    /// Leaves an observation; waits while there is no room.
    pub(super) fn observe(&self, lane: usize, observation: Observation) {
        // The slot is gone only after a stop; then it is moot.
        let _ = self
            .messages
            .blocking_send(Message::Observed(lane, observation));
    }

    /// Leaves a lane's state, in place of an older one that still waits.
    pub(super) fn checkpoint(&self, lane: usize, state: &LaneState) {
        let bytes = encode(state, &self.trials[lane], &self.origin);
        let updates_done = state.updates_done();
        if bytes.len() as u64 > MAX_CHECKPOINT_BYTES {
            tracing::warn!(bytes = bytes.len(), "too large for a checkpoint");
            return;
        }
        let checkpoint = Checkpoint {
            updates_done,
            bytes,
        };
        *lock(&self.newest.0[lane]) = Some(checkpoint);
        let message = Message::Checkpointed(lane, updates_done);
        let _ = self.messages.blocking_send(message);
    }
}

impl Messages {
    /// Adds up to `most` messages as soon as there are any; false when no more will come.
    pub(super) async fn receive(&mut self, to: &mut Vec<Message>, most: usize) -> bool {
        self.messages.recv_many(to, most).await > 0
    }

    /// Where the checkpoints wait that messages announce.
    pub(super) fn newest(&self) -> Newest {
        self.newest.clone()
    }
}

impl Newest {
    /// The lane's newest checkpoint, if no newer than `announced`. A newer one is announced by a
    /// message that is still to come, after the observations before it.
    pub(super) fn take(&self, lane: usize, announced: u64) -> Option<Checkpoint> {
        lock(&self.0[lane]).take_if(|newest| newest.updates_done <= announced)
    }
}

/// The updates after which a lane was checkpointed last, as one of the messages says.
pub(super) fn announced(messages: &[Message], lane: usize) -> Option<u64> {
    messages.iter().rev().find_map(|message| match message {
        Message::Checkpointed(of, updates_done) if *of == lane => Some(*updates_done),
        _ => None,
    })
}

/// The observations of a lane among the messages.
pub(super) fn of_lane(messages: &[Message], lane: usize) -> Vec<Observation> {
    let of_lane = |message: &Message| match message {
        Message::Observed(of, observation) if *of == lane => Some(observation.clone()),
        _ => None,
    };
    messages.iter().filter_map(of_lane).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Every change under the lock is a single assignment, so a poisoned value is still whole.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use pondersweep_proto::setting::Setting;

    use std::{num::NonZeroUsize, thread};

    use pondersweep_proto::metric::built_in;

    use super::*;
    use crate::{
        test_support::{device, trial},
        train::{Continue, Observer, checkpoint::decode, train_from},
    };

    fn origin() -> Origin {
        Origin {
            device: "cpu".into(),
            backend: "flex".into(),
            instructions: "any".into(),
            binary_sha256: "00".into(),
        }
    }

    fn start() -> Start {
        Start::from(trial(|settings| {
            settings.set(Setting::UPDATES, 10_u32).unwrap()
        }))
    }

    fn small(room: usize) -> (Outbox, Messages) {
        with_room(room, &[start()], origin(), Cadence::new(None))
    }

    fn observation(step: u64) -> Observation {
        Observation {
            step,
            metric: built_in::LOSS_TRAINING,
            value: 0.5,
        }
    }

    /// States after 1, 2, .. updates.
    fn states() -> Vec<LaneState> {
        #[derive(Default)]
        struct Keeper(Mutex<Vec<LaneState>>);
        impl Observer for Keeper {
            fn observe(&self, _: usize, _: Observation) {}
            fn after_update(&self, _: usize, _: u64) -> Continue {
                Continue::Yes
            }
            fn offer_state(&self, _: usize, _: u64, state: &dyn Fn() -> LaneState) {
                self.0.lock().unwrap().push(state());
            }
        }
        let keeper = Keeper::default();
        train_from(&[start()], &device(), NonZeroUsize::MIN, &keeper);
        keeper.0.into_inner().unwrap()
    }

    #[tokio::test]
    async fn training_waits_while_the_buffer_is_full_and_nothing_is_thrown_away() {
        let (outbox, mut messages) = small(3);
        let training = thread::spawn(move || {
            (0..100).for_each(|step| outbox.observe(0, observation(step)));
        });
        let mut received = Vec::new();
        while messages.receive(&mut received, 10).await {
            assert!(messages.messages.len() <= 3);
        }
        training.join().unwrap();
        let steps = of_lane(&received, 0).into_iter().map(|seen| seen.step);
        assert!(steps.eq(0..100));
    }

    #[tokio::test]
    async fn training_that_waits_goes_on_when_the_slot_has_left() {
        let (outbox, messages) = small(1);
        let training = thread::spawn(move || {
            (0..10).for_each(|step| outbox.observe(0, observation(step)));
        });
        drop(messages);
        training.join().unwrap();
    }

    #[tokio::test]
    async fn only_the_newest_checkpoint_waits_and_it_comes_after_what_was_observed_before_it() {
        let (outbox, mut messages) = small(10);
        let states = states();
        let training = thread::spawn(move || {
            outbox.checkpoint(0, &states[0]);
            outbox.observe(0, observation(2));
            outbox.checkpoint(0, &states[1]);
        });
        training.join().unwrap();
        let mut received = Vec::new();
        messages.receive(&mut received, 1).await;
        // Announced is the first, but the second has taken its place and must wait for step 2.
        let newest = messages.newest();
        let take = |received: &[Message]| newest.take(0, announced(received, 0).unwrap());
        assert!(take(&received).is_none());
        received.clear();
        messages.receive(&mut received, 10).await;
        assert_eq!(of_lane(&received, 0).len(), 1);
        let checkpoint = take(&received).unwrap();
        assert_eq!(checkpoint.updates_done, 2);
        let state = decode(&checkpoint.bytes, &start().trial, &origin()).unwrap();
        assert_eq!(state.updates_done(), 2);
        assert!(take(&received).is_none());
    }
}
