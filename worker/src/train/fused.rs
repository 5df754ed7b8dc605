//! One update of a bundle with the fused CPU kernels: the same losses and gradients as the tensor
//! program, lane by lane, without automatic differentiation. It replaces the tensor program where a
//! device is this machine's processor.

use burn::tensor::{Tensor, TensorData};

use super::{bundle::Program, lane::Lane, read};
use crate::{
    kernel::{HaltingBatch, HaltingResult, InstructionSet, Loss, Purpose, Shape, Workspace},
    model::{Layout, Logits},
    task::Batch,
};

/// Which program computes a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Tensors and automatic differentiation, on any device.
    Tensors,
    /// The fused kernels, on this machine's processor.
    Kernels,
}

/// The kernels' buffers, made once for a bundle and used for one lane after the other.
pub(super) struct Fused {
    workspace: Workspace,
    shape: Shape,
    answer: Vec<f32>,
    halting: Vec<f32>,
    distribution: Vec<f32>,
    answer_gradient: Vec<f32>,
    halting_gradient: Vec<f32>,
    /// Each sample's last step.
    stops: Vec<f32>,
}

impl Fused {
    /// The buffers for a program.
    pub(super) fn of(program: &Program) -> Self {
        let batch = usize::try_from(program.batch).expect("a batch fits memory");
        let shape = shape(&program.layout, batch, program.limit.max_steps());
        let logits = vec![0.0; shape.steps * shape.batch];
        let purpose = match program.limit.stop_rule() {
            Some(_) => Purpose::TrainingUntil,
            None => Purpose::Training,
        };
        Self {
            stops: vec![0.0; shape.batch],
            workspace: Workspace::new(shape, purpose),
            shape,
            answer: logits.clone(),
            halting: logits.clone(),
            distribution: logits.clone(),
            answer_gradient: logits.clone(),
            halting_gradient: logits,
        }
    }

    /// The loss of every lane and the mean steps of its samples, and the gradients `[lanes, parameters]`.
    pub(super) fn losses_and_gradients(
        &mut self,
        program: &Program,
        lanes: &[Lane],
        parameters: &Tensor<2>,
        batch: &Batch,
    ) -> (Vec<(f32, f32)>, Tensor<2>) {
        let device = parameters.device();
        let size = program.layout.size();
        let parameters = read(parameters.clone());
        let x = read(batch.x.clone());
        let labels: Vec<f32> = batch.labels.iter().map(|&label| f32::from(label)).collect();
        let mut gradients = vec![0.0; parameters.len()];
        let inputs = x.chunks_exact(self.shape.batch * self.shape.elements);
        let inputs = inputs.zip(labels.chunks_exact(self.shape.batch));
        let rows = parameters
            .chunks_exact(size)
            .zip(gradients.chunks_exact_mut(size));
        let losses = lanes
            .iter()
            .zip(inputs)
            .zip(rows)
            .map(|((lane, (x, labels)), (parameters, gradient))| {
                self.lane(program, lane, parameters, x, labels, gradient)
            })
            .collect();
        let gradients = TensorData::new(gradients, [lanes.len(), size]);
        (losses, Tensor::from_data(gradients, &device))
    }

    #[expect(clippy::cast_possible_truncation, reason = "training is in f32")]
    fn lane(
        &mut self,
        program: &Program,
        lane: &Lane,
        parameters: &[f32],
        x: &[f32],
        labels: &[f32],
        gradient: &mut [f32],
    ) -> (f32, f32) {
        let (answer, halting) = (&mut self.answer, &mut self.halting);
        let steps = match program.limit.stop_rule() {
            None => {
                self.workspace.forward(parameters, x, answer, halting);
                self.stops.fill(self.shape.steps as f32);
                self.shape.steps
            }
            Some(rule) => {
                let (inputs, outputs) = ([parameters, x], [&mut answer[..], halting]);
                let stops = &mut self.stops;
                (self.workspace.forward_until(rule, inputs, outputs, stops)).steps
            }
        };
        let rows = ..steps * self.shape.batch;
        let batch = HaltingBatch {
            answer_logits: &self.answer[rows],
            halting_logits: &self.halting[rows],
            labels,
            stop_steps: Some(&self.stops),
        };
        let mut result = HaltingResult {
            distribution: &mut self.distribution[rows],
            answer_logits: &mut self.answer_gradient[rows],
            halting_logits: &mut self.halting_gradient[rows],
        };
        let loss = Loss::new(&lane.method, program.limit.max_steps());
        let loss = loss.evaluate(InstructionSet::detect(), batch, &mut result);
        let gradients = [&self.answer_gradient[rows], &self.halting_gradient[rows]];
        self.workspace
            .backward(gradients[0], gradients[1], gradient);
        let steps = self.stops.iter().sum::<f32>() / self.shape.batch as f32;
        (loss as f32, steps)
    }
}

/// The logits of all steps for inputs `[lanes, batch, elements]`, without gradients.
pub(super) fn logits(
    layout: &Layout,
    parameters: &Tensor<2>,
    x: &Tensor<3>,
    steps: usize,
) -> Logits {
    let device = parameters.device();
    let [lanes, batch, _] = x.dims();
    let shape = shape(layout, batch, steps);
    let mut workspace = Workspace::new(shape, Purpose::Evaluation);
    let (parameters, x) = (read(parameters.clone()), read(x.clone()));
    let mut answer = vec![0.0; lanes * steps * batch];
    let mut halting = answer.clone();
    let outputs = answer
        .chunks_exact_mut(steps * batch)
        .zip(halting.chunks_exact_mut(steps * batch));
    let rows = parameters.chunks_exact(layout.size());
    let inputs = x.chunks_exact(batch * shape.elements);
    for ((parameters, x), (answer, halting)) in rows.zip(inputs).zip(outputs) {
        workspace.forward(parameters, x, answer, halting);
    }
    let tensor =
        |values| Tensor::from_data(TensorData::new(values, [lanes, steps, batch]), &device);
    Logits {
        answer: tensor(answer),
        halting: tensor(halting),
    }
}

const fn shape(layout: &Layout, batch: usize, steps: usize) -> Shape {
    let &Layout {
        step_function,
        elements,
        hidden,
    } = layout;
    Shape {
        step_function,
        batch,
        elements,
        hidden,
        steps,
    }
}
