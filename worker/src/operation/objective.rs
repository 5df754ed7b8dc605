//! What a bundle minimises, computed by the kernels or as the plain program.

use burn::{
    backend::Dispatch,
    tensor::{Device, Tensor},
};
use pondersweep_proto::spec::Residual;

use super::{
    Body,
    extension::{HaltingLosses, LaneLoss, Pondering},
    network::Outputs,
};
use crate::{
    kernel::{HaltingLoss, HaltingSettings, InstructionSet},
    model::{self, HaltingDistribution, StepLimit, loss},
};

/// The numbers of one lane that make its loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LaneObjective {
    /// Parameter of the geometric prior, in (0, 1).
    pub lambda_p: f64,
    /// Weight of the divergence from it.
    pub beta: f64,
}

/// PonderNet's loss of every lane of a bundle.
#[derive(Clone, Debug)]
pub struct Objective {
    limit: StepLimit,
    residual: Residual,
    plain: model::Objective,
    fused: Option<HaltingLosses>,
}

impl Objective {
    /// The losses of these lanes.
    #[must_use]
    pub fn new(
        lanes: &[LaneObjective],
        limit: StepLimit,
        residual: Residual,
        body: Body,
        device: &Device,
    ) -> Self {
        let numbers =
            |number: fn(&LaneObjective) -> f64| -> Vec<f64> { lanes.iter().map(number).collect() };
        let (lambda_p, beta) = (numbers(|lane| lane.lambda_p), numbers(|lane| lane.beta));
        let lane_loss = |lane| lane_loss(lane, limit.max_steps(), residual);
        Self {
            limit,
            residual,
            plain: model::Objective::new(&lambda_p, &beta, limit.max_steps(), device),
            fused: (body == Body::Kernels).then(|| HaltingLosses {
                lanes: lanes.iter().map(lane_loss).collect(),
                instructions: InstructionSet::detect(),
            }),
        }
    }

    /// The mean loss of every lane, `[lanes]`; `targets` (`[lanes, batch]`) is +1 where the right
    /// answer is yes, -1 where it is no.
    #[must_use]
    pub fn losses(&self, outputs: Outputs, targets: &Tensor<2>) -> Tensor<1> {
        match (&self.fused, &outputs.stops) {
            (Some(losses), Some(stops)) => {
                let stops = stops.clone().into_dispatch();
                let logits = outputs.logits.into_dispatch();
                let targets = targets.clone().into_dispatch();
                let losses = Dispatch::halting_losses(logits, stops, targets, losses.clone());
                Tensor::from_dispatch(losses)
            }
            _ => {
                let logits = outputs.apart();
                let (limit, residual) = (self.limit, self.residual);
                let halting = HaltingDistribution::new(logits.halting.clone(), limit, residual);
                loss::per_lane(self.plain.per_sample(&logits, &halting, targets))
            }
        }
    }
}

fn lane_loss(lane: &LaneObjective, max_steps: usize, residual: Residual) -> LaneLoss {
    let &LaneObjective { lambda_p, beta } = lane;
    let settings = HaltingSettings {
        lambda_p,
        beta,
        max_steps,
        residual,
    };
    LaneLoss {
        beta,
        loss: HaltingLoss::new(&settings),
    }
}
