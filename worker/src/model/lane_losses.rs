//! What the lanes of a bundle minimise, by the way they learn to halt. It only chooses; the losses
//! are elsewhere.

use burn::tensor::{Tensor, TensorCreationOptions, TensorData};
use pondersweep_proto::spec::Residual;

use super::{
    act::ActHalting,
    answer::log_likelihood,
    halting::{HaltingDistribution, StepLimit},
    loss::PonderLoss,
    method::Method,
    unroll::Logits,
};

/// The losses of a bundle's lanes, which all learn to halt in one way.
#[derive(Clone, Debug)]
pub struct LaneLosses(Kind);

#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a bundle has one")]
enum Kind {
    PonderNet {
        loss: PonderLoss,
        limit: StepLimit,
        residual: Residual,
    },
    Act {
        /// `[lanes, 1]`.
        tau: Tensor<2>,
        epsilon: f64,
    },
    LastStep,
}

impl LaneLosses {
    /// The losses of these methods, one for each lane, with the step limit of training.
    ///
    /// # Panics
    /// There is no lane, or the lanes differ in more than the numbers of a lane.
    #[must_use]
    pub fn new(
        methods: &[Method],
        limit: StepLimit,
        options: impl Into<TensorCreationOptions>,
    ) -> Self {
        let number = |pick: fn(&Method) -> Option<f64>| -> Vec<f64> {
            let numbers = methods.iter().map(pick).collect::<Option<_>>();
            numbers.expect("the lanes of a bundle have one kind of model")
        };
        Self(match methods[0] {
            Method::PonderNet(settings) => {
                let prior = |method: &Method| match method {
                    Method::PonderNet(settings) => settings.prior,
                    _ => panic!("the lanes of a bundle have one kind of model"),
                };
                let priors: Vec<_> = methods.iter().map(prior).collect();
                let beta = number(|method| match method {
                    Method::PonderNet(settings) => Some(settings.beta),
                    _ => None,
                });
                Kind::PonderNet {
                    loss: PonderLoss::new(
                        &priors,
                        &beta,
                        limit.max_steps(),
                        settings.kl_direction,
                        options,
                    ),
                    limit,
                    residual: settings.residual,
                }
            }
            Method::Act(settings) => {
                let tau = number(|method| match method {
                    Method::Act(settings) => Some(settings.tau),
                    _ => None,
                });
                let tau = TensorData::new(tau, [methods.len(), 1]);
                Kind::Act {
                    tau: Tensor::from_data(tau, options.into()),
                    epsilon: settings.epsilon,
                }
            }
            Method::Fixed => Kind::LastStep,
        })
    }

    /// The loss of every sample, `[lanes, batch]`; `targets` are those of [`answer`](super::answer).
    /// Logits of more steps than a sample takes do not count.
    #[must_use]
    pub fn per_sample(&self, logits: &Logits, targets: &Tensor<3>) -> Tensor<2> {
        match &self.0 {
            Kind::PonderNet {
                loss,
                limit,
                residual,
            } => {
                let halting = HaltingDistribution::new(logits.halting.clone(), *limit, *residual);
                loss.per_sample(logits, &halting, targets)
            }
            Kind::Act { tau, epsilon } => {
                let halting = ActHalting::new(logits.halting.clone(), *epsilon);
                let answer = halting.answer(logits.answer.clone());
                cross_entropy(answer, targets) + halting.ponder_cost * tau.clone()
            }
            Kind::LastStep => {
                let [_, _, steps, _] = logits.answer.dims();
                cross_entropy(logits.answer.clone().narrow(2, steps - 1, 1), targets)
            }
        }
    }
}

/// Of the answers of one step, `[lanes, answers, 1, batch]`.
fn cross_entropy(answer: Tensor<4>, targets: &Tensor<3>) -> Tensor<2> {
    let log_likelihood: Tensor<2> = log_likelihood(answer, targets).squeeze_dim(1);
    -log_likelihood
}
