//! The lanes that still run and their tensors. Lanes leave (diverged, stopped) by being cut out of
//! every tensor: the numbers of a lane do not depend on which others run beside it.

use std::ops::Range;

use burn::tensor::{Device, Tensor, TensorData};
use pondersweep_proto::spec::{ConfigurationSpec, EvaluationSettings, Residual, TrialSpec};

use super::lane::Lane;
use crate::{
    model::{Layout, StepLimit},
    operation::{Body, LaneObjective, Network, Objective, Optimizer, select_lanes},
    seed::{Purpose, Seeds},
    task::{self, Batch, Parity},
};

/// What all lanes of a bundle share.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) task: Parity,
    pub(super) limit: StepLimit,
    pub(super) residual: Residual,
    pub(super) updates: u64,
    pub(super) batch: u64,
    pub(super) evaluation: EvaluationSettings,
}

impl Program {
    fn of(configuration: &ConfigurationSpec) -> Self {
        Self {
            task: Parity::new(configuration),
            limit: StepLimit::of(&configuration.model),
            residual: configuration.model.residual,
            updates: configuration.training.updates,
            batch: configuration.training.batch.into(),
            evaluation: configuration.evaluation.clone(),
        }
    }

    fn objective(&self, lanes: &[Lane], body: Body, device: &Device) -> Objective {
        let lane = |lane: &Lane| LaneObjective {
            lambda_p: lane.settings.model.lambda_p,
            beta: lane.settings.model.beta,
        };
        let lanes: Vec<LaneObjective> = lanes.iter().map(lane).collect();
        Objective::new(&lanes, self.limit, self.residual, body, device)
    }
}

/// Lanes while they are trained.
pub(super) struct Bundle {
    pub(super) program: Program,
    pub(super) lanes: Vec<Lane>,
    pub(super) network: Network,
    /// `[lanes, parameters]`.
    pub(super) parameters: Tensor<2>,
    pub(super) objective: Objective,
    optimizer: Optimizer,
    body: Body,
    pub(super) device: Device,
}

impl Bundle {
    /// Some of the trials, which have one shape, before their first update.
    ///
    /// # Panics
    /// There is no lane.
    pub(super) fn new(
        trials: &[TrialSpec],
        lanes: Range<usize>,
        body: Body,
        device: &Device,
    ) -> Self {
        let configuration = &trials[lanes.start].configuration;
        let (program, layout) = (Program::of(configuration), Layout::of(configuration));
        let lanes: Vec<Lane> = lanes.map(|lane| Lane::new(lane, &trials[lane])).collect();
        let settings: Vec<_> = lanes.iter().map(|lane| &lane.settings.training).collect();
        Self {
            network: Network::new(layout, program.limit, body),
            parameters: initial_parameters(&layout, &lanes, device),
            objective: program.objective(&lanes, body, device),
            optimizer: Optimizer::new(&settings, layout.size(), body, device),
            body,
            device: device.clone(),
            program,
            lanes,
        }
    }

    /// The samples of an update, counted from 0.
    pub(super) fn training_batch(&self, update: u64) -> Batch {
        let Program { task, batch, .. } = &self.program;
        let (range, purpose) = (task::Range::Interpolation, Purpose::Data);
        let (seeds, samples) = (self.seeds(), 0..*batch);
        Batch::generate(task, range, &seeds, purpose, update, samples, &self.device)
    }

    /// Steps against the gradient; returns the norm of each lane's.
    pub(super) fn step(&mut self, gradient: Tensor<2>) -> Vec<f64> {
        let (optimizer, mut norms) = (&mut self.optimizer, Vec::new());
        self.parameters.inplace(|parameters| {
            let (parameters, of_gradient) = optimizer.step(parameters, gradient);
            norms = of_gradient;
            parameters
        });
        norms
    }

    /// The seeds of the lanes, in their order.
    pub(super) fn seeds(&self) -> Vec<Seeds> {
        self.lanes.iter().map(|lane| lane.seeds).collect()
    }

    /// Keeps only the lanes at these positions.
    pub(super) fn keep(&mut self, positions: &[usize]) {
        if positions.len() == self.lanes.len() {
            return;
        }
        let kept = positions.iter().map(|&lane| self.lanes[lane].clone());
        self.lanes = kept.collect();
        // A tensor without lanes would be of no use to anybody.
        if !self.lanes.is_empty() {
            self.parameters
                .inplace(|rows| select_lanes(rows, positions));
            self.optimizer.select(positions);
            self.objective = self.program.objective(&self.lanes, self.body, &self.device);
        }
    }
}

fn initial_parameters(layout: &Layout, lanes: &[Lane], device: &Device) -> Tensor<2> {
    let rows: Vec<f32> = lanes
        .iter()
        .flat_map(|lane| layout.initial(&lane.seeds, lane.settings.model.halting_bias))
        .collect();
    Tensor::from_data(TensorData::new(rows, [lanes.len(), layout.size()]), device)
}
