//! What PonderNet minimises (paper, section 2.2):
//! `L = sum_n p_n L_pred(y, y_n) + beta KL(p || p_G(lambda_p))`, or with the reverse divergence.

use burn::tensor::{Tensor, TensorCreationOptions, TensorData};
use pondersweep_proto::spec::KlDirection;

use super::{answer::log_likelihood, halting::HaltingDistribution, prior::Prior, unroll::Logits};

/// The numbers of each lane that make its loss.
#[derive(Clone, Debug)]
pub struct PonderLoss {
    /// `log p_G(n)`, `[lanes, max_steps, 1]`.
    log_prior: Tensor<3>,
    /// `[lanes, 1]`.
    beta: Tensor<2>,
    direction: KlDirection,
}

/// The two terms of the loss of every sample, `[lanes, batch]` each.
#[derive(Clone, Debug)]
pub struct Terms {
    /// `sum_n p_n L_pred(y, y_n)`.
    pub prediction: Tensor<2>,
    /// `KL(p || p_G)` or `KL(p_G || p)`, without beta.
    pub divergence: Tensor<2>,
}

impl PonderLoss {
    /// From each lane's prior and `beta`, and the direction of the divergence.
    #[must_use]
    pub fn new(
        priors: &[Prior],
        beta: &[f64],
        max_steps: usize,
        direction: KlDirection,
        options: impl Into<TensorCreationOptions>,
    ) -> Self {
        let options = options.into();
        let lanes = priors.len();
        let log_prior = priors.iter().flat_map(|prior| prior.log_masses(max_steps));
        let log_prior: Vec<f64> = log_prior.collect();
        let log_prior = TensorData::new(log_prior, [lanes, max_steps, 1]);
        let beta = TensorData::new(beta.to_vec(), [lanes, 1]);
        Self {
            log_prior: Tensor::from_data(log_prior, options.clone()),
            beta: Tensor::from_data(beta, options),
            direction,
        }
    }

    /// The loss of every sample, `[lanes, batch]`; `targets` are those of [`answer`](super::answer).
    #[must_use]
    pub fn per_sample(
        &self,
        logits: &Logits,
        halting: &HaltingDistribution,
        targets: &Tensor<3>,
    ) -> Tensor<2> {
        let terms = self.terms(logits, halting, targets);
        terms.prediction + terms.divergence * self.beta.clone()
    }

    /// The terms of [`Self::per_sample`].
    #[must_use]
    pub fn terms(
        &self,
        logits: &Logits,
        halting: &HaltingDistribution,
        targets: &Tensor<3>,
    ) -> Terms {
        let p = halting.p();
        let [_, steps, _] = p.dims();
        let log_likelihood = log_likelihood(logits.answer.clone(), targets);
        let log_prior = self.log_prior.clone().narrow(1, 0, steps);
        let log_ratio = halting.log_p.clone() - log_prior.clone();
        // The paper's direction is KL(network || prior), not the reverse.
        let divergence = match self.direction {
            KlDirection::NetworkPrior => p.clone() * log_ratio,
            KlDirection::PriorNetwork => -(log_prior.exp() * log_ratio),
        };
        Terms {
            prediction: -over_steps(p * log_likelihood),
            divergence: over_steps(divergence),
        }
    }
}

/// Means over the batch, `[lanes]`.
#[must_use]
pub fn per_lane(per_sample: Tensor<2>) -> Tensor<1> {
    per_sample.mean_dim(1).squeeze_dim(1)
}

fn over_steps(terms: Tensor<3>) -> Tensor<2> {
    terms.sum_dim(1).squeeze_dim(1)
}
