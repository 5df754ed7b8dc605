//! PURE (tensors and a device handed in): the training loop, one for every device.
//!
//! It decides when lanes are measured and when they end. It never reads a clock, a file or a
//! network: what happens outside reaches it through an [`Observer`].

mod breakdown;
mod bundle;
pub mod checkpoint;
mod evaluation;
mod guard;
mod lane;
mod spread;
mod state;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, num::NonZeroUsize};

use burn::tensor::{Device, Tensor};
use pondersweep_proto::{
    breakdown::Breakdown, metric::Observation, shape::ShapeKey, spec::TrialSpec,
};

pub use state::{LaneState, Start};

use crate::{model::Layout, operation::Body};
use bundle::Bundle;
use guard::guarded;
use lane::Update;

/// How a lane ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaneEnding {
    /// Trained and measured.
    Succeeded,
    /// Training diverged: a result.
    Infeasible {
        /// The update, counted from 1, whose loss or gradient was not finite.
        step: u64,
        /// What was not finite, for people.
        reason: String,
    },
    /// The observer stopped it.
    Stopped,
    /// Its training panicked, with this text. The other lanes end as if it had not been there.
    Panicked(String),
}

/// What is recorded of a trial that diverged: as [`LaneEnding::Infeasible`] has it, in words.
#[must_use]
pub fn divergence(step: u64, reason: &str) -> String {
    format!("diverged at update {step}: {reason}")
}

/// Whether a lane goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continue {
    /// It goes on.
    Yes,
    /// It ends here; the other lanes go on undisturbed.
    Stop,
}

/// Who hears what happens while a bundle is trained. Lanes are named by their index in the bundle.
///
/// Several threads may call at once, but all calls about one lane come from one thread, in the
/// order of its training.
pub trait Observer: Sync {
    /// A lane was measured.
    fn observe(&self, lane: usize, observation: Observation);

    /// The last evaluation of a lane, broken down: after its observations. By default not kept.
    fn break_down(&self, _lane: usize, _breakdown: Breakdown) {}

    /// A lane's update is done, its observations included. Asked of every lane that still runs,
    /// also after the last update.
    fn after_update(&self, lane: usize, updates_done: u64) -> Continue;

    /// A lane is between two updates, and goes on or was just stopped: an observer that keeps its
    /// state asks for it here. By default it is not kept.
    fn offer_state(&self, _lane: usize, _updates_done: u64, _state: &dyn Fn() -> LaneState) {}
}

/// Trains the trials from the beginning: see [`train_from`].
///
/// # Panics
/// As [`train_from`].
pub fn train(
    trials: &[TrialSpec],
    device: &Device,
    threads: NonZeroUsize,
    observer: &dyn Observer,
) -> Vec<LaneEnding> {
    let starts: Vec<Start> = trials.iter().cloned().map(Start::from).collect();
    train_from(&starts, device, threads, observer)
}

/// Trains the trials, which all have one shape, each from where it starts, and says how each ended,
/// in their order.
///
/// Where lanes are computed one by one, each is trained from start to end by one of the
/// threads, which take lanes from a queue: none waits for another, and a lane's numbers stay in
/// its core's caches. Elsewhere lanes that have done as many updates are one program on the
/// caller's thread; programs are trained one after the other.
///
/// A lane's observations and end are those it has when trained alone, to the bit; and, where the
/// kernels compute, those it has when trained without an interruption.
///
/// # Panics
/// The trials differ in shape: check [`ShapeKey`] first.
pub fn train_from(
    starts: &[Start],
    device: &Device,
    threads: NonZeroUsize,
    observer: &dyn Observer,
) -> Vec<LaneEnding> {
    let Some(first) = starts.first() else {
        return Vec::new();
    };
    assert_one_shape(starts);
    let body = Body::of(device, &Layout::of(&first.trial.configuration));
    let together = |lanes: &[usize]| train_together(starts, lanes, body, device, observer);
    match body {
        Body::Kernels | Body::Alone => {
            let alone = |lane| guarded(&[lane], &together);
            let endings = spread::spread(starts.len(), threads.get(), alone);
            endings.into_iter().flatten().collect()
        }
        Body::Tensors => in_step(starts, |lanes| guarded(lanes, &together)),
    }
}

/// Trains lanes that have done as many updates as one program, one program after the other.
fn in_step(
    starts: &[Start],
    train_together: impl Fn(&[usize]) -> Vec<LaneEnding>,
) -> Vec<LaneEnding> {
    let mut programs: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (lane, start) in starts.iter().enumerate() {
        programs.entry(start.updates_done()).or_default().push(lane);
    }
    let mut endings = BTreeMap::new();
    for lanes in programs.values() {
        endings.extend(lanes.iter().zip(train_together(lanes)));
    }
    endings.into_values().collect()
}

