//! The operations on Flex tensors: the kernels, lane after lane, on the tensors' own storage.
//! Nothing is copied that lies in order already, as everything in a training loop does.

use std::sync::PoisonError;

use burn::{
    backend::{Flex, TensorMetadata, flex::FlexTensor},
    tensor::TensorData,
};

use super::{
    extension::{FusedLosses, LaneAdam, LossScratch, Optimizing, Pondering, Unrolling},
    workspaces::Lent,
};
use crate::{
    kernel::{HaltingBatch, HaltingResult, InstructionSet, Loss, Pass, Workspace},
    model::StopRule,
};

impl Pondering for Flex {
    fn unrolled(
        parameters: FlexTensor,
        x: FlexTensor,
        unrolling: Unrolling,
    ) -> (FlexTensor, FlexTensor) {
        // A pass that may stop early keeps every step's state in any case.
        let pass = match unrolling.stop {
            Some(_) => Pass::TrainingUntil,
            None => Pass::Evaluation,
        };
        let (logits, stops, _) = forward(parameters, x, &unrolling, pass);
        (logits, stops)
    }

    fn lane_losses(
        logits: FlexTensor,
        stops: FlexTensor,
        targets: FlexTensor,
        losses: FusedLosses,
    ) -> FlexTensor {
        losses_and_gradient(logits, stops, targets, &losses).0
    }
}

impl Optimizing for Flex {
    fn adam_step(
        mut parameters: FlexTensor,
        gradient: FlexTensor,
        lanes: &mut [LaneAdam],
        instructions: InstructionSet,
    ) -> (FlexTensor, Vec<f64>) {
        let gradient = in_order(gradient);
        let size = parameters.shape()[1];
        if numbers(&parameters).len() != parameters.storage::<f32>().len() {
            parameters = parameters.to_contiguous();
        }
        // In place, unless somebody else holds the tensor.
        let rows = parameters.storage_mut::<f32>().chunks_exact_mut(size);
        let rows = rows.zip(numbers(&gradient).chunks_exact(size));
        let norms = lanes.iter_mut().zip(rows).map(|(lane, (row, gradient))| {
            lane.state
                .update(instructions, &lane.settings, row, gradient)
        });
        let norms = norms.collect();
        (parameters, norms)
    }
}

/// The passes of a bundle's lanes, ready to be taken back.
#[derive(Debug)]
pub(super) struct Passes {
    lent: Lent,
    /// Steps each pass made.
    steps: Vec<usize>,
}

/// The logits `[lanes, 2, steps, batch]`, the samples' last steps `[lanes, batch]`, and the passes.
pub(super) fn forward(
    parameters: FlexTensor,
    x: FlexTensor,
    unrolling: &Unrolling,
    pass: Pass,
) -> (FlexTensor, FlexTensor, Passes) {
    let (parameters, x) = (in_order(parameters), in_order(x));
    let [lanes, batch, elements] = x.shape().dims();
    let shape = unrolling.shape(batch);
    let mut lent = unrolling.workspaces.lend(shape, pass, lanes);
    let mut logits = vec![0.0; lanes * 2 * shape.steps * batch];
    let mut stops = vec![shape.steps as f32; lanes * batch];
    let inputs = numbers(&parameters)
        .chunks_exact(shape.offsets().length())
        .zip(numbers(&x).chunks_exact(batch * elements));
    let outputs = logits
        .chunks_exact_mut(2 * shape.steps * batch)
        .zip(stops.chunks_exact_mut(batch));
    let lanes_of = lent.workspaces.iter_mut().zip(inputs).zip(outputs);
    let steps = lanes_of.map(|((workspace, (parameters, x)), (logits, stops))| {
        unroll_lane(workspace, unrolling.stop, [parameters, x], logits, stops)
    });
    let steps = steps.collect();
    (
        tensor(logits, [lanes, 2, shape.steps, batch]),
        tensor(stops, [lanes, batch]),
        Passes { lent, steps },
    )
}

/// One lane's pass; returns the steps it made.
fn unroll_lane(
    workspace: &mut Workspace,
    stop: Option<StopRule>,
    [parameters, x]: [&[f32]; 2],
    logits: &mut [f32],
    stops: &mut [f32],
) -> usize {
    let (answer, halting) = logits.split_at_mut(logits.len() / 2);
    match stop {
        None => {
            workspace.forward(parameters, x, answer, halting);
            workspace.shape().steps
        }
        Some(rule) => {
            let outputs = [answer, halting];
            workspace.forward_until(rule, [parameters, x], outputs, stops)
        }
    }
}

