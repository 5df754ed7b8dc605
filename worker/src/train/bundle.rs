//! The lanes that still run and their tensors. Lanes leave (diverged, stopped) by being cut out of
//! every tensor: the numbers of a lane do not depend on which others run with it.

use burn::tensor::{Device, Tensor, TensorData};
use pondersweep_proto::{setting::Setting, spec::ConfigurationSpec};

use super::{
    LaneState, Start,
    lane::{Lane, Update},
    read,
};
use crate::{
    model::{Dropout, Initial, Layout, Method, StepLimit},
    operation::{Body, Network, Objective, Optimizer, select_lanes},
    seed::Seeds,
    task::{Batch, Occasion, Task},
};

/// What all lanes of a bundle share.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) task: Task,
    pub(super) limit: StepLimit,
    pub(super) updates: u64,
    /// Samples of an update.
    pub(super) batch: u64,
    /// Updates between two evaluations.
    pub(super) evaluate_every: u64,
    /// Samples of an evaluation.
    pub(super) examples: u64,
    /// Share of numbers that training drops.
    dropout: f64,
}

impl Shared {
    fn of(configuration: &ConfigurationSpec) -> Self {
        Self {
            task: Task::of(configuration),
            limit: StepLimit::of(configuration),
            updates: configuration.whole(Setting::UPDATES),
            batch: configuration.whole(Setting::BATCH),
            evaluate_every: configuration.whole(Setting::EVERY),
            examples: configuration.whole(Setting::EXAMPLES),
            dropout: configuration.number_if(Setting::DROPOUT).unwrap_or(0.0),
        }
    }

    fn objective(&self, lanes: &[Lane], body: Body, device: &Device) -> Objective {
        let methods: Vec<Method> = lanes.iter().map(|lane| lane.method).collect();
        Objective::new(&methods, self.limit, body, device)
    }
}

/// Lanes while they are trained.
pub(super) struct Bundle {
    pub(super) shared: Shared,
    pub(super) lanes: Vec<Lane>,
    pub(super) network: Network,
    /// `[lanes, parameters]`.
    pub(super) parameters: Tensor<2>,
    pub(super) objective: Objective,
    /// The same of all lanes; the next update has this number, counted from 0.
    pub(super) updates_done: u64,
    optimizer: Optimizer,
    body: Body,
    pub(super) device: Device,
}

impl Bundle {
    /// Some of the trials, which have one shape and have done as many updates.
    ///
    /// # Panics
    /// There is no lane, or some have done more updates than others.
    pub(super) fn new(starts: &[Start], lanes: &[usize], body: Body, device: &Device) -> Self {
        let starts: Vec<&Start> = lanes.iter().map(|&lane| &starts[lane]).collect();
        let updates_done = starts[0].updates_done();
        let in_step = |start: &&Start| start.updates_done() == updates_done;
        assert!(starts.iter().all(in_step), "the lanes are not in step");
        let configuration = &starts[0].trial.configuration;
        let (shared, layout) = (Shared::of(configuration), Layout::of(configuration));
        let lanes = lanes.iter().zip(&starts);
        let lanes: Vec<Lane> = lanes.map(|(&lane, start)| Lane::new(lane, start)).collect();
        let adam: Vec<_> = lanes.iter().map(|lane| lane.adam).collect();
        let mut optimizer = Optimizer::new(&adam, layout.size(), body, device);
        let states = starts.iter().filter_map(|start| start.state.as_ref());
        let states: Vec<_> = states.map(|state| &state.optimizer).collect();
        if !states.is_empty() {
            optimizer.restore(&states, device);
        }
        Self {
            network: Network::new(layout, shared.limit, body),
            parameters: parameters(&layout, &lanes, &starts, device),
            objective: shared.objective(&lanes, body, device),
            updates_done,
            optimizer,
            body,
            device: device.clone(),
            shared,
            lanes,
        }
    }

    /// The samples of an update, counted from 0.
    fn training_batch(&self, update: u64) -> Batch {
        let Shared { task, batch, .. } = &self.shared;
        let occasion = Occasion::Training(update);
        let batch = Batch::draw(task, occasion, &self.seeds(), 0..*batch, &self.device);
        self.fitting(batch)
    }

    /// The batch without padding, where lanes are computed one by one.
    pub(super) fn fitting(&self, batch: Batch) -> Batch {
        match self.body {
            Body::Alone => batch.without_padding(),
            Body::Kernels | Body::Tensors => batch,
        }
    }

    /// Makes the next update: batch, forward, loss, backward, step. Returns what it found
    /// of every lane.
    pub(super) fn update(&mut self) -> Vec<Update> {
        let batch = self.training_batch(self.updates_done);
        let parameters = self.network.tracked(&self.parameters);
        let dropout = Dropout::of(self.seeds(), self.updates_done, self.shared.dropout);
        let network = &self.network;
        let outputs = network.unroll_dropping(&parameters, &batch.x, dropout.as_ref());
        let steps = self.network.mean_steps(&outputs);
        let losses = self.objective.losses(outputs, &batch.targets);
        // burn differentiates the sum of what is not one number. The sum of the lanes' losses has
        // the gradient of each in its own parameters.
        let mut gradients = losses.backward();
        let gradient = parameters.gradient(&mut gradients);
        drop((parameters, gradients));
        let norms = self.step(gradient);
        self.updates_done += 1;
        let lanes = read(losses.inner()).into_iter().zip(norms).zip(steps);
        let of_lane = |((loss, gradient_norm), steps)| Update {
            loss: f64::from(loss),
            gradient_norm,
            steps,
        };
        lanes.map(of_lane).collect()
    }

    /// Steps against the gradient; returns the norm of each lane's.
    fn step(&mut self, gradient: Tensor<2>) -> Vec<f64> {
        let (optimizer, mut norms) = (&mut self.optimizer, Vec::new());
        self.parameters.inplace(|parameters| {
            let (parameters, of_gradient) = optimizer.step(parameters, gradient);
            norms = of_gradient;
            parameters
        });
        norms
    }

    /// Everything that decides how the lane at a position goes on.
    pub(super) fn state(&self, position: usize) -> LaneState {
        LaneState {
            parameters: read(select_lanes(self.parameters.clone(), &[position])),
            optimizer: self.optimizer.state(position),
            sums: self.lanes[position].sums,
        }
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
            self.objective = self.shared.objective(&self.lanes, self.body, &self.device);
        }
    }
}

fn parameters(layout: &Layout, lanes: &[Lane], starts: &[&Start], device: &Device) -> Tensor<2> {
    let row = |(lane, start): (&Lane, &&Start)| match &start.state {
        Some(state) => state.parameters.clone(),
        None => layout.initial(&lane.seeds, Initial::of(&start.trial.configuration)),
    };
    let rows: Vec<f32> = lanes.iter().zip(starts).flat_map(row).collect();
    Tensor::from_data(TensorData::new(rows, [lanes.len(), layout.size()]), device)
}
