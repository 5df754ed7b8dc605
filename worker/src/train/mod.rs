//! PURE (tensors and a device handed in): the training loop of a bundle.
//!
//! It decides when lanes are measured and when they end. It never reads a clock, a file or a
//! network: what happens outside reaches it through an [`Observer`].

pub mod adam;
mod bundle;
mod evaluation;
mod lane;

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

/// Which lanes to stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// None: go on.
    Nothing,
    /// These, by their index in the bundle; the others go on undisturbed.
    Lanes(Vec<usize>),
    /// All of them, now.
    Everything,
}

/// Who hears what happens while a bundle is trained. Lanes are named by their index in the bundle.
pub trait Observer {
    /// A lane was measured.
    fn observe(&mut self, lane: usize, observation: Observation);

    /// An update is done, its observations included; the answer may stop lanes.
    fn after_update(&mut self, updates_done: u64) -> Stop;

    /// A lane ended; no observation of it follows. Told at once, so that a diverged lane need not
    /// wait for the others.
    fn ended(&mut self, lane: usize, end: &LaneEnd) {
        let _ = (lane, end);
    }
}

/// Trains the trials, which all have one shape, and says how each ended, in their order.
///
/// A lane's observations and end are those it has when trained alone, to the bit.
///
/// # Panics
/// The trials differ in shape: check [`ShapeKey`](pondersweep_proto::shape::ShapeKey) first.
pub fn train(trials: &[TrialSpec], device: &Device, observer: &mut dyn Observer) -> Vec<LaneEnd> {
    if trials.is_empty() {
        return Vec::new();
    }
    let mut bundle = Bundle::new(trials, device);
    let mut ends = Ends::new(trials.len(), observer);
    let updates = bundle.program.updates;
    for update in 0..updates {
        let batch = training_batch(&bundle, update);
        let weights = Weights::tracked(&bundle.parameters, &bundle.program.layout);
        let logits = unroll(&batch.x, &weights, bundle.program.limit);
        let losses = bundle
            .program
            .losses(&bundle.objective, &logits, &batch.targets);
        let losses = loss::per_lane(losses);
        // The lanes' losses are added only to differentiate them all at once: the sum has the
        // gradient of each in its own parameters.
        let mut gradients = losses.clone().sum().backward();
        let gradient = weights.gradient(&mut gradients);
        let Some((gradient, norm)) =
            drop_diverged(&mut bundle, &mut ends, update, losses, gradient)
        else {
            break;
        };
        let parameters = bundle.parameters.clone();
        bundle.parameters = bundle.adam.step(parameters, gradient, norm);
        observe(&mut bundle, &mut ends, update + 1);
        stop(&mut bundle, &mut ends, update + 1);
        if bundle.lanes.is_empty() {
            break;
        }
    }
    for lane in &bundle.lanes {
        ends.set(lane.index, LaneEnd::Succeeded);
    }
    ends.into_vec()
}

/// The ends of the lanes so far, and who is told of them.
struct Ends<'a> {
    ends: Vec<Option<LaneEnd>>,
    observer: &'a mut dyn Observer,
}

impl<'a> Ends<'a> {
    fn new(lanes: usize, observer: &'a mut dyn Observer) -> Self {
        Self {
            ends: vec![None; lanes],
            observer,
        }
    }

    fn set(&mut self, lane: usize, end: LaneEnd) {
        self.observer.ended(lane, &end);
        self.ends[lane] = Some(end);
    }

    fn into_vec(self) -> Vec<LaneEnd> {
        let end = |end: Option<LaneEnd>| end.expect("every lane ends by the end of the loop");
        self.ends.into_iter().map(end).collect()
    }
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
    ends: &mut Ends<'_>,
    update: u64,
    losses: Tensor<1>,
    gradient: Tensor<2>,
) -> Option<(Tensor<2>, Tensor<2>)> {
    let norm = adam::norm(&gradient);
    let measured = read(losses.inner()).into_iter().zip(read(norm.clone()));
    let mut kept = Vec::with_capacity(bundle.lanes.len());
    for (position, (loss, norm)) in measured.enumerate() {
        let lane = &mut bundle.lanes[position];
        match not_finite(loss, norm) {
            None => {
                lane.add_loss(loss);
                kept.push(position);
            }
            Some(reason) => {
                let step = update + 1;
                ends.set(lane.index, LaneEnd::Infeasible { step, reason });
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
fn observe(bundle: &mut Bundle, ends: &mut Ends<'_>, updates_done: u64) {
    let program = &bundle.program;
    let last = updates_done == program.updates;
    if !last && !updates_done.is_multiple_of(program.evaluation.every) {
        return;
    }
    let mut kept = Vec::with_capacity(bundle.lanes.len());
    for (position, mut metrics) in evaluation::evaluate(bundle).into_iter().enumerate() {
        let lane = &mut bundle.lanes[position];
        metrics.push((Metric::LossTraining, lane.take_mean_loss()));
        if let Some((metric, value)) = metrics.iter().find(|(_, value)| !value.is_finite()) {
            let step = updates_done;
            let reason = format!("{metric} is {value}");
            ends.set(lane.index, LaneEnd::Infeasible { step, reason });
            continue;
        }
        for (metric, value) in metrics {
            let step = updates_done;
            let observation = Observation {
                step,
                metric,
                value,
            };
            ends.observer.observe(lane.index, observation);
        }
        kept.push(position);
    }
    keep(bundle, &kept);
}

/// Asks the observer which lanes to stop, and stops them.
fn stop(bundle: &mut Bundle, ends: &mut Ends<'_>, updates_done: u64) {
    let stop = ends.observer.after_update(updates_done);
    let stops = |lane: usize| match &stop {
        Stop::Nothing => false,
        Stop::Lanes(lanes) => lanes.contains(&lane),
        Stop::Everything => true,
    };
    let mut kept = Vec::with_capacity(bundle.lanes.len());
    for (position, lane) in bundle.lanes.iter().enumerate() {
        if stops(lane.index) {
            ends.set(lane.index, LaneEnd::Stopped);
        } else {
            kept.push(position);
        }
    }
    keep(bundle, &kept);
}

fn keep(bundle: &mut Bundle, positions: &[usize]) {
    if positions.len() < bundle.lanes.len() {
        let _ = bundle.select(positions);
    }
}

fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor
        .try_into_vec_as::<f32>()
        .expect("a float tensor reads as numbers")
}
