//! When a sample halts (paper, sections 2.1 and 2.3), in log space: re-implementations that take
//! `log(p_n)` of a product drop samples or produce NaN when a halting probability saturates.

use burn::tensor::{
    Bool, Tensor,
    activation::{log_sigmoid, sigmoid},
    s,
};
use pondersweep_proto::{
    setting::Setting,
    spec::{ConfigurationSpec, Residual, Unroll},
};

use super::method::Method;

/// `log p_n` of the steps a sample does not take: small enough that `p_n` is exactly zero, and
/// finite so that `p_n log p_n` is zero too.
const LOG_ZERO: f64 = -1e9;

/// After which step a sample stops, at the latest after the last of all; lambda_n is its halting
/// probability.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum StopRule {
    /// The first n with `prod_{j<=n} (1 - lambda_j) < epsilon`: that is
    /// `sum_{j<=n} p_j > 1 - epsilon` (PonderNet paper, section 2.3).
    Remaining {
        /// Mass that may be left.
        epsilon: f64,
    },
    /// The first n with `sum_{j<=n} lambda_j >= 1 - epsilon` (Graves 2016, section 2.1).
    Cumulated {
        /// Mass that may be left.
        epsilon: f64,
    },
}

/// How many steps are computed, and which of them is a sample's last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepLimit {
    /// N, the most steps.
    max_steps: usize,
    /// When a sample stops before; `None` is never.
    stop: Option<StopRule>,
}

impl StepLimit {
    /// Always `max_steps`.
    #[must_use]
    pub const fn fixed(max_steps: usize) -> Self {
        Self {
            max_steps,
            stop: None,
        }
    }

    /// Up to each sample's smallest n with `sum_{j<=n} p_j > 1 - epsilon`, at most `max_steps`.
    #[must_use]
    pub const fn cumulative(max_steps: usize, epsilon: f64) -> Self {
        Self {
            max_steps,
            stop: Some(StopRule::Remaining { epsilon }),
        }
    }

    /// Up to each sample's smallest n with `sum_{j<=n} lambda_j >= 1 - epsilon`, at most
    /// `max_steps` (Graves 2016, section 2.1).
    #[must_use]
    pub const fn cumulated(max_steps: usize, epsilon: f64) -> Self {
        Self {
            max_steps,
            stop: Some(StopRule::Cumulated { epsilon }),
        }
    }

    /// The limit of a configuration's training.
    #[must_use]
    pub fn of(configuration: &ConfigurationSpec) -> Self {
        let max_steps = configuration.count(Setting::MAX_STEPS) as usize;
        Self::new(&Method::of(configuration), max_steps)
    }

    /// The limit of a method's training.
    #[must_use]
    pub const fn new(method: &Method, max_steps: usize) -> Self {
        match method {
            Method::PonderNet(settings) => match settings.unroll {
                Unroll::Fixed => Self::fixed(max_steps),
                Unroll::Cumulative => Self::cumulative(max_steps, settings.epsilon),
            },
            Method::Act(settings) => Self::cumulated(max_steps, settings.epsilon),
            Method::Fixed => Self::fixed(max_steps),
        }
    }

    /// N, the most steps.
    #[must_use]
    pub const fn max_steps(&self) -> usize {
        self.max_steps
    }

    /// When a sample stops before `max_steps`; `None` where none does.
    #[must_use]
    pub const fn stop_rule(&self) -> Option<StopRule> {
        self.stop
    }

    /// Steps that training computes for each sample, `[lanes, batch]`, from the logits of
    /// `lambda_n`, `[lanes, steps, batch]`.
    #[must_use]
    pub fn steps_taken(&self, halting_logits: Tensor<3>) -> Tensor<2> {
        let halting_logits = halting_logits.inner();
        let ones = halting_logits.ones_like();
        let taken = match self.stop {
            None => ones,
            Some(StopRule::Remaining { epsilon }) => {
                let log_survival = exclusive_sum(log_sigmoid(-halting_logits));
                ones.mask_fill(log_survival.lower_elem(epsilon.ln()), 0.0)
            }
            Some(StopRule::Cumulated { epsilon }) => {
                let halted = exclusive_sum(sigmoid(halting_logits));
                ones.mask_fill(halted.greater_equal_elem(1.0 - epsilon), 0.0)
            }
        };
        taken.sum_dim(1).squeeze_dim(1)
    }

    /// A sample ends once its mass not yet halted is below `exp` of this; minus infinity is never.
    fn log_epsilon(&self) -> f64 {
        match self.stop {
            Some(StopRule::Remaining { epsilon }) => epsilon.ln(),
            Some(StopRule::Cumulated { .. }) | None => f64::NEG_INFINITY,
        }
    }
}

