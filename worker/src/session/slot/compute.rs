//! The thread a bundle is trained on, and the bridge from its observer to the slot. Training is
//! synchronous and long; it never runs on the threads that talk to the coordinator.

use std::{
    any::Any,
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
};

use pondersweep_proto::{metric::Observation, spec::TrialSpec};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{Lane, LaneControl, outcome};
use crate::{
    client::Outcome,
    device::DeviceName,
    train::{self, Continue, LaneEnd, Observer},
};

/// Threads a slot spreads the lanes of a bundle over. A worker fills its cores with slots.
const THREADS: NonZeroUsize = NonZeroUsize::MIN;

/// How a bundle's training ended.
pub(super) struct Trained {
    /// Per lane, what to report; `None` for a lane that was stopped.
    pub(super) outcomes: Vec<Option<Outcome>>,
    /// Compute time of a lane: the bundle's, shared equally.
    pub(super) seconds_per_lane: f64,
}

/// Starts training; the receiver gets the answer even if training panics.
pub(super) fn spawn(
    lanes: &[Lane],
    device: DeviceName,
    observations: mpsc::Sender<(usize, Observation)>,
    stop: CancellationToken,
) -> oneshot::Receiver<Trained> {
    let bundle: Vec<TrialSpec> = lanes.iter().map(|lane| lane.lease.spec.clone()).collect();
    let controls = lanes.iter().map(|lane| Arc::clone(&lane.control)).collect();
    let observer = Bridge {
        controls,
        observations,
        stop,
    };
    let (sender, receiver) = oneshot::channel();
    let run = move || {
        let trained = timed(bundle.len(), || {
            train_caught(&bundle, device, THREADS, &observer)
        });
        // The slot may have left already, on a stop; then nobody needs the answer.
        let _ = sender.send(trained);
    };
    let spawned = thread::Builder::new().name("train".into()).spawn(run);
    spawned.expect("a worker can start one thread a slot");
    receiver
}

fn timed(lanes: usize, train: impl FnOnce() -> Vec<Option<Outcome>>) -> Trained {
    #[expect(
        clippy::disallowed_methods,
        reason = "an edge: measures compute time for people"
    )]
    let now = std::time::Instant::now;
    let started = now();
    let outcomes = train();
    #[expect(clippy::cast_precision_loss, reason = "a bundle has few lanes")]
    let seconds_per_lane = (now() - started).as_secs_f64() / lanes as f64;
    Trained {
        outcomes,
        seconds_per_lane,
    }
}

/// Trains; a panic becomes a failure of every lane, since nobody knows whose it was.
fn train_caught(
    bundle: &[TrialSpec],
    device: DeviceName,
    threads: NonZeroUsize,
    observer: &Bridge,
) -> Vec<Option<Outcome>> {
    let ends: thread::Result<Vec<LaneEnd>> = catch_unwind(AssertUnwindSafe(|| {
        train::train(bundle, &device.open(), threads, observer)
    }));
    match ends {
        Ok(ends) => ends.into_iter().map(outcome).collect(),
        Err(panic) => {
            let message = format!("training panicked: {}", text_of(panic.as_ref()));
            vec![Some(Outcome::Failed(message)); bundle.len()]
        }
    }
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// Carries what training observes to the slot, and the slot's wishes to training.
struct Bridge {
    controls: Vec<Arc<LaneControl>>,
    observations: mpsc::Sender<(usize, Observation)>,
    stop: CancellationToken,
}

impl Observer for Bridge {
    fn observe(&self, lane: usize, observation: Observation) {
        // Waits while the buffer is full. The slot is gone only after a stop; then it is moot.
        let _ = self.observations.blocking_send((lane, observation));
    }

    fn after_update(&self, lane: usize, updates_done: u64) -> Continue {
        let control = &self.controls[lane];
        control.set_updates_done(updates_done);
        if self.stop.is_cancelled() || control.is_lost() {
            Continue::Stop
        } else {
            Continue::Yes
        }
    }
}
