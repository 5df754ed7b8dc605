//! The lanes that still run and their tensors. Lanes leave (diverged, stopped) by being cut out of
//! every tensor: the numbers of a lane do not depend on which others run beside it.

use burn::tensor::{Device, Int, Tensor, TensorData};
use pondersweep_proto::{
    shape::ShapeKey,
    spec::{ConfigurationSpec, EvaluationSettings, Method, TrialSpec},
};

use super::{
    adam::Adam,
    fused::{self, Engine, Fused},
    lane::Lane,
};
use crate::{
    model::{LaneLosses, Layout, Logits, StepLimit, Weights, unroll},
    seed::Seeds,
    task::Parity,
};

/// What all lanes of a bundle share.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) task: Parity,
    pub(super) layout: Layout,
    pub(super) limit: StepLimit,
    pub(super) updates: u64,
    pub(super) batch: u64,
    pub(super) evaluation: EvaluationSettings,
}

impl Program {
    fn of(configuration: &ConfigurationSpec) -> Self {
        Self {
            task: Parity::new(configuration),
            layout: Layout::of(configuration),
            limit: StepLimit::of(configuration),
            updates: configuration.training.updates,
            batch: configuration.training.batch.into(),
            evaluation: configuration.evaluation.clone(),
        }
    }
}

/// A bundle while it is trained.
pub(super) struct Bundle {
    pub(super) program: Program,
    pub(super) lanes: Vec<Lane>,
    /// `[lanes, parameters]`.
    pub(super) parameters: Tensor<2>,
    pub(super) objective: LaneLosses,
    pub(super) adam: Adam,
    /// The kernels, where they compute the updates.
    pub(super) fused: Option<Fused>,
    pub(super) engine: Engine,
    pub(super) device: Device,
}

impl Bundle {
    /// The trials before their first update.
    ///
    /// # Panics
    /// There is no trial, or the trials differ in shape.
    pub(super) fn new(trials: &[TrialSpec], device: &Device, engine: Engine) -> Self {
        let configuration = &trials[0].configuration;
        let shape = ShapeKey::of(configuration);
        let same = |trial: &TrialSpec| ShapeKey::of(&trial.configuration) == shape;
        assert!(trials.iter().all(same), "a bundle has one shape");
        let program = Program::of(configuration);
        let lanes: Vec<Lane> = trials
            .iter()
            .enumerate()
            .map(|(index, trial)| Lane::new(index, trial))
            .collect();
        let settings: Vec<_> = lanes.iter().map(|lane| &lane.settings.training).collect();
        Self {
            parameters: initial_parameters(&program.layout, &lanes, device),
            objective: objective(&program, &lanes, device),
            adam: Adam::new(&settings, device),
            fused: (engine == Engine::Kernels).then(|| Fused::of(&program)),
            engine,
            device: device.clone(),
            program,
            lanes,
        }
    }

    /// The logits of all steps for inputs `[lanes, batch, elements]`, without gradients.
    pub(super) fn logits(&self, x: &Tensor<3>, steps: usize) -> Logits {
        let layout = &self.program.layout;
        match self.engine {
            Engine::Kernels => fused::logits(layout, &self.parameters, x, steps),
            Engine::Tensors => {
                let weights = Weights::constant(&self.parameters, layout);
                unroll(x, &weights, StepLimit::fixed(steps))
            }
        }
    }

    /// The seeds of the lanes, in their order.
    pub(super) fn seeds(&self) -> Vec<Seeds> {
        self.lanes.iter().map(|lane| lane.seeds).collect()
    }

    /// Keeps the lanes at these positions; the gradient of the update at hand goes with them.
    pub(super) fn select(&mut self, positions: &[usize]) -> Tensor<1, Int> {
        let indices: Vec<i64> = positions
            .iter()
            .map(|&position| i64::try_from(position).expect("a bundle is small"))
            .collect();
        let size = [indices.len()];
        let indices = Tensor::from_data(TensorData::new(indices, size), &self.device);
        self.lanes = positions
            .iter()
            .map(|&position| self.lanes[position].clone())
            .collect();
        if !self.lanes.is_empty() {
            self.parameters = self.parameters.clone().select(0, indices.clone());
            self.adam.select(&indices);
            self.objective = objective(&self.program, &self.lanes, &self.device);
        }
        indices
    }
}

fn initial_parameters(layout: &Layout, lanes: &[Lane], device: &Device) -> Tensor<2> {
    let rows: Vec<f32> = lanes
        .iter()
        .flat_map(|lane| layout.initial(&lane.seeds, lane.method.halting_bias()))
        .collect();
    Tensor::from_data(TensorData::new(rows, [lanes.len(), layout.size()]), device)
}

fn objective(program: &Program, lanes: &[Lane], device: &Device) -> LaneLosses {
    let methods: Vec<Method> = lanes.iter().map(|lane| lane.method).collect();
    LaneLosses::new(&methods, program.limit, device)
}
