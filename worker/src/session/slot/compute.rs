//! The thread a bundle is trained on, and the bridge from its observer to the slot. Training is
//! synchronous and long; it never runs on the threads that talk to the coordinator.

use std::{
    num::NonZeroUsize,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use pondersweep_proto::{
    breakdown::Breakdown,
    ending::ReportedEnding,
    failure::{Cause, Failure},
    metric::Observation,
};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{Lane, LaneControl, checkpoint::Decision, outbox::Outbox, reported, widths::Widths};
use crate::{
    device::DeviceName,
    stories,
    train::{self, Continue, LaneEnding, LaneState, Observer, Start},
};

/// Threads a slot spreads the lanes of a bundle over. A worker fills its cores with slots.
const THREADS: NonZeroUsize = NonZeroUsize::MIN;

/// How a bundle's training ended.
pub(super) struct Trained {
    /// Per lane, what to report; `None` for a lane that was stopped.
    pub(super) endings: Vec<Option<ReportedEnding>>,
    /// Per lane, its last evaluation; `None` for a lane that was not trained to its end.
    pub(super) breakdowns: Vec<Option<Breakdown>>,
    /// Compute time of a lane: the bundle's, shared equally.
    pub(super) seconds_per_lane: f64,
}

/// Starts training; the receiver gets the answer even if training panics.
pub(super) fn spawn(
    lanes: &[Lane],
    bundle: Vec<Start>,
    device: DeviceName,
    outbox: Outbox,
    stop: CancellationToken,
) -> oneshot::Receiver<Trained> {
    let controls = lanes.iter().map(|lane| Arc::clone(&lane.control)).collect();
    let observer = Bridge {
        breakdowns: lanes.iter().map(|_| Mutex::default()).collect(),
        controls,
        outbox,
        stop,
    };
    on_thread(move || {
        let train = || train_caught(&bundle, device, THREADS, &observer);
        let (endings, seconds_per_lane) = timed(bundle.len(), train);
        Trained {
            endings,
            breakdowns: observer.into_breakdowns(),
            seconds_per_lane,
        }
    })
}

/// The width of bundles of this lane's shape, measured if it is not known; 1 when told to stop.
pub(super) fn width(
    widths: &Arc<Widths>,
    lane: &Lane,
    stop: CancellationToken,
) -> oneshot::Receiver<u32> {
    let (widths, control) = (Arc::clone(widths), Arc::clone(&lane.control));
    let spec = lane.lease.spec.clone();
    on_thread(move || widths.of(&spec, &|| !stop.is_cancelled() && !control.is_lost()))
}

fn on_thread<T: Send + 'static>(
    compute: impl FnOnce() -> T + Send + 'static,
) -> oneshot::Receiver<T> {
    let (sender, receiver) = oneshot::channel();
    // The slot may have left already, on a stop; then the answer is not needed.
    let span = tracing::Span::current();
    let run = move || drop(sender.send(span.in_scope(compute)));
    let spawned = thread::Builder::new().name("train".into()).spawn(run);
    spawned.expect("a worker can start one thread a slot");
    receiver
}

/// What comes of it, and a lane's share of the time it took.
fn timed<T>(lanes: usize, train: impl FnOnce() -> T) -> (T, f64) {
    #[expect(
        clippy::disallowed_methods,
        reason = "an edge: measures compute time for people"
    )]
    let now = std::time::Instant::now;
    let started = now();
    let endings = train();
    let seconds_per_lane = (now() - started).as_secs_f64() / lanes as f64;
    (endings, seconds_per_lane)
}

/// Trains. Training keeps its own panics to their lanes; what panics besides is the device, and
/// then no lane can be trained.
fn train_caught(
    bundle: &[Start],
    device: DeviceName,
    threads: NonZeroUsize,
    observer: &Bridge,
) -> Vec<Option<ReportedEnding>> {
    let fetched = bundle
        .first()
        .map(|start| stories::fetch(&start.trial.configuration));
    if let Some(Err(error)) = fetched {
        let failure = Failure::new(Cause::Other, error.to_string());
        return vec![Some(ReportedEnding::Failed(failure)); bundle.len()];
    }
    let endings: thread::Result<Vec<LaneEnding>> = catch_unwind(AssertUnwindSafe(|| {
        train::train_from(bundle, &device.open(), threads, observer)
    }));
    match endings {
        Ok(endings) => endings.into_iter().map(reported).collect(),
        Err(_) => {
            let message = format!("device {device} cannot be used; the worker's log says why");
            let failure = Failure::new(Cause::Other, message);
            vec![Some(ReportedEnding::Failed(failure)); bundle.len()]
        }
    }
}

/// Carries what training observes to the slot, and the slot's wishes to training.
struct Bridge {
    breakdowns: Vec<Mutex<Option<Breakdown>>>,
    controls: Vec<Arc<LaneControl>>,
    outbox: Outbox,
    stop: CancellationToken,
}

impl Bridge {
    fn into_breakdowns(self) -> Vec<Option<Breakdown>> {
        let breakdowns = self.breakdowns.into_iter();
        // Each is a single assignment, so a poisoned one is still whole.
        let whole = |kept: Mutex<_>| kept.into_inner().unwrap_or_else(PoisonError::into_inner);
        breakdowns.map(whole).collect()
    }

    fn decide(&self, updates_done: u64) -> Decision {
        #[expect(
            clippy::disallowed_methods,
            reason = "an edge: checkpoints come at intervals of seconds"
        )]
        let now = std::time::Instant::now();
        let cadence = &self.outbox.cadence;
        // A decision is a single assignment, so a poisoned cadence is still whole.
        let mut cadence = cadence.lock().unwrap_or_else(PoisonError::into_inner);
        cadence.decide(updates_done, self.stop.is_cancelled(), now)
    }
}

impl Observer for Bridge {
    fn observe(&self, lane: usize, observation: Observation) {
        self.outbox.observe(lane, observation);
    }

    fn break_down(&self, lane: usize, breakdown: Breakdown) {
        let mut kept = self.breakdowns[lane]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *kept = Some(breakdown);
    }

    fn after_update(&self, lane: usize, updates_done: u64) -> Continue {
        let control = &self.controls[lane];
        control.set_updates_done(updates_done);
        if self.decide(updates_done).stop || control.is_lost() {
            Continue::Stop
        } else {
            Continue::Yes
        }
    }

    fn offer_state(&self, lane: usize, updates_done: u64, state: &dyn Fn() -> LaneState) {
        if self.decide(updates_done).keep && !self.controls[lane].is_lost() {
            self.outbox.checkpoint(lane, &state());
        }
    }
}