fn assert_one_shape(starts: &[Start]) {
    let shape = |start: &Start| ShapeKey::of(&start.trial.configuration);
    let same = starts
        .windows(2)
        .all(|pair| shape(&pair[0]) == shape(&pair[1]));
    assert!(same, "a bundle has one shape");
}

/// Trains some of the trials, which have done as many updates, as one program; says how they ended,
/// in their order.
fn train_together(
    starts: &[Start],
    lanes: &[usize],
    body: Body,
    device: &Device,
    observer: &dyn Observer,
) -> Vec<LaneEnding> {
    let mut endings: Endings = vec![None; starts.len()];
    if !lanes.is_empty() {
        run(
            Bundle::new(starts, lanes, body, device),
            &mut endings,
            observer,
        );
    }
    let end = |&lane: &usize| endings[lane].take().unwrap_or(LaneEnding::Succeeded);
    lanes.iter().map(end).collect()
}

/// How lanes ended, by their index in the bundle; `None` for those that still run.
type Endings = Vec<Option<LaneEnding>>;

/// The training loop: update, observe, end.
fn run(mut bundle: Bundle, endings: &mut Endings, observer: &dyn Observer) {
    while bundle.updates_done < bundle.shared.updates && !bundle.lanes.is_empty() {
        let lanes = bundle.update();
        end_diverged(&mut bundle, endings, &lanes);
        observe(&mut bundle, endings, observer);
        end_stopped(&mut bundle, endings, observer);
    }
}

/// Ends the lanes whose loss or gradient was not finite, and notes the losses of the others.
fn end_diverged(bundle: &mut Bundle, endings: &mut Endings, updates: &[Update]) {
    let step = bundle.updates_done;
    let mut kept = Vec::with_capacity(bundle.lanes.len());
    for (position, update) in updates.iter().enumerate() {
        let lane = &mut bundle.lanes[position];
        match update.not_finite() {
            None => {
                lane.add(update);
                kept.push(position);
            }
            Some(reason) => endings[lane.index] = Some(LaneEnding::Infeasible { step, reason }),
        }
    }
    bundle.keep(&kept);
}

/// Measures every lane when it is time: every `evaluation.every` updates and after the last.
fn observe(bundle: &mut Bundle, endings: &mut Endings, observer: &dyn Observer) {
    let (shared, step) = (&bundle.shared, bundle.updates_done);
    let last = step == shared.updates;
    if bundle.lanes.is_empty() || !last && !step.is_multiple_of(shared.evaluate_every) {
        return;
    }
    let mut kept = Vec::with_capacity(bundle.lanes.len());
    let evaluated = evaluation::evaluate(bundle, last).into_iter();
    for (position, evaluated) in evaluated.enumerate() {
        let mut metrics = evaluated.metrics;
        let lane = &mut bundle.lanes[position];
        metrics.extend(lane.take_means());
        if let Some((metric, value)) = metrics.iter().find(|(_, value)| !value.is_finite()) {
            let reason = format!("{metric} is {value}");
            endings[lane.index] = Some(LaneEnding::Infeasible { step, reason });
            continue;
        }
        for (metric, value) in metrics {
            let observation = Observation {
                step,
                metric,
                value,
            };
            observer.observe(lane.index, observation);
        }
        if let Some(breakdown) = evaluated.breakdown {
            observer.break_down(lane.index, breakdown);
        }
        kept.push(position);
    }
    bundle.keep(&kept);
}

/// Asks the observer of every lane whether it goes on, and ends those that do not. After the last
/// update there is nothing left to stop, or to keep for later.
fn end_stopped(bundle: &mut Bundle, endings: &mut Endings, observer: &dyn Observer) {
    let last = bundle.updates_done == bundle.shared.updates;
    let mut kept = Vec::with_capacity(bundle.lanes.len());
    for (position, lane) in bundle.lanes.iter().enumerate() {
        let next = observer.after_update(lane.index, bundle.updates_done);
        if last {
            kept.push(position);
            continue;
        }
        observer.offer_state(lane.index, bundle.updates_done, &|| bundle.state(position));
        match next {
            Continue::Yes => kept.push(position),
            Continue::Stop => endings[lane.index] = Some(LaneEnding::Stopped),
        }
    }
    bundle.keep(&kept);
}

/// The numbers of a tensor, on the host.
fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor
        .try_into_vec_as::<f32>()
        .expect("a float tensor reads as numbers")
}
