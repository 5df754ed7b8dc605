//! One update of a bundle with the fused CPU kernels: the same losses and gradients as the tensor
//! program, lane by lane, without automatic differentiation. It replaces the tensor program where a
//! device is this machine's processor and every lane takes all its steps.

use burn::tensor::{Tensor, TensorData};

use super::{bundle::Program, lane::Lane, read};
use crate::{
    kernel::{
        HaltingBatch, HaltingLoss, HaltingResult, HaltingSettings, InstructionSet, Purpose, Shape,
        Workspace,
    },
    model::{Layout, Logits},
    task::Batch,
};

/// Which program computes a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Tensors and automatic differentiation, on any device.
    Tensors,
    /// The fused kernels, on this machine's processor. Cumulative unrolls are left to the tensors.
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
}

impl Fused {
    /// The buffers for a program that takes all its steps; `None` for one that may stop early.
    pub(super) fn of(program: &Program) -> Option<Self> {
        let fixed = !program.limit.is_cumulative();
        fixed.then(|| {
            let batch = usize::try_from(program.batch).expect("a batch fits memory");
            let shape = shape(&program.layout, batch, program.limit.max_steps());
            let logits = vec![0.0; shape.steps * shape.batch];
            Self {
                workspace: Workspace::new(shape, Purpose::Training),
                shape,
                answer: logits.clone(),
                halting: logits.clone(),
                distribution: logits.clone(),
                answer_gradient: logits.clone(),
                halting_gradient: logits,
            }
        })
    }

    /// The loss of every lane, and the gradients `[lanes, parameters]`.
    pub(super) fn losses_and_gradients(
        &mut self,
        program: &Program,
        lanes: &[Lane],
        parameters: &Tensor<2>,
        batch: &Batch,
    ) -> (Vec<f32>, Tensor<2>) {
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
    ) -> f32 {
        self.workspace
            .forward(parameters, x, &mut self.answer, &mut self.halting);
        let model = &lane.settings.model;
        let loss = HaltingLoss::new(&HaltingSettings {
            lambda_p: model.lambda_p,
            beta: model.beta,
            max_steps: program.limit.max_steps(),
            residual: program.residual,
        });
        let batch = HaltingBatch {
            answer_logits: &self.answer,
            halting_logits: &self.halting,
            labels,
            stop_steps: None,
        };
        let mut result = HaltingResult {
            distribution: &mut self.distribution,
            answer_logits: &mut self.answer_gradient,
            halting_logits: &mut self.halting_gradient,
        };
        let terms = loss.evaluate(InstructionSet::detect(), batch, &mut result);
        self.workspace
            .backward(&self.answer_gradient, &self.halting_gradient, gradient);
        (terms.prediction + model.beta * terms.divergence) as f32
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