/// Whether any sample of any lane still needs a step, asked after each step.
pub(super) struct Pending {
    limit: StepLimit,
    steps: usize,
    /// `sum_{j<=n} log(1 - lambda_j)` or `sum_{j<=n} lambda_j`, `[lanes, batch]`; added up in the
    /// order [`HaltingDistribution`] and [`ActHalting`](super::ActHalting) do, so that all agree to
    /// the bit.
    sum: Option<Tensor<2>>,
}

impl Pending {
    pub(super) const fn new(limit: StepLimit) -> Self {
        Self {
            limit,
            steps: 0,
            sum: None,
        }
    }

    /// Counts one more step with the given halting logits (`[lanes, batch]`).
    pub(super) fn after(&mut self, halting_logits: impl FnOnce() -> Tensor<2>) -> bool {
        self.steps += 1;
        if self.steps >= self.limit.max_steps {
            return false;
        }
        let Some(rule) = self.limit.stop else {
            return true;
        };
        let term = match rule {
            StopRule::Remaining { .. } => log_sigmoid(-halting_logits()),
            StopRule::Cumulated { .. } => sigmoid(halting_logits()),
        };
        let sum = match self.sum.take() {
            None => term,
            Some(before) => before + term,
        };
        let done = match rule {
            StopRule::Remaining { epsilon } => sum.clone().lower_elem(epsilon.ln()),
            StopRule::Cumulated { epsilon } => sum.clone().greater_equal_elem(1.0 - epsilon),
        };
        self.sum = Some(sum);
        !done.all().into_scalar::<bool>()
    }
}

/// The halting distribution `p_n = lambda_n prod_{j<n} (1 - lambda_j)` with its residual mass
/// given away, `[lanes, steps, batch]`. It sums to one over the steps of every sample.
#[derive(Clone, Debug)]
pub struct HaltingDistribution {
    /// `log p_n`.
    pub log_p: Tensor<3>,
}

impl HaltingDistribution {
    /// From the logits of `lambda_n`, `[lanes, steps, batch]`.
    ///
    /// The number of steps a sample takes is a constant in the gradient.
    #[must_use]
    pub fn new(halting_logits: Tensor<3>, limit: StepLimit, residual: Residual) -> Self {
        let log_halt = log_sigmoid(halting_logits.clone());
        let log_continue = log_sigmoid(-halting_logits);
        let log_survival = exclusive_sum(log_continue.clone());
        let outside = log_survival.clone().lower_elem(limit.log_epsilon());
        let log_p = match residual {
            // The last step takes what is left, as if its lambda were 1.
            Residual::Remainder => {
                let last = last_steps(log_survival.clone() + log_continue, limit);
                log_survival + log_halt.mask_fill(last, 0.0)
            }
            Residual::Normalise => log_survival + log_halt,
        };
        let log_p = log_p.mask_fill(outside, LOG_ZERO);
        let log_p = match residual {
            Residual::Remainder => log_p,
            Residual::Normalise => normalised(log_p),
        };
        Self { log_p }
    }

    /// `p_n`.
    #[must_use]
    pub fn p(&self) -> Tensor<3> {
        self.log_p.clone().exp()
    }
}

/// `sum_{j<n}` along the steps.
pub(super) fn exclusive_sum(terms: Tensor<3>) -> Tensor<3> {
    let [_, steps, _] = terms.dims();
    let zero = terms.clone().inner().narrow(1, 0, 1).zeros_like();
    if steps == 1 {
        return zero;
    }
    let sums = terms.narrow(1, 0, steps - 1).cumsum(1);
    Tensor::cat(vec![zero, sums], 1)
}

/// The steps at or after which a sample is done; the last step computed always is one.
fn last_steps(log_survival_after: Tensor<3>, limit: StepLimit) -> Tensor<3, Bool> {
    let done = log_survival_after.lower_elem(limit.log_epsilon());
    done.slice_fill(s![.., -1.., ..], true)
}

/// Divides by the sum over the steps, in log space.
fn normalised(log_p: Tensor<3>) -> Tensor<3> {
    // The quotient does not depend on the shift, nor does its gradient; with the largest term at
    // zero the sum lies between 1 and N, and rounds to what it is even where every p_n is tiny.
    let largest = log_p.clone().inner().max_dim(1);
    let shifted = log_p - largest;
    shifted.clone() - shifted.exp().sum_dim(1).log()
}
