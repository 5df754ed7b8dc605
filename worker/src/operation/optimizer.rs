//! The optimiser of a bundle, with the kernels or on tensors.

use burn::{
    backend::Dispatch,
    tensor::{Device, Tensor},
};

use super::{
    Body, adam,
    extension::{LaneAdam, Optimizing},
};
use crate::kernel::{Adam, AdamSettings, InstructionSet};

/// Adam for every lane at once, after an optional clipping of each lane's global gradient norm. No
/// number of one lane reaches another.
#[derive(Clone, Debug)]
pub struct Optimizer(Form);

#[derive(Clone, Debug)]
enum Form {
    Fused {
        lanes: Vec<LaneAdam>,
        instructions: InstructionSet,
    },
    Plain(Box<adam::Adam>),
}

impl Optimizer {
    /// For lanes with these settings, which share the decays and epsilon, and this many parameters
    /// each.
    ///
    /// # Panics
    /// There is no lane.
    #[must_use]
    pub fn new(lanes: &[AdamSettings], parameters: usize, body: Body, device: &Device) -> Self {
        if body == Body::Tensors {
            return Self(Form::Plain(Box::new(adam::Adam::new(lanes, device))));
        }
        let lane = |&settings: &AdamSettings| LaneAdam {
            settings,
            state: Adam::new(parameters),
        };
        Self(Form::Fused {
            lanes: lanes.iter().map(lane).collect(),
            instructions: InstructionSet::detect(),
        })
    }

    /// One update: the parameters (`[lanes, parameters]`) after a step against the gradient, and
    /// the norm of each lane's gradient before clipping. Where the norm is not finite the lane has
    /// diverged, and its new parameters mean nothing.
    #[must_use]
    pub fn step(&mut self, parameters: Tensor<2>, gradient: Tensor<2>) -> (Tensor<2>, Vec<f64>) {
        match &mut self.0 {
            Form::Fused {
                lanes,
                instructions,
            } => {
                let (parameters, gradient) = (parameters.into_dispatch(), gradient.into_dispatch());
                let (parameters, norms) =
                    Dispatch::adam_step(parameters, gradient, lanes, *instructions);
                (Tensor::from_dispatch(parameters), norms)
            }
            Form::Plain(adam) => adam.step(parameters, gradient),
        }
    }

    /// The moments of the lane at a position, and how many updates it has made.
    #[must_use]
    pub fn state(&self, position: usize) -> Adam {
        match &self.0 {
            Form::Fused { lanes, .. } => lanes[position].state.clone(),
            Form::Plain(adam) => adam.state(position),
        }
    }

    /// Goes on from these states, one for every lane.
    ///
    /// # Panics
    /// There are more or fewer, or some have made more updates than others where lanes are one
    /// program.
    pub fn restore(&mut self, states: &[&Adam], device: &Device) {
        match &mut self.0 {
            Form::Fused { lanes, .. } => {
                assert_eq!(lanes.len(), states.len(), "every lane has a state");
                let lanes = lanes.iter_mut().zip(states);
                lanes.for_each(|(lane, &state)| lane.state = state.clone());
            }
            Form::Plain(adam) => adam.restore(states, device),
        }
    }

    /// Keeps only the lanes at these positions.
    pub fn select(&mut self, positions: &[usize]) {
        match &mut self.0 {
            Form::Fused { lanes, .. } => {
                *lanes = positions.iter().map(|&lane| lanes[lane].clone()).collect();
            }
            Form::Plain(adam) => adam.select(positions),
        }
    }
}
