//! What a bundle minimises, computed by the kernels or as the plain program.

use std::sync::Mutex;

use burn::{
    backend::Dispatch,
    tensor::{Device, Tensor},
};

use super::{
    Body,
    extension::{FusedLosses, Pondering},
    network::Outputs,
};
use crate::{
    kernel::{HaltingSettings, InstructionSet, Loss},
    model::{LaneLosses, Method, StepLimit, loss},
};

/// The loss of every lane of a bundle, by the method it learns to halt with.
#[derive(Clone, Debug)]
pub struct Objective {
    plain: LaneLosses,
    fused: Option<FusedLosses>,
}

impl Objective {
    /// The losses of lanes with these methods and the step limit of training.
    ///
    /// # Panics
    /// There is no lane, or the lanes differ in more than the numbers of a lane.
    #[must_use]
    pub fn new(methods: &[Method], limit: StepLimit, body: Body, device: &Device) -> Self {
        let loss = |method| fused_loss(method, limit.max_steps());
        Self {
            plain: LaneLosses::new(methods, limit, device),
            fused: (body == Body::Kernels).then(|| FusedLosses {
                lanes: methods.iter().map(loss).collect(),
                instructions: InstructionSet::detect(),
                scratch: methods.iter().map(|_| Mutex::default()).collect(),
            }),
        }
    }

    /// The mean loss of every lane, `[lanes]`; `targets` are those of [`answer`](crate::model::answer),
    /// `[lanes, answers, batch]`.
    #[must_use]
    pub fn losses(&self, outputs: Outputs, targets: &Tensor<3>) -> Tensor<1> {
        match (&self.fused, &outputs.stops) {
            (Some(losses), Some(stops)) => {
                let stops = stops.clone().into_dispatch();
                let logits = outputs.logits.into_dispatch();
                let targets: Tensor<2> = targets.clone().squeeze_dim(1);
                let targets = targets.into_dispatch();
                let losses = Dispatch::lane_losses(logits, stops, targets, losses.clone());
                Tensor::from_dispatch(losses)
            }
            _ => loss::per_lane(self.plain.per_sample(&outputs.apart(), targets)),
        }
    }
}

/// The kernels' loss of a method whose samples take at most `max_steps` steps.
pub(crate) fn fused_loss(method: &Method, max_steps: usize) -> Loss {
    match method {
        Method::PonderNet(settings) => Loss::ponder_net(&HaltingSettings {
            prior: settings.prior,
            beta: settings.beta,
            max_steps,
            residual: settings.residual,
            direction: settings.kl_direction,
        }),
        Method::Act(settings) => Loss::act(settings.tau),
        Method::Fixed => Loss::last_step(),
    }
}
