//! PURE (tensors and a device handed in): the training loop, one for every device.
//!
//! It decides when lanes are measured and when they end. It never reads a clock, a file or a
//! network: what happens outside reaches it through an [`Observer`].

mod bundle;
pub mod checkpoint;
mod evaluation;
mod lane;
mod spread;
mod state;
#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;

use burn::tensor::{Device, Tensor};
use pondersweep_proto::{
    metric::{Metric, Observation},
    shape::ShapeKey,
    spec::TrialSpec,
};

pub use state::LaneState;

use crate::operation::Body;
use bundle::Bundle;

/// How a lane ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LaneEnd {
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
}

/// Whether a lane goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continue {
    /// It goes on.
    Yes,
    /// It ends here; the lanes beside it go on undisturbed.
    Stop,
}

/// Who hears what happens while a bundle is trained. Lanes are named by their index in the bundle.
///
/// Several threads may call at once, but all calls about one lane come from one thread, in the
/// order of its training.
pub trait Observer: Sync {
    /// A lane was measured.
    fn observe(&self, lane: usize, observation: Observation);

    /// A lane's update is done, its observations included. Asked of every lane that still runs,
    /// also after the last update.
    fn after_update(&self, lane: usize, updates_done: u64) -> Continue;
}

/// Trains the trials, which all have one shape, and says how each ended, in their order.
///
/// Where a device computes lane by lane, each lane is trained from start to end by one of so many
/// threads, which take lanes from a queue: nobody waits for anybody, and a lane's numbers stay in
/// its core's caches. On every other device all lanes are one program on the caller's thread.
///
/// A lane's observations and end are those it has when trained alone, to the bit.
///
/// # Panics
/// The trials differ in shape: check [`ShapeKey`] first.
pub fn train(
    trials: &[TrialSpec],
    device: &Device,
    threads: NonZeroUsize,
    observer: &dyn Observer,
) -> Vec<LaneEnd> {
    assert_one_shape(trials);
    let body = Body::of(device);
    match body {
        Body::Kernels => {
            let alone = |lane| train_together(trials, lane..lane + 1, body, device, observer);
            let ends = spread::spread(trials.len(), threads.get(), alone);
            ends.into_iter().flatten().collect()
        }
        Body::Tensors => train_together(trials, 0..trials.len(), body, device, observer),
    }
}

fn assert_one_shape(trials: &[TrialSpec]) {
    let shape = |trial: &TrialSpec| ShapeKey::of(&trial.configuration);
    let same = trials
        .windows(2)
        .all(|pair| shape(&pair[0]) == shape(&pair[1]));
    assert!(same, "a bundle has one shape");
}

/// Trains some of the trials as one program; says how they ended, in their order.
fn train_together(
    trials: &[TrialSpec],
    lanes: std::ops::Range<usize>,
    body: Body,
    device: &Device,
    observer: &dyn Observer,
) -> Vec<LaneEnd> {
    let mut ends: Ends = vec![None; trials.len()];
    if !lanes.is_empty() {
        run(
            Bundle::new(trials, lanes.clone(), body, device),
            &mut ends,
            observer,
        );
    }
    let succeeded = |end: Option<LaneEnd>| end.unwrap_or(LaneEnd::Succeeded);
    ends.drain(lanes).map(succeeded).collect()
}

/// How lanes ended, by their index in the bundle; `None` for those that still run.
type Ends = Vec<Option<LaneEnd>>;

/// The training loop: batch, forward, loss, backward, step, observe.
fn run(mut bundle: Bundle, ends: &mut Ends, observer: &dyn Observer) {
    let updates = bundle.program.updates;
    for update in 0..updates {
        let batch = bundle.training_batch(update);
        let parameters = bundle.network.tracked(&bundle.parameters);
        let outputs = bundle.network.unroll(&parameters, &batch.x);
        let losses = bundle.objective.losses(outputs, &batch.targets);
        // burn differentiates the sum of what is not one number. The sum of the lanes' losses has
        // the gradient of each in its own parameters.
        let mut gradients = losses.backward();
        let gradient = parameters.gradient(&mut gradients);
        drop((parameters, gradients));
        let norms = bundle.step(gradient);
        end_diverged(&mut bundle, ends, update + 1, &read(losses.inner()), &norms);
        observe(&mut bundle, ends, update + 1, observer);
        end_stopped(&mut bundle, ends, update + 1, observer);
        if bundle.lanes.is_empty() {
            break;
        }
    }
}

/// Ends the lanes whose loss or gradient was not finite, and notes the losses of the others.
fn end_diverged(bundle: &mut Bundle, ends: &mut Ends, step: u64, losses: &[f32], norms: &[f64]) {
    let mut kept = Vec::with_capacity(bundle.lanes.len());
    for (position, (&loss, &norm)) in losses.iter().zip(norms).enumerate() {
        let lane = &mut bundle.lanes[position];
        match not_finite(loss, norm) {
            None => {
                lane.add_loss(loss);
                kept.push(position);
            }
            Some(reason) => ends[lane.index] = Some(LaneEnd::Infeasible { step, reason }),
        }
    }
    bundle.keep(&kept);
}

fn not_finite(loss: f32, norm: f64) -> Option<String> {
    if !loss.is_finite() {
        Some(format!("the loss is {loss}"))
    } else if !norm.is_finite() {
        Some(format!("the norm of the gradient is {norm}"))
    } else {
        None
    }
}

/// Measures every lane when it is time: every `evaluation.every` updates and after the last.
fn observe(bundle: &mut Bundle, ends: &mut Ends, updates_done: u64, observer: &dyn Observer) {
    let program = &bundle.program;
    let last = updates_done == program.updates;
    if bundle.lanes.is_empty() || !last && !updates_done.is_multiple_of(program.evaluation.every) {
        return;
    }
    let mut kept = Vec::with_capacity(bundle.lanes.len());
    for (position, mut metrics) in evaluation::evaluate(bundle).into_iter().enumerate() {
        let lane = &mut bundle.lanes[position];
        let step = updates_done;
        metrics.push((Metric::LossTraining, lane.take_mean_loss()));
        if let Some((metric, value)) = metrics.iter().find(|(_, value)| !value.is_finite()) {
            let reason = format!("{metric} is {value}");
            ends[lane.index] = Some(LaneEnd::Infeasible { step, reason });
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
        kept.push(position);
    }
    bundle.keep(&kept);
}

/// Asks the observer of every lane whether it goes on, and ends those that do not.
fn end_stopped(bundle: &mut Bundle, ends: &mut Ends, updates_done: u64, observer: &dyn Observer) {
    let mut kept = Vec::with_capacity(bundle.lanes.len());
    for (position, lane) in bundle.lanes.iter().enumerate() {
        match observer.after_update(lane.index, updates_done) {
            Continue::Yes => kept.push(position),
            Continue::Stop => ends[lane.index] = Some(LaneEnd::Stopped),
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