/// The gradient of the parameters, `[lanes, size]`, from that of the logits.
pub(super) fn backward(logits: FlexTensor, mut passes: Passes) -> FlexTensor {
    let logits = in_order(logits);
    let [lanes, _, steps, batch] = logits.shape().dims();
    let workspaces = &mut passes.lent.workspaces;
    let size = workspaces[0].shape().offsets().length();
    let mut gradient = vec![0.0; lanes * size];
    let rows = gradient.chunks_exact_mut(size);
    let logits = numbers(&logits).chunks_exact(2 * steps * batch);
    let passes = workspaces.iter_mut().zip(passes.steps);
    for (((workspace, made), logits), row) in passes.zip(logits).zip(rows) {
        let (answer, halting) = logits.split_at(steps * batch);
        let made = ..made * batch;
        workspace.backward(&answer[made], &halting[made], row);
    }
    tensor(gradient, [lanes, size])
}

/// The lanes' losses, `[lanes]`, and their gradients in the logits.
pub(super) fn losses_and_gradient(
    logits: FlexTensor,
    stops: FlexTensor,
    targets: FlexTensor,
    losses: &FusedLosses,
) -> (FlexTensor, FlexTensor) {
    let (logits, stops, targets) = (in_order(logits), in_order(stops), in_order(targets));
    let shape: [usize; 4] = logits.shape().dims();
    let [lanes, _, steps, batch] = shape;
    let size = 2 * steps * batch;
    let mut gradient = vec![0.0; lanes * size];
    let samples = numbers(&stops)
        .chunks_exact(batch)
        .zip(numbers(&targets).chunks_exact(batch));
    let logits = numbers(&logits).chunks_exact(size);
    let outputs = logits.zip(gradient.chunks_exact_mut(size));
    let mut lane_losses = Vec::with_capacity(lanes);
    let of_lanes = losses.lanes.iter().zip(losses.scratch.iter());
    for (((lane, scratch), (stops, targets)), outputs) in of_lanes.zip(samples).zip(outputs) {
        // Every evaluation writes over all of it, so what a panic left does not matter.
        let mut scratch = scratch.lock().unwrap_or_else(PoisonError::into_inner);
        lane_losses.push(evaluate(
            lane,
            losses.instructions,
            &mut scratch,
            [stops, targets],
            outputs,
        ));
    }
    (tensor(lane_losses, [lanes]), tensor(gradient, shape))
}

/// One lane's loss; its gradient goes where told. Logits and gradient are `[2, steps, batch]`.
fn evaluate(
    loss: &Loss,
    instructions: InstructionSet,
    scratch: &mut LossScratch,
    [stops, targets]: [&[f32]; 2],
    (logits, gradient): (&[f32], &mut [f32]),
) -> f32 {
    let size = logits.len() / 2;
    let (answer_logits, halting_logits) = logits.split_at(size);
    let (answer_gradient, halting_gradient) = gradient.split_at_mut(size);
    let LossScratch {
        labels,
        distribution,
    } = scratch;
    labels.clear();
    labels.extend(targets.iter().map(|target| 0.5 + 0.5 * target));
    distribution.resize(size, 0.0);
    let batch = HaltingBatch {
        answer_logits,
        halting_logits,
        labels,
        stop_steps: Some(stops),
    };
    let mut result = HaltingResult {
        distribution,
        answer_logits: answer_gradient,
        halting_logits: halting_gradient,
    };
    loss.evaluate(instructions, batch, &mut result) as f32
}

/// The gradient in the logits, lane by lane times what the loss's own gradient is.
pub(super) fn scaled(mut gradient: FlexTensor, factors: FlexTensor) -> FlexTensor {
    let factors = in_order(factors);
    // As it is whenever the lanes' losses are only added up: then there is nothing to do.
    if numbers(&factors).iter().all(|&factor| factor == 1.0) {
        return gradient;
    }
    let size = gradient.shape().num_elements() / factors.shape().num_elements();
    let lanes = gradient.storage_mut::<f32>().chunks_exact_mut(size);
    for (lane, factor) in lanes.zip(numbers(&factors)) {
        lane.iter_mut().for_each(|number| *number *= factor);
    }
    gradient
}

/// A tensor whose numbers lie in order: itself, where they do.
fn in_order(tensor: FlexTensor) -> FlexTensor {
    match tensor.as_slice::<f32>() {
        Some(_) => tensor,
        None => tensor.to_contiguous(),
    }
}

/// The numbers of a tensor that lie in order.
fn numbers(tensor: &FlexTensor) -> &[f32] {
    let numbers = tensor.as_slice();
    numbers.expect("operations are in f32, on tensors in order")
}

fn tensor<const D: usize>(numbers: Vec<f32>, shape: [usize; D]) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(numbers, shape))
}
