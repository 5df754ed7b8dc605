//! PURE (tensors and a device handed in): the training loop of a bundle.
//!
//! It decides when lanes are measured and when they end. It never reads a clock, a file or a
//! network: what happens outside reaches it through an [`Observer`].

pub mod adam;
mod bundle;
mod evaluation;
mod fused;
mod lane;
#[cfg(test)]
mod tests;

use burn::tensor::{Device, Tensor};
use pondersweep_proto::{
    metric::{Metric, Observation},
    spec::TrialSpec,
};

use crate::{
    model::{Weights, loss, unroll},
    seed::Purpose,
    task::{Batch, Range},
};
use bundle::Bundle;
pub use fused::Engine;

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
pub trait Observer {
    /// A lane was measured.
    fn observe(&mut self, lane: usize, observation: Observation);

    /// A lane's update is done, its observations included. Asked of every lane that still runs,
    /// also after the last update.
    fn after_update(&mut self, lane: usize, updates_done: u64) -> Continue;
}

/// Trains the trials, which all have one shape, and says how each ended, in their order.
///
/// A lane's observations and end are those it has when trained alone, to the bit.
///
/// # Panics
/// The trials differ in shape: check [`ShapeKey`](pondersweep_proto::shape::ShapeKey) first.
pub fn train(
    trials: &[TrialSpec],
    device: &Device,
    engine: Engine,
    observer: &mut dyn Observer,
) -> Vec<LaneEnd> {
    if trials.is_empty() {
        return Vec::new();
    }
    let mut bundle = Bundle::new(trials, device, engine);
    let mut ends: Ends = vec![None; trials.len()];
    let updates = bundle.program.updates;
    for update in 0..updates {
        let batch = training_batch(&bundle, update);
        let (losses, gradient) = losses_and_gradients(&mut bundle, &batch);
        let Some((gradient, norm)) =
            drop_diverged(&mut bundle, &mut ends, update, losses, gradient)
        else {
            break;
        };
        let parameters = bundle.parameters.clone();
        bundle.parameters = bundle.adam.step(parameters, gradient, norm);
        observe(&mut bundle, &mut ends, update + 1, observer);
        stop_lanes(&mut bundle, &mut ends, update + 1, observer);
        if bundle.lanes.is_empty() {
            break;
        }
    }
    let succeeded = |end: Option<LaneEnd>| end.unwrap_or(LaneEnd::Succeeded);
    ends.into_iter().map(succeeded).collect()
}

/// How lanes ended, by their index in the bundle; `None` for those that still run.
type Ends = Vec<Option<LaneEnd>>;

/// The loss of every lane and the mean steps of its samples, and the gradients `[lanes, parameters]`.
fn losses_and_gradients(bundle: &mut Bundle, batch: &Batch) -> (Vec<(f32, f32)>, Tensor<2>) {
    let Bundle {
        program,
        lanes,
        parameters,
        objective,
        fused,
        ..
    } = bundle;
    if let Some(fused) = fused {
        return fused.losses_and_gradients(program, lanes, parameters, batch);
    }
    let weights = Weights::tracked(parameters, &program.layout);
    let logits = unroll(&batch.x, &weights, program.limit);
    let steps = loss::per_lane(program.limit.steps_taken(logits.halting.clone()));
    let losses = loss::per_lane(objective.per_sample(&logits, &batch.targets));
    // The lanes' losses are added only to differentiate them all at once: the sum has the gradient
    // of each in its own parameters.
    let mut gradients = losses.clone().sum().backward();
    let losses = read(losses.inner()).into_iter().zip(read(steps)).collect();
    (losses, weights.gradient(&mut gradients))
}

fn training_batch(bundle: &Bundle, update: u64) -> Batch {
    let program = &bundle.program;
    Batch::generate(
        &program.task,
        Range::Interpolation,
        &bundle.seeds(),
        Purpose::Data,
        update,
        0..program.batch,
        &bundle.device,
    )
}

/// Ends the lanes whose loss or gradient is not finite before the step could spread it, and notes
/// the losses of the others. Returns their gradients and norms; `None` when no lane is left.
fn drop_diverged(
    bundle: &mut Bundle,
    ends: &mut Ends,
    update: u64,
    losses: Vec<(f32, f32)>,
    gradient: Tensor<2>,
) -> Option<(Tensor<2>, Tensor<2>)> {
    let norm = adam::norm(&gradient);
    let measured = losses.into_iter().zip(read(norm.clone()));
    let mut kept = Vec::with_capacity(bundle.lanes.len());
    for (position, ((loss, steps), norm)) in measured.enumerate() {
        let lane = &mut bundle.lanes[position];
        match not_finite(loss, norm) {
            None => {
                lane.add(loss, steps);
                kept.push(position);
            }
            Some(reason) => {
                let step = update + 1;
                ends[lane.index] = Some(LaneEnd::Infeasible { step, reason });
            }
        }
    }
    if kept.len() == bundle.lanes.len() {
        return Some((gradient, norm));
    }
    let indices = bundle.select(&kept);
    let select = |tensor: Tensor<2>| tensor.select(0, indices.clone());
    (!kept.is_empty()).then(|| (select(gradient), select(norm)))
}

fn not_finite(loss: f32, norm: f32) -> Option<String> {
    if !loss.is_finite() {
        Some(format!("the loss is {loss}"))
    } else if !norm.is_finite() {
        Some(format!("the norm of the gradient is {norm}"))
    } else {
        None
    }
}

/// Measures every lane when it is time: every `evaluation.every` updates and after the last.
fn observe(bundle: &mut Bundle, ends: &mut Ends, updates_done: u64, observer: &mut dyn Observer) {
    let program = &bundle.program;
    let last = updates_done == program.updates;
    if !last && !updates_done.is_multiple_of(program.evaluation.every) {
        return;
    }
    let mut kept = Vec::with_capacity(bundle.lanes.len());
    for (position, mut metrics) in evaluation::evaluate(bundle).into_iter().enumerate() {
        let lane = &mut bundle.lanes[position];
        let (loss, steps) = lane.take_means();
        metrics.push((Metric::LossTraining, loss));
        metrics.push((Metric::PonderStepsComputed, steps));
        if let Some((metric, value)) = metrics.iter().find(|(_, value)| !value.is_finite()) {
            let step = updates_done;
            let reason = format!("{metric} is {value}");
            ends[lane.index] = Some(LaneEnd::Infeasible { step, reason });
            continue;
        }
        for (metric, value) in metrics {
            let step = updates_done;
            let observation = Observation {
                step,
                metric,
                value,
            };
            observer.observe(lane.index, observation);
        }
        kept.push(position);
    }
    keep(bundle, &kept);
}

/// Asks the observer of every lane whether it goes on, and ends those that do not.
fn stop_lanes(
    bundle: &mut Bundle,
    ends: &mut Ends,
    updates_done: u64,
    observer: &mut dyn Observer,
) {
    let mut kept = Vec::with_capacity(bundle.lanes.len());
    for (position, lane) in bundle.lanes.iter().enumerate() {
        match observer.after_update(lane.index, updates_done) {
            Continue::Yes => kept.push(position),
            Continue::Stop => ends[lane.index] = Some(LaneEnd::Stopped),
        }
    }
    keep(bundle, &kept);
}

fn keep(bundle: &mut Bundle, positions: &[usize]) {
    if positions.len() < bundle.lanes.len() {
        let _ = bundle.select(positions);
    }
}

/// The numbers of a tensor, on the host.
fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor
        .try_into_vec_as::<f32>()
        .expect("a float tensor reads as numbers")
}
